"""The intervals keep their promises: coverage by simulation, and textbook numbers."""

import math

import numpy as np
import pytest
from scipy import stats

from paredown.measure import bootstrap, proportions, sequential, student
from paredown.scores import AbsoluteError, Auc, SquaredError

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


def of(values, looks=(1,)):
    return student.combined(float(np.mean(values)), [student.Part.of(values)], looks)


def test_students_p_value_is_the_textbooks():
    values = [1.0, 2.0, 4.0, 7.0]
    assert of(values).p_above(1.0) == pytest.approx(stats.ttest_1samp(values, 1.0, alternative="greater").pvalue)
    assert of(values).interval() == student.interval(values)
    assert [of([2.0, 2.0]).p_above(bound) for bound in (1.0, 2.0, 3.0)] == [0.0, 0.5, 1.0]
    unknown = student.Estimate(1.0, math.inf, 1.0)
    assert unknown.p_above(0.0) == 0.5
    assert unknown.interval().high == math.inf


def test_parts_of_a_variance_are_welchs():
    first, second = np.array([1.0, 2.0, 4.0]), np.array([3.0, 9.0, 4.0, 8.0, 2.0])
    known = student.combined(second.mean() - first.mean(), [student.Part.of(first), student.Part.of(second)])
    textbook = stats.ttest_ind(second, first, equal_var=False)
    assert known.freedom == pytest.approx(textbook.df)
    assert 2 * known.p_above(0.0) == pytest.approx(textbook.pvalue)


def test_a_small_part_known_badly_hardly_counts():
    """Three seeds beside 5,000 examples leave far more than two degrees of freedom."""
    known = student.combined(0.0, [student.Part(0.05, 2), student.Part(0.95, 4999)])
    assert known.freedom == pytest.approx(1 / (0.05**2 / 2 + 0.95**2 / 4999))
    assert known.freedom > 600


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


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_one_sided_p_values_pay_as_intervals_do(confidence):
    known = of([0.01, 0.02, 0.04, 0.03, 0.02], (5, 7, 11, 16))
    shown = known.interval(confidence)
    assert known.p_above(shown.low) == pytest.approx((1 - confidence) / 2, rel=0.02)
    assert known.p_above(shown.high) == pytest.approx((1 + confidence) / 2, rel=0.02)
    assert shown.low < of([0.01, 0.02, 0.04, 0.03, 0.02]).interval(confidence).low


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


def resampled(score, rows, times, seed=0):
    drawn = bootstrap.replicates(score, [rows], times, seed)[0]
    return bootstrap.Resampled.of(score.reduce(rows), drawn, bootstrap.jackknife(score, [rows])[0])


def test_the_bootstrap_covers_a_skewed_mean():
    generator = np.random.default_rng(4)
    inside = 0
    for run in range(200):
        shown = resampled(SquaredError(), generator.exponential(1.0, (80, 1)), 600, run).interval()
        inside += shown.low <= 1.0 <= shown.high
    assert inside >= 0.89 * 200


def test_the_bootstrap_takes_scores_that_are_no_mean():
    generator = np.random.default_rng(5)
    label = (np.arange(120) % 2).astype(float)
    rows = np.stack([label + generator.normal(size=120), label], axis=1)
    drawn = bootstrap.replicates(Auc(), [rows, rows], 300)
    assert np.array_equal(drawn[0], drawn[1])
    shown = resampled(Auc(), rows, 300).interval()
    assert 60 < shown.low < shown.estimate < shown.high < 95


