"""One recipe per family in its own honest form, and the controls that every run has."""

import dataclasses
from collections.abc import Iterator

from paredown.recipe.arm import FamilyArm
from paredown.recipe.move import Effect, Move
from paredown.recipe.picks import Picks
from paredown.search.probing import Prober
from paredown.search.space import Space

__all__ = ["ArmPlan", "arms"]

_LEAST = 0.25  # an arm that would have to keep less aims at a budget that its family cannot meet alone,
_HALF = 0.5  # and then shows what it does at half the multiplications rather than at next to nothing
_NO_AIM = 0.85


@dataclasses.dataclass(frozen=True)
class ArmPlan:
    """A recipe that is tried in every run.

    Attributes:
        name: stable, for allocation: the family; of a control the move that stands in the place of the family's.
        role: ``arm`` or ``control``.
        picks: its recipe, trained for one epoch until the time is allocated.
        word: what legends call it.

    """

    name: str
    role: str
    picks: Picks
    word: str

    @property
    def label(self) -> str:
        """Short name for people: the word, and what is kept where something is cut."""
        return f"{self.word} {100 * self.picks.size:.0f}%" if self.picks.cuts else self.word


def arms(space: Space, prober: Prober) -> tuple[ArmPlan, ...]:
    """Arms and trained controls, most important first: what the families list, and the same with their moves' controls.

    Of the arms of a family the first is tried whose moves may all be made here.
    """
    found = [_planned(arm, space, prober) for arm in _possible(space)]
    return (*found, *(control for plan in found if (control := _control(plan)) is not None))


def _possible(space: Space) -> Iterator[FamilyArm]:
    """The first arm of every family all of whose moves may be made."""
    taken: set[str] = set()
    for arm in space.arms:
        if arm.family in space.families - taken and all(map(space.offers, _moves(arm, space))):
            taken.add(arm.family)
            yield arm


def _moves(arm: FamilyArm, space: Space) -> list[Move]:
    return [space.first(move) if isinstance(move, Effect) else move for move in arm.moves]


def _planned(arm: FamilyArm, space: Space, prober: Prober) -> ArmPlan:
    picks = Picks.of(*_moves(arm, space)).trained(1.0)
    return ArmPlan(arm.family, "arm", _sized(picks, prober), arm.name)


def _control(plan: ArmPlan) -> ArmPlan | None:
    picks = plan.picks.control()
    if picks is None:
        return None
    name = next(move.control.name for move in plan.picks.moves if move.control)
    return ArmPlan(name, "control", picks, name)


def _sized(picks: Picks, prober: Prober) -> Picks:
    if not picks.cuts:
        return picks
    share = prober.share(picks, 0.93 if prober.bounds else _NO_AIM)
    least = max(_LEAST, prober.least(picks))
    return picks.sized(share if share > least else max(_HALF, least))
