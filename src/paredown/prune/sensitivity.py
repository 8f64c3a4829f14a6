"""How much each group may lose, found by cutting it alone."""

import dataclasses
import math

from paredown.graph.axes import Group
from paredown.graph.cut import cut
from paredown.graph.network import Network
from paredown.graph.statistics import reestimate, write_statistics
from paredown.prune.allocation import STAYS, Ranking, Sharing, unreachable
from paredown.prune.importance import best
from paredown.recipe.knapsack import knapsack
from paredown.recipe.settings import part, whole

__all__ = ["Sensitivity"]


@dataclasses.dataclass(frozen=True)
class Sensitivity(Sharing):
    """A knapsack over groups: least loss for the goal, by the loss of the network with one group cut.

    Each group is cut alone to a few widths, statistics of batch norms are re-estimated, and the mean loss on some of the
    select split is taken. The rise of the loss, made to fall with the width where noise says otherwise, is what the width
    costs; rises are taken to add up. Widths at which the loss is not finite are left out.

    The curves of Li, Kadav, Durdanovic, Samet, Graf: "Pruning filters for efficient ConvNets", ICLR 2017,
    arXiv:1608.08710 (section 3.2), with the statistics of arXiv:2007.02491; there a person reads the shares off them.

    Attributes:
        levels: so many widths of each group are tried, evenly from `least` to all of it.
        least: the smallest share of a group that is tried.
        examples: so many of the select split, and so many of the calibration split for the statistics.

    """

    levels: int = 5
    least: float = 0.2
    examples: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        part(self, "least", what=STAYS)
        whole(self, "levels", least=2, what="how many widths there are to try, 2 or more")
        whole(self, "examples")

    def counts(self, ranking: Ranking) -> dict[str, int]:
        """See `Allocation.counts`.

        Raises:
            RecipeError: the goal cannot be reached, or the evidence has no data.

        """
        trial = _Trial(ranking, self.examples)
        curves = {group.name: trial.curve(group, self._widths(ranking, group)) for group in ranking.groups}
        widths = [list(curve) for curve in curves.values()]

        def chosen(choice: tuple[int, ...]) -> dict[str, int]:
            return {name: widths[item][choice[item]] for item, name in enumerate(curves)}

        def cost(choice: tuple[int, ...]) -> float:
            return sum(chosen(choice).values()) if self.macs is None else ranking.axes.macs(chosen(choice))

        least, whole = cost((0,) * len(widths)), cost(tuple(len(levels) - 1 for levels in widths))
        # A share of the indices is met as nearly as the widths allow; one of the multiply-accumulates is a promise.
        goal = max(least, ranking.keep * whole) if self.macs is None else self.macs * ranking.axes.macs()
        choice = knapsack([list(curve.values()) for curve in curves.values()], cost, goal)
        if choice is None:
            raise unreachable(self, least / ranking.axes.macs())
        return chosen(choice)

    def _widths(self, ranking: Ranking, group: Group) -> list[int]:
        parts = [self.least + (1.0 - self.least) * level / (self.levels - 1) for level in range(self.levels)]
        return sorted({ranking.rounded({group.name: part * group.size})[group.name] for part in parts} | {group.size})


class _Trial:
    """Takes the loss of a network with one group cut."""

    def __init__(self, ranking: Ranking, examples: int) -> None:
        self.some = ranking.evidence.sampled(examples)
        self.batches = list(ranking.evidence.calibration(examples, ranking.network))
        self.ranking = ranking
        self.whole = self.some.loss(ranking.network)

    def curve(self, group: Group, widths: list[int]) -> dict[int, float]:
        """What each of some ascending widths loses; the last is the whole group and loses nothing."""
        lost, most = {group.size: 0.0}, 0.0
        for width in reversed(widths[:-1]):
            rise = self.some.loss(self._cut(group, width)) - self.whole
            if math.isfinite(rise):
                most = max(most, rise)
                lost[width] = most
        return dict(reversed(lost.items()))

    def _cut(self, group: Group, width: int) -> Network:
        kept = {group.name: best(self.ranking.importance[group.name], width)}
        small = cut(self.ranking.network, kept, axes=self.ranking.axes, proof=False, shapes=False)
        small = small.eval().to(self.some.device)
        return write_statistics(small, reestimate(small, self.batches))
