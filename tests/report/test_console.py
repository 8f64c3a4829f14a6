import dataclasses
import io

import pytest
from rich.console import Console

from paredown import report
from paredown.run.summary import FindingSummary

from . import summaries


def printed(summary, width=110):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    report.terminal(summary, console)
    return console.file.getvalue()


def test_terminal_tells_verdict_budget_and_findings():
    text = printed(summaries.rich()).replace("\u202f", " ")
    for words in (
        "2.77× faster [2.66, 2.89]",
        "✓ meets",
        "(binds)",
        "What binds: drop ≤ 2 pt.",
        "PD101",
        "Failed (1)",
        "★",
    ):
        assert words in text
    assert "✗ misses" in printed(summaries.unmet())


def test_a_finding_about_many_files_is_told_once():
    def about(name):
        return FindingSummary("PD106", "too few examples for this margin", "tip", f"text about {name}", name)

    told = (about("int8"), FindingSummary("PD999", "something else", "tip", "other text", ""), about("a"), about("b"))
    text = printed(dataclasses.replace(summaries.rich(), findings=told), 200)
    assert text.count("PD106") == text.count("PD999") == 1
    assert "(int8): text about int8" in text
    assert "also: a, b" in text
    assert "text about b" not in text


@pytest.mark.parametrize("name", ["rich", "unmet", "bare", "single", "ugly"])
@pytest.mark.parametrize("width", [50, 200])
def test_terminal_prints_any_run_at_any_width(name, width):
    text = printed(getattr(summaries, name)(), width)
    assert text.strip()
    assert max(map(len, text.splitlines())) <= width


def test_names_in_brackets_are_no_markup():
    run = summaries.ugly()
    assert "[bold]" not in printed(run)
    assert "<script>alert" in printed(run, 400)


def test_the_worst_rounded_values_are_told_with_a_reason():
    run = summaries.rich()
    text = printed(run, 160)
    assert (
        "64 calibration examples went through prune 0.62 + distill + int8 with and without rounding, and through"
        in text
    )
    assert "The first below 20 dB is stages.2.1: relu_9." in text
    assert "outliers: the largest value is 38 times what 99.9 % keep below" in text
    assert "relu_1 " not in text.partition("Rounding")[2].partition("Findings")[0]
    assert "Rounding" not in printed(dataclasses.replace(run, rounding=None), 160)


def test_the_terminal_says_what_was_trained_too_little_and_what_the_time_went_into():
    run = summaries.rich()
    first = next(c for c in run.candidates if c.role == "arm" and c.status == "measured")
    noted = dataclasses.replace(first, note="trained 0.2 epochs (78 steps), not enough to judge")
    candidates = tuple(noted if c is first else c for c in run.candidates)
    text = printed(dataclasses.replace(run, candidates=candidates, purposes={"training": run.time_used_s / 4}))
    assert "Time went into other 75 %, training 25 %" in text
    assert f"{first.label}: trained 0.2 epochs (78 steps), not enough to judge" in text
    assert "Trained too little" not in printed(run)
