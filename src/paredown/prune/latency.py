"""How many indices each group keeps, decided by what they cost on the target's runtime."""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import torch

from paredown.errors import RecipeError
from paredown.graph.axes.kernels import Kernel, Layer, layers
from paredown.graph.cut import cut
from paredown.graph.network import Network
from paredown.prune.allocation import STAYS, Allocation, Ranking
from paredown.prune.importance import best
from paredown.recipe.knapsack import knapsack
from paredown.recipe.settings import part, whole

__all__ = ["Latency"]

_TABLE = 2  # groups that a layer's times are tabulated over; where it depends on more, all of them move together
_CLOSE = 0.02
_CORRECTIONS = 6
_CALL = Kernel(torch.ops.aten.linear.default, (1, 1), (1, 1), bias=False)  # computes nothing to speak of


@dataclasses.dataclass(frozen=True)
class Latency(Allocation):
    """A knapsack over groups: least importance lost for a share of the measured latency.

    Each convolution and linear layer is timed on the target at a few widths of the groups it reads and gives, for time
    is no function of multiply-accumulates: kernels compute in blocks, so that 9 channels may cost what 16 cost. Starting
    from the whole network, the step with the largest ratio of time saved to importance lost is taken until the sum
    fits (a step may go down several widths at once: one width less often saves nothing); then whatever fits again is
    put back. At last the cut network itself is timed against the whole one, and the goal is corrected by what the sum
    had got wrong. Shen et al., "Structural pruning via latency-saliency knapsack" (HALP), NeurIPS 2022,
    arXiv:2210.06659; tables of measured layers as in Yang et al., "NetAdapt", ECCV 2018, arXiv:1804.03230.

    The importance of different groups is added up, so take a criterion that can be compared across layers, such as
    `Taylor`. Times differ a little from one run to the next, and so may the plan: what counts is in it.

    Attributes:
        share: of the whole network's latency that may remain.
        levels: widths of each group that are tried, evenly spread over the multiples that the target's kernels want.
        least: the share of its indices that every group keeps at least.

    Raises:
        RecipeError: a share is outside 0 … 1, or there are fewer than two levels.

    """

    share: float = 0.5
    levels: int = 6
    least: float = 0.1

    def __post_init__(self) -> None:
        part(self, "share", "least", what=STAYS)
        whole(self, "levels", least=2, what="how many widths there are to choose from, 2 or more")

    @property
    def goal(self) -> float:
        """See `Allocation.goal`."""
        return self.share

    def toward(self, goal: float) -> "Latency":
        """See `Allocation.toward`."""
        return dataclasses.replace(self, share=goal)

    def counts(self, ranking: Ranking) -> dict[str, int]:
        """See `Allocation.counts`.

        Raises:
            RecipeError: the evidence has no stopwatch, or even the narrowest widths take longer.

        """
        widths = {group.name: self._widths(ranking, group.name) for group in ranking.groups}
        times = _Times(ranking, widths)
        lost = [_lost(ranking, name, widths[name]) for name in widths]
        narrowest = (0,) * len(widths)
        low, high = times.share(narrowest), 1.0
        goal, found = min(1.0, max(low, self.share)), None
        for _ in range(_CORRECTIONS):
            choice = knapsack(lost, times.share, goal) or narrowest
            actual = times.measured(choice)
            if actual <= self.share * (1 + _CLOSE):
                found, low = choice, goal
                if actual >= self.share * (1 - _CLOSE):
                    break
            else:
                high = goal
            goal *= self.share / actual
            if not low < goal < high:
                goal = (low + high) / 2
        if found is None:
            least = times.measured(narrowest)
            if least > self.share * (1 + _CLOSE):
                raise _unreachable(self, least)
            found = narrowest
        return times.counts(found)

    def _widths(self, ranking: Ranking, name: str) -> tuple[int, ...]:
        """Numbers of indices to choose from, ascending, all of them last."""
        size, multiple = ranking.axes.group(name).size, ranking.multiple[name]
        first = max(1, math.ceil(self.least * size / multiple))
        possible = list(range(first * multiple, size, multiple))
        wanted = min(len(possible), self.levels - 1)
        spread = [possible[round(place * (len(possible) - 1) / max(1, wanted - 1))] for place in range(wanted)]
        return (*dict.fromkeys(spread), size)


def _lost(ranking: Ranking, name: str, widths: Sequence[int]) -> list[float]:
    """Importance of the indices that go, for every width."""
    falling = ranking.ranked()[name].double()
    outer = ranking.axes.group(name).outer or 1
    return [float(falling[width:].sum()) * outer for width in widths]


