"""A run as it lies in its directory, read without the lock."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from paredown.run import entries
from paredown.run.chosen import Chosen
from paredown.run.ledger import Ledger, Note, Skipped, TrialRecord
from paredown.run.results import TrialResult
from paredown.run.settings import About, Settings, stored
from paredown.run.summary import RoundingSummary
from paredown.verdict import Comparison, Measured, Verdict
from paredown.verdict.findings import Finding

__all__ = ["Record", "read"]


@dataclasses.dataclass(frozen=True)
class Record:
    """Everything a ledger knows about a run.

    Attributes:
        directory: of the run.
        settings: what was asked for.
        about: circumstances.
        status: ``finished``, ``interrupted`` or ``running``.
        seconds: used so far.
        purposes: seconds by what they were spent on; empty for runs of version 0.1, which did not count them.
        trials: in the order of being started; the original is the first.
        chosen: None until the search is over.
        finals: full measurements by trial.
        verdict: None without a budget, or before the end.
        comparison: None before the end.
        arms: name of an arm or control to trial.
        findings: as `paredown.verdict` made them.
        rounding: what rounding does inside of the best file; None where nothing is rounded, or before the end.
        openings: of these judge data, by this user, so far.
        events: those that a reader should see.

    """

    directory: Path
    settings: Settings
    about: About
    status: str
    seconds: float
    purposes: Mapping[str, float]
    trials: tuple[TrialRecord, ...]
    chosen: Chosen | None
    finals: Mapping[str, Measured]
    verdict: Verdict | None
    comparison: Comparison | None
    arms: Mapping[str, str]
    findings: tuple[Finding, ...]
    rounding: RoundingSummary | None
    openings: int
    events: tuple[Note | Skipped, ...]

    def trial(self, key: str) -> TrialRecord:
        """One trial."""
        return next(trial for trial in self.trials if trial.id == key)

    @property
    def original(self) -> TrialResult | None:
        """The original's result, None where it did not come so far."""
        return self.trials[0].result if self.trials else None


def read(directory: str | Path) -> Record:
    """Read a run.

    Raises:
        LedgerError: there is no run, or it is of another version.
        CorruptError: the ledger is damaged.

    """
    with Ledger(directory, writable=False) as ledger:
        settings, about = stored(ledger)
        trials = ledger.trials()
        finals = {trial.id: entries.FINAL.of(trial.id).read(ledger) for trial in trials}
        return Record(
            directory=ledger.directory,
            settings=settings,
            about=about,
            status=entries.STATUS.read(ledger) or "interrupted",
            seconds=entries.SECONDS_USED.read(ledger) or 0.0,
            purposes=entries.SECONDS_BY_PURPOSE.read(ledger) or {},
            trials=trials,
            chosen=entries.CHOSEN.read(ledger),
            finals={key: value for key, value in finals.items() if value is not None},
            verdict=entries.VERDICT.read(ledger),
            comparison=entries.COMPARISON.read(ledger),
            arms=entries.ARMS.read(ledger) or {},
            findings=_findings(ledger),
            rounding=entries.ROUNDING.read(ledger),
            openings=ledger.openings(about.judge),
            events=tuple(event for event in ledger.events() if isinstance(event, (Note, Skipped))),
        )


def _findings(ledger: Ledger) -> tuple[Finding, ...]:
    return tuple(finding for finding in entries.FINDINGS.read(ledger) or () if isinstance(finding, Finding))
