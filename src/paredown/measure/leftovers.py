"""Measuring processes of runs that were killed: found by their record, ended only if provably ours.

A worker dies with its parent; this is for the places where the system offers no such tie, and for a worker that was
just starting. Every worker has a record (process id, start time, token, parent) in a directory that nobody but this
user can enter. A process is ended only when its parent is gone, it runs for this user and leads its own group, its start
time is the recorded one, and its command line ends with the module, the secret token and the parent, in these places.
"""

import contextlib
import json
import os
import re
import secrets
import signal
import stat
import sys
from pathlib import Path
from typing import Any

from paredown.trust import private_directory

__all__ = ["end_leftovers", "forget", "kill_group", "new_token", "remember"]

_TOKEN = re.compile(r"[0-9a-f]{16}")


def new_token() -> str:
    """What only a worker and its record know."""
    return secrets.token_hex(8)


def _directory() -> Path:
    return private_directory("paredown-workers")


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
    """End workers whose parent is gone; returns how many were ended.

    Raises:
        TrustError: the records lie where others could have put them.

    """
    ended = 0
    for path in _directory().glob("*.json"):
        record = _read(path)
        if record is not None and _started(record["parent"]) == record["parent_started"]:
            continue
        if record is not None and _is_ours(record):
            kill_group(record["pid"])
            ended += 1
        path.unlink(missing_ok=True)
    return ended


def _read(path: Path) -> dict[str, Any] | None:
    """A record, or None where it is not one: half-written by a process that was killed, or not of our making."""
    with contextlib.suppress(OSError, ValueError):
        record = json.loads(path.read_text(encoding="utf-8")) if stat.S_ISREG(path.lstat().st_mode) else None
        if isinstance(record, dict) and _is_whole(record):
            return record
    return None


def _is_whole(record: dict[str, Any]) -> bool:
    token, numbers = record.get("token"), (record.get("pid"), record.get("parent"))
    times = (record.get("started"), record.get("parent_started", 0))
    return (
        isinstance(token, str)
        and _TOKEN.fullmatch(token) is not None
        and all(type(number) is int and number > 1 for number in numbers)
        and all(isinstance(time, int | float | None) for time in times)
        and "parent_started" in record
    )


def _is_ours(record: dict[str, Any]) -> bool:
    import psutil  # noqa: PLC0415

    pid = record["pid"]
    try:
        process = psutil.Process(pid)
        command = process.cmdline()
        own = sys.platform == "win32" or (process.uids().real == os.getuid() and os.getpgid(pid) == pid)
    except (psutil.Error, ProcessLookupError):
        return False
    same = record["started"] is not None and _started(pid) == record["started"]
    return own and same and command[-3:] == ["paredown.measure.worker", record["token"], str(record["parent"])]


def kill_group(pid: int) -> None:
    """Kill a worker and what it started (a worker leads its own process group)."""
    try:
        if sys.platform == "win32":
            os.kill(pid, signal.SIGTERM)
        else:
            os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended in between
