"""Surprises of a run, explained."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paredown.run.chosen import Chosen
from paredown.run.ledger import Ledger, TrialRecord
from paredown.run.results import TrialResult
from paredown.run.settings import About, Settings
from paredown.targets import Target
from paredown.verdict import Measured
from paredown.verdict.findings import FileContext, Finding, RunContext, Severity, check

__all__ = ["explain"]


def explain(  # noqa: PLR0913, PLR0917 (everything that was learned)
    ledger: Ledger,
    settings: Settings,
    about: About,
    chosen: Chosen,
    finals: Mapping[str, Measured],
    lost: tuple[str, ...],
) -> list[Finding]:
    """Findings about the run and the best file, all of them; about the other files those that matter.

    Args:
        ledger: of the run.
        settings: of the run.
        about: its circumstances.
        chosen: its files.
        finals: their measurements.
        lost: what capturing the model left out.

    """
    records = {key: record for key in chosen.files if (record := ledger.trial(key)) is not None}
    first = chosen.files[0]
    original: TrialResult = records[first].result
    run = RunContext(
        select=original.quality,
        judge=finals[first].quality,
        openings=ledger.openings(about.judge),
        reference=settings.reference,
        assumptions=about.findings,
        lost=lost,
    )
    found = check(run)
    for key, record in records.items():
        if key == first:
            continue
        context = _file(record, original, finals[key], finals[first], settings.target)
        of_file = check(dataclasses.replace(context, unit=about.score_unit))
        telling = {Severity.ISSUE, Severity.TIP}
        found += [finding for finding in of_file if key == chosen.best or finding.severity in telling]
    return found


def _file(
    record: TrialRecord, original: TrialResult, measured: Measured, before: Measured, target: Target
) -> FileContext:
    result: TrialResult = record.result
    return FileContext(
        measured=measured,
        original=before,
        target=target,
        capabilities=target.capabilities,
        channels=result.channels,
        original_channels=original.channels,
        lowering=result.lowering,
        macs=result.macs,
        original_macs=original.macs,
        sparsity=result.sparsity,
        constant=_constant(result),
    )


def _constant(result: TrialResult) -> tuple[str, ...] | None:
    """Nodes that the plans of all steps say never changed on the calibration data; None where none looked."""
    found: list[tuple[str, ...]] = [
        tuple(held) for step in result.steps for held in _under(step.plan.get("decisions", {}), "constant")
    ]
    return tuple(dict.fromkeys(name for names in found for name in names)) if found else None


def _under(decisions: Any, key: str) -> Iterator[Sequence[str]]:
    """Every list under a key, also in the plans of steps inside of steps."""
    for name, held in decisions.items() if isinstance(decisions, Mapping) else ():
        if name == key:
            yield held
        else:
            yield from _under(held, key)
