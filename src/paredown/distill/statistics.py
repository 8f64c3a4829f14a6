"""How far values inside of a teacher are from those that it was trained on, told by its batch norms."""

from collections.abc import Iterator, Mapping

import torch
from torch import nn

from paredown.distill.lesson import Teaching
from paredown.graph.network import Network

__all__ = ["Familiar"]

_BATCH_NORM = torch.ops.aten.batch_norm.default
_LEAST = 1e-3


class Familiar:
    """Squared distance of the mean and deviation of what batch norms put out from what they put out in training.

    On its training data a batch norm puts out mean ``beta`` and deviation ``gamma`` in every channel, so the distance
    is that of its inputs to the stored statistics (Yin et al., "Dreaming to distill", CVPR 2020, arXiv:1912.08795,
    equation 4), in units of the stored deviation.
    """

    def __init__(self, module: nn.Module, teaching: Teaching, device: torch.device) -> None:
        self._norms: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        for name, weight, bias in _norms(module):
            (path,) = teaching.tap(name)
            scale = weight.detach().to(device).abs().clamp_min(_LEAST)
            self._norms[path] = scale, bias.detach().to(device)

    def distance(self, taps: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
        """The mean over batch norms and channels; None where the teacher has none with weights."""
        if not self._norms:
            return None
        found = []
        for path, (scale, bias) in self._norms.items():
            value = taps[path].float().transpose(0, 1).flatten(1)
            off = (value.mean(1) - bias) / scale
            found.append((off.square() + (value.std(1) / scale - 1.0).square()).mean())
        return torch.stack(found).mean()


def _norms(module: nn.Module) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """Name of the node or module, weight and bias of every batch norm that has them."""
    if isinstance(module, Network):
        stored = dict(module.named_parameters(remove_duplicate=False))
        for node in module.nodes():
            if node.target is _BATCH_NORM:
                weight, bias = (stored.get(str(argument.target)) for argument in node.args[1:3])  # type: ignore[union-attr]
                if weight is not None and bias is not None:
                    yield node.name, weight, bias
        return
    for path, inner in module.named_modules():
        if isinstance(inner, nn.modules.batchnorm._BatchNorm) and inner.affine:
            yield path, inner.weight, inner.bias
