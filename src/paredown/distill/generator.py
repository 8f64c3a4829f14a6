"""A network that makes pictures out of noise."""

import math

import torch
from torch import nn
from torch.nn import functional

__all__ = ["Generator"]

_SLOPE = 0.2


class Generator(nn.Module):
    """Noise ``[n, size]`` to pictures ``[n, channels, height, width]`` with mean 0 and deviation 1 in every channel.

    The one of DAFL (Chen et al. 2019, arXiv:1904.01186, appendix): a linear layer onto a quarter of the height and width,
    twice enlarged, convolved and normalised.
    """

    def __init__(self, size: int, channels: int, height: int, width: int, wide: int = 64) -> None:
        super().__init__()
        self.shape = height, width
        self.first = wide, math.ceil(height / 4), math.ceil(width / 4)
        self.spread = nn.Linear(size, math.prod(self.first))
        self.norms = nn.ModuleList(nn.BatchNorm2d(count) for count in (wide, wide, wide // 2))
        self.convolutions = nn.ModuleList(
            nn.Conv2d(count, made, 3, padding=1) for count, made in ((wide, wide), (wide, wide // 2))
        )
        self.last = nn.Conv2d(wide // 2, channels, 3, padding=1)
        self.standard = nn.BatchNorm2d(channels, affine=False)

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        """Make pictures."""
        value = self.norms[0](self.spread(noise).unflatten(1, self.first))
        for convolution, norm in zip(self.convolutions, self.norms[1:], strict=True):
            value = functional.leaky_relu(norm(convolution(functional.interpolate(value, scale_factor=2.0))), _SLOPE)
        pictures: torch.Tensor = self.standard(self.last(value)[..., : self.shape[0], : self.shape[1]])
        return pictures
