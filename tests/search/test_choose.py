"""The choice: feasible beyond doubt first, then smallest in what was named first."""

import dataclasses

import pytest

from paredown.budget import Budget
from paredown.measure.interval import Interval
from paredown.search.choose import Feasible, Standing, best, feasible, promote, wish
from paredown.verdict import LimitVerdict, Outcome

BUDGET = Budget(latency="50%", drop="1 pt")


def limit(quantity, room, outcome=None):
    given = BUDGET.limit(quantity) or BUDGET.limits[0]
    outcome = outcome or (Outcome.MEETS if room > 0.1 else Outcome.CANNOT_TELL if room > -0.1 else Outcome.MISSES)
    return LimitVerdict(given, quantity, 1.0, Interval(1.0, 0.9, 1.1), "", True, outcome, room)


def standing(key, ms, lost, **rooms):
    return Standing(key, tuple(limit(name, room) for name, room in rooms.items()), {"latency": ms, "drop": lost})


def test_feasible_has_three_levels():
    assert feasible(standing("a", 1, 0, latency=0.5, drop=0.5)) is Feasible.YES
    assert feasible(standing("a", 1, 0, latency=0.5, drop=0.05)) is Feasible.PERHAPS
    assert feasible(standing("a", 1, 0, latency=0.5, drop=-0.05)) is Feasible.NO


def test_the_smallest_of_those_that_meet_the_budget_for_sure():
    slow = standing("slow", 0.5, 0.1, latency=0.2, drop=0.9)
    fast = standing("fast", 0.3, 0.4, latency=0.4, drop=0.6)
    faster = standing("faster but unsure", 0.1, 0.9, latency=0.8, drop=0.05)
    assert best([slow, fast, faster], BUDGET) == "fast"


def test_of_unsure_ones_the_one_with_most_room():
    tight = standing("tight", 0.1, 0.9, latency=0.5, drop=0.01)
    roomy = standing("roomy", 0.4, 0.9, latency=0.5, drop=0.09)
    assert best([tight, roomy], BUDGET) == "roomy"


def test_of_infeasible_ones_the_one_that_misses_least_overall():
    far = standing("far", 0.1, 3.0, latency=0.5, drop=-2.0)
    near = standing("near", 0.6, 0.1, latency=-0.2, drop=0.9)
    unknown = standing("unknown", 0.1, 0.1, latency=float("-inf"), drop=0.9)
    assert best([far, near, unknown], BUDGET) == "near"


def test_of_equally_small_ones_the_one_that_loses_least():
    worse = standing("a", 0.3, 0.7, latency=0.4, drop=0.3)
    better = standing("b", 0.3, 0.2, latency=0.4, drop=0.8)
    assert best([worse, better], BUDGET) == "b"


def test_nothing_to_choose_from():
    assert best([], BUDGET) is None


def test_the_choice_does_not_depend_on_the_order():
    several = [standing(str(i), 0.3, 0.1, latency=0.3, drop=0.5) for i in range(5)]
    assert best(several, BUDGET) == best(several[::-1], BUDGET) == "0"


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ({"latency": "50%", "drop": "1 pt"}, "latency"),
        ({"size": "1 MB", "latency": "50%", "drop": "1 pt"}, "size"),
        ({"drop": "1 pt", "size": "1 MB"}, "drop"),
        ({"score": "90 %", "size": "1 MB"}, "drop"),
        ({"size": "1 MB"}, "drop"),
        ({"drop": "1 pt"}, "latency"),
    ],
)
def test_what_is_made_small(limits, wanted):
    assert wish(Budget(**limits)) == wanted


def test_promotion_prefers_the_small_among_the_hopeful():
    # After a short training a drop of 1.4 times the limit is within reach, one of 3 times is not.
    mild = standing("mild", 0.5, 0.2, latency=0.1, drop=0.8)
    bold = standing("bold", 0.3, 1.4, latency=0.4, drop=-0.4)
    broken = standing("broken", 0.1, 3.0, latency=0.8, drop=-2.0)
    slow = standing("slow", 0.9, 0.0, latency=-0.8, drop=1.0)
    assert promote([slow, broken, mild, bold], BUDGET, 4) == ("bold", "mild", "broken", "slow")
    assert promote([slow, broken, mild, bold], BUDGET, 1) == ("bold",)


def test_as_long_as_nothing_meets_the_budget_comfortably_the_nearest_is_trained_on():
    tight = standing("tight", 0.4, 0.9, latency=0.2, drop=0.05)
    hopeful = standing("hopeful", 0.3, 1.4, latency=0.4, drop=-0.4)
    slow = standing("slow", 0.9, 0.0, latency=-0.01, drop=1.0)
    assert promote([slow, hopeful, tight], BUDGET, 3) == ("tight", "hopeful", "slow")
    safe = standing("safe", 0.45, 0.6, latency=0.1, drop=0.4)
    assert promote([slow, hopeful, tight, safe], BUDGET, 4) == ("hopeful", "tight", "safe", "slow")


def test_quality_that_is_kept_beyond_doubt_is_comfortable_however_little_room_there_is():
    sure = Standing("sure", (limit("latency", 0.3), limit("drop", 0.02, Outcome.MEETS)), {"latency": 0.4, "drop": 0.98})
    hopeful = standing("hopeful", 0.3, 1.4, latency=0.4, drop=-0.4)
    assert promote([sure, hopeful], BUDGET, 2) == ("hopeful", "sure")
    unknown = standing("unknown", 0.1, 0.0, latency=0.4, drop=float("-inf"))
    assert promote([hopeful, unknown], BUDGET, 2) == ("hopeful", "unknown")


def of_shape(key, shape, epochs, ms, lost, **rooms):
    return dataclasses.replace(standing(key, ms, lost, **rooms), shape=shape, epochs=epochs)


def test_of_equal_shapes_the_one_trained_longer_not_the_one_that_noise_timed_faster():
    short = of_shape("short", "A", 1.0, 0.30, 0.7, latency=0.4, drop=0.3)
    long = of_shape("long", "A", 9.0, 0.33, 0.2, latency=0.34, drop=0.8)
    assert best([short, long], BUDGET) == "long"
    other = of_shape("other", "B", 1.0, 0.29, 0.7, latency=0.42, drop=0.3)
    assert best([short, long, other], BUDGET) == "other"


def test_noise_decides_no_limit_between_files_of_equal_shape():
    sure = of_shape("sure by noise", "A", 1.0, 0.40, 0.7, latency=0.2, drop=0.3)
    unsure = of_shape("unsure by noise", "A", 9.0, 0.47, 0.2, latency=0.06, drop=0.8)
    middle = of_shape("middle", "A", 3.0, 0.42, 0.4, latency=0.16, drop=0.6)
    assert best([sure, unsure, middle], BUDGET) == "unsure by noise"


def test_shapes_that_are_not_known_are_not_equal():
    first = of_shape("first", "", 1.0, 0.3, 0.7, latency=0.4, drop=0.3)
    second = of_shape("second", "", 9.0, 0.4, 0.2, latency=0.2, drop=0.8)
    assert best([first, second], BUDGET) == "first"
