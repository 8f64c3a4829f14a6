"""Zeros that training keeps."""

import functools

import torch

from paredown.graph.network import Network
from paredown.graph.sparsity import sparse_weights

__all__ = ["Zeros"]


class Zeros:
    """Keeps the zeros of a network's sparse weights while it is trained.

    Gradients are 0 where weights are, before anything looks at them: clipping, an ingredient, the optimizer and its
    averages. An optimizer leaves such weights where they are; `restore` takes back what an ingredient may have done.

    Args:
        network: the student of one training, on its device.

    """

    def __init__(self, network: Network) -> None:
        self._weights = [(weight, weight.detach() == 0) for weight in sparse_weights(network).values()]
        self._handles = [
            weight.register_hook(functools.partial(_cleared, zeros))  # type: ignore[no-untyped-call]
            for weight, zeros in self._weights
            if weight.requires_grad
        ]

    @torch.no_grad()
    def restore(self) -> None:
        """Make the zeros 0 again."""
        for weight, zeros in self._weights:
            weight.masked_fill_(zeros, 0.0)

    def leave(self) -> None:
        """Let go of the weights."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()


def _cleared(zeros: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    return gradient.masked_fill(zeros, 0.0)
