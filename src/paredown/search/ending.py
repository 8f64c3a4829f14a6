"""The end of a run: files are chosen on select, measured fully, and judged once, all together."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from paredown import codec
from paredown.budget import Budget
from paredown.errors import MeasureError
from paredown.measure.energy import Energy, energy
from paredown.measure.latency import Latency
from paredown.measure.memory import Memory, memory
from paredown.search.bench import Bench
from paredown.search.choose import best
from paredown.search.ledger import TrialRecord
from paredown.search.plan import Pace
from paredown.search.results import TrialResult
from paredown.search.standings import standing_of
from paredown.search.trials import NOTHING, ORIGINAL
from paredown.targets import Artifact
from paredown.verdict import Arm, Measured, compare, decide, frontier

__all__ = ["Chosen", "Ending", "choose_files"]

_PAIRS = (5, 16)
_FEW_PAIRS = (3, 5)
_QUANTITIES = ("latency", "drop", "size")


@dataclasses.dataclass(frozen=True)
class Chosen:
    """What is judged: decided on select, kept in the ledger, and only then is judge opened.

    Attributes:
        best: trial id; that of the original where nothing else came out.
        files: trial ids, most important first; the original is always the first.

    """

    best: str
    files: tuple[str, ...]


def choose_files(
    records: Sequence[TrialRecord], original: TrialRecord, bench: Bench, budget: Budget | None, most: int
) -> Chosen:
    """Pick the best file, the arms and controls, and the frontier.

    Args:
        records: measured trials without the original.
        original: the original.
        bench: for the score.
        budget: None takes the first recipe as the best.
        most: files besides the original that there is time for (the best is always among them).

    """
    ready = [record for record in records if record.state == "measured" and record.label != NOTHING]
    winner = original.id
    if ready and budget is None:
        winner = ready[0].id
    elif ready and budget is not None:
        standings = [standing_of(record, original.result, budget, bench.task.score) for record in ready]
        winner = best(standings, budget) or original.id
    by_label = {record.label: record for record in ready}
    leading = frontier([record.result.measured(record.label) for record in ready], _QUANTITIES)
    wanted = [winner]
    wanted += [record.id for record in ready if record.role == "arm"]
    wanted += [by_label[label].id for label in leading]
    wanted += [record.id for record in records if record.role == "control" and record.state == "measured"]
    files = tuple(dict.fromkeys(key for key in wanted if key != original.id))[: max(1, most)]
    return Chosen(winner, (original.id, *files))


class Ending:
    """Measures and judges the chosen files; every number is kept as soon as it is there.

    Args:
        bench: of this run.
        budget: None where nothing is limited.
        pace: how long things take.
        run: identity of the run, so that going on after a crash is the same opening of judge.

    """

    def __init__(self, bench: Bench, budget: Budget | None, pace: Pace, run: str) -> None:
        self._bench = bench
        self._ledger = bench.ledger
        self._budget = budget
        self._pace = pace
        self._run = run

    def carry_out(self, chosen: Chosen) -> None:
        """Latency, memory, judge, verdict, comparison."""
        records = {key: record for key in chosen.files if (record := self._ledger.trial(key)) is not None}
        self._latencies(records, chosen)
        self._footprints(records, chosen)
        self._judge(records)
        finals = {key: self._final(record) for key, record in records.items()}
        for key, measured in finals.items():
            self._ledger.measured(f"final/{key}", measured)
        self._decide(chosen, finals)
        self._compare(records, finals)

    def _latencies(self, records: Mapping[str, TrialRecord], chosen: Chosen) -> None:
        """All files in the same rounds, the best and the arms first, until answered or the time is up."""
        if self._ledger.measurement(f"full latency/{chosen.best}") is not None:
            return
        self._bench.progress.begin("measuring latency")
        original, *others = records.values()
        judging = len(records) * self._bench.task.data.judge.count * self._pace.predict
        time_limit = max(5.0 * self._pace.process, self._bench.clock.left(judging))
        rounds = time_limit / max(1e-3, self._pace.process * len(records))
        pairs = _PAIRS if rounds >= 1.2 * _PAIRS[0] else _FEW_PAIRS if rounds >= _FEW_PAIRS[0] else (2, 3)
        found = self._timed(original, others, pairs, time_limit)
        with self._ledger.together():
            for key, value in found.items():
                self._ledger.measured(f"full latency/{key}", value)

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
            self._ledger.event("warning", f"measured one by one: {error}")
            found = {}
            for key, artifact in artifacts.items():
                try:
                    found |= self._bench.latency({**first, key: artifact}, pairs, **settings)
                except MeasureError as reason:
                    self._ledger.event("warning", f"{key}: no latency: {reason}")
        alone = found.pop(ORIGINAL, None) or self._bench.latency(first, pairs, **settings)[ORIGINAL]
        return {**found, original.id: alone}

    def _bound(self, original: TrialResult) -> float | None:
        limit = self._budget.limit("latency") if self._budget else None
        if limit is None or original.latency is None:
            return None
        base = original.latency.p50.estimate
        return limit.bound(base, "") / base

    def _footprints(self, records: Mapping[str, TrialRecord], chosen: Chosen) -> None:
        """Memory and energy: of every file where the budget limits them, else of the best and the original."""
        limited = {limit.quantity for limit in self._budget.limits} if self._budget else set()
        self._bench.progress.begin("measuring memory and energy")
        for key, record in records.items():
            chief = key in {chosen.best, chosen.files[0]}
            artifact = self._artifact(record)
            if "memory" in limited or (chief and self._time_for(3)):
                self._once(f"memory/{key}", lambda file=artifact: memory(file, inputs=self._bench.inputs))  # type: ignore[misc]
            if "energy" in limited or (chief and self._time_for(2)):
                self._once(f"energy/{key}", lambda file=artifact: energy(file, inputs=self._bench.inputs))  # type: ignore[misc]

    def _time_for(self, processes: int) -> bool:
        judging = self._bench.task.data.judge.count * self._pace.predict * 4 + self._pace.overhead
        return self._bench.clock.left(judging) > 2 * processes * self._pace.process

    def _once(self, name: str, measure: Callable[[], Memory | Energy]) -> None:
        if self._ledger.measurement(name) is None:
            try:
                self._ledger.measured(name, measure())
            except MeasureError as error:
                self._ledger.event("warning", f"{name}: {error}")

    def _judge(self, records: Mapping[str, TrialRecord]) -> None:
        """One opening for all files; rows are kept file by file."""
        missing = [record for key, record in records.items() if self._ledger.measurement(f"judge/{key}") is None]
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
                rows = self._bench.store_rows(self._bench.predict(self._artifact(record), split))
            except MeasureError as error:
                self._ledger.event("warning", f"{record.label}: not judged: {error}")
            else:
                self._ledger.measured(f"judge/{record.id}", rows)

    def _final(self, record: TrialRecord) -> Measured:
        result: TrialResult = record.result
        first = next(iter(self._ledger.trials())).id
        rows, before = (self._ledger.measurement(f"judge/{key}") for key in (record.id, first))
        quality, guards = self._bench.quality(rows, before) if rows and before else (None, {})
        return Measured(
            record.label,
            self._ledger.measurement(f"full latency/{record.id}") or result.latency,
            quality,
            result.size,
            self._ledger.measurement(f"memory/{record.id}"),
            self._ledger.measurement(f"energy/{record.id}"),
            guards,
        )

    def _decide(self, chosen: Chosen, finals: Mapping[str, Measured]) -> None:
        if self._budget is None:
            return
        original = finals[chosen.files[0]]
        others = [measured for key, measured in finals.items() if key not in {chosen.best, chosen.files[0]}]
        verdict = decide(
            self._budget, finals[chosen.best], original, score=self._bench.task.score, frontier=others
        )
        self._ledger.measured("verdict", verdict)

    def _compare(self, records: Mapping[str, TrialRecord], finals: Mapping[str, Measured]) -> None:
        """Head-to-heads of everything that was judged, the original included."""
        sides: dict[str, Arm] = {}
        groups: Mapping[str, str] = self._ledger.measurement("groups") or {}
        for key, record in records.items():
            stored = self._ledger.measurement(f"judge/{key}")
            rows = (self._bench.rows(stored[""]),) if stored else ()
            name = groups.get(key, record.label)
            side = sides.get(name, Arm(name, ()))
            sides[name] = Arm(name, (*side.files, finals[key]), (*side.rows, *rows))
        if len(sides) > 1:
            score = self._bench.task.score
            self._ledger.measured("comparison", compare(list(sides.values()), score=score, seed=self._bench.seed))

    def _artifact(self, record: TrialRecord) -> Artifact:
        result: TrialResult = record.result
        return self._bench.artifact(result.file, result.lowering)
