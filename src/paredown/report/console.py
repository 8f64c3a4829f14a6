"""A run in the terminal."""

from typing import TYPE_CHECKING

from paredown.report import numbers
from paredown.report.chart import change
from paredown.report.compared import contenders, matrices
from paredown.report.figures import figures, headline
from paredown.report.page import limit_rows, spending
from paredown.report.rounding import rounding
from paredown.report.shown import shown
from paredown.report.words import mark

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from paredown.run.summary import CandidateSummary, RunSummary

__all__ = ["terminal"]

_MOST_FAILED = 12
_STYLES = {"good": "green", "bad": "red", "even": "dim", "open": "yellow"}


def terminal(summary: "RunSummary", console: "Console") -> None:
    """Print verdict, budget, comparison, frontier and findings.

    Args:
        summary: of a run in any state.
        console: a ``rich`` console; its width decides what is left out.

    """
    from rich.text import Text  # noqa: PLC0415 (the CLI starts without it)

    summary = shown(summary)
    style = {True: "bold green", False: "bold red", None: "bold"}[summary.met]
    console.print()
    console.print(Text(headline(summary), style=style))
    context = [summary.title, summary.target, summary.processor, numbers.duration(summary.time_used_s)]
    console.print(Text(" · ".join(word for word in context if word), style="dim"))
    if spent := spending(summary):
        console.print(Text(f"Time went into {spent}", style="dim"))
    numbers_first = figures(summary)
    if numbers_first:
        console.print()
        for figure in numbers_first:
            words = f"{figure.word} {figure.shown.bounds} ({figure.detail})".replace("  ", " ")
            console.print(Text.assemble((f"{figure.shown.text:>10}", "bold"), " ", words))
    _budget(summary, console)
    _comparison(summary, console)
    _pairs(summary, console)
    _frontier(summary, console)
    _rounding(summary, console)
    _unripe(summary, console)
    _failures(summary, console)
    _findings(summary, console)
    console.print()


def _heading(console: "Console", words: str) -> None:
    from rich.text import Text  # noqa: PLC0415 (the CLI starts without it)

    console.print()
    console.print(Text(words, style="bold"))


def _grid(*columns: tuple[str, str]) -> "Table":
    from rich import box  # noqa: PLC0415 (the CLI starts without it)
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for name, side in columns:
        table.add_column(name, justify="right" if side == "right" else "left", no_wrap=side == "right")
    return table


def _outcome(outcome: str) -> "Text":
    from rich.text import Text  # noqa: PLC0415 (the CLI starts without it)

    _, sign, style = mark(outcome)
    return Text(f"{sign} {outcome}", style=_STYLES[style])


def _budget(summary: "RunSummary", console: "Console") -> None:
    if not summary.limits:
        return
    from rich.text import Text  # noqa: PLC0415 (the CLI starts without it)

    _heading(console, "Budget")
    table = _grid(("limit", "left"), ("allowed", "right"), ("measured", "right"), ("95 %", "left"), ("", "left"))
    for row in limit_rows(summary):
        name = Text(row.limit + ("  (binds)" if row.binding else ""))
        table.add_row(name, row.bound.text, row.value.text, row.value.bounds.replace("[", "\\["), _outcome(row.outcome))
    console.print(table)
    for row in limit_rows(summary):
        if row.binding and row.advice:
            console.print(Text(f"What binds: {row.limit}. {row.advice}"))


def _comparison(summary: "RunSummary", console: "Console") -> None:
    rows = contenders(summary)
    if rows:
        _heading(console, "Against the original")
        _candidates(summary, console, rows)


def _frontier(summary: "RunSummary", console: "Console") -> None:
    rows = tuple(c for c in summary.candidates if c.frontier and c not in contenders(summary))
    if rows:
        _heading(console, "Frontier")
        _candidates(summary, console, rows)