def test_the_bootstraps_interval_is_efrons():
    """Against Efron 1987 with the quantiles of the resamples themselves."""
    score, rows = SquaredError(), np.random.default_rng(6).exponential(1.0, (60, 1))
    value, draws = score.reduce(rows), bootstrap.replicates(score, [rows], 4000)[0]
    left_out = bootstrap.jackknife(score, [rows])[0]
    known = bootstrap.Resampled.of(value, draws, left_out)
    bias = stats.norm.ppf(np.mean(draws < value))
    change = left_out.mean() - left_out
    acceleration = np.sum(change**3) / (6 * np.sum(change**2) ** 1.5)
    z = bias + stats.norm.ppf([0.025, 0.975])
    low, high = np.quantile(draws, stats.norm.cdf(bias + z / (1 - acceleration * z)))
    assert (known.interval().low, known.interval().high) == pytest.approx((low, high), abs=2e-3)


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95, 0.99, 0.999, 0.99999])
def test_the_bootstraps_p_values_are_its_intervals(confidence):
    """A bound is left out by the interval exactly where the p-value lies below its level, however small that is."""
    for seed, rows in enumerate(np.random.default_rng(7).exponential(1.0, (5, 60, 1))):
        known = resampled(SquaredError(), rows, 1000, seed)
        shown = known.interval(confidence)
        assert known.p_above(shown.low) == pytest.approx((1 - confidence) / 2, rel=1e-6)
        assert 1 - known.p_above(shown.high) == pytest.approx((1 - confidence) / 2, rel=1e-6)


def test_the_bootstraps_p_values_go_on_beyond_its_resamples():
    """Six standard errors away a p-value is that of a normal tail, and not one over the number of resamples."""
    rows = np.random.default_rng(8).normal(6.0, 1.0, (400, 1))
    known = resampled(AbsoluteError(), rows, 1000)
    error = rows.std(ddof=1) / 20
    p = known.p_above(rows.mean() - 6 * error)
    assert 1e-12 < p < 1e-7
    assert known.p_above(rows.mean() - 5 * error) > p


def test_bootstrap_without_variation_is_a_point_and_without_numbers_unbounded():
    point = bootstrap.Resampled.of(1.0, np.ones(10), np.ones(5))
    assert (point.interval().low, point.interval().high) == (1.0, 1.0)
    assert [point.p_above(bound) for bound in (0.5, 1.0, 1.5)] == [0.0, 0.5, 1.0]
    unknown = bootstrap.Resampled.of(1.0, np.full(10, np.nan), np.ones(5))
    assert (unknown.interval().low, unknown.interval().high) == (-np.inf, np.inf)
    assert unknown.p_above(0.0) == 0.5


def test_strong_acceleration_ends_in_all_or_nothing():
    """Beyond the pole of BCa's formula nothing is possible, and nothing is certain."""
    draws = np.random.default_rng(9).normal(size=1000)
    for sign in (1, -1):
        known = bootstrap.Resampled(0.0, np.sort(draws), np.linspace(-3, 3, 1000), 0.0, 0.6 * sign)
        assert known.interval(0.99).high == math.inf if sign > 0 else known.interval(0.99).low == -math.inf
        assert known.p_above(-50.0 * sign) == float(sign < 0)


def test_two_shares_and_their_p_value_agree():
    for unit in (100.0, -1.0):
        known = proportions.PairedShares(30, 12, 500, unit)
        shown = known.interval()
        assert shown.estimate == pytest.approx(unit * 18 / 500)
        assert shown.low < shown.estimate < shown.high
        assert known.p_above(shown.low) == pytest.approx(0.025, abs=1e-3)
        assert known.p_above(shown.high) == pytest.approx(0.975, abs=1e-3)


def test_shares_of_several_files_cover():
    """Two files a side, few disagreements: the interval of the mean difference covers in 93 % and more."""
    generator = np.random.default_rng(10)
    inside = 0
    for _ in range(RUNS):
        wrong = generator.random((4, 300)) < np.array([0.01, 0.01, 0.02, 0.02])[:, None]
        differences = (wrong[:2].mean(0) - wrong[2:].mean(0)).astype(float)
        shown = proportions.of_several(differences, 100.0).interval()
        inside += shown.low <= -1.0 <= shown.high
    assert inside >= 0.93 * RUNS
