"""Resident memory of this very process."""

import resource
import sys
from pathlib import Path

__all__ = ["peak", "reset_peak", "resident"]


def _status(name: str) -> int | None:
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return None


def peak() -> int:
    """Largest resident set so far, bytes.

    Taken from ``VmHWM``: the figure of ``getrusage`` survives ``exec`` and so contains the parent's memory.
    """
    known = _status("VmHWM")
    if known is not None:
        return known
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


def resident() -> int:
    """Resident set now, bytes; the peak where the system does not tell."""
    known = _status("VmRSS")
    return peak() if known is None else known


def reset_peak() -> bool:
    """Let the peak start again from the present size; False where the system has no such switch."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True
