"""What to try next: Optuna's tree-structured Parzen estimator over order, size and ingredients."""

import contextlib
import dataclasses
import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from paredown import prune
from paredown.recipe.ingredient import Ingredient
from paredown.search.space import Move, Order, Sketch, Space

__all__ = ["Proposal", "Proposer", "trial_seed"]

_TRIES = 12
_AIMS = (0.50, 1.0)


@dataclasses.dataclass(frozen=True)
class Proposal:
    """A sketch, and the number under which its outcome is told."""

    number: int
    sketch: Sketch


def trial_seed(seed: int, number: int) -> int:
    """The sampler's seed for one trial: a resumed run asks the same way as an uninterrupted one."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:4], "big")


class Proposer:
    """Ask and tell over an in-memory study that is rebuilt from the ledger by telling again.

    Two objectives, both to be small: the drop in quality, and the cost that the budget minimises. The limits of the
    budget are constraints. The first proposals are given: the most promising orders at the size that just meets the
    budget.

    Args:
        space: what may be proposed.
        share: for a sketch and an aim (part of the budget to be used, 1 all of it) the share of multiplications that
            meets it; 0 where none does.
        seed: of the run.

    """

    def __init__(self, space: Space, share: Callable[[Sketch, float], float], seed: int) -> None:
        import optuna  # noqa: PLC0415 (slow to import, and only a search needs it)

        self._space = space
        self._share = share
        self._seed = seed
        self._orders = space.orders()
        self._usings = _usings(space)
        self._asked: dict[int, Any] = {}
        self._seen: set[Sketch] = set()
        with _quiet():
            self._study = optuna.create_study(directions=["minimize", "minimize"])
        for params in self._given():
            self._study.enqueue_trial(params)

    def _given(self) -> list[dict[str, Any]]:
        """Parameters of the first proposals."""
        cutting = [index for index, order in enumerate(self._orders) if any(move.cuts for move in order)]

        def at(index: int, aim: float, **other: int) -> dict[str, Any]:
            return {"order": index, "aim": aim, "importance": 0, "using": 0, **other}

        # Blocks go as a whole: between the last network that fits and the first that does not lies the best one.
        deep = [index for index in cutting if self._orders[index] == (Move.SHALLOW, Move.TRAIN, Move.INT8)]
        aware = [at(index, 0.93) for index, order in enumerate(self._orders) if order[0] is Move.INT8]
        taught = self._usings.index(self._space.teacher())
        # Channels by their norm, trained plainly and then taught, were better after short trainings than by Taylor.
        first = [at(index, 0.93, using=using) for index in cutting[:1] for using in (0, taught)]
        taylor = [at(index, 0.93, importance=1, using=taught) for index in cutting[:1]]
        rest = [at(index, 0.93, using=taught) for index in cutting[1:3] if index not in deep]
        both = [at(index, aim, using=taught) for aim in (0.93, 1.0, 0.8) for index in deep]
        smaller = [at(index, 0.72, using=taught) for index in cutting[:1]]
        return first + both[:2] + taylor + smaller + aware + both[2:] + rest

    def ask(self) -> Proposal | None:
        """The next recipe that was not asked for before; None where nothing new is found."""
        import optuna  # noqa: PLC0415

        if not self._orders:
            return None
        for _ in range(_TRIES):
            number = len(self._study.trials)
            with _quiet():
                self._study.sampler = optuna.samplers.TPESampler(
                    seed=trial_seed(self._seed, number), n_startup_trials=5, multivariate=True
                )
                trial = self._study.ask()
                sketch = self._sketch(trial)
                if sketch not in self._seen:
                    self._seen.add(sketch)
                    self._asked[trial.number] = trial
                    return Proposal(trial.number, sketch)
                self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        return None

    def _sketch(self, trial: Any) -> Sketch:
        order: Order = self._orders[trial.suggest_categorical("order", list(range(len(self._orders))))]
        aim = trial.suggest_float("aim", *_AIMS)
        importance = (prune.L2(), prune.Taylor())[trial.suggest_categorical("importance", [0, 1])]
        using = self._usings[trial.suggest_categorical("using", list(range(len(self._usings))))]
        sketch = Sketch(order, importance=importance if Move.PRUNE in order else None, using=using)
        return dataclasses.replace(sketch, macs=self._share(sketch, aim))

    def tell(self, number: int, drop: float, cost: float, violations: Mapping[str, float]) -> None:
        """Report an outcome.

        Args:
            number: of the proposal.
            drop: loss of quality, positive is worse.
            cost: of the quantity that the budget minimises.
            violations: for each limit by how much it is missed; 0 or less where it is met.

        """
        trial = self._asked.pop(number)
        with _quiet():
            for name, value in violations.items():
                trial.set_constraint(name, float(value))
            self._study.tell(trial, [float(drop), float(cost)])

    def fail(self, number: int) -> None:
        """Report that there is no outcome."""
        import optuna  # noqa: PLC0415

        with _quiet():
            self._study.tell(self._asked.pop(number), state=optuna.trial.TrialState.FAIL)


def _usings(space: Space) -> Sequence[tuple[Ingredient, ...]]:
    """Ingredients to choose among: none, a teacher, both families together, regularization."""
    teacher, tricks = space.teacher(), space.tricks()
    return tuple(dict.fromkeys([(), teacher, teacher + tricks[-1:], tricks]))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna's log lines and its notes on experimental features out of a library user's terminal."""
    import optuna  # noqa: PLC0415

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)
