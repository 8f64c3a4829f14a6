"""What random policies do to pictures: batches ``[n, c, h, w]`` with values from 0 (black) to 1 (white).

Every operation takes an amount per picture, from -1 to 1, and reads it as its `Reach` says; 0 leaves the picture as it
is, except for those that take no amount. They are the operations of PIL's ``ImageOps`` and ``ImageEnhance``.
"""

import dataclasses
import math
from collections.abc import Callable

import torch
from torch.nn import functional

__all__ = ["OPERATIONS", "Operation", "Reach"]


@dataclasses.dataclass(frozen=True)
class Reach:
    """What an amount of 1 means.

    Attributes:
        shear: pixels to the side per pixel up or down.
        translate: share of the picture's size.
        rotate: degrees.
        enhance: change of the factor of brightness, contrast, colour and sharpness, from 1.
        bits: of 8, that posterizing takes away.

    """

    shear: float
    translate: float
    rotate: float
    enhance: float
    bits: int


Operation = Callable[[torch.Tensor, torch.Tensor, Reach], torch.Tensor]


def _warp(pictures: torch.Tensor, matrix: list[torch.Tensor], shift: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """The pixel at (x, y) from the centre comes from ``matrix @ (x, y) + shift``; outside is black."""
    height, width = pictures.shape[-2:]
    y = (torch.arange(height) - (height - 1) / 2)[None, :, None]
    x = (torch.arange(width) - (width - 1) / 2)[None, None, :]
    a, b, c, d = (entry[:, None, None] for entry in matrix)
    columns = a * x + b * y + shift[0][:, None, None]
    rows = c * x + d * y + shift[1][:, None, None]
    grid = torch.stack([2 * columns / width, 2 * rows / height], -1).to(pictures.dtype)
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _still(amounts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros_like(amounts), torch.ones_like(amounts)


def _shear_x(pictures: torch.Tensor, amounts: torch.Tensor, reach: Reach) -> torch.Tensor:
    zero, one = _still(amounts)
    return _warp(pictures, [one, reach.shear * amounts, zero, one], (zero, zero))


def _shear_y(pictures: torch.Tensor, amounts: torch.Tensor, reach: Reach) -> torch.Tensor:
    zero, one = _still(amounts)
    return _warp(pictures, [one, zero, reach.shear * amounts, one], (zero, zero))


def _translate_x(pictures: torch.Tensor, amounts: torch.Tensor, reach: Reach) -> torch.Tensor:
    zero, one = _still(amounts)
    return _warp(pictures, [one, zero, zero, one], ((amounts * reach.translate * pictures.shape[-1]).round(), zero))


def _translate_y(pictures: torch.Tensor, amounts: torch.Tensor, reach: Reach) -> torch.Tensor:
    zero, one = _still(amounts)
    return _warp(pictures, [one, zero, zero, one], (zero, (amounts * reach.translate * pictures.shape[-2]).round()))


def _rotate(pictures: torch.Tensor, amounts: torch.Tensor, reach: Reach) -> torch.Tensor:
    zero, _ = _still(amounts)
    angle = amounts * math.radians(reach.rotate)
    cos, sin = angle.cos(), angle.sin()
    return _warp(pictures, [cos, -sin, sin, cos], (zero, zero))


def _gray(pictures: torch.Tensor) -> torch.Tensor:
    """``[n, 1, h, w]``: brightness as the eye sees it for three channels, the mean of any other number."""
    if pictures.shape[1] != 3:
        return pictures.mean(1, keepdim=True)
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=pictures.dtype)
    return (pictures * weights[:, None, None]).sum(1, keepdim=True)


def _blend(dull: torch.Tensor, pictures: torch.Tensor, amounts: torch.Tensor, reach: Reach) -> torch.Tensor:
    """At a factor of 0 the dull picture, at 1 the picture, beyond that away from the dull one."""
    factor = (1.0 + amounts * reach.enhance)[:, None, None, None]
    return (dull + factor * (pictures - dull)).clamp(0.0, 1.0)


def _brightness(pictures: torch.Tensor, amounts: torch.Tensor, reach: Reach) -> torch.Tensor:
    return _blend(torch.zeros_like(pictures), pictures, amounts, reach)


def _contrast(pictures: torch.Tensor, amounts: torch.Tensor, reach: Reach) -> torch.Tensor:
    return _blend(_gray(pictures).mean((1, 2, 3), keepdim=True), pictures, amounts, reach)


def _color(pictures: torch.Tensor, amounts: torch.Tensor, reach: Reach) -> torch.Tensor:
    return _blend(_gray(pictures), pictures, amounts, reach)


def _sharpness(pictures: torch.Tensor, amounts: torch.Tensor, reach: Reach) -> torch.Tensor:
    channels, height, width = pictures.shape[1:]
    if min(height, width) < 3:
        return pictures
    kernel = torch.ones(3, 3, dtype=pictures.dtype)
    kernel[1, 1] = 5.0
    smooth = pictures.clone()
    weight = (kernel / kernel.sum()).expand(channels, 1, 3, 3)
    smooth[:, :, 1:-1, 1:-1] = functional.conv2d(pictures, weight, groups=channels)
    return _blend(smooth, pictures, amounts, reach)


def _posterize(pictures: torch.Tensor, amounts: torch.Tensor, reach: Reach) -> torch.Tensor:
    step = 2.0 ** (amounts.abs() * reach.bits).round()[:, None, None, None]
    return (pictures.mul(255.0).round() / step).floor() * step / 255.0


def _solarize(pictures: torch.Tensor, amounts: torch.Tensor, reach: Reach) -> torch.Tensor:  # noqa: ARG001
    threshold = 1.0 - amounts.abs()[:, None, None, None]
    return torch.where(pictures > threshold, 1.0 - pictures, pictures)


def _autocontrast(pictures: torch.Tensor, amounts: torch.Tensor, reach: Reach) -> torch.Tensor:  # noqa: ARG001
    low, high = pictures.amin((2, 3), keepdim=True), pictures.amax((2, 3), keepdim=True)
    return torch.where(high > low, (pictures - low) / (high - low).clamp_min(1e-6), pictures)


def _equalize(pictures: torch.Tensor, amounts: torch.Tensor, reach: Reach) -> torch.Tensor:  # noqa: ARG001
    levels = pictures.mul(255.0).round().long().flatten(2)
    counts = torch.zeros(*levels.shape[:2], 256, dtype=torch.long).scatter_add_(2, levels, torch.ones_like(levels))
    highest = counts.gather(2, levels.amax(2, keepdim=True))
    step = (levels.shape[2] - highest) // 255
    before = counts.cumsum(2) - counts
    table = ((before + step // 2) // step.clamp_min(1)).clamp(0, 255)
    equal = table.gather(2, levels).reshape(pictures.shape).to(pictures.dtype) / 255.0
    return torch.where((step > 0)[..., None], equal, pictures)


def _identity(pictures: torch.Tensor, amounts: torch.Tensor, reach: Reach) -> torch.Tensor:  # noqa: ARG001
    return pictures


OPERATIONS: tuple[Operation, ...] = (
    _identity,
    _shear_x,
    _shear_y,
    _translate_x,
    _translate_y,
    _rotate,
    _brightness,
    _contrast,
    _color,
    _sharpness,
    _posterize,
    _solarize,
    _autocontrast,
    _equalize,
)
