"""The search over recipes: proposals, halving, the run directory, and what comes of it."""

from paredown.search.candidate import Candidate
from paredown.search.compress import compress
from paredown.search.ledger import Ledger
from paredown.search.run import Run

__all__ = ["Candidate", "Ledger", "Run", "compress"]
