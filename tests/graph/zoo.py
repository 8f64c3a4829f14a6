"""Captured blocks, each once."""

import functools

import torch

from paredown.graph.capture import capture
from paredown.testing import blocks

INPUTS = {
    "AudioNet": lambda: torch.randn(2, 1, 64),
    "GroupedQueries": lambda: torch.randn(2, 7, 16),
    "Encoder": lambda: torch.randn(2, 6, 16),
    "Recurrent": lambda: torch.randn(2, 6, 8),
    "Text": lambda: torch.randint(0, 11, (2, 6)),
}
NAMES = [name for name in blocks.__all__ if name[0].isupper()]


@functools.cache
def captured(name, **settings):
    torch.manual_seed(0)
    model = blocks.with_statistics(getattr(blocks, name)(**settings))
    return capture(model, INPUTS.get(name, lambda: torch.randn(2, 3, 16, 16))())
