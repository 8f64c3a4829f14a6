"""Rounding up or down, learned: what AdaRound and its block form share."""

import abc
import dataclasses
import math
from typing import TYPE_CHECKING, Any

import torch

from paredown.graph.network import Network
from paredown.quantize.refinement import Refined, Refinement
from paredown.quantize.segment import Layer, Problem, Segment, batches, march
from paredown.recipe.randomness import derive
from paredown.recipe.settings import above_zero, require, whole

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Reconstruction"]

_LOW, _HIGH = -0.1, 1.1  # gamma and zeta, the ends of the stretched sigmoid
_WARM = 0.2
_STEEP, _FLAT = 20.0, 2.0


@dataclasses.dataclass(frozen=True)
class Reconstruction(Refinement):
    """Base of the algorithms that learn, segment by segment, which weights are rounded up.

    Every weight becomes ``s (clip(floor(W / s) + h(V) + z, n, p) - z)`` with ``h(V) = clip(1.2 sigmoid(V) - 0.1, 0, 1)``;
    Adam makes the squared distance of what the segment computes (on the inputs it has in the rounded network) to what it
    computes in float small, plus ``penalty * sum(1 - |2 h(V) - 1|^beta)``, where beta falls from 20 to 2 after the first
    fifth of the iterations and drives every h to 0 or 1. A segment whose weights do not come out better than rounded to
    nearest keeps those, as do the segments that a deadline leaves no time for. A weight that is 0 stays 0.

    Attributes:
        iterations: of Adam, for each segment.
        examples: of the calibration split. Their values at one place of the network are held in memory.
        batch_size: examples per iteration.
        rate: of learning (of Adam).
        penalty: weight of the term that ends in 0 or 1.
        drop: share of the rounded activations that count as they were before rounding while learning, drawn anew in
            every iteration; 0.5 in Wei, Gong, Li, Liu, Yu: "QDrop: randomly dropping quantization for extremely low-bit
            post-training quantization", ICLR 2022, arXiv:2203.05740.

    """

    iterations: int = 1000
    examples: int = 512
    batch_size: int = 32
    rate: float = 3e-2
    penalty: float = 1e-2
    drop: float = 0.0

    def __post_init__(self) -> None:
        whole(self, "iterations", "examples", "batch_size")
        above_zero(self, "rate", "penalty")
        require(lambda drop: 0.0 <= drop <= 1.0, self, "drop", "a share from 0 to 1")

    @abc.abstractmethod
    def segments(self, original: Network, rounded: Network) -> tuple[Segment, ...]:
        """What is learned together, in order of execution."""

    def refine(self, original: Network, rounded: Network, evidence: "Evidence") -> Refined:
        """Learn the weights of one segment after the other, each on what the ones before it left."""
        rounded.requires_grad_(requires_grad=False)
        given = batches(evidence, rounded, self.examples, self.batch_size)
        segments = self.segments(original, rounded)
        values: dict[str, torch.Tensor] = {}
        ratios: list[float] = []
        for problem in march(original, rounded, segments, given):
            if evidence.over():
                break
            evidence.progress.update(f"{type(self).__name__}, {problem.segment.end}", len(ratios), len(segments))
            seed = derive(evidence.seed, type(self).__name__, problem.segment.end)
            before, after = self._solve(problem, torch.Generator().manual_seed(seed))
            ratios.append(math.log(max(after, 1e-30) / max(before, 1e-30)))
            values |= {layer.name: layer.weight.clone() for layer in problem.segment.layers}
        share = math.exp(sum(ratios) / len(ratios)) if ratios else 1.0
        return Refined(
            values,
            f"{type(self).__name__} brought the error of {len(ratios)} segments with {len(values)} weights to "
            f"{share:.0%} of that of rounding to nearest (geometric mean).",
            complete=len(ratios) == len(segments),
        )

    def _solve(self, problem: Problem, generator: torch.Generator) -> tuple[float, float]:
        """Write the better weights into the network; gives the mean squared error of nearest rounding, and theirs."""
        soft = [_Soft(layer) for layer in problem.segment.layers]
        before = _error(problem)
        self._learn(problem, soft, generator)
        nearest = [weight.nearest for weight in soft]
        for weight in soft:
            weight.layer.write(weight.value(hard=True))
        after = _error(problem)
        if after < before:
            return before, after
        for weight, old in zip(soft, nearest, strict=True):
            weight.layer.write(old)
        return before, before

    def _learn(self, problem: Problem, soft: "list[_Soft]", generator: torch.Generator) -> None:
        variables = [weight.logits for weight in soft]
        optimizer = torch.optim.Adam(variables, self.rate)
        count, channels = len(problem.targets), soft[-1].layer.channels
        mix = _Mix(self.drop, generator) if self.drop else None
        with torch.enable_grad():
            for step in range(self.iterations):
                index = int(torch.randint(count, (), generator=generator))
                values = problem.inputs[index]
                if mix:
                    values = {node: mix(value, problem.originals[index][node]) for node, value in values.items()}
                weights = {weight.layer.rounding.node: weight.value() for weight in soft}
                got = problem.segment.run(values, weights, mix)
                loss = (got - problem.targets[index]).square().sum(channels).mean()
                done = (step / self.iterations - _WARM) / (1.0 - _WARM)
                if done > 0.0:
                    beta = _FLAT + (_STEEP - _FLAT) * 0.5 * (1.0 + math.cos(math.pi * done))
                    loss = loss + self.penalty * torch.stack([weight.undecided(beta) for weight in soft]).sum()
                for variable, gradient in zip(variables, torch.autograd.grad(loss, variables), strict=True):
                    variable.grad = gradient
                optimizer.step()


class _Soft:
    """A weight between its two neighbours on the grid."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.nearest = layer.nearest()
        ratio = layer.weight / layer.grid()[0]
        self._floor = ratio.floor()
        self._free = (ratio != 0.0).to(ratio.dtype)
        rest = ratio - self._floor
        self.logits = -torch.log((_HIGH - _LOW) / (rest - _LOW) - 1.0)
        self.logits.requires_grad_()

    def _up(self) -> torch.Tensor:
        return (self.logits.sigmoid() * (_HIGH - _LOW) + _LOW).clamp(0.0, 1.0) * self._free

    def value(self, *, hard: bool = False) -> torch.Tensor:
        up = (self.logits.detach() >= 0.0) * self._free if hard else self._up()
        return self.layer.on_grid(self._floor + up)

    def undecided(self, beta: float) -> torch.Tensor:
        return (1.0 - (2.0 * self._up() - 1.0).abs() ** beta).sum()


class _Mix:
    """Leaves a share of the rounded values as they were before."""

    def __init__(self, share: float, generator: torch.Generator) -> None:
        self._share, self._generator = share, generator

    def __call__(self, rounded: Any, before: Any) -> Any:
        if not isinstance(rounded, torch.Tensor) or not rounded.is_floating_point():
            return rounded
        kept = torch.rand(rounded.shape, generator=self._generator) < self._share
        return torch.where(kept.to(rounded.device), before, rounded)


@torch.no_grad()
def _error(problem: Problem) -> float:
    """Mean squared distance to the float network, with the weights as they are."""
    total = count = 0.0
    for inputs, target in zip(problem.inputs, problem.targets, strict=True):
        total += float((problem.segment.run(inputs) - target).square().sum())
        count += target.numel()
    return total / count
