"""A run as a page, as text in the terminal, and as JSON.

Everything shown is already in the `paredown.run.summary.RunSummary`: reports draw and round, they never compute.
"""

from paredown.report.console import terminal
from paredown.report.page import html
from paredown.report.plain import json

__all__ = ["html", "json", "terminal"]
