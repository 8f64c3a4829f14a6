"""Mixtures of 8-bit and float layers, and what each loses and takes."""

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from paredown.graph.network import Network, module_path
from paredown.quantize.int8 import Int8
from paredown.quantize.observed import Observed
from paredown.recipe.plan import Plan

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["LayerTrial", "Mixture", "Trials"]

_NOTICED = 0.005  # a gain of time below this share of the whole is taken for noise


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Some layers in float, all others in 8 bits.

    Attributes:
        in_float: names of the layers that were chosen to stay in float.
        plan: of `Int8`.
        network: the rounded network.

    """

    in_float: frozenset[str]
    plan: Plan = dataclasses.field(compare=False)
    network: Network = dataclasses.field(compare=False)


@dataclasses.dataclass(frozen=True)
class LayerTrial:
    """What is known about one layer from leaving it alone in float.

    Attributes:
        name: the user's module path, or the name of the node.
        nodes: names of the nodes that compute it.
        regained: loss that the network in 8 bits regains with this layer in float; negative where it loses more.
        slower: milliseconds that the network takes longer then; negative where the layer is faster in float.

    """

    name: str
    nodes: tuple[str, ...]
    regained: float
    slower: float


class Trials:
    """Plans, scores and times mixtures, none of them twice.

    Attributes:
        layers: the trial of every layer that can have 8 bits, in the order of the graph.
        score, milliseconds: of the float network.
        unit: of the score.
        complete: False where the deadline came before every layer was tried.

    """

    def __init__(self, network: Network, step: Int8, evidence: "Evidence", examples: int | None) -> None:
        self._network, self._step, self._evidence, self._examples = network, step, evidence, examples
        self._observed = Observed([step.activations])
        self._known: dict[frozenset[str], Mixture] = {}
        self._times: dict[frozenset[str], float] = {}
        self._losses: dict[frozenset[str], float] = {}
        self._drops: dict[frozenset[str], float] = {}
        score = evidence.objective.score
        self.unit = score.unit
        self._sign = 1.0 if score.higher_is_better else -1.0
        self.all = self._make(frozenset(), ())
        self._nodes = _layers(self.all)
        self.score = evidence.score(network)
        alone = self._alone()
        self.complete = len(alone) == len(self._nodes)
        mixtures = [self.all, *alone.values()]
        self.milliseconds, *times = self._timed([network, *(mixture.network for mixture in mixtures)])
        self._times |= {mixture.in_float: time for mixture, time in zip(mixtures, times, strict=True)}
        self.layers = tuple(
            LayerTrial(
                name,
                self._nodes[name],
                self.loss(self.all) - self.loss(mixture),
                self._times[mixture.in_float] - self._times[self.all.in_float],
            )
            for name, mixture in alone.items()
        )

    def _alone(self) -> dict[str, Mixture]:
        """Every layer alone in float, as far as time allows; not where it is the only one in 8 bits."""
        found: dict[str, Mixture] = {}
        for done, name in enumerate(self._nodes):
            if found and self._evidence.over():
                break
            self._evidence.progress.update(f"{name} in float", done, len(self._nodes))
            if len(self._nodes) > 1:
                found[name] = self._make(frozenset({name}), self._nodes[name])
                self.loss(found[name])
        return found

    def fastest(self) -> Mixture:
        """The fastest of the mixtures that leave the layers with the greatest gains of time in float."""
        noise = _NOTICED * self._times[self.all.in_float]
        gains = sorted((layer for layer in self.layers if layer.slower < -noise), key=lambda layer: layer.slower)
        options = [self.mixture(self.all, gains[:count]) for count in range(len(gains) + 1)]
        made = [option for option in options if option is not None]
        if len(made) == 1:
            return self.all
        times = self._timed([mixture.network for mixture in made])
        self._times |= {mixture.in_float: time for mixture, time in zip(made, times, strict=True)}
        return min(made, key=lambda mixture: self._times[mixture.in_float])

    def mixture(self, base: Mixture, further: Sequence[LayerTrial]) -> Mixture | None:
        """A mixture with further layers in float; None where nothing would be left in 8 bits."""
        names = base.in_float | {layer.name for layer in further}
        if len(names) == len(self._nodes):
            return None
        return self._make(names, [node for name in self._nodes if name in names for node in self._nodes[name]])

    def _make(self, names: frozenset[str], nodes: Sequence[str]) -> Mixture:
        if names not in self._known:
            step = dataclasses.replace(self._step, skip=(*self._step.skip, *nodes))
            plan = step.planned(self._network, self._evidence, self._observed)
            self._known[names] = Mixture(names, plan, step.apply(self._network, plan))
        return self._known[names]

    def loss(self, mixture: Mixture) -> float:
        """Task loss on select."""
        if mixture.in_float not in self._losses:
            self._losses[mixture.in_float] = self._evidence.loss(mixture.network, self._examples)
        return self._losses[mixture.in_float]

    def drop(self, mixture: Mixture) -> float:
        """How much of the score on select is lost; positive is worse."""
        if mixture.in_float not in self._drops:
            self._drops[mixture.in_float] = self._sign * (self.score - self._evidence.score(mixture.network))
        return self._drops[mixture.in_float]

    def time(self, mixture: Mixture) -> float:
        """Milliseconds on the target, brought to those of the first timing by timing the float network beside it."""
        if mixture.in_float not in self._times:
            whole, now = self._timed([self._network, mixture.network])
            self._times[mixture.in_float] = now * self.milliseconds / whole
        return self._times[mixture.in_float]

    def _timed(self, networks: Sequence[Network]) -> tuple[float, ...]:
        example = [tensor[:1] for tensor in self._network.example]
        return self._evidence.milliseconds(networks, [example] * len(networks))

    def closest(self) -> Mixture:
        """The mixture that was tried and loses least of the score."""
        return min(self._known.values(), key=self.drop)

    def numbers(self, mixture: Mixture) -> dict[str, Any]:
        """Milliseconds, loss and drop."""
        return {
            "milliseconds": self.time(mixture),
            "loss": _finite(self.loss(mixture)),
            "drop": _finite(self.drop(mixture)),
        }

    def table(self, chosen: Mixture) -> dict[str, Any]:
        """All that was measured, as data: the whole networks, and per layer what leaving it alone in float changes."""
        return {
            "skip": [node for name in self._nodes if name in chosen.in_float for node in self._nodes[name]],
            "float": {"milliseconds": self.milliseconds, "score": _finite(self.score)},
            "8 bits": self.numbers(self.all),
            "chosen": self.numbers(chosen),
            "layers": [
                {
                    "layer": layer.name,
                    "in": "float" if layer.name in chosen.in_float else "8 bits",
                    "loss regained in float": _finite(layer.regained),
                    "milliseconds longer in float": layer.slower,
                }
                for layer in self.layers
            ],
        }

    def sentence(self, chosen: Mixture) -> str:
        """For people: what stays in float, and what that changes."""
        named = [layer for layer in self.layers if layer.name in chosen.in_float]
        listed = ", ".join(
            f"{layer.name} ({1000 * layer.slower:+.0f} us, loss {-layer.regained:+.2g})"
            for layer in sorted(named, key=lambda layer: layer.slower)
        )
        unit = " points" if self.unit == "%" else f" {self.unit}".rstrip()
        return (
            f"Of {len(self._nodes)} layers {len(named)} stay in float{': ' + listed if listed else ''}. The float network takes "
            f"{self.milliseconds:.3g} ms, all in 8 bits {self.time(self.all):.3g} ms with a drop of "
            f"{self.drop(self.all):.2g}{unit}, this mixture {self.time(chosen):.3g} ms with {self.drop(chosen):.2g}{unit}."
        )


def _layers(whole: Mixture) -> dict[str, tuple[str, ...]]:
    """Nodes of every layer with a rounded weight, by the user's path where it is one layer's alone."""
    paths = {node.name: module_path(node) for node in whole.network.nodes()}
    found: dict[str, tuple[str, ...]] = {}
    for entry in whole.plan.decisions["weights"]:
        nodes = tuple(entry["users"])
        path = paths.get(nodes[0], "")
        found[path if path and path not in found else nodes[0]] = nodes
    return found


def _finite(number: float) -> float | None:
    """JSON has no infinity."""
    return number if math.isfinite(number) else None
