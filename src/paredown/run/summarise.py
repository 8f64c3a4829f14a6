"""A ledger as the plain data that reports draw and ``--json`` prints."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from paredown.measure.latency import Latency
from paredown.run.enough import short_of
from paredown.run.labels import FAMILIES, ORIGINAL, stored_families
from paredown.run.ledger import Note, Skipped, TrialRecord
from paredown.run.reading import Record
from paredown.run.summary import CandidateSummary, FindingSummary, LimitSummary, PairSummary, RunSummary
from paredown.verdict import LimitVerdict, Margins, Measured, frontier

if TYPE_CHECKING:
    from paredown.run.results import TrialResult

__all__ = ["summarise"]

_STATUS = {"measured": "measured", "failed": "failed", "interrupted": "failed", "running": "failed"}


def summarise(record: Record) -> RunSummary:
    """Fill in the contract of reports; nothing is measured or decided here."""
    settings, about = record.settings, record.about
    target = settings.target
    return RunSummary(
        title=about.title,
        command=settings.command,
        created=about.created,
        status=record.status,
        verdict=_sentence(record),
        met=record.verdict.met if record.verdict else None,
        score_name=about.score_name,
        score_unit=about.score_unit,
        score_higher_is_better=about.score_higher_is_better,
        target=target.words,
        runtime=about.runtime,
        processor=about.processor,
        threads=target.threads,
        batch=target.batch,
        seed=settings.seed,
        time_limit_s=settings.seconds,
        time_used_s=record.seconds,
        data=about.data,
        candidates=_candidates(record),
        limits=_limits(record),
        pairs=_pairs(record),
        findings=_findings(record),
        margins=_margins(record),
        openings=record.openings,
        versions=about.versions,
        rounding=record.rounding,
        purposes=record.purposes,
    )


def _sentence(record: Record) -> str:
    if record.verdict is not None:
        return record.verdict.text
    if record.status != "finished":
        return (
            f"The run is not finished ({record.status}): no verdict yet. Go on with paredown resume {record.directory}"
        )
    return "No budget was given, so there is nothing to meet; see the head-to-heads."


def _candidates(record: Record) -> tuple[CandidateSummary, ...]:
    known = {trial.id: _measured(record, trial) for trial in record.trials if trial.state == "measured"}
    judged = {key for key in known if key in record.finals and record.finals[key].quality is not None}
    leading = frontier([known[key] for key in known if not judged or key in judged])
    found = []
    for trial in record.trials:
        measured = known.get(trial.id)
        on_frontier = measured is not None and measured.label in leading and (not judged or trial.id in judged)
        found.append(_candidate(record, trial, measured, judged=trial.id in judged, leading=on_frontier))
    return (*found, *_skipped(record))


def _measured(record: Record, trial: TrialRecord) -> Measured:
    final = record.finals.get(trial.id)
    result: TrialResult = trial.result
    return final if final is not None and final.quality is not None else result.measured(trial.label)


def _candidate(
    record: Record, trial: TrialRecord, measured: Measured | None, *, judged: bool, leading: bool
) -> CandidateSummary:
    failure = trial.failure
    if trial.state in {"interrupted", "running"}:
        failure = "interrupted" if record.status != "running" else "running"
    if measured is None:
        return CandidateSummary(
            id=trial.id[:12],
            label=trial.label,
            families=_families(record, trial),
            role=trial.role,
            status=_STATUS[trial.state],
            failure=failure,
            seconds=trial.seconds,
        )
    result: TrialResult = trial.result
    return CandidateSummary(
        id=trial.id[:12],
        label=trial.label,
        families=_families(record, trial),
        role=trial.role,
        status="measured",
        steps=result.steps,
        file=f"blobs/{result.file[:2]}/{result.file}",
        sha256=result.sha256,
        score=measured.quality.score if measured.quality else None,
        drop=measured.quality.drop if measured.quality else None,
        **_times(measured.latency),
        size=measured.size.bytes if measured.size else None,
        compressed=measured.size.compressed_bytes if measured.size else None,
        memory=measured.memory.over_empty_bytes if measured.memory else None,
        energy=measured.energy.mj if measured.energy else None,
        energy_estimated=measured.energy.estimated if measured.energy else True,
        macs=result.macs,
        parameters=result.parameters,
        judged=judged,
        frontier=leading,
        best=record.chosen is not None and record.chosen.best == trial.id,
        seconds=trial.seconds,
        note=_note(record, trial),
    )


def _note(record: Record, trial: TrialRecord) -> str:
    """An arm or control that was trained too little says nothing about its technique; a given recipe is as it is."""
    technique = trial.id in record.arms.values() and trial.role in {"arm", "control"}
    return short_of(trial.result) if technique else ""


def _times(latency: Latency | None) -> dict[str, Any]:
    if latency is None:
        return {}
    return {
        "latency": latency.p50,
        "p95": latency.p95,
        "p99": latency.p99,
        "ratio": latency.ratio,
        "next_run": latency.next_run,
        "throughput": latency.throughput,
        "load": latency.load_ms,
        "first": latency.first_ms,
    }


def _families(record: Record, trial: TrialRecord) -> tuple[str, ...]:
    """An arm stands for its own family, whatever helped; other recipes for all they use."""
    if trial.role in {ORIGINAL, "control"}:
        return ()
    arm = next((name for name, key in record.arms.items() if key == trial.id), "")
    return (arm,) if arm in FAMILIES else stored_families(trial.recipe)


def _skipped(record: Record) -> tuple[CandidateSummary, ...]:
    """What was planned and found no time."""
    found = []
    for number, event in enumerate(record.events):
        if isinstance(event, Skipped) and event.named:
            own = (event.name,) if event.name in FAMILIES else ()
            role = "arm" if own else "control"
            found.append(CandidateSummary(f"skipped-{number}", event.name, own, role, "skipped", failure=event.reason))
    return tuple(found)


def _limits(record: Record) -> tuple[LimitSummary, ...]:
    verdict = record.verdict
    if verdict is None:
        return ()

    def limit(entry: LimitVerdict) -> LimitSummary:
        binding = entry.quantity == verdict.binding
        sign = "≤" if entry.at_most else "≥"
        return LimitSummary(
            quantity=entry.quantity,
            limit=f"{entry.quantity} {sign} {entry.limit.text}",
            bound=entry.bound,
            value=entry.value,
            unit=entry.unit,
            outcome=str(entry.outcome),
            binding=binding,
            advice=verdict.advice if binding else "",
        )

    return tuple(limit(entry) for entry in verdict.limits)


def _pairs(record: Record) -> tuple[PairSummary, ...]:
    if record.comparison is None:
        return ()
    return tuple(
        PairSummary(p.a, p.b, p.quantity, p.difference, p.unit, str(p.outcome), p.p_holm, p.scope)
        for p in record.comparison.pairs
    )


def _findings(record: Record) -> tuple[FindingSummary, ...]:
    found = [FindingSummary(f.code, f.title, str(f.severity), f.text, f.candidate) for f in record.findings]
    notes = [
        FindingSummary("PD100", "noted while running", "tip", event.text)
        for event in record.events
        if isinstance(event, Note)
    ]
    return (*found, *notes)


def _margins(record: Record) -> Mapping[str, float]:
    margins = record.comparison.margins if record.comparison else Margins()
    score = margins.score or (0.5 if record.about.score_unit == "%" else 0.005)
    return {"latency": margins.latency, "score": score, "size": margins.size, "memory": margins.memory}
