"""Limits: met, missed or not to be told; and what relaxing the binding one would buy."""

import math

import pytest
from measurements import energy_of, file, hits, latency_of, memory_of

from paredown import scores
from paredown.budget import Budget
from paredown.errors import BudgetError
from paredown.measure import quality, sequential, student
from paredown.verdict import Measured, Outcome, decide, frontier

ORIGINAL = file("original", size=10_000, memory=memory_of(8_000_000), energy=energy_of(8.0, estimated=False))


def held(measured, frontier=(), **limits):
    return decide(Budget(**limits), measured, ORIGINAL, score=scores.accuracy, frontier=frontier)


def test_every_limit_met():
    found = held(file("small", 0.4, hits(wrong=100), size=2000), latency="50%", size="25%", drop="1 pt", score="85 %")
    assert found.met is True
    assert [limit.outcome for limit in found.limits] == [Outcome.MEETS] * 4
    assert [limit.bound for limit in found.limits] == pytest.approx([1.0, 2500, 1.0, 85.0])
    assert [limit.unit for limit in found.limits] == ["ms", "B", "pt", "%"]
    assert found.limits[0].value.estimate == pytest.approx(0.8)
    assert found.binding == "score"  # 5 points of 85 is the least room
    assert found.text == "small meets the budget; score is the limit with the least room."


def test_a_limit_missed():
    found = held(file("small", 0.8, hits(wrong=100)), latency="50%", drop="1 pt")
    assert found.met is False
    assert found.binding == "latency"
    assert found.text == "small misses the budget in latency; latency binds."
    assert found.limits[0].room == pytest.approx(-0.6)


def test_an_interval_across_the_limit_cannot_be_told():
    wide = Measured("small", latency_of(0.5, spread=0.1), ORIGINAL.quality, ORIGINAL.size)
    found = held(wide, latency="50%", size="200%")
    assert found.met is None
    assert found.limits[0].outcome is Outcome.CANNOT_TELL
    assert found.text == "small may meet the budget: cannot tell for latency."


def test_one_side_decides():
    """Between the one-sided bound and the two-sided interval's end."""
    one = file("small", 0.4)
    assert one.latency.ratio_bounds.high < one.latency.ratio.high
    between = (one.latency.ratio_bounds.high + one.latency.ratio.high) / 2
    assert held(one, latency=f"{100 * between}%").met is True
    assert held(one, latency=f"{100 * one.latency.ratio_bounds.high - 0.01}%").met is None


def test_absolute_limits_are_held_against_the_file_itself():
    found = held(file("small", 0.4), latency="0.85 ms", drop="2%")
    assert found.met is True
    assert found.limits[0].value == file("small", 0.4).latency.p50
    assert found.limits[1].bound == pytest.approx(1.8)


def test_milliseconds_pay_for_looks_as_ratios_do():
    """Pairs were added until the ratio was answered, and what was looked at four times has a wider bound."""
    looks = (5, 7, 11, 16)
    once, often = (Measured("small", latency_of(0.4, spread=0.05, looks=of)) for of in ((5,), looks))
    logs = [math.log(sample) for sample in often.latency.samples]
    paid = math.exp(student.interval(logs, 0.90, level=sequential.level(looks, 0.90)).high)
    assert often.latency.p50_bounds.high == pytest.approx(paid)
    between = (once.latency.p50_bounds.high + paid) / 2
    assert held(once, latency=f"{between} ms").met is True
    assert held(often, latency=f"{between} ms").met is None
    assert held(often, latency=f"{1.01 * paid} ms").met is True


def test_the_original_is_exactly_itself():
    found = held(ORIGINAL, latency="50%", memory="100%", drop="0.1 pt")
    assert [limit.outcome for limit in found.limits] == [Outcome.MISSES, Outcome.MEETS, Outcome.MEETS]


def test_what_was_not_measured_cannot_be_told():
    bare = Measured("bare")
    limits = {"latency": "50%", "size": "1 MB", "memory": "1 MB", "energy": "2 mJ", "drop": "1 pt", "score": "90 %"}
    found = held(bare, **limits)
    assert found.met is None
    assert all(limit.value is None for limit in found.limits)
    assert all(limit.room == -math.inf for limit in found.limits)
    assert "not measured" in str(found)


def test_a_relative_limit_without_the_original_cannot_be_told():
    nothing = Measured("original")
    found = decide(Budget(latency="50%", size="25%"), file("small", 0.4), nothing, score=scores.accuracy)
    assert {limit.outcome for limit in found.limits} == {Outcome.CANNOT_TELL}


def test_guessed_energy_decides_nothing():
    guessed = file("small", 0.4, energy=energy_of(1.0, estimated=True))
    found = held(guessed, energy="50%")
    assert found.met is None
    assert "only counters can decide" in str(found)
    measured = file("small", 0.4, energy=energy_of(1.0, estimated=False))
    assert held(measured, energy="50%").met is True


