"""Intervals of differences between arms hold what they promise, by simulation; nothing that was measured is left out."""

import math

import numpy as np
import pytest
from measurements import latency_of
from scipy.special import ndtri

from paredown import scores
from paredown.errors import InputError
from paredown.verdict import Arm, Measured, Result, compare
from paredown.verdict.differences import latency_difference, score_difference


def arm(label, rows, **settings):
    return Arm(label, (Measured(label),) * len(rows), tuple(rows), **settings)


def timed(logs, session="s", group=0):
    """A latency with these log-ratios, one a round."""
    ratio = math.exp(np.mean(logs))
    return latency_of(ratio, pairs=len(logs), session=session, group=group, log_ratios=tuple(logs))


def answers(generator, shares, n, between):
    """Right or wrong: examples are easy or hard for all files, a seed moves its file by `between`."""
    shared = generator.normal(0, math.sqrt(0.8), n)
    moved = [share + (generator.normal(0, between) if seeded else 0.0) for share, seeded in shares]
    return [
        (ndtri(min(share, 0.999)) + shared + generator.normal(0, math.sqrt(0.2), n) > 0)[:, None].astype(float)
        for share in moved
    ]


@pytest.mark.parametrize("between", [0.001, 0.006])
def test_the_score_of_a_recipe_is_known_by_its_examples_too(between):
    """Three seeds against the original: the 95 % interval covers, and is not much wider than it has to be."""
    generator = np.random.default_rng(6)
    found = []
    for _ in range(400):
        original, *seeds = answers(generator, [(0.88, False)] + [(0.85, True)] * 3, 1500, between)
        known = score_difference(
            arm("o", [original], fixed=True), arm("a", seeds), scores.accuracy, "recipes", 0, paired=False
        )
        found.append((known.value, known.interval().low, known.interval().high))
    value, low, high = np.array(found).T
    assert np.mean((low <= -3.0) & (high >= -3.0)) >= 0.93
    assert np.median(high - low) / 2 < 1.5 * 1.96 * value.std(ddof=1)  # with 2 degrees of freedom it was 2.2


def test_two_recipes_that_are_equally_good_are_not_told_apart():
    """A/A: the interval of the difference of two arms of three seeds leaves 0 out in at most 5 %."""
    generator = np.random.default_rng(7)
    outside = 0
    for _ in range(300):
        rows = answers(generator, [(0.85, True)] * 6, 1000, 0.004)
        shown = score_difference(
            arm("a", rows[:3]), arm("b", rows[3:]), scores.accuracy, "recipes", 0, paired=False
        ).interval()
        outside += not shown.low <= 0.0 <= shown.high
    assert outside <= 0.05 * 300


def test_errors_of_recipes_are_covered_as_shares_are():
    """The same for a score that is resampled: squared errors of three seeds against the original's."""
    generator = np.random.default_rng(8)
    inside, widths, values = 0, [], []
    for _ in range(120):
        shared = generator.normal(size=400)
        files = [shared + 0.5 * generator.normal(size=400) + generator.normal(0, 0.02) for _ in range(4)]
        first, *seeds = [(file**2)[:, None] for file in files]
        known = score_difference(
            arm("o", [first], fixed=True), arm("a", seeds), scores.squared_error, "recipes", 0, paired=False
        )
        shown = known.interval()
        inside += shown.low <= 0.0 <= shown.high
        widths.append((shown.high - shown.low) / 2)
        values.append(known.value)
    assert inside >= 0.92 * 120
    assert np.median(widths) < 1.6 * 1.96 * np.std(values, ddof=1)


def recipes_of_rounds(generator, arms, rounds, spread, files):
    """Log-ratios of three seeds per arm: the original's processes are shared by all files of a group."""
    made = []
    for group in arms:
        seeds = [generator.normal(0, files) + generator.normal(0, spread, rounds) for _ in range(3)]
        made.append((group, seeds))
    shared = {group: generator.normal(0, spread, rounds) for group in arms}
    return [[timed(logs - shared[group], group=group) for logs in seeds] for group, seeds in made]


@pytest.mark.parametrize(
    ("groups", "against_original"), [((0,), True), ((0, 0), False), ((0, 1), False)], ids=["original", "same", "apart"]
)
@pytest.mark.parametrize(("rounds", "files"), [(3, 0.0), (5, 0.0), (5, 0.01)])
def test_the_noise_of_the_original_counts_once_for_all_seeds(groups, against_original, rounds, files):
    """Arms of three seeds as fast as the other side: the interval of the latency covers 0 in 93 % and more."""
    generator = np.random.default_rng(9)
    inside = 0
    for _ in range(600):
        sides = recipes_of_rounds(generator, groups, rounds, 0.011, files)
        if against_original:
            sides = [[latency_of(session="s")], *sides]
        shown = latency_difference(sides, "recipes").interval()
        inside += shown.low <= 0.0 <= shown.high
    assert inside >= 0.93 * 600


