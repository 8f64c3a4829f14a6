"""Latency of files: fresh processes, paired with a baseline, until the question is answered."""

import dataclasses
import math
import os
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paredown.errors import InputError
from paredown.measure import sequential, student
from paredown.measure.exclusive import exclusive
from paredown.measure.interval import Interval
from paredown.measure.process import feed_file
from paredown.measure.processor import processor
from paredown.measure.rounds import ProcessRun, Settings, round_of
from paredown.measure.subject import Subject

if TYPE_CHECKING:
    from paredown.measure.subject import Measurable
    from paredown.targets import Target

__all__ = ["Latency", "latency"]

_TOGETHER = 6  # files per round beside the baseline: all their processes are in memory at once

Round = Mapping[str, ProcessRun]


@dataclasses.dataclass(frozen=True)
class Latency:
    """How long one inference takes, in ms, and compared with the baseline.

    Attributes:
        p50, p95, p99: quantiles of one process, with the interval between processes (geometric mean, Student's t). It holds
            whichever look it was stopped at.
        ratio: this over the baseline, a confidence interval from pairs of processes; decides. It holds whichever look
            it was stopped at. None for the baseline itself.
        ratio_bounds: the same at 90 %, so each end is a one-sided 95 % bound.
        next_run: prediction interval of the ratio in one further pair of processes; describes.
        next_p50: prediction interval of the p50 of one further process, ms.
        throughput: examples per second of one session that is never idle.
        load_ms, first_ms: opening the file and the first inference, medians.
        batch, threads: examples per inference; threads per inference.
        pairs: fresh processes of this file, each paired with one of the baseline.
        dropped, taken: samples left out because somebody else had the processor; samples in all.
        noisy: in at least half of the processes hardly any sample was undisturbed.
        answered: the ratio lies wholly on one side of, or within, what was asked; False where time or pairs ran out.
        samples: p50 of each process, ms.
        log_ratios: natural logarithm of the ratio of each pair.
        looks: numbers of pairs after which the question was looked at.
        session: equal for files measured in one call.
        group: equal, within a session, for files measured in the same rounds, whose ratios are then paired one by one;
            -1 for the baseline, which took part in all.
        runtime, processor: what it ran on.

    """

    p50: Interval
    p95: Interval
    p99: Interval
    ratio: Interval | None
    ratio_bounds: Interval | None
    next_run: Interval | None
    next_p50: Interval
    throughput: float
    load_ms: float
    first_ms: float
    batch: int
    threads: int
    pairs: int
    dropped: int
    taken: int
    noisy: bool
    answered: bool
    samples: tuple[float, ...]
    log_ratios: tuple[float, ...]
    looks: tuple[int, ...]
    session: str
    group: int
    runtime: str
    processor: str

    @property
    def p50_bounds(self) -> Interval:
        """The interval of `p50` at 90 %, so each end is a one-sided 95 % bound; for limits in milliseconds."""
        return _between(self.samples, self.looks, 0.90)


@dataclasses.dataclass(frozen=True)
class _Question:
    margin: float
    bound: float | None
    looks: tuple[int, ...]
    level: float

    def ratio(self, logs: Sequence[float]) -> Interval:
        return _exp(student.interval(logs, level=self.level))

    def answered(self, logs: Sequence[float]) -> bool:
        """Whether the ratio lies on one side of the margins and of the bound."""
        ratio = self.ratio(logs)
        edges = [1 / (1 + self.margin), 1 + self.margin] + ([] if self.bound is None else [self.bound])
        return not any(ratio.low < edge < ratio.high for edge in edges)


