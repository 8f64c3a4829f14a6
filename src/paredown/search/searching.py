"""Arms first, then combinations: proposed, filtered by measured shapes, promoted after recovery."""

import dataclasses
import statistics

from paredown.budget import Budget
from paredown.recipe.move import Move
from paredown.recipe.picks import Picks
from paredown.recipe.strategy import Answer, Proposal, Strategy, propose
from paredown.run import entries as run
from paredown.run.ledger import Filtered, Skipped, TrialRecord, Unmade
from paredown.run.results import TrialResult
from paredown.search import entries
from paredown.search.arms import ArmPlan, arms
from paredown.search.choose import Feasible, Standing, excess, feasible, promote, wish
from paredown.search.plan import Allocation, Pace, allocate, rungs
from paredown.search.probing import Prober
from paredown.search.rates import Rates
from paredown.search.space import DEPTH, ROUND, WIDTH, Proposals, Space
from paredown.search.standings import standing_of
from paredown.search.tpe import TRIES, ParzenEstimator
from paredown.search.training import Training
from paredown.trial.trials import Trials

__all__ = ["Searching"]

_OVERSHOOT = 1.5  # a training may take so many times what was planned before its schedule is shortened
_FILTER = 0.08  # a shape that misses a limit on cost by more than this is not trained
_PROBING = 0.15  # share of the time that may go into untrained shapes
_EXTRAS = 40
_PARTS = 6  # trainings one after the other that one candidate gets
_TRANSFORMS = 0.5  # seconds that a trial's transforms may take before its trainings have less
_ALL = 0.95  # of the time that is left is all of it
_LEAST_STEPS = 20  # of a training that there is little time left for
_UNKNOWN = 1.1  # how much longer a step takes than those that were timed, as long as no training has told


@dataclasses.dataclass
class _Entrant:
    """A proposal in the race."""

    picks: Picks
    record: TrialRecord | None = None


@dataclasses.dataclass(frozen=True)
class _Trained:
    """A candidate with the epochs it got, and what came out."""

    picks: Picks
    record: TrialRecord


