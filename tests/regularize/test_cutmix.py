"""Pictures pasted into pictures, and rectangles of noise."""

import math

import pytest
import torch

from paredown.errors import RecipeError
from paredown.regularize import CutMix, RandomErasing


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rectangle(inside):
    """Whether the marked pixels are exactly a rectangle."""
    rows, columns = inside.any(1).nonzero().flatten(), inside.any(0).nonzero().flatten()
    if not len(rows):
        return True
    box = torch.zeros_like(inside)
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return torch.equal(box, inside)


def test_a_window_comes_from_the_other_example_with_its_share_of_the_target(start):
    hook = start(CutMix(alpha=1.0))
    y = torch.arange(16)
    x = y[:, None, None, None].float().expand(16, 2, 6, 8).clone()
    shares = []
    for seed in range(60):
        mixed, ((rest, first), (share, second)) = hook.batch(x, ((1.0, y),), seeded(seed))
        assert torch.equal(first, y)
        assert rest + share == pytest.approx(1.0)
        inside = mixed[:, 0] == second[:, None, None]
        assert torch.equal(mixed[:, 0], mixed[:, 1])
        for i in (i for i in range(16) if int(second[i]) != i):
            assert rectangle(inside[i])
            assert torch.equal(mixed[i, 0][~inside[i]], x[i, 0][~inside[i]])
            assert float(inside[i].float().mean()) == pytest.approx(share)
        shares.append(share)
    assert len(set(shares)) > 10
    assert 0.1 < sum(shares) / 60 < 0.45  # half, less what lies outside


def test_targets_of_pixels_are_pasted_along(start, dense):
    hook = start(CutMix(), *dense)
    y = torch.arange(8 * 48).reshape(8, 6, 8)
    x = y[:, None].float().repeat(1, 2, 1, 1)
    changed = 0
    for seed in range(5):
        mixed, ((weight, target),) = hook.batch(x, ((1.0, y),), seeded(seed))
        assert weight == 1.0
        assert torch.equal(mixed[:, 0].long(), target)
        changed += not torch.equal(target, y)
    assert changed > 2


def test_every_input_of_an_example_is_cut_alike(start):
    x = torch.arange(8).float()[:, None, None, None].expand(8, 2, 6, 8)
    (left, right, other), _ = start(CutMix()).batch((x, x, torch.arange(8)), ((1.0, torch.arange(8)),), seeded(3))
    assert torch.equal(left, right)
    assert torch.equal(other, torch.arange(8))


def test_cutting_twice_gives_four_targets(start):
    hook, generator = start(CutMix()), seeded()
    x, y = torch.randn(8, 2, 6, 8), torch.arange(8)
    _, targets = hook.batch(*hook.batch(x, ((1.0, y),), generator), generator)
    assert len(targets) == 4
    assert sum(weight for weight, _ in targets) == pytest.approx(1.0)


def test_rectangles_are_erased_from_about_so_many_pictures(start):
    hook = start(RandomErasing(probability=0.5, area=(0.1, 0.3), ratio=0.5, noise=False))
    x = torch.ones(400, 2, 6, 8)
    erased, targets = hook.batch(x, ((1.0, None),), seeded())
    assert targets == ((1.0, None),)
    holes = erased == 0
    assert torch.equal(holes[:, 0], holes[:, 1])
    assert set(erased.unique().tolist()) == {0.0, 1.0}
    touched = holes[:, 0].flatten(1).any(1)
    assert 160 < int(touched.sum()) < 240
    for hole in holes[touched, 0]:
        assert rectangle(hole)
    shares = holes[touched, 0].float().mean((1, 2))
    assert 0.15 < float(shares.mean()) < 0.25
    assert float(shares.max()) < 0.4  # 0.3, and what rounding to whole pixels adds


def test_erased_rectangles_are_as_often_high_as_wide(start):
    """Heights by widths are uniform in their logarithm."""
    hook = start(RandomErasing(probability=1.0, area=(0.05, 0.05), ratio=0.3, noise=False))
    erased, _ = hook.batch(torch.ones(600, 1, 100, 100), (), seeded())
    holes = erased[:, 0] == 0
    ratios = (holes.any(2).sum(1) / holes.any(1).sum(1)).log()
    furthest = math.log(1 / 0.3)
    assert furthest - 0.15 < float(ratios.max()) < furthest + 0.1
    assert -furthest - 0.1 < float(ratios.min()) < -furthest + 0.15
    assert abs(float(ratios.mean())) < 0.1
    assert float(ratios.std()) == pytest.approx(2 * furthest / math.sqrt(12), rel=0.1)
    assert float(holes.float().mean()) == pytest.approx(0.05, rel=0.03)


def test_noise_takes_the_place_of_what_was_erased(start):
    x = torch.full((200, 2, 6, 8), 7.0)
    erased, _ = start(RandomErasing(probability=1.0)).batch(x, (), seeded())
    values = erased[erased != 7.0]
    assert abs(float(values.mean())) < 0.1
    assert float(values.std()) == pytest.approx(1.0, abs=0.1)


def test_pictures_of_one_example_lose_the_same_part(start):
    x = torch.ones(8, 2, 6, 8)
    (left, right), _ = start(RandomErasing(noise=False)).batch((x, x), (), seeded())
    assert torch.equal(left, right)


@pytest.mark.parametrize("ingredient", [CutMix(), RandomErasing()])
def test_batches_are_not_changed_in_place_and_draws_are_repeatable(start, ingredient):
    hook = start(ingredient)
    x, targets = torch.rand(16, 2, 6, 8), ((1.0, torch.arange(16)),)
    kept = x.clone()
    first = hook.batch(x, targets, seeded())[0]
    assert torch.equal(x, kept)
    assert torch.equal(hook.batch(x, targets, seeded())[0], first)
    assert not torch.equal(hook.batch(x, targets, seeded(1))[0], first)


@pytest.mark.parametrize("ingredient", [CutMix(), RandomErasing()])
def test_what_is_no_picture_is_refused(start, words, ingredient):
    with pytest.raises(RecipeError, match=r"no input of this task is a picture.*int64 \[2, 4\]"):
        start(ingredient, *words)
