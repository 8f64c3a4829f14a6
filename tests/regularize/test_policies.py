"""Random operations on pictures, against PIL's."""

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from paredown.errors import RecipeError
from paredown.regularize import RandAugment, TrivialAugment, operations
from paredown.regularize.operations import OPERATIONS, Reach

REACH = Reach(shear=0.5, translate=0.25, rotate=90.0, enhance=0.8, bits=5)
BY_NAME = {operation.__name__.removeprefix("_"): operation for operation in OPERATIONS}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def photographs(n=3, size=(12, 16)):
    """Random pictures with something of a shape, as whole numbers."""
    draw = np.random.default_rng(0)
    ramp = np.linspace(20, 200, size[1])[None, :, None]
    return np.clip(ramp + draw.normal(0, 40, (n, *size, 3)), 0, 255).astype(np.uint8)


def ours(name, pictures, amount):
    tensor = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    changed = BY_NAME[name](tensor, torch.full((len(pictures),), amount), REACH)
    return (changed * 255).permute(0, 2, 3, 1).numpy()


PIL = {
    "brightness": lambda image, factor: ImageEnhance.Brightness(image).enhance(factor),
    "contrast": lambda image, factor: ImageEnhance.Contrast(image).enhance(factor),
    "color": lambda image, factor: ImageEnhance.Color(image).enhance(factor),
    "sharpness": lambda image, factor: ImageEnhance.Sharpness(image).enhance(factor),
}


@pytest.mark.parametrize("name", PIL)
@pytest.mark.parametrize("amount", [-1.0, -0.4, 0.5, 1.0])
def test_enhancing_is_what_pil_does(name, amount):
    pictures = photographs()
    theirs = [np.asarray(PIL[name](Image.fromarray(p), 1.0 + 0.8 * amount)) for p in pictures]
    assert np.abs(ours(name, pictures, amount) - np.stack(theirs)).max() < 2.5  # of 255; PIL rounds on the way


@pytest.mark.parametrize(
    ("name", "amount", "function"),
    [
        ("autocontrast", 0.3, ImageOps.autocontrast),
        ("equalize", 0.3, ImageOps.equalize),
        ("posterize", 0.6, lambda image: ImageOps.posterize(image, 8 - 3)),
        ("posterize", -1.0, lambda image: ImageOps.posterize(image, 8 - 5)),
        ("solarize", 0.5, lambda image: ImageOps.solarize(image, 128)),
    ],
)
def test_tables_are_what_pil_does(name, amount, function):
    pictures = photographs(size=(40, 40))
    theirs = np.stack([np.asarray(function(Image.fromarray(p))) for p in pictures])
    assert np.abs(ours(name, pictures, amount) - theirs).max() < 1.01


def test_a_picture_of_one_color_has_nothing_to_equalize():
    flat = np.full((2, 12, 16, 3), 77, np.uint8)
    for name in ("equalize", "autocontrast"):
        assert np.abs(ours(name, flat, 0.5) - 77).max() < 0.01


def sampled(picture, x, y):
    """Bilinear, black outside; `picture` is ``[h, w]``, (x, y) in pixels."""
    total = 0.0
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < len(picture) and 0 <= column < len(picture[0]):
                total += (1 - abs(y - row)) * (1 - abs(x - column)) * float(picture[row][column])
    return total


MOVES = {
    "shear_x": lambda x, y, a: (x + 0.5 * a * y, y),
    "shear_y": lambda x, y, a: (x, y + 0.5 * a * x),
    "translate_x": lambda x, y, a: (x + round(0.25 * 8 * a), y),
    "translate_y": lambda x, y, a: (x, y + round(0.25 * 6 * a)),
    "rotate": lambda x, y, a: (
        x * math.cos(a * math.pi / 2) - y * math.sin(a * math.pi / 2),
        x * math.sin(a * math.pi / 2) + y * math.cos(a * math.pi / 2),
    ),
}


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("amount", [-0.7, 0.35, 1.0])
def test_moves_take_every_pixel_from_its_place(name, amount):
    picture = torch.rand(1, 1, 6, 8, generator=seeded())
    moved = BY_NAME[name](picture, torch.tensor([amount]), REACH)[0, 0]
    for row in range(6):
        for column in range(8):
            x, y = MOVES[name](column - 3.5, row - 2.5, amount)
            assert float(moved[row, column]) == pytest.approx(sampled(picture[0, 0], x + 3.5, y + 2.5), abs=1e-4)


