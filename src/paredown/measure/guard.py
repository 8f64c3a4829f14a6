"""A measuring process must not outlive the one that started it."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import BinaryIO

__all__ = ["die_with_parent", "requests"]

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends (Linux; elsewhere `requests` notices the closed pipe).

    Args:
        parent: process id of the one who must be alive; if it is gone already, this process ends at once.

    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(3)


def requests(stream: BinaryIO, leave: Callable[[int], None] = os._exit) -> "SimpleQueue[bytes]":
    """Lines of a stream, read by a thread which ends this process as soon as the stream is closed.

    Args:
        stream: where the parent writes.
        leave: what ends the process, whatever the main thread is doing.

    """
    lines: SimpleQueue[bytes] = SimpleQueue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        leave(0)

    threading.Thread(target=read, name="parent", daemon=True).start()
    return lines
