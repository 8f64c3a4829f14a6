"""Timing one session from inside its own process."""

import gc
import time
from collections.abc import Callable
from typing import Any

from paredown.measure.waits import Waits

__all__ = ["DISTURBED", "sample", "warm"]

DISTURBED = 0.01
"""A sample whose threads waited for more than this part of its time is dropped."""

_CHUNK_NS = 4_000_000  # runs that follow one another without a look at the run queue, which would cool the caches
_STEADY = 0.02


def warm(run: Callable[[], Any], *, limit: float = 2.0, least: float = 0.1) -> dict[str, Any]:
    """Run until two windows in a row have the same median within 2 %.

    Args:
        run: one inference.
        limit: seconds after which it is left as it is.
        least: seconds that are spent in any case.

    Returns:
        ``runs``, ``steady`` and the last window's median ``run_ns``.

    """
    begin = time.perf_counter()
    runs, before, median = 0, 0.0, 0.0
    while True:
        window: list[int] = []
        opened = time.perf_counter()
        while len(window) < 3 or time.perf_counter() - opened < least / 3:
            start = time.perf_counter_ns()
            run()
            window.append(time.perf_counter_ns() - start)
        runs += len(window)
        median = float(sorted(window)[len(window) // 2])
        spent = time.perf_counter() - begin
        steady = abs(median - before) <= _STEADY * median
        if (steady and spent >= least) or spent >= limit:
            return {"runs": runs, "steady": steady, "run_ns": median}
        before = median


def sample(  # noqa: PLR0913 (one loop, everything about it in sight)
    run: Callable[[], Any], waits: Waits, *, run_ns: float, seconds: float, least: int, limit: float
) -> dict[str, Any]:
    """Time single inferences until enough of them were left undisturbed.

    Args:
        run: one inference.
        waits: this process's run-queue waits.
        run_ns: how long one takes, roughly; very short ones are checked for disturbance in groups.
        seconds: undisturbed time wanted.
        least: undisturbed samples wanted.
        limit: seconds after which it stops with what there is.

    Returns:
        ``times`` in ns and ``shares`` (part of the time spent waiting), one entry per inference.

    """
    chunk = max(1, min(64, round(_CHUNK_NS / max(run_ns, 1.0))))
    times: list[int] = []
    shares: list[float] = []
    kept, kept_ns = 0, 0
    waits.rescan()
    for _ in range(max(2, min(20, round(5e6 / max(run_ns, 1.0))))):
        run()  # caches hold the neighbour's weights
    gc.collect()
    gc.disable()
    begin = time.perf_counter()
    try:
        while (kept < least or kept_ns < seconds * 1e9) and time.perf_counter() - begin < limit:
            group = []
            before = waits.read()
            for _ in range(chunk):
                start = time.perf_counter_ns()
                run()
                group.append(time.perf_counter_ns() - start)
            wall = sum(group)
            share = waits.share(before, waits.read(), wall)
            times += group
            shares += [round(share, 5)] * chunk
            if share <= DISTURBED:
                kept += chunk
                kept_ns += wall
    finally:
        gc.enable()
    return {"times": times, "shares": shares}
