"""What a search may do with the techniques of this family."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from paredown.distill.at import AT
from paredown.distill.features import Features
from paredown.distill.fitnets import FitNets
from paredown.distill.logits import Logits
from paredown.distill.rkd import RKD
from paredown.graph.network import Network, module_path
from paredown.recipe.arm import FamilyArm
from paredown.recipe.ingredient import Ingredient
from paredown.recipe.move import Between, Effect, LeftOut, Move, Options
from paredown.recipe.situation import Situation
from paredown.recipe.training import Ingredients

if TYPE_CHECKING:
    from torch import fx

__all__ = ["ARMS", "FEATURES", "LOGITS", "MOVES", "NO_TEACHER"]


@dataclasses.dataclass(frozen=True)
class Taught(Ingredients):
    """Base of moves in which another network teaches."""

    family: str = "distill"
    effects: frozenset[Effect] = frozenset({Effect.TEACH})


@dataclasses.dataclass(frozen=True)
class TeachOutputs(Taught):
    """The original's outputs are matched in every training."""

    name: str = "logits"

    def settings(self, at: Situation) -> Mapping[str, Options | Between]:  # noqa: ARG002
        """See `Ingredients.settings`: one value each so far, which are the defaults of `Logits`."""
        usual = Logits()
        return {"temperature": Options((usual.temperature,)), "alpha": Options((usual.alpha,))}

    def ingredient(self, at: Situation, chosen: Mapping[str, Any]) -> Ingredient:  # noqa: ARG002
        """See `Ingredients.ingredient`."""
        return dataclasses.replace(Logits(), **chosen)


@dataclasses.dataclass(frozen=True)
class TeachInside(Taught):
    """Values inside the original are matched where the cut network still has them."""

    name: str = "features"

    def objection(self, at: Situation) -> str:
        """See `Ingredients.objection`."""
        return "" if _taps(at.original, at.network) else "No module gives a value with places that both networks have."

    def settings(self, at: Situation) -> Mapping[str, Options | Between]:
        """See `Ingredients.settings`: ``loss``, and ``at``: the last of the shared places, or all of them."""
        shared = _taps(at.original, at.network)
        return {
            "loss": Options((AT(), FitNets(), RKD())),
            "at": Options(tuple(dict.fromkeys([shared[-1:], shared]))),
        }

    def ingredient(self, at: Situation, chosen: Mapping[str, Any]) -> Ingredient:
        """See `Ingredients.ingredient`; taps that earlier cuts have taken away are left out."""
        shared = _taps(at.original, at.network)
        wanted = [path for path in chosen.get("at", ()) if path in shared]
        return Features(at=tuple(wanted) or shared[-1:], loss=chosen.get("loss", AT()))


def _taps(teacher: Network, student: Network) -> tuple[str, ...]:
    """Paths of the user's modules, the outermost ones, that give places with channels in both networks, in order."""
    there = set(_outermost(teacher))
    return tuple(path for path in _outermost(student) if path in there)


def _outermost(network: Network) -> Iterator[str]:
    """First parts of module paths whose last value is ``[batch, channels, *places]`` of real numbers."""
    last: dict[str, fx.Node] = {}
    for node in network.nodes():
        if node.op == "call_function" and (path := module_path(node)):
            last[path.partition(".")[0]] = node
    for path, node in last.items():
        value = node.meta.get("val")
        if value is not None and getattr(value, "ndim", 0) >= 3 and value.is_floating_point():
            yield path


NO_TEACHER = LeftOut("no teacher", "distill")
LOGITS = TeachOutputs(control=NO_TEACHER, default=True)
FEATURES = TeachInside(control=NO_TEACHER)

MOVES: tuple[Move, ...] = (LOGITS, FEATURES, NO_TEACHER)
"""What is proposed first comes first."""

ARMS = (FamilyArm("distill", (Effect.ALIKE, Effect.TRAIN, LOGITS)),)
