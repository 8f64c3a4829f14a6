"""The run directory: an SQLite index and content-addressed files. It is the only truth about a run."""

from paredown.search.ledger.blobs import Blobs
from paredown.search.ledger.ledger import Ledger, TrialRecord
from paredown.search.ledger.openings import Openings
from paredown.search.ledger.steps import Steps

__all__ = ["Blobs", "Ledger", "Openings", "Steps", "TrialRecord"]
