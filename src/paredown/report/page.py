"""A run as one self-contained HTML page."""

import base64
import dataclasses
import datetime as dt
import hashlib
import importlib.resources
import math
import re
from typing import TYPE_CHECKING, Any

from paredown.report import numbers
from paredown.report.chart import axes, change_unit, chart
from paredown.report.compared import forest, matrices, sentence
from paredown.report.figures import best_of, figures, headline, original_of
from paredown.report.glyphs import FAMILIES, glyph, glyph_name
from paredown.report.ledger import entry
from paredown.report.plain import finite
from paredown.report.rounding import rounding
from paredown.report.shown import shown
from paredown.report.table import table
from paredown.report.told import told
from paredown.report.words import GLOSSARY, SEVERITIES, mark

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from paredown.run.summary import FindingSummary, LimitSummary, RunSummary

__all__ = ["LimitRow", "html", "limit_rows", "spending"]

_TEMPLATES = "templates"
_BACKTICKS = re.compile(r"`([^`]+)`")


@dataclasses.dataclass(frozen=True)
class LimitRow:
    """One limit of the budget; the bar runs from nothing to the bound and beyond."""

    limit: str
    bound: numbers.Shown
    value: numbers.Shown
    outcome: str
    icon: str
    style: str
    binding: bool
    advice: str
    bar: tuple[float, float, float, float, float] | None  # zero, bound, low, middle, high in per cent of the bar


