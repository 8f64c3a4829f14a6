"""Measuring processes of runs that were killed: found by their record, ended only if provably ours.

A worker dies with its parent; this is for the places where the system offers no such tie, and for a worker that was
just starting. Every worker has a record (process id, start time, token, parent). A process is ended only when its
parent is gone, its start time is the recorded one, and its command line carries the module and the secret token.
"""

import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["end_leftovers", "forget", "kill_group", "remember"]


def _directory() -> Path:
    owner = os.getuid() if sys.platform != "win32" else "user"
    path = Path(tempfile.gettempdir()) / f"paredown-workers-{owner}"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _started(pid: int) -> float | None:
    """When a process started, as a number that does not move with the clock; None where there is no such process."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return float(fields[19])  # clock ticks since boot; the name before the bracket may hold anything
    except OSError:
        return None if Path("/proc/self").exists() else _created(pid)


def _created(pid: int) -> float | None:
    import psutil  # noqa: PLC0415 (not needed in the worker)

    try:
        return round(float(psutil.Process(pid).create_time()), 1)
    except psutil.Error:
        return None


def remember(pid: int, token: str) -> Path:
    """Record a worker of this process; returns the record's path."""
    parent = os.getpid()
    record = {
        "pid": pid,
        "started": _started(pid),
        "token": token,
        "parent": parent,
        "parent_started": _started(parent),
    }
    path = _directory() / f"{pid}-{token}.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    return path


def forget(record: Path) -> None:
    """The worker has ended in good order."""
    record.unlink(missing_ok=True)


def end_leftovers() -> int:
    """End workers whose parent is gone; returns how many were ended."""
    ended = 0
    for path in _directory().glob("*.json"):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            path.unlink(missing_ok=True)  # half-written by a process that was killed; its worker noticed that itself
            continue
        if _started(record["parent"]) == record["parent_started"]:
            continue
        if _is_ours(record):
            kill_group(record["pid"])
            ended += 1
        path.unlink(missing_ok=True)
    return ended


def _is_ours(record: dict[str, Any]) -> bool:
    import psutil  # noqa: PLC0415

    try:
        command = psutil.Process(record["pid"]).cmdline()
    except psutil.Error:
        return False
    same = _started(record["pid"]) == record["started"]
    return same and "paredown.measure.worker" in command and record["token"] in command


def kill_group(pid: int) -> None:
    """Kill a worker and what it started (a worker leads its own process group)."""
    try:
        if sys.platform == "win32":
            os.kill(pid, signal.SIGTERM)
        else:
            os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended in between
