"""PD115: something in the network never moved on the calibration data."""

from paredown.verdict.findings.context import FileContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD115"
TITLE = "values that never changed on the calibration data"
_MOST = 5


def check(context: FileContext) -> Finding:
    """Name the rounded values whose range is a single number."""
    label, still = context.measured.label, context.constant
    if still is None:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "No values were rounded with ranges from data.", label)
    if not still:
        return Finding(CODE, TITLE, Severity.PASSED, "Every rounded value changed on the calibration data.", label)
    named = ", ".join(still[:_MOST]) + (f" and {len(still) - _MOST} more" if still[_MOST:] else "")
    text = (
        f"{named}: always the same on the calibration data, so rounding leaves room for that number only. Calibrate on data "
        "like that in use; if it really never changes, `prune.Channels` cuts what makes it."
    )
    return Finding(CODE, TITLE, Severity.TIP, text, label)