@pytest.mark.parametrize("name", sorted(set(BY_NAME) - {"equalize", "autocontrast"}))
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_an_amount_of_0_does_nothing(name, channels):
    pictures = torch.randint(0, 256, (2, channels, 6, 8), generator=seeded()) / 255
    torch.testing.assert_close(BY_NAME[name](pictures, torch.zeros(2), REACH), pictures, atol=1e-5, rtol=0.0)


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_values_stay_between_black_and_white(name, channels):
    pictures = torch.rand(4, channels, 6, 8, generator=seeded())
    out = BY_NAME[name](pictures, torch.tensor([-1.0, -0.3, 0.5, 1.0]), REACH)
    assert out.shape == pictures.shape
    assert float(out.min()) >= -1e-6
    assert float(out.max()) <= 1 + 1e-6


def test_tiny_pictures_are_not_sharpened():
    pictures = torch.rand(2, 3, 2, 8)
    assert operations._sharpness(pictures, torch.ones(2), REACH) is pictures


@pytest.mark.parametrize("ingredient", [TrivialAugment(), RandAugment(count=1, magnitude=20)], ids=str)
def test_every_picture_gets_its_own_operation(start, setting, ingredient):
    hook = start(ingredient)
    calibrate = torch.cat([x for x, _ in setting.evidence.work.calibrate.batches()])
    low, high = calibrate.amin((0, 2, 3)), calibrate.amax((0, 2, 3))
    x = calibrate[:1].expand(400, -1, -1, -1).clone()
    kept = x.clone()
    out, targets = hook.batch(x, ((1.0, None),), seeded())
    assert torch.equal(x, kept)
    assert targets == ((1.0, None),)
    assert out.isfinite().all()
    assert (out.amin((0, 2, 3)) >= low - 1e-4).all()
    assert (out.amax((0, 2, 3)) <= high + 1e-4).all()
    same = torch.tensor([torch.equal(a, b) for a, b in zip(out, x, strict=True)])
    assert 10 < int(same.sum()) < 80  # one operation of fourteen does nothing
    distinct = {tuple(picture.flatten().tolist()) for picture in out}
    assert len(distinct) > (100 if isinstance(ingredient, TrivialAugment) else 12)
    assert torch.equal(hook.batch(x, (), seeded())[0], out)
    assert not torch.equal(hook.batch(x, (), seeded(1))[0], out)


@pytest.mark.parametrize(
    ("ingredient", "furthest"),
    [
        # Of pictures of 32 pixels: shear, pixels, degrees, factor of brightness and the like, bits that are left.
        (TrivialAugment(), (0.99, 32, 135, 0.99, 2)),  # the paper's "wide"
        (RandAugment(count=1, magnitude=30), (0.3, 32 * 150 / 331, 30, 0.9, 4)),  # AutoAugment's
        (RandAugment(count=1, magnitude=9), (0.3 * 0.3, 0.3 * 32 * 150 / 331, 0.3 * 30, 0.3 * 0.9, None)),
    ],
    ids=str,
)
def test_the_strongest_is_as_strong_as_in_the_paper(start, monkeypatch, ingredient, furthest):
    seen = []

    def look(pictures, amounts, reach):
        seen.append((amounts, reach))
        return pictures

    monkeypatch.setattr("paredown.regularize.policies.OPERATIONS", (look,) * 14)
    start(ingredient).batch(torch.rand(2000, 2, 6, 8), (), seeded())
    amounts, reach = torch.cat([amounts for amounts, _ in seen]), seen[0][1]
    assert float(amounts.mean()) == pytest.approx(0.0, abs=0.1)  # to either side
    found = torch.tensor([reach.shear, reach.translate * 32, reach.rotate, reach.enhance]) * amounts.abs().max()
    torch.testing.assert_close(found, torch.tensor(furthest[:4], dtype=torch.float32))
    assert furthest[4] in {8 - reach.bits, None}
    levels = len(amounts.abs().unique())
    assert levels == (31 if isinstance(ingredient, TrivialAugment) else 1)


def test_pictures_of_one_example_are_changed_alike(start, made):
    from torch import nn

    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(24, 2)

        def forward(self, left, right):
            return self.head((left + right).flatten(1))

    x = torch.rand(16, 1, 4, 6)
    task, network = made(Pair(), {"left": x, "right": x}, torch.arange(16) % 2)
    out, _ = start(RandAugment(), task, network).batch({"left": x, "right": x}, (), seeded())
    assert torch.equal(out["left"], out["right"])
    assert not torch.equal(out["left"], x)


@pytest.mark.parametrize("ingredient", [TrivialAugment(), RandAugment()], ids=str)
def test_what_does_not_fit_is_refused(start, words, dense, ingredient):
    with pytest.raises(RecipeError, match=r"no input of this task is a picture.*int64 \[2, 4\]"):
        start(ingredient, *words)
    with pytest.raises(RecipeError, match=r"moves pixels.*value for every pixel.*Flip\(\)"):
        start(ingredient, *dense)
