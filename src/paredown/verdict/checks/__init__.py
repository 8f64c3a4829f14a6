"""One claim of a certificate per file: what it says, what is found here, and whether the two agree."""

from paredown.verdict.checks.check import Check, Held

__all__ = ["Check", "Held"]
