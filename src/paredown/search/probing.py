"""How fast and how large a recipe's file will be, found out before any training."""

from collections.abc import Sequence

from paredown import codec
from paredown.budget import Budget
from paredown.errors import LedgerError
from paredown.graph.cost import total
from paredown.recipe.picks import Picks
from paredown.run import entries as run
from paredown.run.labels import ORIGINAL
from paredown.run.ledger import Unmade
from paredown.run.results import Shape, TrialResult
from paredown.search import entries
from paredown.search.model import CostModel
from paredown.search.space import Space
from paredown.targets import Artifact
from paredown.trial.trials import Trials, layout

__all__ = ["Prober"]

_COSTS = ("latency", "size")
_NEAR = (0.85, 1.0)  # an aim is met when the cost lies between these shares of what was aimed at
_LARGEST = 0.95


class Prober:
    """Lowers and times untrained networks, and learns from them what share of multiplications meets the budget.

    Args:
        trials: of this run.
        space: writes candidates out.
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

    def share(self, picks: Picks, aim: float) -> float:
        """The share of the network at which a candidate uses the part `aim` of every limit on cost.

        Without such a limit, an aim of 1 keeps 0.9 and an aim of 0.5 keeps 0.2. Where one move alone has a size, it is
        the nearest that the move has here: whole blocks, for example.
        """
        wanted = self._wanted(picks, aim)
        dials = [dial for pick in picks.cuts if (dial := self.space.dial(pick.move)) is not None]
        return float(dials[0].nearest(wanted)) if len(dials) == 1 else wanted

    def _wanted(self, picks: Picks, aim: float) -> float:
        if not self.bounds:
            return min(_LARGEST, max(self.least(picks), 0.2 + 1.4 * (aim - 0.5)))
        found = [
            self.model.share(quantity, aim * bound, quantized=picks.quantized, kind=picks.kind)
            for quantity, bound in self.bounds.items()
        ]
        return max(self.least(picks), min([_LARGEST, *(share for share in found if share is not None)]))

    def least(self, picks: Picks) -> float:
        """The smallest share of the network that a candidate can leave (layers may not vanish)."""
        return self.space.least(picks)

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

    def expected(self, picks: Picks) -> Shape:
        """What the model expects of a candidate that was not measured."""
        values = {
            quantity: self.model.predict(quantity, picks.size, quantized=picks.quantized, kind=picks.kind)
            for quantity in _COSTS
        }
        known = {quantity: value for quantity, value in values.items() if value is not None}
        return Shape(picks.size, picks.quantized, picks.kind, known)

    def measure(self, candidates: Sequence[Picks]) -> list[Shape]:
        """Lower and time the untrained shapes of candidates; those measured before are looked up.

        All that are new are timed in the same rounds of processes.
        """
        made: dict[str, tuple[float, Artifact, str]] = {}
        for picks in candidates:
            key = self._key(picks)
            if self._lookup(key) is None and key not in made:
                self._make(picks, key, made)
        if made:
            timed = self._time(made)
            for key, (macs, artifact, _) in made.items():
                values = {"size": float(artifact.size_bytes), "latency": timed[key]}
                picks = next(picks for picks in candidates if self._key(picks) == key)
                self._keep(key, Shape(macs, picks.quantized, picks.kind, values))
        return [self._shapes[self._key(picks)] for picks in candidates]

    def aim(self, picks: Picks, aim: float, tries: int) -> Picks:
        """The candidate with the share of multiplications that meets an aim, measured and corrected up to `tries` times."""
        for _ in range(tries):
            picks = picks.sized(self.share(picks, aim))
            shape = self.measure([picks])[0]
            used = max((1 + over for over in self.excess(shape).values()), default=aim)
            if shape.failure or _NEAR[0] * aim <= used <= _NEAR[1] or picks.size <= self.least(picks):
                return picks
        return picks.sized(self.share(picks, aim))

    def _make(self, picks: Picks, key: str, made: dict[str, tuple[float, Artifact, str]]) -> None:
        self.bench.progress.begin("measuring an untrained shape")
        try:
            network = self.bench.make(self.space.recipe(picks.shape())).network
            _, artifact = self.bench.lower(network)
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 (kept with its reason, told where the shape is asked for)
            reason = f"{type(error).__name__}: {error}"
            self.bench.ledger.event(Unmade(" → ".join(move.name for move in picks.moves), reason))
            self._keep(key, Shape(1.0, picks.quantized, failure=reason))
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

    def _key(self, picks: Picks) -> str:
        return codec.fingerprint(self.space.recipe(picks.shape()))

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
