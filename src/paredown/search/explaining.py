"""Surprises of a run, explained."""

import dataclasses
from collections.abc import Mapping

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
    )