def test_in_the_same_rounds_only_seeds_scatter():
    """What the original's processes did cancels: its noise makes the interval no wider."""

    def width(spread):
        shared = np.linspace(-spread, spread, 5)
        sides = [[timed(base + 0.001 * seed - shared) for seed in range(3)] for base in (-0.5, -0.4)]
        shown = latency_difference(sides, "recipes").interval()
        return shown.high - shown.low

    assert width(0.5) == pytest.approx(width(0.0))
    logs = np.random.default_rng(3).normal(-0.5, 0.02, (2, 3, 5))
    known = latency_difference([[timed(seed) for seed in arm] for arm in logs], "recipes")
    assert known.error == pytest.approx(math.sqrt((logs.mean(-1).var(axis=1, ddof=1) / 3).sum()))


def test_with_two_seeds_both_are_used():
    """Scope files: the means of these very files are compared, in score and in time."""
    generator = np.random.default_rng(10)
    rows = answers(generator, [(0.9, False), (0.9, False), (0.8, False), (0.7, False)], 2000, 0)
    files = [Measured("f", timed([log] * 2 + [log + 0.001])) for log in (-0.5, -0.5, -0.4, -0.2)]
    a, b = (Arm(name, tuple(files[k : k + 2]), tuple(rows[k : k + 2])) for name, k in (("a", 0), ("b", 2)))
    score, latency = compare([a, b], score=scores.accuracy).pairs
    assert (score.scope, score.outcome) == ("files", Result.A_WINS)
    means = [100 * part.mean() for part in rows]
    assert score.difference.estimate == pytest.approx((means[2] + means[3] - means[0] - means[1]) / 2)
    assert score.difference.low < score.difference.estimate < score.difference.high
    assert latency.difference.estimate == pytest.approx(100 * math.expm1(0.2))


def test_two_seeds_that_answer_alike_are_not_beyond_doubt():
    """600 examples on which four files agree leave a third of a point."""
    rows = [np.ones((600, 1))] * 2
    known = score_difference(arm("a", rows), arm("b", rows), scores.accuracy, "files", 0, paired=False)
    assert known.interval().high == pytest.approx(0.326, abs=0.01)


def test_several_files_of_any_score_are_resampled_together():
    generator = np.random.default_rng(11)
    errors = generator.exponential(1.0, (300, 1))
    a, b = arm("a", [errors, 1.1 * errors]), arm("b", [1.2 * errors, 1.3 * errors])
    shown = score_difference(a, b, scores.squared_error, "files", 0, paired=False).interval()
    assert shown.estimate == pytest.approx(0.2 * errors.mean())
    assert 0 < shown.low < shown.estimate < shown.high


def test_a_margin_does_not_depend_on_who_is_named_first():
    """Half a per cent of the score, which is the mean of both arms'."""
    truth = np.random.default_rng(12).exponential(1.0, (400, 1))
    rows, files = {"a": truth, "b": 3.0 * truth}, {name: Measured(name) for name in "ab"}
    (one,) = compare(files, score=scores.squared_error, rows=rows).pairs
    (other,) = compare(dict(reversed(files.items())), score=scores.squared_error, rows=rows).pairs
    assert one.margin == pytest.approx(other.margin) == pytest.approx(0.005 * 2.0 * truth.mean())


def test_a_tie_is_one_test_on_either_side_at_the_full_level():
    """A difference as large as the margin is called a tie in 5 %, not in half of that, and never more."""
    generator = np.random.default_rng(13)
    margin, called = math.log1p(0.03), 0
    for _ in range(1500):
        logs = generator.normal(margin, 0.01, 7)
        pair = compare({"o": Measured("o", latency_of()), "f": Measured("f", timed(logs))}).pairs[0]
        called += pair.outcome is Result.TIE
    assert 0.038 * 1500 <= called <= 0.062 * 1500


@pytest.mark.parametrize("looks", [(1,), (5, 7, 11, 16)])
def test_a_claim_is_made_where_its_interval_lies(looks):
    """One claim, no correction: a win is the 95 % interval beyond the margin."""
    generator = np.random.default_rng(14)
    margin = 0.03
    outcomes = set()
    for truth in np.linspace(0.0, 0.12, 150):
        logs = generator.normal(truth, 0.03, 7)
        latency = latency_of(1.0, pairs=7, log_ratios=tuple(logs), looks=looks)
        pair = compare({"o": Measured("o", latency_of(looks=looks)), "f": Measured("f", latency)}).pairs[0]
        assert (pair.outcome is Result.A_WINS) == (pair.difference.low > 100 * margin)
        outcomes.add(pair.outcome)
    assert outcomes >= {Result.A_WINS, Result.CANNOT_TELL}


def test_rows_that_are_not_finite_are_named():
    bad = np.full((4, 1), np.nan)
    with pytest.raises(InputError, match="4 of 4 rows of the arm 'b' are not finite"):
        compare([arm("a", [np.ones((4, 1))]), arm("b", [bad])], score=scores.accuracy)
