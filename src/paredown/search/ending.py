"""The end of a run: a short list is measured fully, the best is chosen on select, and all are judged once, together."""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from paredown import codec
from paredown.budget import Budget
from paredown.errors import MeasureError
from paredown.measure.energy import energy
from paredown.measure.latency import Latency
from paredown.measure.memory import memory
from paredown.run import entries
from paredown.run.account import Purpose
from paredown.run.chosen import Chosen
from paredown.run.labels import NOTHING, ORIGINAL
from paredown.run.ledger import Measurement, Note, TrialRecord
from paredown.run.results import TrialResult
from paredown.scores import Score
from paredown.search.choose import Standing, best, excess, longest
from paredown.search.plan import Pace
from paredown.search.standings import standing_of
from paredown.targets import Artifact
from paredown.trial.bench import Bench
from paredown.verdict import Arm, Measured, Outcome, compare, decide, frontier

__all__ = ["Ending", "shortlist"]

T = TypeVar("T")

_PAIRS = ((5, 16), (4, 8), (3, 5), (2, 3))  # least and most rounds, by the time there is
_PROMISING = 3
_NEAR = 0.15  # a quick look at a latency may be so wrong
_FAR = 0.5  # a limit that is missed by more is out of sight of any advice


def shortlist(  # noqa: PLR0913 (one call, everything about it in sight)
    records: Sequence[TrialRecord],
    original: TrialRecord,
    budget: Budget | None,
    score: Score,
    most: int,
    *,
    unripe: Collection[str] = (),
) -> tuple[str, ...]:
    """Trials that are measured fully: the most promising, the arms, the frontier, the controls; in this order.

    Where there is a budget, files that are out of the race are left out: those that miss it for sure beside one that may
    meet it, frontier or not, shorter trainings of a shape that is measured already, and arms that were not trained
    for long enough to be compared.

    Args:
        records: all trials.
        original: the original.
        budget: None where nothing is limited.
        score: the task's.
        most: files besides the original that there is time for; promising ones and arms come first.
        unripe: trials that were not trained for long enough to be compared.

    """
    ready = [record for record in records if record.state == "measured" and record.id != original.id]
    tried = [record for record in ready if record.label != NOTHING]
    compared = [record for record in ready if record.id not in unripe]
    standings = [standing_of(record, original.result, budget, score) for record in tried] if budget else []
    near = {standing.key for standing in longest(standings) if sum(excess(limit) for limit in standing.limits) <= _FAR}
    by_label = {record.label: record.id for record in tried}
    leading = [by_label[label] for label in frontier([_quick(record) for record in tried], ("drop", "size"))]
    wanted = _promising(standings, budget) if budget else []
    wanted += [record.id for record in compared if record.role == "arm"]
    wanted += [record.id for record in ready if record.label == NOTHING]
    wanted += [key for key in leading if budget is None or key in near]
    wanted += [record.id for record in compared if record.role == "control" and (budget is None or _drawn(record))]
    return (original.id, *tuple(dict.fromkeys(wanted))[: max(1, most)])


def _drawn(record: TrialRecord) -> bool:
    """The control that arms are compared with; the others only tell of the search."""
    return record.label.startswith("random")


def _promising(standings: Sequence[Standing], budget: Budget) -> list[str]:
    """The best and those that may turn out to be better, best first; of every shape the one that `best` prefers."""
    found: list[Standing] = []
    left = list(standings)
    while left and len(found) < _PROMISING:
        key = best(left, budget)
        chosen = next(standing for standing in left if standing.key == key)
        left = [other for other in left if other.key != key and not (chosen.shape and other.shape == chosen.shape)]
        if not found or _lost(found[0]) or not _lost(chosen):
            found.append(chosen)
    return [standing.key for standing in found]


def _lost(standing: Standing) -> bool:
    """It misses a limit beyond doubt, or by more than a quick look may be wrong."""
    return any(limit.outcome is Outcome.MISSES or excess(limit) > _NEAR for limit in standing.limits)


def advisable(chosen: Chosen, finals: Mapping[str, Measured]) -> list[Measured]:
    """Files that advice may offer instead of the best; doing nothing is the original once more, and no advice."""
    known = {chosen.best, chosen.files[0]}
    return [measured for key, measured in finals.items() if key not in known and measured.label != NOTHING]


def _quick(record: TrialRecord) -> Measured:
    result: TrialResult = record.result
    return result.measured(record.label)