def latency(  # noqa: PLR0913 (one call, everything about it in sight)
    files: "Mapping[str, Measurable]",
    *,
    target: "Target | None" = None,
    baseline: str | None = None,
    pairs: tuple[int, int] = (5, 16),
    margin: float = 0.03,
    bound: float | None = None,
    time_limit: float = 300.0,
    inputs: "Sequence[Any] | None" = None,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
    limit_s: float = 60.0,
    cpus: tuple[int, ...] | None = None,
    trust: bool = False,
) -> dict[str, Latency]:
    """Measure how long one inference of each file takes, alone and compared with a baseline.

    Fresh processes are started in rounds, one per file, and timed in alternating blocks (see `rounds`). After
    ``pairs[0]`` rounds, and at a few later points up to ``pairs[1]``, each file whose ratio lies clearly on one side of
    the margin (and of `bound`) is done. The interval allows for the repeated looks.

    Args:
        files: artifacts or paths by name.
        target: the runtime, for plain paths whose suffix does not tell.
        baseline: what the others are compared with; ``"original"`` if there is one, otherwise the first.
        pairs: least and most number of rounds.
        margin: differences up to this part are a tie.
        bound: a ratio whose side is asked for as well, ``0.5`` for a budget of half the original's latency.
        time_limit: seconds after which no further round is started (two are always made).
        inputs: one array per input of the files, at least one row; made up where not given.
        seed: of the order and of made-up inputs.
        progress: called with a text, rounds done, and most rounds.
        limit_s: seconds of work after which a process is killed.
        cpus: processors to pin the processes to (Linux).
        trust: whoever made the files may run programs here; see `Target.admit`.

    Raises:
        InputError: no files, an unknown baseline, a file that is missing, settings out of range.
        TrustError: a file is a program that was not made here, and `trust` was not given.
        MeasureError: the runtime crashed, refused the file or hung.

    """
    subjects = {name: Subject.of(file, target, name, trust=trust) for name, file in _named(files).items()}
    first = _checked(subjects, baseline, pairs, margin, bound)
    looks = sequential.schedule(*pairs)
    question = _Question(margin, bound, looks, sequential.level(looks))
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch, exclusive():
        settings = Settings(limit_s=limit_s, cpus=cpus, seed=seed, feed=feed_file(Path(scratch), inputs))
        history: dict[str, list[Round]] = {name: [] for name in subjects}
        others = [name for name in subjects if name != first]
        groups = [others[start : start + _TOGETHER] for start in range(0, len(others), _TOGETHER)] or [[]]
        deadline = time.monotonic() + time_limit
        for index, group in enumerate(groups):
            share = time.monotonic() + (deadline - time.monotonic()) / (len(groups) - index)
            asking = _Asking(subjects, first, settings, question, _generator(seed, index), share, progress)
            history.update(asking.run(group, history[first]))
    session = os.urandom(16).hex()
    return {
        name: _summary(subjects[name], first, history[name], question, (session, _group(groups, name)))
        for name in subjects
    }


def _named(files: object) -> "Mapping[str, Measurable]":
    if isinstance(files, Mapping):
        return files
    several = list(files) if isinstance(files, (list, tuple)) else [files]
    typed = ", ".join(f"{Path(str(getattr(file, 'path', file))).stem!r}: {file!r}" for file in several)
    msg = f"latency was given a {type(files).__name__}; it compares files by name. Type latency({{{typed}}})."
    raise InputError(msg)


def _group(groups: Sequence[Sequence[str]], name: str) -> int:
    return next((index for index, group in enumerate(groups) if name in group), -1)


def _generator(seed: int, index: int) -> random.Random:
    return random.Random(f"{seed}-{index}")  # noqa: S311 (an order of measuring, not a secret)


def _checked(
    subjects: Mapping[str, Subject],
    baseline: str | None,
    pairs: tuple[int, int],
    margin: float,
    bound: float | None,
) -> str:
    if not subjects:
        msg = 'No files were given to measure. Type `latency({"original": "model.onnx", "candidate": "small.onnx"})`.'
        raise InputError(msg)
    first = baseline or ("original" if "original" in subjects else next(iter(subjects)))
    if first not in subjects:
        msg = f"baseline={first!r} is none of the files given: {', '.join(subjects)}. Name one of them."
        raise InputError(msg)
    if not 2 <= pairs[0] <= pairs[1]:
        msg = f"pairs={pairs!r} was given; it is (least, most) with 2 <= least <= most. Type `pairs=(5, 16)`."
        raise InputError(msg)
    if not 0 < margin < 1:
        msg = f"margin={margin!r} was given; it is a part between 0 and 1. Type `margin=0.03` for 3 %."
        raise InputError(msg)
    if bound is not None and bound <= 0:
        msg = f"bound={bound!r} was given; it is a ratio to the baseline, above 0. Type `bound=0.5` for half of it."
        raise InputError(msg)
    return first


