"""The search over recipes: proposals, halving, the run directory, and what comes of it."""

from paredown.run.candidate import Candidate
from paredown.run.ledger import Ledger
from paredown.search.applying import Applied, apply
from paredown.search.comparing import compare
from paredown.search.compress import compress
from paredown.search.dry import DryRun, Planned, dry_run
from paredown.search.resuming import reference, resume
from paredown.search.run import Run

__all__ = [
    "Applied",
    "Candidate",
    "DryRun",
    "Ledger",
    "Planned",
    "Run",
    "apply",
    "compare",
    "compress",
    "dry_run",
    "reference",
    "resume",
]
