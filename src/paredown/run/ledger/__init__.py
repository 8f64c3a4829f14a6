"""The run directory: an SQLite index and content-addressed files. It is the only truth about a run."""

from paredown.run.ledger.blobs import Blobs
from paredown.run.ledger.diary import Ended, Event, Filtered, Note, Skipped, Traceback, Unmade
from paredown.run.ledger.entries import Decision, Measurement, Setting
from paredown.run.ledger.ledger import Ledger, TrialRecord

__all__ = [
    "Blobs",
    "Decision",
    "Ended",
    "Event",
    "Filtered",
    "Ledger",
    "Measurement",
    "Note",
    "Setting",
    "Skipped",
    "Traceback",
    "TrialRecord",
    "Unmade",
]