@dataclasses.dataclass
class _Asking:
    """Rounds of one group of files and the baseline, until every file has its answer."""

    subjects: Mapping[str, Subject]
    baseline: str
    settings: Settings
    question: _Question
    generator: random.Random
    deadline: float
    progress: Callable[[str, int, int], None] | None

    def run(self, names: Sequence[str], earlier: Sequence[Round]) -> dict[str, list[Round]]:
        """Rounds in which each file took part; those of the baseline follow the `earlier` ones."""
        open_ = list(names)
        rounds: list[Round] = []
        most = self.question.looks[-1]
        while len(rounds) < most and (len(rounds) < 2 or time.monotonic() < self.deadline):
            rounds.append(
                round_of([self.subjects[name] for name in [self.baseline, *open_]], self.settings, self.generator)
            )
            if self.progress is not None:
                self.progress(f"latency of {', '.join(open_) or self.baseline}", len(rounds), most)
            if len(rounds) in self.question.looks:
                open_ = [name for name in open_ if not self.question.answered(_logs(rounds, name, self.baseline))]
                if not open_ and (names or self._known(rounds)):
                    break
        taken = {name: [round_ for round_ in rounds if name in round_] for name in names}
        return {**taken, self.baseline: [*earlier, *rounds]}

    def _known(self, rounds: Sequence[Round]) -> bool:
        # A file measured alone has no ratio: its p50 is known well enough when the interval is within the margin.
        own = student.interval([math.log(round_[self.baseline].p50) for round_ in rounds], level=self.question.level)
        return own.high - own.estimate <= math.log1p(self.question.margin)


def _logs(rounds: Sequence[Round], name: str, baseline: str) -> list[float]:
    return [round_[name].log_ratio(round_[baseline]) for round_ in rounds if name in round_]


def _exp(interval: Interval) -> Interval:
    low, high = (math.exp(min(edge, 700.0)) for edge in (interval.low, interval.high))
    return Interval(math.exp(interval.estimate), low, high, interval.confidence, interval.kind)


def _between(values: Sequence[float], looks: tuple[int, ...], confidence: float = 0.95) -> Interval:
    """Geometric mean of one number of each process, paid for all looks."""
    level = sequential.level(looks, confidence)
    return _exp(student.interval([math.log(value) for value in values], confidence, level=level))


def _next(values: Sequence[float]) -> Interval:
    return _exp(student.interval([math.log(value) for value in values], kind="prediction"))


def _summary(
    subject: Subject, baseline: str, rounds: Sequence[Round], question: _Question, session: tuple[str, int]
) -> Latency:
    name = subject.label
    runs = [round_[name] for round_ in rounds]
    logs = [] if name == baseline else _logs(rounds, name, baseline)
    samples = tuple(run.p50 for run in runs)
    p50 = _between(samples, question.looks)
    wide = sequential.level(question.looks, 0.90)
    return Latency(
        p50=p50,
        p95=_between([run.p95 for run in runs], question.looks),
        p99=_between([run.p99 for run in runs], question.looks),
        ratio=question.ratio(logs) if logs else None,
        ratio_bounds=_exp(student.interval(logs, 0.90, level=wide)) if logs else None,
        next_run=_exp(student.interval(logs, kind="prediction")) if logs else None,
        next_p50=_next(samples),
        throughput=1000 * runs[0].batch / p50.estimate,
        load_ms=float(np.median([run.load_ms for run in runs])),
        first_ms=float(np.median([run.first_ms for run in runs])),
        batch=runs[0].batch,
        threads=int(getattr(subject.target, "threads", 1)),
        pairs=len(runs),
        dropped=sum(run.dropped for run in runs),
        taken=sum(run.taken for run in runs),
        noisy=2 * sum(run.noisy for run in runs) >= len(runs),
        answered=question.answered(logs) if logs else True,
        samples=samples,
        log_ratios=tuple(logs),
        looks=question.looks,
        session=session[0],
        group=session[1],
        runtime=runs[0].version,
        processor=str(processor()),
    )
