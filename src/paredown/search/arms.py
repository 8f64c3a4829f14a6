"""One recipe per family in its own honest form, and the controls that every run has."""

import dataclasses

from paredown.search.probing import Prober
from paredown.search.space import Move, Sketch, Space

__all__ = ["ArmPlan", "arms"]

_LEAST = 0.25  # an arm that would have to keep less aims at a budget that its family cannot meet alone,
_HALF = 0.5  # and then shows what it does at half the multiplications rather than at next to nothing
_NO_AIM = 0.85


@dataclasses.dataclass(frozen=True)
class ArmPlan:
    """A recipe that is tried in every run.

    Attributes:
        name: stable, for allocation: the family, or ``random prune``, ``no teacher``.
        role: ``arm`` or ``control``.
        sketch: its recipe, trained for one epoch until the time is allocated.

    """

    name: str
    role: str
    sketch: Sketch

    @property
    def label(self) -> str:
        """Short name for people: the family, and what is kept where something is cut."""
        name = "int8" if self.name == "quantize" else self.name
        if name == "architecture":
            name = "shallow" if Move.SHALLOW in self.sketch.order else "slim"
        return f"{name} {100 * self.sketch.macs:.0f}%" if any(move.cuts for move in self.sketch.order) else name


def arms(space: Space, prober: Prober) -> tuple[ArmPlan, ...]:
    """Arms and trained controls, most important first.

    - quantize: 8 bits after training, no training;
    - prune: channels cut to the size that aims at the budget, then plain training;
    - distill: a student with every width cut alike, taught by the original;
    - architecture: blocks left out where the network has any, else widths chosen by evolution, then plain training;
    - regularize: the network as it is, trained on with regularization;
    - random prune: as prune, channels drawn by lot (control);
    - no teacher: as distill, without the teacher (control).
    """
    student = (Move.STUDENT, Move.TRAIN)
    wanted = {
        "quantize": ("arm", Sketch((Move.INT8,), epochs=())),
        "prune": ("arm", Sketch((Move.PRUNE, Move.TRAIN))),
        "distill": ("arm", Sketch(student, using=space.teacher())),
        "architecture": ("arm", Sketch((_slimming(space, prober), Move.TRAIN))),
        "regularize": ("arm", Sketch((Move.TRAIN,), using=space.tricks())),
        "random prune": ("control", Sketch((Move.RANDOM, Move.TRAIN))),
        "no teacher": ("control", Sketch(student)),
    }
    plans = []
    for name, (role, sketch) in wanted.items():
        needed = {"random prune": "prune", "no teacher": "distill"}.get(name, name)
        if needed not in space.families or not space.allows(sketch.order):
            continue
        plans.append(ArmPlan(name, role, _sized(sketch, prober)))
    return tuple(plans)


def _slimming(space: Space, prober: Prober) -> Move:
    """Leaving out whole blocks saves more time than narrowing layers, and needs less training to recover from."""
    return Move.SHALLOW if prober.skippable and space.allows((Move.SHALLOW,)) else Move.SLIM


def _sized(sketch: Sketch, prober: Prober) -> Sketch:
    if not any(move.cuts for move in sketch.order):
        return sketch
    aim = 0.93 if prober.bounds else _NO_AIM
    share = prober.share(sketch, aim)
    least = max(_LEAST, prober.least(sketch))
    return dataclasses.replace(sketch, macs=share if share > least else max(_HALF, least))
