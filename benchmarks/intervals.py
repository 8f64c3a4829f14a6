"""Whether the intervals of head-to-heads cover what they promise, where the truth is known because it was made up.

    python -m benchmarks.intervals       # about a minute on one core

Every row draws arms many times: examples that are easy or hard for all files, seeds that move a file by a given standard
deviation, processes that scatter and share the original's. It counts how often the 95 % interval covers the true difference,
and how wide it is beside one that knew the true standard error.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from benchmarks import record
from paredown import scores
from paredown.measure import Interval, processor
from paredown.measure.latency import Latency
from paredown.verdict import Arm, Measured
from paredown.verdict.differences import latency_difference, score_difference

Numbers = NDArray[np.floating[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    options = parser.parse_args()
    found = [{"case": case, **_covered(draw, options.draws)} for case, draw in (*_scores(), *_latencies())]
    print(record.write("intervals", {"intervals": found, "draws": options.draws, "processor": str(processor())}))


def _covered(draw: Callable[[np.random.Generator], tuple[Interval, float]], draws: int) -> dict[str, float]:
    """Share of intervals that hold the truth, and their width over that of the normal interval with the true error."""
    generator = np.random.default_rng(0)
    intervals, truths = zip(*(draw(generator) for _ in range(draws)), strict=True)
    estimates = np.array([interval.estimate for interval in intervals])
    half = np.median([(interval.high - interval.low) / 2 for interval in intervals])
    inside = np.mean(
        [interval.low <= truth <= interval.high for interval, truth in zip(intervals, truths, strict=True)]
    )
    return {"covered": float(inside), "width": float(half / (1.959964 * estimates.std(ddof=1)))}


def _scores() -> Iterator[tuple[str, Callable[[np.random.Generator], tuple[Interval, float]]]]:
    for examples, between in ((600, 0.2), (5000, 0.2), (5000, 0.6), (5000, 1.5)):
        for arms in (1, 2):
            against = "the original" if arms == 1 else "another arm"
            name = f"accuracy of 3 seeds against {against}, {examples} examples, seeds scatter by {between} points"

            def draw(
                generator: np.random.Generator, arms: int = arms, examples: int = examples, between: float = between
            ) -> tuple[Interval, float]:
                return _accuracy(generator, arms, examples, between)

            yield name, draw


def _accuracy(generator: np.random.Generator, arms: int, examples: int, between: float) -> tuple[Interval, float]:
    """An arm of 85 % against an original of 88 %, or two arms of 85 %."""
    shared = generator.normal(0, math.sqrt(0.8), examples)

    def rows(share: float) -> Numbers:
        threshold = shared + generator.normal(0, math.sqrt(0.2), examples)
        return np.asarray((ndtri(min(share, 0.999)) + threshold > 0)[:, None], dtype=float)

    def arm(label: str) -> Arm:
        made = tuple(rows(0.85 + generator.normal(0, between / 100)) for _ in range(3))
        return Arm(label, (Measured(label),) * 3, made)

    first = arm("first") if arms > 1 else Arm("original", (Measured("original"),), (rows(0.88),), fixed=True)
    known = score_difference(first, arm("second"), scores.accuracy, "recipes", 0, paired=False)
    return known.interval(), -3.0 if arms == 1 else 0.0


def _latencies() -> Iterator[tuple[str, Callable[[np.random.Generator], tuple[Interval, float]]]]:
    groups = {"the original": (0,), "an arm of the same rounds": (0, 0), "an arm of other rounds": (0, 1)}
    for against, arms in groups.items():
        for rounds in (3, 5, 16):
            for files in (0.0, 2.0):
                name = f"latency of 3 seeds against {against}, {rounds} rounds, files differ by {files:g} %"

                def draw(
                    generator: np.random.Generator,
                    arms: Sequence[int] = arms,
                    rounds: int = rounds,
                    files: float = files,
                ) -> tuple[Interval, float]:
                    return _rounds(generator, arms, rounds, files / 100)

                yield name, draw


def _rounds(
    generator: np.random.Generator, arms: Sequence[int], rounds: int, files: float, spread: float = 0.02
) -> tuple[Interval, float]:
    """Arms that take equally long as the other side; processes scatter by 2 %."""
    originals = {group: generator.normal(0, spread, rounds) for group in arms}
    sides = [
        [
            _latency(generator.normal(0, files) + generator.normal(0, spread, rounds) - originals[group], group)
            for _ in range(3)
        ]
        for group in arms
    ]
    if len(sides) == 1:
        sides = [[_latency(np.zeros(0), -1)], *sides]
    return latency_difference(sides, "recipes").interval(), 0.0


def _latency(logs: Numbers, group: int) -> Latency:
    nothing = Interval(1.0, 1.0, 1.0)
    return Latency(
        p50=nothing,
        p95=nothing,
        p99=nothing,
        ratio=None,
        ratio_bounds=None,
        next_run=None,
        next_p50=nothing,
        throughput=1.0,
        load_ms=1.0,
        first_ms=1.0,
        batch=1,
        threads=1,
        pairs=len(logs),
        dropped=0,
        taken=1,
        noisy=False,
        answered=True,
        samples=(1.0,),
        log_ratios=tuple(logs),
        looks=(1,),
        session="",
        group=group,
        runtime="",
        processor="",
    )


if __name__ == "__main__":
    main()
