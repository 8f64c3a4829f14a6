"""Budgets: units, order, bounds, and every refusal."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paredown.budget import Budget, Limit, duration
from paredown.codec import decode, encode
from paredown.errors import BudgetError


@pytest.mark.parametrize(
    ("quantity", "text", "original", "bound"),
    [
        ("latency", "50%", 8.0, 4.0),
        ("latency", "2 ms", 8.0, 2.0),
        ("latency", "250us", 8.0, 0.25),
        ("latency", "0.002 s", 8.0, 2.0),
        ("size", "1 MB", 5e6, 1e6),
        ("size", "1 MiB", 5e6, 2**20),
        ("size", "300 kB", 5e6, 3e5),
        ("size", "25 %", 5e6, 1.25e6),
        ("memory", "64 MB", 1e9, 64e6),
        ("energy", "2 mJ", 9.0, 2.0),
        ("energy", "0.5 J", 9.0, 500.0),
        ("drop", "0.5 pt", 90.0, 0.5),
        ("drop", "2%", 90.0, 1.8),
        ("drop", "1.5 score", 90.0, 1.5),
        ("score", "90 %", 95.0, 90.0),
    ],
)
def test_bound_is_in_base_units(quantity, text, original, bound):
    assert Limit.parse(quantity, text).bound(original, "%") == pytest.approx(bound)


def test_order_of_limits_is_the_order_given():
    assert [limit.quantity for limit in Budget(size="1 MB", drop="1 pt", latency="50%").limits] == [
        "size",
        "drop",
        "latency",
    ]


def test_a_relative_drop_is_positive_for_scores_below_zero():
    assert Limit.parse("drop", "10%").bound(-2.0, "rho") == pytest.approx(0.2)


def test_guards_are_drops_of_further_scores():
    budget = Budget(latency="50%", guards={"worst class": "2 pt"})
    assert budget.guards["worst class"].bound(80.0, "%") == 2.0
    assert str(budget) == "latency 50%, worst class drop 2 pt"


def test_a_budget_survives_storage():
    budget = Budget(size="1 MB", latency="50%", drop="0.5 pt", guards={"f1": "1 pt"})
    again = decode(encode(budget))
    assert again == budget
    assert again.limits == budget.limits
    assert hash(again) == hash(budget)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"latency": "50"}, r"latency='50' has no unit. Type latency=\"50%\" or \"2 ms\""),
        ({"latency": 50}, r"latency=50 has no unit"),
        ({"latency": "-5 ms"}, r"is negative; a limit is a positive amount"),
        ({"latency": "0 ms"}, r"is zero; a limit is a positive amount"),
        ({"drop": "0 pt"}, r"No measurement can show that nothing at all was lost"),
        ({"size": "1e999 MB"}, r"is not finite"),
        ({"latency": "250%"}, r"more than twice what the original needs, so it limits nothing"),
        ({"latency": "120%"}, r"named first, so it is what gets minimised, but the original already meets it"),
        ({"latency": "5 MB"}, r"'MB' is no unit of latency; those are %, s, ms, us"),
        ({"latency": "fast"}, r"latency='fast' is not a number with a unit"),
        ({"latency": "1,5 ms"}, r"is not a number with a unit"),
        ({"drop": "100 pt"}, r"allows the whole score to be lost"),
        ({"drop": "100%"}, r"allows the whole score to be lost"),
        ({"drop": "5 ms"}, r"'ms' is a unit of latency. Type drop=\"0.5 pt\""),
        ({"score": "101 %"}, r"no score is above 100 %"),
        ({"score": "3 pt"}, r"points measure a drop"),
        ({"latncy": "50%"}, r"'latncy' is nothing a budget can limit. Did you mean latency\?"),
        ({"colour": "50%"}, r"It can limit latency, size, memory, energy, drop, score"),
        ({}, r"The budget is empty, so every file meets it"),
        ({"latency": "50%", "guards": {"f1": "2"}}, r"guards\['f1'\]: drop='2' has no unit"),
    ],
)
def test_impossible_budgets_are_refused(limits, words):
    with pytest.raises(BudgetError, match=words):
        Budget(**limits)


def test_a_bare_text_is_refused():
    with pytest.raises(BudgetError, match=r"Budget\('50%'\) does not say of what. Type the quantity"):
        Budget("50%")


def test_all_problems_come_at_once():
    with pytest.raises(BudgetError) as caught:
        Budget(latency="50", size="-1 MB", drop="3 apples pt ms", colour="red")
    text = str(caught.value)
    assert "latency='50'" in text
    assert "size='-1 MB'" in text
    assert "'colour'" in text


def test_more_than_the_original_may_be_allowed_second():
    assert Budget(size="25%", latency="110%").limits[1].bound(2.0, "%") == pytest.approx(2.2)


@pytest.mark.parametrize(
    ("quantity", "text", "unit", "words"),
    [
        ("drop", "0.5 pt", "mse", r"the task's score is measured in mse. Type drop=\"0.01 mse\", or \"2%\""),
        ("drop", "0.5 pt", "", r"measured in no unit. Type drop=\"0.01 score\""),
        ("drop", "0.5 mse", "%", r"Type drop=\"0.5 pt\" or \"2%\" of the original"),
        ("score", "90 %", "rho", r"Type score=\"0.01 rho\""),
        ("score", "0.2 mse", "%", r"Type score=\"90 %\""),
    ],
)
def test_units_must_be_those_of_the_score(quantity, text, unit, words):
    limit = Limit.parse(quantity, text)
    with pytest.raises(BudgetError, match=words):
        limit.bound(1.0, unit)
    with pytest.raises(BudgetError, match=words):
        Budget(limits=(limit,)).check(unit)


def test_a_score_in_its_own_unit():
    assert Limit.parse("drop", "0.02 mse").bound(0.3, "mse") == 0.02
    assert Limit.parse("score", "0.2 score").bound(0.3, "mse") == 0.2
    Budget(latency="50%", score="0.2 score").check("mse")


@given(st.floats(0.001, 1e6), st.sampled_from(["us", "ms", "s"]), st.booleans())
def test_units_agree_with_each_other(number, unit, space):
    factor = {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]
    text = f"{number!r}{' ' * space}{unit}"
    assert Limit.parse("latency", text).bound(1.0, "%") == pytest.approx(number * factor)


@given(st.text(max_size=12), st.sampled_from(["latency", "size", "memory", "energy", "drop", "score"]))
def test_any_text_is_read_or_refused_with_what_to_type(text, quantity):
    try:
        outcome = str(Limit.parse(quantity, text).value > 0)
    except BudgetError as error:
        outcome = str(error)
    assert outcome == "True" or f"Type {quantity}=" in outcome


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30 min", 1800), ("90 s", 90), ("2 h", 7200), ("1h30min", 5400), ("0.5 min", 30), ("1 d", 86400)],
)
def test_durations(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("30", "is not a number with a unit of time"),
        ("", "is not a number with a unit of time"),
        ("30 parsecs", "is not a number with a unit of time"),
        ("-3 min", "is not a number with a unit of time"),
        ("0 s", "leaves no time for anything"),
        (30, 'time=30 has no unit. Type time="30 min"'),
    ],
)
def test_bad_durations(text, words):
    with pytest.raises(BudgetError, match=words):
        duration(text)


def test_budget_does_not_import_torch():
    code = "import sys, paredown.budget; assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
