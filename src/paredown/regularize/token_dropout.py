"""Words that are not shown."""

import dataclasses
import operator
from typing import Any

import torch

from paredown.errors import RecipeError
from paredown.graph.structure import flatten
from paredown.recipe.ingredient import Hook, Ingredient, Targets, TrainContext
from paredown.recipe.settings import require, share, whole

__all__ = ["TokenDropout"]


@dataclasses.dataclass(frozen=True)
class TokenDropout(Ingredient):
    """Replace random tokens by one that says nothing (Iyyer et al. 2015; Bowman et al. 2016, arXiv:1511.06349, 3.1).

    Token ids are an integer input ``[n, length]``; where there are several (masks, segments), the one called `name`.

    Attributes:
        share: probability of every token, above 0, below 1.
        replacement: id that is put there: the vocabulary's "unknown", "mask" or padding.
        keep: ids that are never replaced: padding and separators.
        name: of the token ids among several inputs.

    """

    share: float = 0.1
    replacement: int = 0
    keep: tuple[int, ...] = ()
    name: str = "input_ids"

    def __post_init__(self) -> None:
        of_ids = "ids of the vocabulary in a tuple"
        require(lambda keep: all(operator.index(one) >= 0 for one in keep), self, "keep", of_ids)
        object.__setattr__(self, "keep", tuple(self.keep))
        share(self, "share", what="a probability above 0 and below 1")
        whole(self, "replacement", least=0, what="an id of the vocabulary, 0 or more")

    def start(self, context: TrainContext) -> Hook:
        """Find the token ids.

        Raises:
            RecipeError: there are none, or it is not clear which.

        """
        return _TokenHook(self, _position(context.probe().inputs, self.name))


class _TokenHook(Hook):
    def __init__(self, settings: TokenDropout, position: int) -> None:
        self._settings = settings
        self._position = position

    def batch(self, inputs: Any, targets: Targets, generator: torch.Generator) -> tuple[Any, Targets]:
        tensors, structure = flatten(inputs)
        ids = tensors[self._position]
        dropped = torch.rand(ids.shape, generator=generator) < self._settings.share
        dropped &= ~torch.isin(ids, torch.tensor(self._settings.keep, dtype=ids.dtype))
        tensors[self._position] = ids.masked_fill(dropped, self._settings.replacement)
        return structure.build(tensors), targets


def _position(inputs: Any, wanted: str) -> int:
    """Where among the flat inputs the token ids are."""
    tensors, structure = flatten(inputs)
    names = [leaf.rpartition(".")[2] for leaf in structure.leaves()]
    found = [i for i, t in enumerate(tensors) if t.ndim == 2 and t.dtype in {torch.int32, torch.int64}]
    if len(found) > 1:
        found = [i for i in found if names[i] == wanted]
    if len(found) == 1:
        return found[0]
    shown = ", ".join(
        f"{name} {t.dtype} {list(t.shape)}".replace("torch.", "").strip()
        for name, t in zip(names, tensors, strict=True)
    )
    msg = (
        f"regularize.TokenDropout(name={wanted!r}) replaces token ids, integers of shape [n, length], and this task "
        f"has the inputs {shown} for two examples. Name the token ids with `name=...`, or leave it out of `using`."
    )
    raise RecipeError(msg)
