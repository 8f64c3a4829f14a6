"""Crops, mirror images and holes."""

import dataclasses

import pytest
import torch
from torch import nn

from paredown.errors import RecipeError
from paredown.regularize import Crop, Cutout, Flip


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_crop_is_a_shift_with_zeros(start):
    hook = start(Crop(padding=2))
    x = torch.rand(64, 2, 6, 8) + 0.1
    moved, targets = hook.batch(x, ((1.0, None),), seeded())
    assert targets == ((1.0, None),)
    assert moved.shape == x.shape
    found = []
    padded = nn.functional.pad(x, (2, 2, 2, 2))
    for i in range(64):
        fits = [(a, b) for a in range(5) for b in range(5) if torch.equal(padded[i, :, a : a + 6, b : b + 8], moved[i])]
        assert len(fits) == 1
        found += fits
    assert len(set(found)) > 15  # of 25: every example its own


def test_pictures_of_one_example_move_alike(start):
    hook = start(Crop(padding=2))
    x = torch.rand(8, 2, 6, 8)
    (left, right, other), _ = hook.batch((x, x, torch.arange(8)), (), seeded())
    assert torch.equal(left, right)
    assert torch.equal(other, torch.arange(8))


def test_a_flip_mirrors_about_half_of_the_pictures(start):
    hook = start(Flip())
    x = torch.rand(400, 2, 6, 8)
    y = torch.arange(400)
    turned, ((_, targets),) = hook.batch(x, ((1.0, y),), seeded())
    assert torch.equal(targets, y)
    mirrored = [torch.equal(a, b.flip(-1)) for a, b in zip(turned, x, strict=True)]
    same = [torch.equal(a, b) for a, b in zip(turned, x, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 150 < sum(mirrored) < 250


def test_targets_of_pixels_turn_along(start, dense):
    hook = start(Flip(), *dense)
    y = torch.arange(8 * 48).reshape(8, 6, 8)
    x = y[:, None].float().repeat(1, 2, 1, 1)
    turned, ((_, targets),) = hook.batch(x, ((1.0, y),), seeded())
    assert torch.equal(turned[:, 0].long(), targets)
    assert not torch.equal(targets, y)


def test_targets_of_pixels_are_not_cropped(start, dense):
    with pytest.raises(RecipeError, match=r"Crop moves pixels.*value for every pixel.*Flip\(\)"):
        start(Crop(), *dense)


def test_a_hole_is_a_square_of_zeros(start):
    hook = start(Cutout(size=4))
    x = torch.rand(200, 2, 6, 8) + 0.1
    cut, _ = hook.batch(x, (), seeded())
    sizes = []
    for before, after in zip(x, cut, strict=True):
        hole = after == 0
        assert torch.equal(after[~hole], before[~hole])
        assert torch.equal(hole[0], hole[1])
        rows, columns = hole[0].any(1), hole[0].any(0)
        assert torch.equal(hole[0], rows[:, None] & columns)
        for line in (rows, columns):
            places = line.nonzero().flatten()
            assert 2 <= len(places) <= 4  # its centre is inside
            assert int(places[-1] - places[0]) == len(places) - 1
        sizes.append(int(hole[0].sum()))
    assert max(sizes) == 16
    assert min(sizes) < 16


@pytest.mark.parametrize("ingredient", [Crop(), Flip(), Cutout()])
def test_batches_are_not_changed_in_place_and_draws_are_repeatable(start, ingredient):
    hook = start(ingredient)
    x = torch.rand(16, 2, 6, 8)
    kept = x.clone()
    first = hook.batch(x, (), seeded())[0]
    assert torch.equal(x, kept)
    assert torch.equal(hook.batch(x, (), seeded())[0], first)
    assert not torch.equal(hook.batch(x, (), seeded(1))[0], first)


@pytest.mark.parametrize("ingredient", [Crop(), Flip(), Cutout()])
def test_what_is_no_picture_is_refused(start, words, ingredient):
    with pytest.raises(RecipeError, match=r"moves pixels, and no input of this task is a picture.*int64 \[2, 4\]"):
        start(ingredient, *words)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Crop(padding=0), r"Crop\(padding=0\).*pixels, 1 or more.*padding=4"),
        (lambda: Cutout(size=0), r"Cutout\(size=0\).*pixels, 1 or more.*size=8"),
    ],
)
def test_settings_out_of_range_are_refused(make, text):
    with pytest.raises(RecipeError, match=text):
        make()


def test_they_train_together(setting):
    train = dataclasses.replace(setting.train, epochs=3, using=[Crop(padding=1), Flip(), Cutout(size=2)])
    result = train.fit(setting.network, setting.evidence)
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    assert train.fit(setting.network, setting.evidence).network.fingerprint() == result.network.fingerprint()
