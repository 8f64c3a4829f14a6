"""Sees what runs: every import, process, file and piece of code that Python itself reports, and calls of bait."""

import contextlib
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator

QUIET = frozenset({"builtins.id", "sys._getframe", "object.__getattr__"})
"""Events that do nothing: looking at an object."""

_seen: list[str] = []
_watching = [False]


def _hook(event, args):
    if _watching[0] and event not in QUIET:
        _seen.append(f"{event} {args[0] if args else ''}"[:200])


sys.addaudithook(_hook)  # cannot be taken back; it does nothing while nobody watches


def _bait(name):
    def taken(*args, **kwargs):
        _seen.append(f"called {name}")

    return taken


_BAIT = ((os, "system"), (os, "popen"), (os, "abort"), (subprocess, "Popen"), (importlib, "import_module"))


@contextlib.contextmanager
def watched(*, bait: bool = True) -> Iterator[list[str]]:
    """What happens inside of the block; with bait in the place of the calls that attacks are after."""
    with contextlib.ExitStack() as stack:
        for owner, name in _BAIT if bait else ():
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, _bait(f"{owner.__name__}.{name}"))
        _seen.clear()
        _watching[0] = True
        try:
            yield _seen
        finally:
            _watching[0] = False
