"""Weights that a module computes from other parameters before each pass, folded into plain parameters."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from torch import nn
from torch.nn.utils import parametrize, prune
from torch.nn.utils.spectral_norm import SpectralNorm, remove_spectral_norm
from torch.nn.utils.weight_norm import WeightNorm, remove_weight_norm

__all__ = ["Folded", "fold_parametrizations"]


class Folded:
    """One weight that became a plain parameter.

    Attributes:
        name: of the parameter, for example ``conv.weight``.
        how: what computed it, for example ``SpectralNorm``.
        sparse: whether its zeros are meant to stay (a mask of ``torch.nn.utils.prune``).

    """

    def __init__(self, name: str, how: str, *, sparse: bool = False) -> None:
        self.name, self.how, self.sparse = name, how, sparse

    def __str__(self) -> str:
        return (
            f"how '{self.name}' is computed ({self.how}): it is a plain parameter in the network and trains as such; "
            "capture(..., parametrized=True) keeps the computation"
        )


def fold_parametrizations(model: nn.Module, keep: Collection[str] = ()) -> tuple[Folded, ...]:
    """Replace parametrizations, old-style norms of weights and masks by the weights they give; the model is changed.

    Args:
        model: a copy, in eval mode.
        keep: names of parameters and buffers; what is computed from one of these stays.

    """
    return tuple(_fold(model, frozenset(keep)))


def _fold(model: nn.Module, keep: frozenset[str]) -> Iterator[Folded]:
    for path, module in list(model.named_modules()):
        prefix = f"{path}." if path else ""
        if parametrize.is_parametrized(module) and not _any_below(keep, f"{prefix}parametrizations."):
            for leaf, how in _settle(module):
                yield Folded(f"{prefix}{leaf}", how)
        for hook in list(module._forward_pre_hooks.values()):
            leaf, kind = _leaf(hook), _kind(hook)
            if leaf and not _any_below(keep, f"{prefix}{leaf}_"):
                _REMOVE[kind](module, leaf)
                yield Folded(f"{prefix}{leaf}", type(hook).__name__, sparse=kind is prune.BasePruningMethod)


def _any_below(names: Collection[str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in names)


def _settle(module: nn.Module) -> list[tuple[str, str]]:
    """Undo all parametrizations of a module; torch's own way to do so changes the class, which copies share."""
    steps: Any = module.parametrizations
    values = {leaf: getattr(module, leaf).detach().clone() for leaf in steps}
    module.__class__ = next(base for base in type(module).__bases__ if issubclass(base, nn.Module))
    del module._modules["parametrizations"]
    for leaf, value in values.items():
        sources = list(steps[leaf].parameters())
        if sources:
            trainable = any(source.requires_grad for source in sources)
            module.register_parameter(leaf, nn.Parameter(value, requires_grad=trainable))
        else:
            module.register_buffer(leaf, value)
    return [(leaf, ", ".join(type(step).__name__.strip("_") for step in steps[leaf])) for leaf in values]


_REMOVE: dict[type, Callable[[nn.Module, str], Any]] = {
    prune.BasePruningMethod: prune.remove,
    SpectralNorm: remove_spectral_norm,
    WeightNorm: remove_weight_norm,
}


def _kind(hook: object) -> type:
    return next((kind for kind in _REMOVE if isinstance(hook, kind)), type(hook))


def _leaf(hook: Any) -> str:
    """What a hook computes; empty where it computes no weight."""
    if isinstance(hook, prune.BasePruningMethod):
        return str(hook._tensor_name)
    return str(hook.name) if isinstance(hook, (SpectralNorm, WeightNorm)) else ""