class _Times:
    """Measured times of layers, put together to the latency of a network that is cut to some widths."""

    def __init__(self, ranking: Ranking, widths: Mapping[str, Sequence[int]]) -> None:
        self._ranking = ranking
        self._widths = widths
        self._names = list(widths)
        self._layers = [(layer, self._depends(layer)) for layer in layers(ranking.network, ranking.axes)]
        self._tables: list[dict[tuple[int, ...], Kernel]] = [
            {levels: layer.kernel(ranking.axes, self._kept(names, levels)) for levels in self._levels(names)}
            for layer, names in self._layers
        ]
        kernels = list(dict.fromkeys(kernel for table in self._tables for kernel in table.values()))
        self._took = self._kernels(kernels)
        self._whole = self._sum(self._top())
        self._rest = max(0.0, self._milliseconds([ranking.network])[0] - self._whole)
        self._known: dict[tuple[int, ...], float] = {}

    def _kernels(self, kernels: Sequence[Kernel]) -> dict[Kernel, float]:
        """Milliseconds of each beyond what calling the runtime costs."""
        timed = (_CALL, *kernels)
        call, *took = self._ranking.evidence.milliseconds(
            [kernel.network() for kernel in timed], [[kernel.example()] for kernel in timed]
        )
        return {kernel: max(0.0, one - call) for kernel, one in zip(kernels, took, strict=True)}

    def _top(self) -> tuple[int, ...]:
        return tuple(len(self._widths[name]) - 1 for name in self._names)

    def _depends(self, layer: Layer) -> tuple[str, ...]:
        """Groups that a layer's sizes follow."""
        axes = self._ranking.axes
        whole = layer.kernel(axes, {})
        return tuple(name for name, widths in self._widths.items() if layer.kernel(axes, {name: widths[0]}) != whole)

    def _levels(self, names: Sequence[str]) -> Iterable[tuple[int, ...]]:
        counts = [len(self._widths[name]) for name in names]
        if len(names) <= _TABLE:
            return itertools.product(*map(range, counts))
        most = max(counts)
        return [tuple(round(step * (count - 1) / max(1, most - 1)) for count in counts) for step in range(most)]

    def _kept(self, names: Sequence[str], levels: Sequence[int]) -> dict[str, int]:
        return {name: self._widths[name][level] for name, level in zip(names, levels, strict=True)}

    def _sum(self, choice: tuple[int, ...]) -> float:
        level = dict(zip(self._names, choice, strict=True))
        total = 0.0
        for (_, names), table in zip(self._layers, self._tables, strict=True):
            place = tuple(level[name] for name in names)
            total += self._took[table[place if place in table else _nearest(table, place)]]
        return total

    def share(self, choice: tuple[int, ...]) -> float:
        """Expected share of the whole network's latency."""
        if choice not in self._known:
            self._known[choice] = (self._rest + self._sum(choice)) / (self._rest + self._whole)
        return self._known[choice]

    def counts(self, choice: tuple[int, ...]) -> dict[str, int]:
        """Indices that stay in each group."""
        return self._kept(self._names, choice)

    def measured(self, choice: tuple[int, ...]) -> float:
        """Share of the whole network's latency that the cut network really takes."""
        ranking = self._ranking
        kept = {
            name: best(ranking.importance[name], count)
            for name, count in self.counts(choice).items()
            if count < ranking.axes.group(name).size
        }
        small = cut(ranking.network, kept, axes=ranking.axes, proof=False)
        whole, now = self._milliseconds([ranking.network, small])
        return now / whole

    def _milliseconds(self, networks: Sequence[Network]) -> tuple[float, ...]:
        example = [tensor[:1] for tensor in self._ranking.network.example]
        return self._ranking.evidence.milliseconds(networks, [example] * len(networks))


def _nearest(table: Mapping[tuple[int, ...], Kernel], place: tuple[int, ...]) -> tuple[int, ...]:
    """Where only a line is tabulated: the point on it that is as far up on the whole."""
    return min(table, key=lambda known: (abs(sum(known) - sum(place)), known))


def _unreachable(allocation: Latency, least: float) -> RecipeError:
    return RecipeError(
        f"Latency(share={allocation.share}) cannot be reached: with as little as every group may keep, the network takes "
        f"{least:.3f} of its time. Ask for share={min(1.0, least + 0.01):.2f} or more, let more groups be cut, or leave "
        "out whole blocks first: architecture.Slim(width=None)."
    )
