"""Optuna's tree-structured Parzen estimator as a strategy."""

import contextlib
import dataclasses
import hashlib
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from paredown.recipe.move import Between, Options
from paredown.recipe.settings import whole
from paredown.recipe.strategy import Answer, C, History, Proposal, SearchSpace, Strategy, given

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

__all__ = ["TRIES", "ParzenEstimator", "trial_seed"]

TRIES = 12
"""So many known recipes proposed in a row mean that nothing new is found."""


def trial_seed(seed: int, number: int) -> int:
    """The sampler's seed for one ask: a resumed run asks the same way as an uninterrupted one."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:4], "big")


@dataclasses.dataclass(frozen=True)
class ParzenEstimator(Strategy):
    """Draw where good answers are dense and bad ones are not, in all dimensions together, limits as constraints.

    Bergstra, Bardenet, Bengio, Kégl: "Algorithms for hyper-parameter optimization", NIPS 2011; several values and
    constraints as in Ozaki, Tanigaki, Watanabe, Onishi, GECCO 2020, and Optuna's `TPESampler`. The study is made anew from
    the history at every ask. The first proposals are those that the space gives.

    Attributes:
        random: answers before which points are drawn at random.

    """

    random: int = 5

    def __post_init__(self) -> None:
        whole(self, "random", least=0)

    def ask(self, space: SearchSpace[C], history: History[C], seed: int) -> Proposal[C] | None:
        """See `Strategy.ask`."""
        first = given(space, history)
        if first is not None:
            return first
        dimensions = space.dimensions
        if not dimensions:
            return None
        return space.build(self._point(dimensions, history, trial_seed(seed, len(history))))

    def _point(self, dimensions: Mapping[str, Options | Between], history: History[C], seed: int) -> Mapping[str, Any]:
        import optuna  # noqa: PLC0415 (slow to import, and only a search needs it)

        distributions = {name: _distribution(setting) for name, setting in dimensions.items()}
        values = max((len(answer.values) for answer in history), default=1)
        with _quiet():
            sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=self.random, multivariate=True)
            study = optuna.create_study(directions=["minimize"] * max(1, values), sampler=sampler)
            study.add_trials([_trial(answer, distributions) for answer in history if answer.proposal.point])
            return dict(study.ask(distributions).params)


def _trial(answer: Answer[Any], distributions: "Mapping[str, BaseDistribution]") -> "FrozenTrial":
    from optuna.trial import TrialState, create_trial  # noqa: PLC0415

    state = TrialState.PRUNED if answer.repeated else TrialState.FAIL if answer.failed else TrialState.COMPLETE
    told = state is TrialState.COMPLETE
    return create_trial(
        state=state,
        values=list(answer.values) if told else None,
        params=dict(answer.proposal.point),
        distributions=dict(distributions),
        constraints=dict(answer.violations) if told else None,
    )


def _distribution(setting: Options | Between) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution  # noqa: PLC0415

    if isinstance(setting, Options):
        return CategoricalDistribution(range(len(setting.values)))
    return FloatDistribution(setting.least, setting.most)


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
