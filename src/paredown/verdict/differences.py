"""What is known of the difference between two arms, and which kinds of chance count in it.

With scope ``files`` the files are given and only measuring is chance: which examples there were, how a process happened to
run. With scope ``recipes`` the next user trains anew: what seeds do is chance as well. Its variance is then a sum of parts
(`student.combined`):

- *seeds*: the scatter of the seeds' own results, over their number, for each arm;
- *examples* or *rounds*: what all files of the comparison share, so that the scatter between seeds does not show it.

What an example or a process does to one seed's file alone is in both parts. So the sum errs on the wide side, by at most that
share; in simulations the interval covers in 93 to 99 % where it promises 95 (``python -m benchmarks.intervals``).
"""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from paredown.measure import bootstrap, proportions, student
from paredown.measure.evidence import Evidence
from paredown.measure.latency import Latency
from paredown.measure.quality import as_rows, is_share
from paredown.verdict.pair import Arm

if TYPE_CHECKING:
    from paredown.scores import Score

__all__ = ["RECIPES", "latency_difference", "score_difference"]

RECIPES = "recipes"
_TIMES = {"files": 4000, RECIPES: 1000}

Numbers = NDArray[np.floating[Any]]


def score_difference(  # noqa: PLR0913 (two arms and how they are compared)
    a: Arm, b: Arm, score: "Score", scope: str, seed: int, *, paired: bool
) -> Evidence:
    """The score of `b` less that of `a`, each the mean over the arm's files.

    Args:
        a: the first arm.
        b: the second arm.
        score: the task's.
        scope: ``files`` or ``recipes``.
        seed: of the bootstrap.
        paired: the i-th files of both belong together.

    Raises:
        InputError: rows that are not finite.

    """
    sides = _Sides(_rows(a), _rows(b), score, seed, _TIMES[scope])
    if scope != RECIPES:
        return sides.of_files()
    first, second = sides.values()
    if paired and len(first) == len(second):
        return student.combined(float(np.mean(second - first)), [student.Part.of(second - first), sides.examples()])
    parts = [student.Part.of(values) for values in (first, second) if len(values) > 1]
    return student.combined(float(second.mean() - first.mean()), [*parts, sides.examples()])


def _rows(arm: Arm) -> list[Numbers]:
    return [as_rows(rows, f"arm {arm.label!r}") for rows in arm.rows]


@dataclasses.dataclass(frozen=True)
class _Sides:
    """Rows of the files of two arms, on the same examples."""

    first: Sequence[Numbers]
    second: Sequence[Numbers]
    score: "Score"
    seed: int
    times: int

    def values(self) -> tuple[Numbers, Numbers]:
        """The score of every file."""
        first, second = (
            np.array([self.score.reduce(rows) for rows in side], dtype=float) for side in (self.first, self.second)
        )
        return first, second

    def of_files(self) -> Evidence:
        """These very files, one or several a side: only the examples are chance."""
        if self._shares():
            return self._of_shares()
        left_out = bootstrap.jackknife(self.score, [*self.first, *self.second], self.seed)
        first, second = self.values()
        return bootstrap.Resampled.of(
            float(second.mean() - first.mean()), self._between(self._drawn()), self._between(left_out)
        )

    def _of_shares(self) -> Evidence:
        if len(self.first) > 1 or len(self.second) > 1:
            return proportions.of_several(self._by_example(), self._unit())
        own, other = self.second[0][:, 0], self.first[0][:, 0]
        won, lost = int(np.sum((own == 1) & (other == 0))), int(np.sum((own == 0) & (other == 1)))
        return proportions.PairedShares(won, lost, len(own), self._unit())

    def examples(self) -> student.Part:
        """What the choice of examples does to the difference, all files seeing the same ones."""
        if self._shares():
            known = proportions.of_several(self._by_example(), self._unit())
            return student.Part(known.error**2, known.freedom)
        variance = float(np.nanvar(self._between(self._drawn()), ddof=1))
        return student.Part(variance, 1 / (1 / max(1, len(self.first[0]) - 1) + 1 / (self.times - 1)))

    def _shares(self) -> bool:
        return all(is_share(self.score, rows) for rows in (*self.first, *self.second))

    def _unit(self) -> float:
        """What a share of 1 counts as in the score."""
        return self.score.reduce(np.ones((1, 1))) - self.score.reduce(np.zeros((1, 1)))

    def _by_example(self) -> Numbers:
        """Share of the second arm's files that have an example right, less that of the first arm's."""
        return np.asarray(np.mean(self.second, axis=0)[:, 0] - np.mean(self.first, axis=0)[:, 0])

    def _drawn(self) -> Numbers:
        return bootstrap.replicates(self.score, [*self.first, *self.second], self.times, self.seed)

    def _between(self, scores: Numbers) -> Numbers:
        """Difference of the arms' means, out of scores ``[files, resamples]``."""
        return np.asarray(scores[len(self.first) :].mean(0) - scores[: len(self.first)].mean(0))


