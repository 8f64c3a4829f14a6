"""The learned map between widths."""

import torch
from torch import nn

__all__ = ["Projector"]


class Projector(nn.Module):
    """A linear map of the channels, the same at every place: ``[n, inside, *places]`` to ``[n, outside, *places]``.

    A convolution with kernel 1, for any number of dimensions.
    """

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inside, outside)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """Map every place."""
        return self.linear(value.movedim(1, -1)).movedim(-1, 1)  # type: ignore[no-any-return]
