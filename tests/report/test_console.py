import io

import pytest
from rich.console import Console

from paredown import report

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
