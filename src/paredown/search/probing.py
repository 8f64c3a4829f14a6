"""How fast and how large a recipe's file will be, found out before any training."""

import dataclasses
from collections.abc import Sequence

from paredown import architecture, codec
from paredown.budget import Budget
from paredown.errors import InputError, LedgerError
from paredown.graph.cost import total
from paredown.run import entries as run
from paredown.run.labels import ORIGINAL
from paredown.run.ledger import Unmade
from paredown.run.results import Shape, TrialResult
from paredown.search import entries
from paredown.search.model import CostModel
from paredown.search.space import Move, Sketch, Space
from paredown.targets import Artifact
from paredown.trial.trials import Trials, layout

__all__ = ["Prober"]

_COSTS = ("latency", "size")
_NEAR = (0.85, 1.0)  # an aim is met when the cost lies between these shares of what was aimed at
_LARGEST = 0.95
_LEAST = (0.06, 0.09, 0.13, 0.18, 0.25, 0.35, 0.5, 0.7)


class Prober:
    """Lowers and times untrained networks, and learns from them what share of multiplications meets the budget.

    Args:
        trials: of this run.
        space: writes sketches out.
        budget: its limits on latency and size are aimed at.
        original: result of the original.

    """

    def __init__(self, trials: Trials, space: Space, budget: Budget, original: TrialResult) -> None:
        self.bench = trials.bench
        self._trials = trials
        self.space = space
        self._original = original
        self._values = {"size": float(original.size.bytes)}
        if original.ms is not None:
            self._values["latency"] = original.ms
        self.bounds = {
            limit.quantity: limit.bound(self._values[limit.quantity], "")
            for limit in budget.limits
            if limit.quantity in _COSTS and limit.quantity in self._values
        }
        self._shapes: dict[str, Shape] = {ORIGINAL: Shape(1.0, quantized=False, values=self._values)}

    @property
    def model(self) -> CostModel:
        """Fitted on everything measured so far."""
        return CostModel(tuple(self._shapes.values()))

    def share(self, sketch: Sketch, aim: float) -> float:
        """The share of multiplications at which a sketch uses the part `aim` of every limit on cost.

        Without such a limit, an aim of 1 keeps 0.9 and an aim of 0.5 keeps 0.2. Blocks go as a whole, so where only
        depth is cut it is the nearest share that there is.
        """
        wanted = self._wanted(sketch, aim)
        if sketch.kind != "depth":
            return wanted
        return min(self._levels(), key=lambda level: (abs(level - wanted), level), default=wanted)

    def _wanted(self, sketch: Sketch, aim: float) -> float:
        if not self.bounds:
            return min(_LARGEST, max(self.least(sketch), 0.2 + 1.4 * (aim - 0.5)))
        found = [
            self.model.share(quantity, aim * bound, quantized=sketch.quantized, kind=sketch.kind)
            for quantity, bound in self.bounds.items()
        ]
        return max(self.least(sketch), min([_LARGEST, *(share for share in found if share is not None)]))

    def least(self, sketch: Sketch) -> float:
        """The smallest share of multiplications that a sketch can reach on this network (layers may not vanish)."""
        if sketch.kind == "depth":
            return min(self._levels(), default=_LARGEST)
        return entries.LEAST_SHARE.once(self.bench.ledger, self._find_least)

    @property
    def skippable(self) -> bool:
        """Whether this network has blocks that can be left out."""
        return bool(self._levels())

    def _levels(self) -> tuple[float, ...]:
        """Empty where no block can be left out: the first shape says so, and the move is banned."""
        network = self.bench.network
        return entries.DEPTHS.once(self.bench.ledger, lambda: architecture.Slim(width=None).levels(network))

    def _find_least(self) -> float:
        for share in _LEAST:
            sketch = Sketch((Move.PRUNE,), macs=share, epochs=())
            try:
                self.space.recipe(sketch)[0].plan(self.bench.network, self.bench.evidence)  # type: ignore[union-attr]
            except InputError:  # not reachable, or nothing can be cut: then the largest one will say so as a trial
                continue
            return share
        return _LEAST[-1]

    def excess(self, shape: Shape) -> dict[str, float]:
        """For each limit on cost by how much a shape misses it, as a share of it; 0 or less where it is met."""
        return {
            quantity: shape.values[quantity] / bound - 1
            for quantity, bound in self.bounds.items()
            if quantity in shape.values
        }

    def attainable(self, slack: float) -> bool:
        """Whether a measured shape meets every limit on cost, or misses none by more than a share `slack`."""
        return any(
            not shape.failure and all(over <= slack for over in self.excess(shape).values())
            for shape in self._shapes.values()
        )

    def expected(self, sketch: Sketch) -> Shape:
        """What the model expects of a sketch that was not measured."""
        values = {
            quantity: self.model.predict(quantity, sketch.macs, quantized=sketch.quantized, kind=sketch.kind)
            for quantity in _COSTS
        }
        known = {quantity: value for quantity, value in values.items() if value is not None}
        return Shape(sketch.macs, sketch.quantized, sketch.kind, known)

    def measure(self, sketches: Sequence[Sketch]) -> list[Shape]:
        """Lower and time the untrained shapes of sketches; those measured before are looked up.

        All that are new are timed in the same rounds of processes.
        """
        made: dict[str, tuple[float, Artifact, str]] = {}
        for sketch in sketches:
            key = self._key(sketch)
            if self._lookup(key) is None and key not in made:
                self._make(sketch, key, made)
        if made:
            timed = self._time(made)
            for key, (macs, artifact, _) in made.items():
                values = {"size": float(artifact.size_bytes), "latency": timed[key]}
                sketch = next(sketch for sketch in sketches if self._key(sketch) == key)
                self._keep(key, Shape(macs, sketch.quantized, sketch.kind, values))
        return [self._shapes[self._key(sketch)] for sketch in sketches]

    def aim(self, sketch: Sketch, aim: float, tries: int) -> Sketch:
        """The sketch with the share of multiplications that meets an aim, measured and corrected up to `tries` times."""
        for _ in range(tries):
            sketch = dataclasses.replace(sketch, macs=self.share(sketch, aim))
            shape = self.measure([sketch])[0]
            used = max((1 + over for over in self.excess(shape).values()), default=aim)
            if shape.failure or _NEAR[0] * aim <= used <= _NEAR[1] or sketch.macs <= self.least(sketch):
                return sketch
        return dataclasses.replace(sketch, macs=self.share(sketch, aim))

    def _make(self, sketch: Sketch, key: str, made: dict[str, tuple[float, Artifact, str]]) -> None:
        self.bench.progress.begin("measuring an untrained shape")
        try:
            network = self.bench.make(self.space.recipe(sketch.shape())).network
            _, artifact = self.bench.lower(network)
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 (kept with its reason, told where the shape is asked for)
            reason = f"{type(error).__name__}: {error}"
            self.bench.ledger.event(Unmade(" → ".join(move.value for move in sketch.order), reason))
            self._keep(key, Shape(1.0, sketch.quantized, failure=reason))
        else:
            made[key] = (total(network).macs / self.bench.macs, artifact, layout(network))

    def _time(self, made: dict[str, tuple[float, Artifact, str]]) -> dict[str, float]:
        """Milliseconds by key; a layout that has been looked at is not looked at again."""
        ledger = self.bench.ledger
        found = {key: run.MILLISECONDS.of(shape).read(ledger) for key, (_, _, shape) in made.items()}
        new = {key: artifact for key, (_, artifact, _) in made.items() if found[key] is None}
        if new:
            original = self.bench.artifact(self._original.file, self._original.lowering)
            looked = self._trials.relative(self.bench.quick(original, new))
            for key in new:
                found[key] = looked[key]
                run.MILLISECONDS.of(made[key][2]).write(ledger, looked[key])
        return {key: value for key, value in found.items() if value is not None}

    def _key(self, sketch: Sketch) -> str:
        return codec.fingerprint(self.space.recipe(sketch.shape()))

    def _lookup(self, key: str) -> Shape | None:
        if key not in self._shapes:
            stored = entries.SHAPE.of(key).read(self.bench.ledger)
            if stored is None:
                return None
            self._shapes[key] = stored
        return self._shapes[key]

    def _keep(self, key: str, shape: Shape) -> None:
        self._shapes[key] = shape
        entries.SHAPE.of(key).write(self.bench.ledger, shape)
