"""The run directory: an SQLite index and content-addressed files. It is the only truth about a run."""

from paredown.run.ledger.blobs import Blobs
from paredown.run.ledger.ledger import Ledger, TrialRecord

__all__ = ["Blobs", "Ledger", "TrialRecord"]
