"""The intervals keep their promises: coverage by simulation, and textbook numbers."""

import math

import numpy as np
import pytest
from scipy import stats

from paredown.measure import bootstrap, proportions, sequential, student
from paredown.scores import Auc, SquaredError

RUNS = 2000


def test_students_interval_is_the_textbooks():
    values = [1.0, 2.0, 4.0, 7.0]
    found = student.interval(values)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert student.interval(values, 0.9).high < found.high
    further = student.interval(values, kind="prediction")
    assert further.kind == "prediction"
    assert further.high - further.estimate == pytest.approx((found.high - found.estimate) * math.sqrt(5))
    assert student.interval([3.0]).high == math.inf


def test_students_p_value_is_the_textbooks():
    values = [1.0, 2.0, 4.0, 7.0]
    assert student.p_above(values, 1.0) == pytest.approx(stats.ttest_1samp(values, 1.0, alternative="greater").pvalue)
    assert student.p_above([2.0, 2.0], 1.0) == 0.0
    assert student.p_above([2.0, 2.0], 2.0) == 0.5


def test_prediction_intervals_hold_the_next_value():
    values = np.random.default_rng(0).normal(size=(RUNS, 7))
    inside = [
        found.low <= row[-1] <= found.high
        for row in values
        for found in [student.interval(row[:-1], kind="prediction")]
    ]
    assert 0.93 <= np.mean(inside) <= 0.97


def stopped(values, looks, level, margin):
    """The interval at the first look that lies on one side of, or between, the margins; else at the last."""
    for look in looks:
        found = student.interval(values[:look], level=level)
        if not any(found.low < edge < found.high for edge in (-margin, margin)):
            break
    return found


@pytest.mark.parametrize("truth", [0.0, 0.03, -0.05])
def test_looking_several_times_keeps_the_coverage(truth):
    looks = sequential.schedule(5, 16)
    level = sequential.level(looks)
    assert level < 0.05
    draws = np.random.default_rng(1).normal(truth, 0.04, (RUNS, looks[-1]))
    found = [stopped(values, looks, level, 0.03) for values in draws]
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.945
    # without the correction the promise would be broken, which is why it is there
    naive = [stopped(values, looks, 0.05, abs(truth)) for values in draws]
    assert np.mean([one.low <= truth <= one.high for one in naive]) < 0.93


def test_a_single_look_costs_nothing():
    assert sequential.level((5,)) == pytest.approx(0.05)
    assert sequential.adjust(0.01, (5,)) == 0.01


def test_p_values_pay_for_their_looks():
    looks = (5, 7, 11, 16)
    level = sequential.level(looks)
    assert sequential.adjust(level, looks) == pytest.approx(0.05, abs=0.001)
    assert sequential.adjust(1e-9, looks) == pytest.approx(4e-9)
    assert sequential.adjust(0.9, looks) <= 1.0


def test_wilsons_interval_covers():
    generator = np.random.default_rng(2)
    for share in (0.5, 0.9, 0.98):
        hits = generator.binomial(200, share, RUNS)
        inside = [low <= share <= high for low, high in (proportions.wilson(hit, 200) for hit in hits)]
        assert 0.92 <= np.mean(inside) <= 0.985  # shares of 200 come in steps


def test_mcnemar_is_the_binomial_test():
    assert proportions.mcnemar(3, 12) == pytest.approx(stats.binomtest(3, 15).pvalue)
    assert proportions.mcnemar(0, 0) == 1.0


@pytest.mark.parametrize(("first", "second", "count"), [(12, 2, 50), (3, 9, 200), (1, 0, 40)])
def test_tangos_interval_is_where_the_score_test_rejects(first, second, count):
    """Against Tango's definition, the restricted likelihood maximised by brute force instead of his closed form."""

    def statistic(difference):
        shares = np.linspace(max(0.0, -difference), (1 - difference) / 2, 400_001)[1:-1]
        likelihood = (
            first * np.log(shares + difference)
            + second * np.log(shares)
            + (count - first - second) * np.log1p(-2 * shares - difference)
        )
        share = shares[np.argmax(likelihood)]
        return (first - second - count * difference) / math.sqrt(count * (2 * share + difference * (1 - difference)))

    low, high = proportions.paired_difference(first, second, count)
    assert statistic(low) == pytest.approx(1.96, abs=0.01)
    assert statistic(high) == pytest.approx(-1.96, abs=0.01)


@pytest.mark.parametrize(("lost", "won"), [(0.0, 0.0), (0.02, 0.01), (0.05, 0.05)])
def test_tangos_interval_covers(lost, won):
    generator = np.random.default_rng(3)
    draws = generator.multinomial(400, [lost, won, 1 - lost - won], RUNS // 4)
    inside = [
        low <= lost - won <= high
        for low, high in (proportions.paired_difference(int(b), int(c), 400) for b, c, _ in draws)
    ]
    assert np.mean(inside) >= 0.93


def test_tangos_p_value_is_the_intervals():
    low, high = proportions.paired_difference(30, 12, 500)
    assert proportions.paired_p_above(30, 12, 500, low) == pytest.approx(0.025, abs=1e-3)
    assert proportions.paired_p_above(30, 12, 500, high) == pytest.approx(0.975, abs=1e-3)
    assert proportions.paired_p_above(30, 12, 500, 1.5) == 1.0
    assert proportions.paired_p_above(30, 12, 500, -1.5) == 0.0


def test_the_bootstrap_covers_a_skewed_mean():
    score = SquaredError()
    generator = np.random.default_rng(4)
    inside = 0
    for run in range(200):
        rows = generator.exponential(1.0, (80, 1))
        drawn = bootstrap.replicates(score, [rows], 600, run)[0]
        low, high = bootstrap.bca(score.reduce(rows), drawn, bootstrap.jackknife(score, [rows])[0])
        inside += low <= 1.0 <= high
    assert inside >= 0.89 * 200


def test_the_bootstrap_takes_scores_that_are_no_mean():
    generator = np.random.default_rng(5)
    label = (np.arange(120) % 2).astype(float)
    rows = np.stack([label + generator.normal(size=120), label], axis=1)
    drawn = bootstrap.replicates(Auc(), [rows, rows], 300)
    assert np.array_equal(drawn[0], drawn[1])
    value = Auc().reduce(rows)
    low, high = bootstrap.bca(value, drawn[0], bootstrap.jackknife(Auc(), [rows])[0])
    assert 60 < low < value < high < 95


def test_bootstrap_without_variation_is_a_point_and_without_numbers_unbounded():
    assert bootstrap.bca(1.0, np.ones(10), np.ones(5)) == (1.0, 1.0)
    assert bootstrap.bca(1.0, np.full(10, np.nan), np.ones(5)) == (-np.inf, np.inf)


def test_bootstrap_p_values_are_never_nothing():
    assert 0 < bootstrap.p_above(np.ones(99), 0.0) < 0.01
    assert 0 < 1 - bootstrap.p_above(np.ones(99), 2.0) < 0.01
