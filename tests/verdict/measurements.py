"""Measurements as `paredown.measure` would give them, without measuring."""

import math

import numpy as np

from paredown import scores
from paredown.measure import Energy, Interval, Latency, Memory, Size, quality, student
from paredown.verdict import Measured


def latency_of(ratio=None, *, ms=2.0, spread=0.01, pairs=5, session="s", group=0, **changes):
    """A latency whose pairs scatter by `spread` around a ratio; without one, the baseline's."""
    steps = np.linspace(-1, 1, pairs) * spread
    logs = () if ratio is None else tuple(float(math.log(ratio) + step) for step in steps)
    own = ms * (ratio or 1.0)

    def between(values, **kinds):
        found = student.interval(values, **kinds)
        return Interval(
            math.exp(found.estimate), math.exp(found.low), math.exp(found.high), found.confidence, found.kind
        )

    p50 = between([math.log(own) + step for step in steps])
    values = {
        "p50": p50,
        "p95": p50,
        "p99": p50,
        "ratio": between(logs) if logs else None,
        "ratio_bounds": between(logs, confidence=0.9) if logs else None,
        "next_run": between(logs, kind="prediction") if logs else None,
        "next_p50": between([math.log(own) + step for step in steps], kind="prediction"),
        "throughput": 1000 / own,
        "load_ms": 3.0,
        "first_ms": 2 * own,
        "batch": 1,
        "threads": 1,
        "pairs": pairs,
        "dropped": 10,
        "taken": 1000,
        "noisy": False,
        "answered": True,
        "samples": tuple(own * math.exp(step) for step in steps),
        "log_ratios": logs,
        "looks": (pairs,),
        "session": session,
        "group": -1 if ratio is None else group,
        "runtime": "onnxruntime 1.31.1",
        "processor": "Fast 1, 2 cores",
    }
    return Latency(**{**values, **changes})


def hits(n=1000, wrong=100, start=0):
    """Rows of accuracy with so many wrong examples from `start` on."""
    rows = np.ones((n, 1))
    rows[start : start + wrong] = 0
    return rows


def file(label, ratio=None, rows=None, original=None, size=1000, **others):
    """A measured file; `rows` against `original` give its quality."""
    base = hits() if original is None else original
    own = base if rows is None else rows
    return Measured(
        label,
        latency_of(ratio),
        quality(own, base, scores.accuracy),
        Size(size, size // 2, size // 2),
        **others,
    )


def memory_of(over, spread=0):
    return Memory(over + 10_000, 10_000, over, spread, 1, 3)


def energy_of(mj, *, estimated):
    return Energy(mj, estimated, "method", 0.001, 4.0, 1, 100)
