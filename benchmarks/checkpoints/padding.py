"""Padding as TensorFlow's ``same`` does it."""

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Same", "same"]


def same(inputs: Tensor, kernel: int, stride: int) -> Tensor:
    """Pad ``[n, c, h, w]`` so that ``ceil(size / stride)`` windows fit; what is odd goes to the bottom and the right."""
    rows, columns = (max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in inputs.shape[2:])
    return F.pad(inputs, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


class Same(nn.Module):
    """`same` as a layer before a convolution; where it is symmetric, let the convolution pad."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, inputs: Tensor) -> Tensor:
        """Pad."""
        return same(inputs, self.kernel, self.stride)