@dataclasses.dataclass(frozen=True)
class _Timed:
    """A file's part in a difference: its weight (below 0 in the first arm) and one logarithm a round."""

    arm: int
    weight: float
    logs: tuple[float, ...]


def latency_difference(sides: Sequence[Sequence[Latency]], scope: str) -> student.Estimate:
    """Logarithm of the time of the second arm over that of the first, each the geometric mean over the arm's files.

    The original's processes are in all ratios of a round. They cancel between two files that took part in the same rounds,
    and count once, not once a seed, where an arm is held against the original or against files of other rounds.

    Args:
        sides: latencies of the files of both arms.
        scope: ``files`` or ``recipes``.

    """
    groups = _in_rounds(sides)
    means = [(file.arm, file.weight, float(np.mean(file.logs))) for files in groups.values() for file in files]
    value = sum(weight * mean for _, weight, mean in means)
    if any(len(file.logs) < 2 for files in groups.values() for file in files):
        return student.Estimate(value, np.inf, 1.0)
    shared = [_contrast(files) for files in groups.values() if scope != RECIPES or not _cancels(files, sides)]
    rounds = [student.Part.of(logs) for logs in shared]
    if scope != RECIPES:
        looks = max((latency.looks for side in sides for latency in side), key=len)
        return student.combined(value, rounds, looks)
    by_arm = [[mean for arm, _, mean in means if arm == index] for index in range(len(sides))]
    seeds = [student.Part.of(values) for values in by_arm if len(values) > 1]
    return student.combined(value, [*seeds, *rounds])


def _in_rounds(sides: Sequence[Sequence[Latency]]) -> Mapping[object, Sequence[_Timed]]:
    """Files by the rounds that they took part in, all of them in as many; those of the baseline (ratio 1) are left out."""
    every = [latency for side in sides for latency in side]
    apart = len({latency.session for latency in every}) > 1 and not all(latency.log_ratios for latency in every)
    groups: dict[object, list[_Timed]] = defaultdict(list)
    for arm, side in enumerate(sides):
        for number, latency in enumerate(side):
            weight = (1 if arm else -1) / len(side)
            if apart:  # nothing to compare both with but the clock
                groups[arm, number].append(_Timed(arm, weight, tuple(np.log(latency.samples))))
            elif latency.log_ratios:
                groups[latency.session, latency.group].append(_Timed(arm, weight, latency.log_ratios))
    return {key: _cut(files) for key, files in groups.items()}


def _cut(files: Sequence[_Timed]) -> Sequence[_Timed]:
    rounds = min(len(file.logs) for file in files)
    return [dataclasses.replace(file, logs=file.logs[:rounds]) for file in files]


def _contrast(files: Sequence[_Timed]) -> Numbers:
    """The difference as each of the rounds shows it."""
    return np.asarray(sum(file.weight * np.array(file.logs) for file in files))


def _cancels(files: Sequence[_Timed], sides: Sequence[Sequence[Latency]]) -> bool:
    """Whether the rounds do nothing to the difference that the scatter between seeds does not show."""
    seeds = all(len(sides[file.arm]) > 1 for file in files)
    return seeds and abs(sum(file.weight for file in files)) < 1e-9