class Ending:
    """Measures and judges the chosen files; every number is kept as soon as it is there.

    Args:
        bench: of this run.
        budget: None where nothing is limited.
        pace: how long things take.
        run: identity of the run, so that going on after a crash is the same opening of judge.
        unripe: trials that were not trained for long enough to be compared.

    """

    def __init__(self, bench: Bench, budget: Budget | None, pace: Pace, run: str, unripe: Collection[str] = ()) -> None:
        self._unripe = unripe
        self._bench = bench
        self._ledger = bench.ledger
        self._budget = budget
        self._pace = pace
        self._run = run

    def carry_out(self, files: Sequence[str]) -> tuple[Chosen, dict[str, Measured]]:
        """Latency, choice, memory, judge, verdict, comparison.

        Args:
            files: of `shortlist`.

        Returns:
            What was chosen, and all numbers by trial.

        """
        records = {key: record for key in files if (record := self._ledger.trial(key)) is not None}
        self._latencies(records)
        chosen = entries.CHOSEN.once(self._ledger, lambda: self._choose(records))
        self._footprints(records, chosen)
        self._judge(records)
        finals = {key: self._final(record) for key, record in records.items()}
        with self._ledger.together():
            for key, measured in finals.items():
                entries.FINAL.of(key).write(self._ledger, measured)
        self._decide(chosen, finals)
        self._compare(records, finals, chosen)
        return chosen, finals

    def _latencies(self, records: Mapping[str, TrialRecord]) -> None:
        """All files in the same rounds until answered or the time is up."""
        original, *others = records.values()
        if entries.FULL_LATENCY.of(original.id).read(self._ledger) is not None:
            return
        self._bench.progress.begin("measuring latency")
        judge = self._bench.task.data.judge.count
        left = self._bench.clock.left(self._pace.ending(len(records), judge, 0))
        rounds = self._pace.ending(len(records), 0, 1)
        pairs = next((pairs for pairs in _PAIRS if pairs[0] * rounds <= 1.3 * left), _PAIRS[-1])
        found = self._timed(original, others, pairs, max(left, pairs[0] * rounds))
        with self._ledger.together():
            for key, value in found.items():
                entries.FULL_LATENCY.of(key).write(self._ledger, value)

    def _choose(self, records: Mapping[str, TrialRecord]) -> Chosen:
        """The best by what is known now: full latencies, quality on select."""
        original, *others = records.values()
        winner = others[0].id if others else original.id
        if self._budget is not None and others:
            score = self._bench.task.score
            before = self._now(original)
            standings = [
                standing_of(record, original.result, self._budget, score, (self._now(record), before))
                for record in others
                if record.label != NOTHING
            ]
            winner = best(standings, self._budget) or original.id
        return Chosen(winner, tuple(records))

    def _now(self, record: TrialRecord) -> Measured:
        result: TrialResult = record.result
        latency = entries.FULL_LATENCY.of(record.id).read(self._ledger) or result.latency
        return dataclasses.replace(result.measured(record.label), latency=latency)

    def _timed(
        self, original: TrialRecord, others: Sequence[TrialRecord], pairs: tuple[int, int], limit: float
    ) -> dict[str, Latency]:
        """Latencies by trial; a file whose process crashes is left out, with the reason in the diary."""
        settings = {"time_limit": limit, "bound": self._bound(original.result)}
        artifacts = {record.id: self._artifact(record) for record in others}
        first = {ORIGINAL: self._artifact(original)}
        try:
            found = self._bench.latency(first | artifacts, pairs, **settings)
        except MeasureError as error:
            self._ledger.event(Note(f"measured one by one: {error}"))
            found = {}
            for key, artifact in artifacts.items():
                try:
                    found |= self._bench.latency({**first, key: artifact}, pairs, **settings)
                except MeasureError as reason:
                    self._ledger.event(Note(f"{key}: no latency: {reason}"))
        alone = found.pop(ORIGINAL, None) or self._bench.latency(first, pairs, **settings)[ORIGINAL]
        return {**found, original.id: alone}

    def _bound(self, original: TrialResult) -> float | None:
        limit = self._budget.limit("latency") if self._budget else None
        return None if limit is None or original.ms is None else limit.bound(original.ms, "") / original.ms

    def _footprints(self, records: Mapping[str, TrialRecord], chosen: Chosen) -> None:
        """Memory and energy: of every file where the budget limits them, else of the best and the original."""
        limited = {limit.quantity for limit in self._budget.limits} if self._budget else set()
        self._bench.progress.begin("measuring memory and energy")
        with self._bench.account.spent(Purpose.MEASURING):
            self._measure_footprints(records, chosen, limited)

    def _measure_footprints(self, records: Mapping[str, TrialRecord], chosen: Chosen, limited: Collection[str]) -> None:
        for key, record in records.items():
            chief = key in {chosen.best, chosen.files[0]}
            artifact = self._artifact(record)
            if "memory" in limited or (chief and self._time_for(3)):
                self._once(entries.MEMORY.of(key), lambda file=artifact: memory(file, inputs=self._bench.inputs))  # type: ignore[misc]
            if "energy" in limited or (chief and self._time_for(2)):
                self._once(entries.ENERGY.of(key), lambda file=artifact: energy(file, inputs=self._bench.inputs))  # type: ignore[misc]

    def _time_for(self, processes: int) -> bool:
        judging = self._pace.ending(4, self._bench.task.data.judge.count, 0)
        return self._bench.clock.left(judging) > 2 * processes * self._pace.process

    def _once(self, entry: Measurement[T], measure: Callable[[], T]) -> None:
        if entry.read(self._ledger) is None:
            try:
                entry.write(self._ledger, measure())
            except MeasureError as error:
                self._ledger.event(Note(f"{entry.name}: {error}"))

    def _judge(self, records: Mapping[str, TrialRecord]) -> None:
        """One opening for all files; rows are kept file by file."""
        missing = [record for key, record in records.items() if entries.JUDGED.of(key).read(self._ledger) is None]
        if not missing:
            return
        self._bench.progress.begin("judging")
        opening = codec.fingerprint(self._run, tuple(records))

        def register(data: str) -> int:
            self._ledger.open_judge(data, opening)
            return self._ledger.openings(data)

        split = self._bench.task.data.judge.open(register)
        for done, record in enumerate(missing):
            self._bench.progress.update(record.label, done, len(missing))
            try:
                rows = self._bench.store_rows(self._bench.predict(self._artifact(record), split, Purpose.JUDGING))
            except MeasureError as error:
                self._ledger.event(Note(f"{record.label}: not judged: {error}"))
            else:
                entries.JUDGED.of(record.id).write(self._ledger, rows)

    def _final(self, record: TrialRecord) -> Measured:
        result: TrialResult = record.result
        first = next(iter(self._ledger.trials())).id
        rows, before = (entries.JUDGED.of(key).read(self._ledger) for key in (record.id, first))
        own = None if record.id == first else before  # of itself the original loses exactly nothing
        quality, guards = self._bench.quality(rows, own) if rows and before else (None, {})
        return Measured(
            record.label,
            entries.FULL_LATENCY.of(record.id).read(self._ledger) or result.latency,
            quality,
            result.size,
            entries.MEMORY.of(record.id).read(self._ledger),
            entries.ENERGY.of(record.id).read(self._ledger),
            guards,
        )

    def _decide(self, chosen: Chosen, finals: Mapping[str, Measured]) -> None:
        if self._budget is None:
            return
        original = finals[chosen.files[0]]
        task, others = self._bench.task, advisable(chosen, finals)
        verdict = decide(
            self._budget, finals[chosen.best], original, score=task.score, guards=task.guards, frontier=others
        )
        entries.VERDICT.write(self._ledger, verdict)

    def _compare(self, records: Mapping[str, TrialRecord], finals: Mapping[str, Measured], chosen: Chosen) -> None:
        """Head-to-heads of the original, the arms, the best and the random control.

        Every further file would weaken all claims, because p-values are corrected for the number of claims; so files
        that were only tried on the way are left out, and so is the do-nothing control.
        """
        arms = entries.ARMS.read(self._ledger) or {}
        wanted = {chosen.best, chosen.files[0], arms.get("random prune")}
        sides: dict[str, Arm] = {}
        groups = entries.GROUPS.read(self._ledger) or {}
        for key, record in records.items():
            arm = record.role == "arm" and key not in self._unripe
            if key not in wanted and not arm and self._budget is not None:
                continue
            stored = entries.JUDGED.of(key).read(self._ledger)
            rows = (self._bench.rows(stored[""]),) if stored else ()
            name = groups.get(key, record.label)
            side = sides.get(name, Arm(name, ()))
            untrained = record.result.trained <= 0
            sides[name] = Arm(name, (*side.files, finals[key]), (*side.rows, *rows), fixed=untrained)
        if len(sides) > 1:
            score = self._bench.task.score
            with self._bench.account.spent(Purpose.DECIDING):
                comparison = compare(list(sides.values()), score=score, seed=self._bench.seed)
            entries.COMPARISON.write(self._ledger, comparison)

    def _artifact(self, record: TrialRecord) -> Artifact:
        result: TrialResult = record.result
        return self._bench.artifact(result.file, result.lowering)
