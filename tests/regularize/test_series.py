"""Silence in series and spectrograms, noise on real inputs."""

import pytest
import torch
from torch import nn

import paredown
from paredown.errors import RecipeError
from paredown.regularize import GaussianNoise, SpecAugment, TimeMask


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def series(made):
    """A task on series of three channels and twenty moments."""
    model = nn.Sequential(nn.Conv1d(3, 4, 3), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 2))
    return made(model, torch.randn(16, 3, 20), torch.arange(16) % 2)


@pytest.fixture
def table(made):
    """A task on rows of a table."""
    return made(
        nn.Linear(5, 1), torch.randn(16, 5), torch.randn(16, 1), nn.functional.mse_loss, paredown.scores.squared_error
    )


def runs(marked):
    """Lengths of the stretches of True."""
    text = "".join("x" if m else " " for m in marked.tolist())
    return [len(run) for run in text.split()]


@pytest.mark.parametrize("count", [1, 2])
def test_stretches_of_time_are_silent_in_all_channels(start, series, count):
    hook = start(TimeMask(share=0.25, count=count), *series)
    x = torch.ones(300, 3, 20)
    masked, targets = hook.batch(x, ((1.0, None),), seeded())
    assert targets == ((1.0, None),)
    lengths = []
    for example in masked == 0:
        assert torch.equal(example, example[:1].expand(3, -1))
        found = runs(example[0])
        assert len(found) <= count
        assert sum(found) <= 5 * count
        lengths.append(sum(found))
    assert {0, 1, 2, 3, 4, 5} <= set(lengths)
    assert 2.1 * count < sum(lengths) / 300 < 2.7 * count or count == 2  # uniform from 0 to 5; two may overlap
    assert (masked == 0).any(0).all()  # anywhere


def test_time_can_be_another_dimension(start, series):
    hook = start(TimeMask(share=0.5, axis=1), *series)
    silent = hook.batch(torch.ones(50, 20, 3), (), seeded())[0] == 0
    assert torch.equal(silent, silent[:, :, :1].expand(-1, -1, 3))
    assert all(len(runs(example)) <= 1 for example in silent[:, :, 0])


def test_spectrograms_lose_bars_of_both_kinds(start):
    hook = start(SpecAugment(frequency=0.5, time=0.25))
    x = torch.ones(200, 2, 6, 8)
    silent = hook.batch(x, (), seeded())[0] == 0
    heights, widths = [], []
    for example in silent:
        assert torch.equal(example[0], example[1])
        rows, columns = example[0].all(1), example[0].all(0)
        assert torch.equal(example[0], rows[:, None] | columns)
        heights += runs(rows)
        widths += runs(columns)
    assert set(heights) == {1, 2, 3}
    assert set(widths) == {1, 2}


@pytest.mark.parametrize("axis", [0, 3, -4])
def test_an_axis_that_is_not_there_is_refused(start, series, axis):
    with pytest.raises(RecipeError, match=r"TimeMask.*(0 is the batch|between 1 and 2)"):
        start(TimeMask(axis=axis), *series)


def test_the_batch_by_its_other_name_is_refused(start, series):
    with pytest.raises(RecipeError, match=r"along axis -3.*\[2, 3, 20\].*between 1 and 2"):
        start(TimeMask(axis=-3), *series)


@pytest.mark.parametrize("ingredient", [TimeMask(), SpecAugment()], ids=str)
def test_what_is_no_series_is_refused(start, words, table, ingredient):
    for task, shape in ((words, r"int64 \[2, 4\]"), (table, r"float32 \[2, 5\]")):
        with pytest.raises(RecipeError, match=rf"silences stretches of series.*{shape}.*Leave it out"):
            start(ingredient, *task)


def test_noise_has_the_deviation_it_was_given(start, table):
    hook = start(GaussianNoise(std=0.3), *table)
    x = torch.randn(4000, 5)
    noise = hook.batch(x, (), seeded())[0] - x
    assert float(noise.std()) == pytest.approx(0.3, rel=0.03)
    assert abs(float(noise.mean())) < 0.01
    assert abs(float((noise * x).mean())) < 0.01


def test_whole_numbers_get_no_noise(start, table):
    x = {"values": torch.randn(4, 3), "kind": torch.arange(4)}
    noisy, _ = start(GaussianNoise(), *table).batch(x, (), seeded())
    assert torch.equal(noisy["kind"], x["kind"])
    assert not torch.equal(noisy["values"], x["values"])


def test_token_ids_get_no_noise(start, words):
    with pytest.raises(RecipeError, match=r"GaussianNoise adds real numbers.*int64.*TokenDropout\(\)"):
        start(GaussianNoise(), *words)


@pytest.mark.parametrize("ingredient", [TimeMask(), SpecAugment(), GaussianNoise()], ids=str)
def test_batches_are_not_changed_in_place_and_draws_are_repeatable(start, ingredient):
    hook = start(ingredient)
    x = torch.rand(16, 2, 6, 8)
    kept = x.clone()
    first = hook.batch(x, (), seeded())[0]
    assert torch.equal(x, kept)
    assert torch.equal(hook.batch(x, (), seeded())[0], first)
    assert not torch.equal(hook.batch(x, (), seeded(1))[0], first)