def _candidates(summary: "RunSummary", console: "Console", rows: "tuple[CandidateSummary, ...]") -> None:
    from rich.text import Text  # noqa: PLC0415 (the CLI starts without it)

    names = ("", "speed", "95 %", f"{summary.score_name} change", "95 %", "size", "p50")
    table = _grid(*((name, "right" if i in (1, 3, 5, 6) else "left") for i, name in enumerate(names)))
    for c in rows:
        speed, moved = numbers.inverse(c.ratio), change(summary, c)
        table.add_row(
            Text(c.label + (" ★" if c.best else ""), style="bold" if c.best else ""),
            speed.text,
            speed.bounds.replace("[", "\\["),
            moved.text if c.role != "original" else numbers.MISSING,
            moved.bounds.replace("[", "\\[") if c.role != "original" else "",
            numbers.quantity(c.size, "bytes").text,
            numbers.interval(c.latency, "ms").text,
        )
    console.print(table)


def _pairs(summary: "RunSummary", console: "Console") -> None:
    if not summary.pairs:
        return
    from rich.text import Text  # noqa: PLC0415 (the CLI starts without it)

    _heading(console, f"Head to head (scope: {summary.pairs[0].scope})")
    console.print(Text("✓ the row wins   ✗ the row loses   = tie   ? cannot tell", style="dim"))
    for matrix in matrices(summary):
        numbered = [str(i + 1) for i in range(len(matrix.labels))]
        table = _grid((matrix.quantity, "left"), *((number, "left") for number in numbered))
        for number, label, cells in zip(numbered, matrix.labels, matrix.rows, strict=True):
            table.add_row(Text(f"{number} {label}"), *(_sign(cell.outcome) for cell in cells))
        console.print(table)


def _sign(outcome: str) -> "Text":
    from rich.text import Text  # noqa: PLC0415 (the CLI starts without it)

    if not outcome:
        return Text("·", style="dim")
    _, sign, style = mark(outcome)
    return Text(sign, style=_STYLES[style])


def _rounding(summary: "RunSummary", console: "Console") -> None:
    from rich.text import Text  # noqa: PLC0415 (the CLI starts without it)

    view = rounding(summary)
    if view is None:
        return
    _heading(console, "Rounding")
    console.print(Text(view.sentence))
    table = _grid(("worst", "left"), ("dB", "right"), ("own dB", "right"), ("file dB", "right"), ("why", "left"))
    for row in view.worst:
        table.add_row(Text(row.name), row.snr, row.own, row.file, Text(row.reason))
    console.print(table)


def _unripe(summary: "RunSummary", console: "Console") -> None:
    from rich.text import Text  # noqa: PLC0415 (the CLI starts without it)

    noted = [c for c in summary.candidates if c.note]
    if noted:
        _heading(console, "Trained too little to judge")
    for c in noted:
        console.print(Text.assemble((c.label, "bold"), f": {c.note}"))


def _failures(summary: "RunSummary", console: "Console") -> None:
    from rich.text import Text  # noqa: PLC0415 (the CLI starts without it)

    failed = [c for c in summary.candidates if c.status == "failed"]
    if failed:
        _heading(console, f"Failed ({len(failed)})")
    for c in failed[:_MOST_FAILED]:
        console.print(Text.assemble(("✗ ", "red"), (c.label, "bold"), f": {c.failure}"))
    if len(failed) > _MOST_FAILED:
        console.print(Text(f"  and {len(failed) - _MOST_FAILED} more, each with its reason on the page", style="dim"))


def _findings(summary: "RunSummary", console: "Console") -> None:
    from rich.text import Text  # noqa: PLC0415 (the CLI starts without it)

    told = [finding for finding in summary.findings if finding.severity in ("issue", "tip")]
    if told:
        _heading(console, "Findings")
    for code in dict.fromkeys(finding.code for finding in told):  # told once in full; the page tells all of them
        finding, *others = [finding for finding in told if finding.code == code]
        style = "red" if finding.severity == "issue" else "yellow"
        where = f" ({finding.candidate})" if finding.candidate else ""
        console.print(Text.assemble((finding.code, style), " ", (finding.title + where, "bold"), f": {finding.text}"))
        if others:
            also = ", ".join(dict.fromkeys(other.candidate or "the run" for other in others))
            console.print(Text(f"  also: {also}", style="dim"))