@dataclasses.dataclass
class Searching:
    """The second phase of a run. Whatever depends on a clock is decided once and kept in the ledger.

    Attributes:
        trials: of this run.
        space: what may be proposed.
        prober: knows costs before training.
        budget: the user's.
        original: its result.
        pace: measured.
        reserve: seconds to keep back for the end.
        strategy: decides what is tried next.

    """

    trials: Trials
    space: Space
    prober: Prober
    budget: Budget
    original: TrialResult
    pace: Pace
    reserve: float
    strategy: Strategy = ParzenEstimator()  # noqa: RUF009 (a frozen value)

    def __post_init__(self) -> None:
        self._slow: list[float] = []
        self._shapes_left = 0
        self._rates = Rates(self.trials.bench, self.pace)

    def run(self) -> None:
        """Probe shapes, carry out the arms, race the combinations, use what time is left."""
        self._probe()
        plans = arms(self.space, self.prober)
        trained = tuple(plan.name for plan in plans if plan.picks.trains)
        self._rates.look()
        allocation = entries.ALLOCATION.once(self.trials.ledger, lambda: allocate(self.left(), self.pace, trained))
        race = _Race(self, allocation)
        for plan in (plan for plan in plans if not plan.picks.trains):
            self._arm(plan, allocation)
        race.open()
        for plan in (plan for plan in plans if plan.picks.trains):
            self._arm(plan, allocation)
        race.run()

    def left(self) -> float:
        """Seconds that may still be spent on the search."""
        return self.trials.bench.clock.left(self.reserve)

    # -- probes

    def _probe(self) -> None:
        """Measure a few shapes, so that sizes can aim at the budget; refuse moves that this network does not allow."""
        each = self.pace.overhead + 3 * self.pace.process
        limit = self.trials.bench.clock.limit
        self._shapes_left = entries.SHAPES.once(self.trials.ledger, lambda: int(_PROBING * limit / each))
        space = self.space
        self._tell_refusals()
        leading = [*space.matching(WIDTH, ROUND), *space.matching(DEPTH, ROUND)]
        orders = [*leading[:1], *space.matching(ROUND), *leading[1:], *space.matching(WIDTH)]
        first = [Picks.of(*order).sized(0.5) for order in orders]
        chosen = first[: max(1, self._shapes_left)]
        shapes = self.prober.measure(chosen) if chosen and self._shapes_left else []
        self._shapes_left -= len(shapes)
        failed = [picks for picks, shape in zip(chosen, shapes, strict=False) if shape.failure]
        self._refuse({move for picks in failed for move in picks.moves})
        for number, order in enumerate(leading):
            tries = min(3, self._shapes_left // (len(leading) - number))
            if self.prober.bounds and all(map(self.space.offers, order)) and tries > 0:
                self.prober.aim(Picks.of(*order), 0.93, tries)
                self._shapes_left -= tries

    def _tell_refusals(self) -> None:
        """Write down which moves are not possible here, and why: once, also where a run is taken up again."""
        known = [event for event in self.trials.ledger.events() if isinstance(event, Unmade)]
        for move, reason in self.space.impossible().items():
            if Unmade(move.name, reason) not in known:
                self.trials.ledger.event(Unmade(move.name, reason))

    def _refuse(self, suspects: set[Move]) -> None:
        """Find out which of the moves of failed shapes fails alone, and propose it no more."""
        for move in sorted(suspects, key=self.space.moves.index):
            failure = self.prober.measure([Picks.of(move).sized(0.5)])[0].failure
            if failure:
                self.space = self.space.without(move, failure)
        self.prober.space = self.space

    # -- trials

    def train(  # noqa: PLR0913 (each says something else)
        self,
        name: str,
        role: str,
        picks: Picks,
        seconds: float,
        keep: float,
        *,
        label: str = "",
        forced: bool = False,
    ) -> _Trained | None:
        """Carry a candidate out whose last training takes about so many seconds; None where there is no time for it.

        Where less time is left, the training is shorter.

        Args:
            name: under which the decision is kept.
            role: ``arm``, ``control`` or ``trial``.
            picks: the epochs and the learning rate of its last training are set here.
            seconds: of training wanted, scoring and the search for a learning rate included.
            keep: seconds that have to be left afterwards.
            label: where the steps do not say it.
            forced: carry it out for a few steps even if there is no time.

        """
        plan = entries.TRAINING.of(name).once(
            self.trials.ledger, lambda: self._plan(picks, seconds, keep, forced=forced)
        )
        if plan.epochs <= 0:
            self.trials.ledger.event(Skipped(name, "no time left for it", named=role != "trial"))
            return None
        picks = picks.trained(plan.epochs, plan.rate)
        taken = plan.seconds * (1 + self._beside(picks))
        allowed = taken if plan.rest else _OVERSHOOT * max(seconds - plan.test, taken)
        record = self.trials.run(role, self.space.recipe(picks), seconds=allowed + _TRANSFORMS, name=label)
        self._learn(picks, record)
        return _Trained(picks, record)

    def _plan(self, picks: Picks, seconds: float, keep: float, *, forced: bool) -> Training:
        """What there is time for: as much as is wanted or left, and nothing where a trial's overhead would be most of it."""
        available = self.left() - keep - self.pace.overhead
        time = min(seconds, available)
        least = max(self.pace.overhead, _LEAST_STEPS * self.pace.step_of(picks)) + self.pace.scoring(picks)
        if time < min(least, seconds) and not forced:
            return Training()
        rest = keep == 0 and available > 0 and seconds >= _ALL * available
        main = max(0.0, time) / (1 + self._beside(picks))
        return self._rates.plan(picks, self.space.before(picks), main, self._slowness(), rest=rest)

    def _beside(self, picks: Picks) -> float:
        """What a recipe's other trainings take, as a share of its longest; they are not made again when that goes on."""
        return picks.beside if len(picks.epochs) == 1 else 0.0

    def _learn(self, picks: Picks, record: TrialRecord) -> None:
        """How long steps really took: from trainings of one network alone, without what is spent between their steps."""
        if record.state != "measured" or picks.beside or not record.result.made:
            return
        expected = record.result.made * self.pace.step_of(picks)
        self._slow.append(record.result.stepping / max(1e-9, expected))

    def _slowness(self) -> float:
        """How many times as long a step takes as was measured on a few of them."""
        return min(4.0, max(0.5, statistics.median(self._slow))) if self._slow else _UNKNOWN

    def _arm(self, plan: ArmPlan, allocation: Allocation) -> None:
        ledger = self.trials.ledger
        record = None
        if not plan.picks.trains:
            record = self.trials.run(plan.role, self.space.recipe(plan.picks), name=plan.label)
        elif plan.name in allocation.arms:
            keep = 0.7 * allocation.last
            trained = self.train(plan.name, plan.role, plan.picks, allocation.arm, keep, label=plan.label)
            record = trained.record if trained else None
        else:
            ledger.event(Skipped(plan.name, _too_short(allocation)))
        if record is not None:
            run.ARMS.write(ledger, {**(run.ARMS.read(ledger) or {}), plan.name: record.id})

    def standing(self, record: TrialRecord) -> Standing:
        """A measured trial, limit by limit."""
        return standing_of(record, self.original, self.budget, self.trials.bench.task.score)

    def worth_training(self, picks: Picks) -> tuple[bool, dict[str, float], float]:
        """Whether a candidate can meet the limits on cost, by how much it misses each, and its cost in what is wished.

        The shape is measured where there is time for that, else the model is asked.
        """
        if self._shapes_left > 0 and self.prober.bounds:
            self._shapes_left -= 1
            shape = self.prober.measure([picks])[0]
        else:
            shape = self.prober.expected(picks)
        over = self.prober.excess(shape)
        cost = shape.values.get(wish(self.budget), picks.size)
        # Where nothing meets the limits, whatever comes nearest is worth training.
        hopeless = picks.size <= self.prober.least(picks) or not picks.cuts
        hopeless = hopeless and not self.prober.attainable(_FILTER)
        return not shape.failure and (hopeless or all(value <= _FILTER for value in over.values())), over, cost


class _Race:
    """Successive halving over proposals."""

    def __init__(self, search: Searching, allocation: Allocation) -> None:
        self._search = search
        self._allocation = allocation
        self._proposals = Proposals(search.space, search.prober.share)
        self._history: list[Answer[Picks]] = []
        self._entrants: dict[str, _Entrant] = {}

    def open(self) -> None:
        """The first combination: however little time there is, one is tried. In a short run it gets all there is."""
        self._enter(self._allocation.rung, keep=0.0, forced=True)

    def run(self) -> None:
        """First rung and promotions, but in a short run; and new proposals as long as there is time."""
        if not self._allocation.short:
            self._climb()
        self._spend()

    def _climb(self) -> None:
        allocation = self._allocation
        while len(self._entrants) < allocation.candidates:
            if not self._enter(allocation.rung, keep=0.8 * allocation.last):
                break
        ladder = rungs(allocation.candidates, allocation.rung, allocation.last)
        leading = list(self._entrants.values())
        for rung, (count, seconds) in enumerate(ladder[1:]):
            wanted = self._or_all(seconds) if count == 1 else seconds
            leading = self._promoted(leading, count, wanted, f"rung {rung + 2}")

    def _enter(self, seconds: float, keep: float, *, forced: bool = False) -> bool:
        """Train one new proposal for a first, short time; False where there are no more or there is no time."""
        search = self._search
        for _ in range(8):
            proposal = propose(search.strategy, self._proposals, self._history, search.trials.bench.seed, TRIES)
            if proposal is None:
                return False
            picks, number = proposal.candidate, len(self._history)
            worth, over, cost = search.worth_training(picks)
            if not worth:
                search.trials.ledger.event(Filtered(number, over))
                self._history.append(Answer(proposal, (self._worst(), cost), over))
                continue
            trained = search.train(f"proposal {number}", "trial", picks, seconds, keep, forced=forced)
            if trained is None:
                self._history.append(Answer(proposal))
                return False
            record = trained.record
            self._history.append(self._answer(proposal, record))
            if record.state != "measured":
                continue
            self._entrants[record.id] = _Entrant(trained.picks, record)
            return True
        return False

    def _answer(self, proposal: Proposal[Picks], record: TrialRecord) -> Answer[Picks]:
        """What became of a proposal: loss of quality and cost; limits that are missed."""
        if record.state != "measured":
            return Answer(proposal)
        standing = self._search.standing(record)
        violations = {limit.quantity: excess(limit) or -max(0.0, limit.room) for limit in standing.limits}
        cost = standing.values.get(wish(self._search.budget), float(record.result.macs))
        return Answer(proposal, (standing.values["drop"], cost), violations)

    def _worst(self) -> float:
        """The largest drop seen, for proposals that are not worth finding out."""
        found = [entrant.record.result.quality.drop.estimate for entrant in self._entrants.values() if entrant.record]
        return max(found, default=0.0)

    def _promoted(self, entrants: list[_Entrant], count: int, seconds: float, name: str) -> list[_Entrant]:
        """Train the most promising on; whatever fails on the way is replaced by the next."""
        search = self._search
        by_id = {entrant.record.id: entrant for entrant in entrants if entrant.record is not None}
        standings = [search.standing(entrant.record) for entrant in by_id.values() if entrant.record is not None]
        later: list[_Entrant] = []
        for place, key in enumerate(promote(standings, search.budget, len(standings))):
            if len(later) == count:
                break
            entrant = by_id[key]
            if not entrant.picks.trains:
                continue
            trained = search.train(f"{name} place {place}", "trial", entrant.picks.longer(), seconds, keep=0.0)
            if trained is None:
                break
            if trained.record.state == "measured":
                grown = _Entrant(trained.picks, trained.record)
                self._entrants[trained.record.id] = grown
                later.append(grown)
        return later

    def _spend(self) -> None:
        """Use what time is left: train the best on where quality is what it lacks, else try something new."""
        search, each = self._search, self._each
        for extra in range(_EXTRAS):
            enough = 2.0 * (each + search.pace.overhead)
            go = entries.EXTRA.of(extra).once(search.trials.ledger, lambda enough=enough: search.left() > enough)  # type: ignore[misc]
            if not go or not self._entrants:
                return
            standings = [search.standing(entrant.record) for entrant in self._entrants.values() if entrant.record]
            first = promote(standings, search.budget, 1)[0]
            sure = feasible(next(s for s in standings if s.key == first)) is Feasible.YES
            entrant = self._entrants[first]
            if not sure and len(entrant.picks.epochs) < _PARTS:
                if not self._promoted([entrant], 1, self._or_all(each), f"extra {extra}"):
                    return
            elif not self._enter(self._or_all(each), keep=0.0):
                return

    @property
    def _each(self) -> float:
        """Seconds of a training that uses what time is left."""
        return max(self._allocation.rung, 0.15 * self._allocation.last)

    def _or_all(self, seconds: float) -> float:
        """Seconds for a training: all that is left, where what it leaves would be too little for another."""
        left, overhead = self._search.left(), self._search.pace.overhead
        return left if left - seconds - overhead <= 2.0 * (self._each + overhead) else seconds


def _too_short(allocation: Allocation) -> str:
    """Why an arm was not trained."""
    if allocation.short:
        return f"about {allocation.epochs:.0f} epochs fit into this time, and one candidate gets them all"
    return "no time left to train it for long enough to judge it"
