"""8 bits where they pay, float where it is faster or loses less: decided by measurement, layer by layer."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from paredown.budget import Limit
from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.quantize.int8 import Int8
from paredown.quantize.mixture import Mixture, Trials
from paredown.recipe.knapsack import knapsack
from paredown.recipe.plan import Plan
from paredown.recipe.settings import whole
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Mixed"]

_HALVINGS = 6
_TINY = 1e-12  # sums are not exact


@dataclasses.dataclass(frozen=True)
class Mixed(Transform):
    """`Int8` with the layers left in float that are faster there, or that cost too much accuracy.

    Every layer in turn is left in float while all others have 8 bits; the loss on select and the time on the target of
    that network say what the layer is worth, conversions at its borders included. First or last layers get no rule of
    their own.

    1. The layers whose float kernel makes the network faster are left in float, as many of them (the greatest gain
       first) as make the fastest network when they are timed together.
    2. With ``drop``, the fastest network within it is looked for: of the other layers those go to float that regain
       most of the loss for the time they cost, by a knapsack whose goal is halved in on by scoring real mixtures.
       With ``latency`` it is the one with the least loss that takes no longer, by timing real mixtures.

    Knapsacks over measured losses and times as in Yao et al., "HAWQ-V3", ICML 2021, arXiv:2011.10680. Times differ a
    little from run to run, and so may the plan; what counts is in it.

    Attributes:
        drop: the most that may be lost on select, such as ``"0.5 pt"`` or ``"1%"`` of the float network's score.
        latency: the longest it may take, such as ``"60%"`` of the float network's time, or ``"2 ms"``.
        of: how the layers that take 8 bits are rounded; what it skips stays in float.
        examples: of select that losses are taken on; None takes all. Scores are taken on all.

    Raises:
        RecipeError: both limits at once, or fewer than one example.
        BudgetError: a limit without a unit, or with one of something else.

    """

    drop: str | None = None
    latency: str | None = None
    of: Int8 = Int8()  # noqa: RUF009 (a frozen value)
    examples: int | None = 1024

    def __post_init__(self) -> None:
        if self.drop is not None and self.latency is not None:
            msg = (
                f"Mixed(drop={self.drop!r}, latency={self.latency!r}) was given; one limit is kept, and as much as possible "
                "is made of the other. Leave one of them out."
            )
            raise RecipeError(msg)
        if self.examples is not None:
            whole(self, "examples", instead="Leave it out for 1024.")
        for quantity in ("drop", "latency"):
            if (text := getattr(self, quantity)) is not None:
                Limit.parse(quantity, text)

    def plan(self, network: Network, evidence: "Evidence") -> Plan:
        """Measure every layer, choose, and check what was chosen.

        Raises:
            RecipeError: as `Int8.plan`; there is no stopwatch; or no mixture keeps the limit.
            BudgetError: the drop is written in a unit that the score does not have.

        """
        if self.drop is not None:
            Limit.parse("drop", self.drop).check(evidence.objective.score.unit)
        trials = Trials(network, self.of, evidence, self.examples)
        chosen = trials.fastest()
        if self.drop is not None:
            chosen = self._within_drop(trials, chosen, Limit.parse("drop", self.drop))
        elif self.latency is not None:
            chosen = self._within_latency(trials, chosen, Limit.parse("latency", self.latency))
        found = chosen.plan
        return Plan(
            "quantize.Mixed",
            f"{trials.sentence(chosen)} {found.reason}",
            {**trials.table(chosen), "int8": dict(found.decisions)},
            found.tensors,
            complete=trials.complete and found.complete,
        )

    def apply(self, network: Network, plan: Plan) -> Network:
        """Carry the chosen plan out."""
        return self.of.apply(network, Plan("quantize.Int8", plan.reason, plan.decisions["int8"], plan.tensors))

    def check(self, state: frozenset[str]) -> str | None:
        """As `Int8`."""
        return self.of.check(state)

    def after(self, state: frozenset[str]) -> frozenset[str]:
        """As `Int8`."""
        return self.of.after(state)

    def _within_drop(self, trials: Trials, fastest: Mixture, limit: Limit) -> Mixture:
        most = limit.bound(trials.score, trials.unit)
        if trials.drop(fastest) <= most:
            return fastest
        others = [layer for layer in trials.layers if layer.name not in fastest.in_float]
        slower = [[max(0.0, layer.slower), 0.0] for layer in others]  # level 0: in float, level 1: in 8 bits
        regained = [max(0.0, layer.regained) for layer in others]
        total = sum(regained)

        def choose(part: float) -> Mixture | None:
            def lost(levels: Sequence[int]) -> float:
                return sum(gain for gain, level in zip(regained, levels, strict=True) if level)

            levels = knapsack(slower, lost, part * total + _TINY) or (0,) * len(others)
            return trials.mixture(fastest, [layer for layer, level in zip(others, levels, strict=True) if not level])

        found = _last(choose, lambda mixture: mixture is None or trials.drop(mixture) <= most)
        if found is None:
            raise self._unreachable(trials.closest(), trials)
        return found

    def _within_latency(self, trials: Trials, fastest: Mixture, limit: Limit) -> Mixture:
        most = limit.bound(trials.milliseconds, trials.unit)
        if trials.time(fastest) > most:
            raise self._unreachable(fastest, trials)
        others = [layer for layer in trials.layers if layer.name not in fastest.in_float and layer.regained > 0]
        lost = [[layer.regained, 0.0] for layer in others]  # level 0: in 8 bits, level 1: in float
        total = sum(max(0.0, layer.slower) for layer in others)

        def choose(part: float) -> Mixture | None:
            def cost(levels: Sequence[int]) -> float:
                return sum(max(0.0, layer.slower) for layer, level in zip(others, levels, strict=True) if level)

            levels = knapsack(lost, cost, part * total + _TINY) or (0,) * len(others)
            return trials.mixture(fastest, [layer for layer, level in zip(others, levels, strict=True) if level])

        found = _last(choose, lambda mixture: mixture is not None and trials.time(mixture) <= most)
        tried = [mixture for mixture in (fastest, found) if mixture is not None]
        return min(tried, key=trials.loss)

    def _unreachable(self, nearest: Mixture, trials: Trials) -> RecipeError:
        given = f"drop={self.drop!r}" if self.drop is not None else f"latency={self.latency!r}"
        return RecipeError(
            f"Mixed({given}) cannot be kept by any mixture that was tried: the nearest takes "
            f"{trials.time(nearest):.3g} ms (the float network {trials.milliseconds:.3g} ms) and loses "
            f"{trials.drop(nearest):.3g} of the score of {trials.score:.4g}. Allow more, choose other ranges "
            "(`of=Int8(Mse())`), or train after rounding: `Int8()` then `Train()`."
        )


def _last(choose: Callable[[float], Mixture | None], keeps: Callable[[Mixture | None], bool]) -> Mixture | None:
    """What the largest part gives that keeps the limit; 0 is tried first, then the interval is halved."""
    found, low, high, part = None, 0.0, 1.0, 0.0
    for _ in range(_HALVINGS):
        mixture = choose(part)
        if keeps(mixture):
            found, low = mixture or found, part
        elif part == 0.0:
            return None
        else:
            high = part
        part = (low + high) / 2
    return found