def test_memory_that_scatters_across_the_limit():
    assert held(file("s", 0.4, memory=memory_of(4_000_000, 3_000_000)), memory="50%").met is None
    assert held(file("s", 0.4, memory=memory_of(3_000_000, 100_000)), memory="50%").met is True


def test_a_score_that_should_be_low_is_limited_from_above():
    score = scores.of(lambda outputs, target: outputs, name="error", unit="m", higher_is_better=False)
    rows = hits(wrong=500)
    measured = Measured("small", quality=quality(rows, rows, score))
    found = decide(Budget(score="0.6 m"), measured, measured, score=score)
    assert found.limits[0].at_most
    assert found.met is True
    with pytest.raises(BudgetError, match="is measured in m"):
        decide(Budget(score="90 %"), measured, measured, score=score)


def test_guards_are_limits_too():
    worse = quality(hits(wrong=200), hits(), scores.accuracy)
    original = Measured(
        "original", latency_of(), ORIGINAL.quality, guards={"worst": quality(hits(), hits(), scores.accuracy)}
    )
    measured = Measured("small", latency_of(0.4), ORIGINAL.quality, guards={"worst": worse})
    budget = Budget(latency="50%", guards={"worst": "2 pt"})
    found = decide(budget, measured, original, score=scores.squared_error, guards={"worst": scores.accuracy})
    assert found.limits[1].quantity == found.binding == "guard worst"
    assert found.met is False


def test_advice_names_the_least_relaxation():
    best = file("best", 0.45, hits(wrong=100))
    others = [
        file("bold", 0.30, hits(wrong=130), size=1000),
        file("bolder", 0.20, hits(wrong=180), size=1000),
        file("heavy", 0.10, hits(wrong=115), size=9_900),  # breaks the size limit instead
        file("slow", 0.60, hits(wrong=110)),
    ]
    found = held(best, [best, *others], latency="90%", drop="0.1 pt", size="50%")
    assert found.binding == "drop"
    assert found.advice == "With drop <= 3 pt instead of 0.1 pt, 'bold' would do: latency 0.6 ms instead of 0.9 ms."


def test_advice_when_the_first_limit_itself_binds():
    found = held(file("best", 0.5), [file("other", 0.45)], latency="40%", drop="1 pt")
    assert found.advice == "With latency <= 0.9 ms instead of 0.8 ms, 'other' would do."


def test_advice_offers_nothing_that_the_chosen_file_does_better_itself():
    slower = file("regularize", 0.73)
    found = held(file("int8", 0.45), [slower], latency="20%", drop="5 pt")
    assert found.binding == "latency"
    assert found.advice == "With latency <= 0.9 ms instead of 0.4 ms, 'int8' would do."
    met = held(file("int8", 0.45), [slower], latency="50%", drop="5 pt")
    assert met.binding == "latency"
    assert met.advice == "No other file that was tried would profit from a wider latency."


def test_advice_passes_over_a_chosen_file_that_misses_more_than_what_binds():
    original = file("original", size=10_000)
    chosen, other = file("chosen", 0.45, size=9_000), file("other", 0.6, size=1000)
    budget = Budget(latency="20%", size="50%")
    found = decide(budget, chosen, original, score=scores.accuracy, frontier=[other])
    assert found.binding == "latency"
    assert found.advice == "With latency <= 1.2 ms instead of 0.4 ms, 'other' would do."


def test_the_chosen_file_is_offered_without_comparing_it_with_itself():
    found = held(file("bold", 0.4, hits(wrong=200)), latency="50%", drop="1 pt")
    assert found.advice == "With drop <= 10 pt instead of 1 pt, 'bold' would do."


def test_no_advice_where_nothing_would_be_gained():
    found = held(file("best", 0.4), [file("worse", 0.9, hits(wrong=101), size=9000)], latency="50%", size="50%")
    assert found.advice == "No other file that was tried would profit from a wider latency."
    assert held(file("best", 0.4), latency="50%").advice == ""


def test_it_reads_well():
    text = str(held(file("small", 0.4, size=2000), latency="50%", size="25%", drop="1 pt"))
    assert "  size <= 2.5 kB (25%): meets, 2 kB" in text
    assert "latency <= 1 ms (50%): meets, 0.8 ms [0.79" in text


def test_the_frontier_is_what_nobody_beats():
    files = [
        file("a", 0.5, hits(wrong=100), size=500),
        file("b", 0.4, hits(wrong=120), size=500),
        file("beaten", 0.5, hits(wrong=130), size=600),
        Measured("unknown", latency_of(0.1)),
        file("original", size=10_000),
    ]
    assert frontier(files) == ("a", "b")
    assert frontier(files, ("latency",)) == ("unknown",)
    twins = [file("one", 0.5), file("two", 0.5)]
    assert frontier(twins) == ("one", "two")
