"""Structured pruning: coupled channels leave the network, and the file shrinks."""

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from paredown.errors import RecipeError
from paredown.graph.axes import Axes, Group, analyse
from paredown.graph.axes.groups import occurrences
from paredown.graph.cut import cut
from paredown.graph.network import Network
from paredown.graph.statistics import reestimate, write_statistics
from paredown.prune.allocation import STAYS, Allocation, Ranking, Uniform
from paredown.prune.importance import Importance, best
from paredown.prune.magnitude import L2
from paredown.prune.where import Where
from paredown.recipe.plan import Plan
from paredown.recipe.settings import part, whole
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Channels"]

_EXAMPLES = 1024


@dataclasses.dataclass(frozen=True)
class Channels(Transform):
    """Cut the least important indices of every coupled group: channels, heads, head dimensions, widths, experts.

    The plan holds the kept indices of each group. Where the evidence has data, the plan also holds the batch norm
    statistics of the cut network, re-estimated (see `Reestimate`), so that recovery by default costs nothing.

    Attributes:
        keep: share of the indices of each group that stays, above 0 and at most 1.
        importance: the criterion.
        allocation: how the cut spreads over groups.
        where: which groups may be cut.
        round_to: the axes that weights produce are cut to multiples of this, and groups that are too narrow for that
            are left whole; None for what the target's kernels want.

    Raises:
        RecipeError: a share is outside 0 … 1, or a multiple below 1.

    """

    keep: float = 0.5
    importance: Importance = dataclasses.field(default_factory=L2)
    allocation: Allocation = dataclasses.field(default_factory=Uniform)
    where: Where = dataclasses.field(default_factory=Where)
    round_to: int | None = None

    def __post_init__(self) -> None:
        part(self, "keep", what=STAYS)
        if self.round_to is not None:
            whole(
                self,
                "round_to",
                what="a whole number that counts are multiples of, 1 or more",
                instead="Write `round_to=8`.",
            )

    @property
    def word(self) -> str:
        """See `Transform.word`: ``prune 45%`` of what the allocation counts, ``uniform prune ×0.7`` of every width."""
        goal = self.allocation.goal
        kept = f"×{self.keep:.2g}" if goal is None else f"{100 * goal:.0f}%"
        return f"{self.importance.word or self.allocation.word} prune {kept}".strip()

    def plan(self, network: Network, evidence: "Evidence") -> Plan:
        """Choose the indices to keep.

        Raises:
            RecipeError: nothing may be cut, the goal cannot be reached, the criterion needs data, or it gives an
                importance that is not finite.
            FrozenError: `where` asks for groups that operators hold.

        """
        axes = analyse(network)
        groups = self.where.choose(axes)
        importance = self.importance.score(network, axes, groups, evidence)
        _check_finite(self, importance)
        wanted = self.round_to or evidence.capabilities.channel_multiple
        multiple = {group.name: _multiple(axes, group, wanted) for group in groups}
        counts = self.allocation.counts(Ranking(network, axes, importance, self.keep, multiple, evidence))
        kept = {
            group.name: best(importance[group.name], counts[group.name])
            for group in groups
            if counts[group.name] < group.size
        }
        return Plan(
            "prune.Channels",
            _reason(self, axes, counts, kept),
            {"kept": {name: indices.tolist() for name, indices in kept.items()}},
            self._statistics(network, axes, kept, evidence),
        )

    def _statistics(
        self, network: Network, axes: Axes, kept: Mapping[str, torch.Tensor], evidence: "Evidence"
    ) -> dict[str, torch.Tensor]:
        if evidence._work is None or not kept:
            return {}
        scratch = cut(network, kept, axes=axes, proof=False).eval().to(evidence.device)
        statistics = reestimate(scratch, evidence.calibration(_EXAMPLES, scratch))
        return {name: tensor.cpu() for name, tensor in statistics.items()}

    def apply(self, network: Network, plan: Plan) -> Network:
        """Cut a copy and prove the cut.

        Raises:
            InputError: the plan was made for another network.
            CutError: the result does not compute what it must.

        """
        return write_statistics(cut(network, plan.decisions["kept"]), plan.tensors)

    def check(self, state: frozenset[str]) -> str | None:
        """A pattern of neighbouring weights would not survive a cut."""
        return "a cut would break up the pattern that weights were made sparse in" if "patterned" in state else None


def _multiple(axes: Axes, group: Group, width: int) -> int:
    """What the count of a group must be a multiple of so that the axes it is produced in are multiples of a width.

    Each index of a group of heads stands for a whole head of channels, so that every number of heads may do.
    """
    leaf = axes.leaf(group.name)
    produced = {(carrier.name, carrier.axis) for carrier in group.carriers if carrier.role == "out"}
    strides = [
        math.prod(other.size for other in siblings)
        for name, axis in produced
        for held, _, siblings in occurrences([axes.parameters[name][axis]])
        if held is leaf
    ]
    return width // math.gcd(width, *strides) if strides else 1


def _check_finite(step: Channels, importance: Mapping[str, torch.Tensor]) -> None:
    for name, scores in importance.items():
        bad = int((~scores.isfinite()).sum())
        if bad:
            msg = (
                f"{type(step.importance).__name__} importance is not finite for {bad} of {scores.numel()} indices of group "
                f"{name!r}. Look for values that are not finite in its weights, and in the data: `task.check()`."
            )
            raise RecipeError(msg)


def _reason(step: Channels, axes: Axes, counts: Mapping[str, int], kept: Mapping[str, torch.Tensor]) -> str:
    before, after = axes.macs(), axes.macs(counts)
    inside = sum(axes.group(name).size for name in counts)
    left = sum(counts.values())
    return (
        f"{type(step.importance).__name__} importance, {type(step.allocation).__name__} allocation: {left} of {inside} "
        f"indices stay in {len(counts)} groups ({len(kept)} cut), {after / before:.1%} of the multiply-accumulates."
        if before
        else f"{left} of {inside} indices stay in {len(counts)} groups ({len(kept)} cut)."
    )
