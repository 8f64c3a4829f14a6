"""Deciding, comparing, explaining and certifying what was measured. Importing this does not import torch."""

from paredown.verdict.certificate import Certificate, certificate_path
from paredown.verdict.certify import certify
from paredown.verdict.compare import Comparison, compare
from paredown.verdict.decide import LimitVerdict, Outcome, Verdict, decide
from paredown.verdict.frontier import frontier
from paredown.verdict.holm import holm
from paredown.verdict.measured import Measured
from paredown.verdict.pair import Arm, Margins, Pair, Result
from paredown.verdict.rows import rows_of
from paredown.verdict.verify import Check, Held, Verified, verify

__all__ = [
    "Arm",
    "Certificate",
    "Check",
    "Comparison",
    "Held",
    "LimitVerdict",
    "Margins",
    "Measured",
    "Outcome",
    "Pair",
    "Result",
    "Verdict",
    "Verified",
    "certificate_path",
    "certify",
    "compare",
    "decide",
    "frontier",
    "holm",
    "rows_of",
    "verify",
]
