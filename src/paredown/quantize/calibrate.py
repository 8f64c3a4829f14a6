"""8 bits with the calibration that costs least."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.quantize.entropy import Entropy
from paredown.quantize.int8 import Int8
from paredown.quantize.mse import Mse
from paredown.quantize.observed import Observed
from paredown.quantize.percentile import Percentile
from paredown.recipe.plan import Plan
from paredown.recipe.settings import whole
from paredown.recipe.title import title
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Calibrate"]

_USUAL = (
    Int8(),
    Int8(weights=Mse()),
    Int8(Percentile(99.999), weights=Mse()),
    Int8(Percentile(99.9), weights=Mse()),
    Int8(Mse(), weights=Mse()),
    Int8(Mse(3.0), weights=Mse(3.0)),
    Int8(Entropy()),
)


@dataclasses.dataclass(frozen=True)
class Calibrate(Transform):
    """Try several `Int8` settings and keep the one with the least loss on the select split.

    No way of choosing ranges is best for every network, and the wrong one can cost most of the accuracy; so they are
    tried, all of them in one pass over the calibration split, and compared by the task's loss, which tells more apart than a score. Of equal
    ones the first is kept. A deadline ends the trying after one or more.

    Attributes:
        of: what is tried; ranges, refinements, layers left in float.
        examples: of select that each is compared on; None takes all.

    Raises:
        RecipeError: nothing to try, something that is no `Int8`, or fewer than one example.

    """

    of: Sequence[Int8] = _USUAL
    examples: int | None = 1024

    def __post_init__(self) -> None:
        given: Any = self.of
        object.__setattr__(self, "of", tuple(given) if isinstance(given, Iterable) else (given,))
        others = [thing for thing in self.of if not isinstance(thing, Int8)]
        if others or not self.of:
            what = ", ".join(map(title, others)) or "nothing"
            msg = (
                f"Calibrate(of=...) was given {what} to try. It compares settings of Int8. "
                "Type Calibrate(of=[Int8(), Int8(Mse())]), or leave it out for the usual ones."
            )
            raise RecipeError(msg)
        if self.examples is not None:
            whole(self, "examples", instead="Leave it out for 1024.")

    def plan(self, network: Network, evidence: "Evidence") -> Plan:
        """Plan, apply and compare all of them.

        Raises:
            RecipeError: as `Int8.plan`.

        """
        observed = Observed(step.activations for step in self.of)
        plans: list[Plan] = []
        losses: list[float] = []
        for step in self.of:
            if plans and evidence.over():
                break
            evidence.progress.update(f"trying {title(step)}", len(plans), len(self.of))
            plans.append(step.planned(network, evidence, observed))
            losses.append(evidence.loss(step.apply(network, plans[-1]), self.examples))
        chosen = min(range(len(losses)), key=losses.__getitem__)
        found = plans[chosen]
        compared = [{"settings": title(step), "loss": loss} for step, loss in zip(self.of, losses, strict=False)]
        return Plan(
            "quantize.Calibrate",
            f"{title(self.of[chosen])} has the least loss on select: {losses[chosen]:.4g}, of {len(losses)} settings up "
            f"to {max(losses):.4g}. {found.reason}",
            {"chosen": chosen, "compared": compared, "int8": dict(found.decisions)},
            found.tensors,
            complete=len(plans) == len(self.of) and all(plan.complete for plan in plans),
        )

    def apply(self, network: Network, plan: Plan) -> Network:
        """Carry the chosen plan out."""
        step: Int8 = self.of[plan.decisions["chosen"]]
        return step.apply(network, Plan("quantize.Int8", plan.reason, plan.decisions["int8"], plan.tensors))

    def check(self, state: frozenset[str]) -> str | None:
        """As `Int8`."""
        return self.of[0].check(state)

    def after(self, state: frozenset[str]) -> frozenset[str]:
        """As `Int8`."""
        return self.of[0].after(state)
