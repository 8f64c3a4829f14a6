"""The blocks as captured networks, each captured once per process: capturing takes longer than most tests."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from paredown.graph.capture import capture
from paredown.graph.network import Network
from paredown.testing import blocks

__all__ = ["INPUTS", "NAMES", "captured"]

INPUTS: Mapping[str, Callable[[], Tensor]] = {
    "AudioNet": lambda: torch.randn(2, 1, 64),
    "GroupedQueries": lambda: torch.randn(2, 7, 16),
    "Encoder": lambda: torch.randn(2, 6, 16),
    "Recurrent": lambda: torch.randn(2, 6, 8),
    "RecurrentCells": lambda: torch.randn(2, 6, 8),
    "Text": lambda: torch.randint(0, 11, (2, 6)),
}
"""Examples of the blocks that do not take ``[batch, 3, 16, 16]`` images."""

NAMES = tuple(name for name in blocks.__all__ if name[0].isupper())
"""Every block."""


@functools.cache
def captured(name: str, **settings: Any) -> Network:
    """A block with random weights and statistics, captured. It is shared: copy it before changing it."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        model = blocks.with_statistics(getattr(blocks, name)(**settings))
        return capture(model, INPUTS.get(name, lambda: torch.randn(2, 3, 16, 16))())
