"""Learning rates of a run's trainings: looked for once for each network, and only where looking pays."""

from collections.abc import Sequence

from paredown import codec
from paredown.recipe.optimizers import AdamW, Auto
from paredown.recipe.order import RecipeStep
from paredown.recipe.picks import Picks
from paredown.recipe.randomness import derive, isolated
from paredown.recipe.range_test import curve
from paredown.recipe.train import Train
from paredown.run.account import Purpose
from paredown.run.ledger import Decision
from paredown.search import entries
from paredown.search.plan import Pace, epochs_in
from paredown.search.training import CAREFUL_RATE, FINE_RATE, RATE, Curve, Training
from paredown.trial.bench import Bench
from paredown.trial.threads import training_threads

__all__ = ["Rates"]

_FULL = Auto().steps
_SHARE = 0.1  # of a training may go into the search for its rate
_COARSE = 10  # steps of the test of the original, and the share of the run's time that it may take
_COARSE_SHARE = 0.03
_AFTER_CUT = 8.0  # a cut network bears so many times the rate that suits the original, which is at a minimum
_STRETCH = 1.25
_DIGITS = 3


class Rates:
    """Plans trainings into a given time, the search for a learning rate included.

    Args:
        bench: where networks are made; what a test found is kept in its ledger.
        pace: how long things take.

    """

    def __init__(self, bench: Bench, pace: Pace) -> None:
        self._bench = bench
        self._pace = pace

    def plan(
        self,
        picks: Picks,
        before: Sequence[RecipeStep],
        seconds: float,
        slowness: float = 1.0,
        *,
        rest: bool = False,
    ) -> Training:
        """The training for which there are so many seconds.

        Args:
            picks: what is trained, with which ingredients.
            before: transforms that make the network.
            seconds: for steps, scoring on select, and the range test where one is due.
            slowness: how many times as long as measured a step has turned out to take.
            rest: nothing is trained after it. It is planned a little too long, so that time that steps turn out to save
                is not left over; a training that has to end early runs through its schedule all the same.

        """
        rate, test = self._fixed(picks, self._steps(picks, seconds, slowness)), 0.0
        if self.worth(self._steps(picks, seconds - self.seconds(picks, before), slowness)):
            began = self._bench.clock.used()
            found = self._tested(before)
            test = self._bench.clock.used() - began
            rate = found.rate(self._steps(picks, seconds - test, slowness))
        epochs = self._epochs(picks, (seconds - test) * (_STRETCH if rest else 1.0), slowness)
        taken = seconds - test if rest else self._pace.training(picks, epochs, slowness)
        return Training(epochs, float(f"{rate:.{_DIGITS}g}"), taken, test, rest)

    def look(self) -> None:
        """Test the original coarsely, so that short trainings of networks that bear little are careful.

        Nothing is done where even that would cost more than a part of the run's time; the fixed rates hold then.
        """
        if self._pace.range_test(_COARSE) <= _COARSE_SHARE * self._bench.clock.limit:
            self._tested((), _COARSE)

    def _fixed(self, picks: Picks, steps: int) -> float:
        """The rate of a training that is too short for a range test, scaled from the original's where that is known."""
        found = _kept((), _COARSE).read(self._bench.ledger)
        if found is None:
            return CAREFUL_RATE if picks.kind else FINE_RATE
        own = found.rate(steps)
        return min(RATE, _AFTER_CUT * own) if picks.kind else min(FINE_RATE, own)

    def worth(self, steps: int) -> bool:
        """Whether a training of so many steps is long enough for a range test.

        The test takes as long as 33 steps. In a shorter training these steps are worth more than a rate that fits.
        """
        return self._pace.range_test(_FULL) <= _SHARE * steps * self._pace.step

    def seconds(self, picks: Picks, before: Sequence[RecipeStep]) -> float:
        """What a test of this network would take now: nothing where it was made before."""
        known = _kept(before).read(self._bench.ledger) is not None
        return 0.0 if known else self._pace.range_test(_FULL, picks)

    def _steps(self, picks: Picks, seconds: float, slowness: float) -> int:
        return round(self._epochs(picks, seconds, slowness) * self._pace.steps)

    def _epochs(self, picks: Picks, seconds: float, slowness: float) -> float:
        pace = self._pace
        return epochs_in(max(0.0, seconds - pace.scoring(picks)), pace.epoch(picks, slowness), pace.steps)

    def _tested(self, before: Sequence[RecipeStep], steps: int = _FULL) -> Curve:
        """The range test of a network, made now or before; the transforms are those of the recipe, and kept for it."""
        return _kept(before, steps).once(self._bench.ledger, lambda: self._test(before, steps))

    def _test(self, before: Sequence[RecipeStep], steps: int) -> Curve:
        bench, settings = self._bench, Train(optimizer=AdamW(lr=Auto(steps=steps)), seed=self._bench.seed)
        network = bench.make(before).network
        bench.progress.begin("looking for a learning rate")
        with (
            bench.account.spent(Purpose.RANGE_TESTS),
            training_threads(bench.threads),
            isolated(derive(settings.seed, "rate")),
        ):
            rates, gains, level = curve(settings, network, bench.evidence)
        return Curve(tuple(rates), tuple(gains), level)


def _kept(before: Sequence[RecipeStep], steps: int = _FULL) -> Decision[Curve]:
    return entries.RANGE_TEST.of(codec.fingerprint(tuple(before))[:16], steps)