def html(summary: "RunSummary") -> str:
    """The report as one page: no network, no files beside it, readable without a script.

    Args:
        summary: of a run in any state; what was not measured is left out or shown as a dash.

    """
    summary = shown(summary)
    environment, full, script = _environment(), told(summary), _asset("page.js")
    page = environment.get_template("page.html.j2").render(
        run=summary,
        style=_asset("page.css"),
        script=script,
        policy=_policy(script),
        headline=headline(summary),
        badge=_badge(summary),
        created=_date(summary.created),
        figures=figures(summary),
        limits=limit_rows(summary),
        advice=[limit for limit in summary.limits if limit.binding],
        chart=finite(chart(summary)),
        axes=axes(summary),
        families=[(key, name) for key, name in FAMILIES.items() if _uses(summary, key)],
        glyphs=_glyphs(summary),
        forest=forest(summary),
        matrices=matrices(summary),
        pairs=[(pair, sentence(pair)) for pair in summary.pairs],
        table=table(summary),
        ledgers=_ledgers(summary),
        selected=_selected(summary),
        rounding=rounding(summary),
        findings=_findings(summary),
        glossary=GLOSSARY,
        method=_method(summary),
        labels={candidate.label: candidate.id for candidate in reversed(summary.candidates) if candidate.id in full},
    )
    return page + "\n"


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 (the CLI starts without it)

    environment = Environment(
        loader=PackageLoader("paredown.report", _TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    return environment


def _code(words: str) -> "Markup":
    from markupsafe import Markup, escape  # noqa: PLC0415 (the CLI starts without it)

    return Markup(_BACKTICKS.sub(r"<code>\1</code>", str(escape(words))))  # noqa: S704 (escaped before)


def _policy(script: str) -> str:
    """What a browser may do with the page: run this one script and nothing else, and ask nobody for anything."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def _asset(name: str) -> str:
    return (importlib.resources.files("paredown.report") / _TEMPLATES / name).read_text(encoding="utf-8")


def _glyphs(summary: "RunSummary") -> dict[str, str]:
    names = {glyph_name(c.families, c.role) for c in summary.candidates} | {
        *FAMILIES,
        "original",
        "other",
        "prune-quantize",
    }
    return {name: glyph(name) for name in sorted(names)}


def _uses(summary: "RunSummary", family: str) -> bool:
    return any(family in candidate.families for candidate in summary.candidates)


def _badge(summary: "RunSummary") -> tuple[str, str, str]:
    if summary.status != "finished":
        return (f"Run {summary.status}", "unknown", "open")
    if summary.met is None:
        return ("Cannot tell", "unknown", "open") if summary.limits else ("No budget set", "tie", "even")
    return ("Budget met", "yes", "good") if summary.met else ("Budget not met", "no", "bad")


def _date(created: str) -> str:
    try:
        moment = dt.datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".strip()


def limit_rows(summary: "RunSummary") -> tuple[LimitRow, ...]:
    """The budget, limit by limit, in the order given."""
    return tuple(_limit_row(limit) for limit in summary.limits)


def _limit_row(limit: "LimitSummary") -> LimitRow:
    icon, _, style = mark(limit.outcome)
    exact = limit.value is not None and limit.value.low == limit.value.high
    value = (
        numbers.quantity(limit.value.estimate, limit.unit)
        if exact and limit.value
        else numbers.interval(limit.value, limit.unit)
    )
    return LimitRow(
        limit=limit.limit,
        bound=numbers.plain(limit.bound, limit.unit),
        value=value,
        outcome=limit.outcome,
        icon=icon,
        style=style,
        binding=limit.binding,
        advice=limit.advice,
        bar=_bar(limit),
    )


def _bar(limit: "LimitSummary") -> tuple[float, float, float, float, float] | None:
    value = limit.value
    if value is None or not all(map(math.isfinite, (value.estimate, value.low, value.high, limit.bound))):
        return None
    zero = min(limit.bound, value.low) if limit.quantity == "score" else 0.0
    low, high = min(zero, value.low), max(limit.bound, value.high)
    pad = 0.12 * (high - low) or 1.0
    start = low - (pad / 2 if low < 0 or limit.quantity == "score" else 0.0)
    places = [
        round(100 * (v - start) / (high + pad - start), 1)
        for v in (zero, limit.bound, value.low, value.estimate, value.high)
    ]
    return places[0], places[1], places[2], places[3], places[4]


def _ledgers(summary: "RunSummary") -> list[Any]:
    original = original_of(summary)
    full = told(summary)
    return [entry(summary, candidate, original) for candidate in summary.candidates if candidate.id in full]


def _selected(summary: "RunSummary") -> str:
    chosen = best_of(summary) or next((c for c in summary.candidates if c.frontier and c.steps), None)
    chosen = chosen or next(iter(summary.candidates), None)
    return chosen.id if chosen else ""


def _findings(summary: "RunSummary") -> list[tuple[str, str, list[tuple["FindingSummary", list["FindingSummary"]]]]]:
    """Severity, its name, and its findings; those with one code are told together, the best file's first."""
    severities = dict.fromkeys([*SEVERITIES, *(finding.severity for finding in summary.findings)])
    best = best_of(summary)
    groups = []
    for severity in severities:
        told: dict[str, list[FindingSummary]] = {}
        for finding in summary.findings:
            if finding.severity == severity:
                told.setdefault(finding.code, []).append(finding)
        rows = [sorted(same, key=lambda f: best is None or f.candidate != best.label) for same in told.values()]
        groups.append((severity, SEVERITIES.get(severity, severity.capitalize()), [(row[0], row[1:]) for row in rows]))
    return [group for group in groups if group[2]]


def _method(summary: "RunSummary") -> list[tuple[str, str]]:
    measured = sum(c.status == "measured" for c in summary.candidates)
    failed = sum(c.status == "failed" for c in summary.candidates)
    limit = (
        f" of {numbers.duration(summary.time_limit_s)}"
        if math.isfinite(summary.time_limit_s) and summary.time_limit_s
        else ""
    )
    times = f"{summary.openings} time{'s' if summary.openings != 1 else ''}, this run included"
    margins = ", ".join(f"{name} {_margin(name, value, summary)}" for name, value in summary.margins.items())
    rows = [
        ("Target", summary.target),
        ("Runtime", summary.runtime),
        ("Processor", summary.processor),
        ("Threads, batch", f"{summary.threads} thread{'s' if summary.threads != 1 else ''}, batch {summary.batch}"),
        ("Candidates", f"{measured} measured" + (f", {failed} failed" if failed else "")),
        ("Examples", ", ".join(f"{name} {numbers.fixed(n, 0)}" for name, n in summary.data.items())),
        ("Judge opened", times),
        ("Margins", margins),
        ("Time", f"{numbers.duration(summary.time_used_s)}{limit}"),
        ("Time went into", spending(summary)),
        ("Seed", str(summary.seed)),
        ("Versions", ", ".join(f"{name} {version}" for name, version in summary.versions.items())),
    ]
    return [(name, text) for name, text in rows if text]


def spending(summary: "RunSummary") -> str:
    """What the seconds were spent on, the largest part first; empty where nobody counted."""
    spent = {name: seconds for name, seconds in summary.purposes.items() if seconds > 0}
    whole = max(summary.time_used_s, sum(spent.values()))
    if not spent or not whole > 0:
        return ""
    rest = whole - sum(spent.values())
    shares = sorted((spent | ({"other": rest} if rest > 0 else {})).items(), key=lambda item: -item[1])
    told = [(name, round(100 * seconds / whole)) for name, seconds in shares]
    return ", ".join(f"{name} {share} %" for name, share in told if share > 0)


def _margin(name: str, value: float, summary: "RunSummary") -> str:
    if name == "score":
        return f"± {value:g} {change_unit(summary)}".rstrip()
    return f"± {100 * value:g} %"
