"""Deciding, comparing, explaining and certifying what was measured."""

from paredown.verdict.compare import Comparison, compare
from paredown.verdict.decide import LimitVerdict, Outcome, Verdict, decide
from paredown.verdict.frontier import frontier
from paredown.verdict.holm import holm
from paredown.verdict.measured import Measured
from paredown.verdict.pair import Arm, Margins, Pair, Result

__all__ = [
    "Arm",
    "Comparison",
    "LimitVerdict",
    "Margins",
    "Measured",
    "Outcome",
    "Pair",
    "Result",
    "Verdict",
    "compare",
    "decide",
    "frontier",
    "holm",
]
