"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "DropOption",
    "EnergyOption",
    "GuardOption",
    "JsonOption",
    "LatencyOption",
    "MemoryOption",
    "OutOption",
    "ScoreOption",
    "SeedOption",
    "SizeOption",
    "TaskArgument",
    "TimeOption",
    "TrustOption",
    "budget_texts",
]

_KEY = "paredown.budget"

TaskArgument = Annotated[str, typer.Argument(metavar="MODULE:NAME", help="Where the task is, for example app:task.")]
OutOption = Annotated[
    Path | None, typer.Option(help="Directory of the run (default: runs/<task>-<date>-<time>).", show_default=False)
]
SeedOption = Annotated[int, typer.Option(help="Equal seeds, equal choices.")]
TimeOption = Annotated[str, typer.Option(help="How long it may take: 30min, 90s, 2h.")]
TrustOption = Annotated[
    bool,
    typer.Option("--trust", help="Open compiled packages though somebody else made them: they are programs, and run."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else.")]
GuardOption = Annotated[
    list[str] | None,
    typer.Option("--guard", metavar="NAME=LIMIT", help="Limit on a guard score of the task; repeatable."),
]


def _limit(quantity: str, example: str) -> Any:
    """The option of one limit; limits are remembered in the order in which they were typed."""

    def remember(context: typer.Context, value: str | None) -> str | None:
        if value is not None:
            context.meta.setdefault(_KEY, {})[quantity] = value
        return value

    return typer.Option(f"--{quantity}", metavar="LIMIT", callback=remember, help=f"{example}.", show_default=False)


LatencyOption = Annotated[str | None, _limit("latency", "50% of the original, or 2ms")]
SizeOption = Annotated[str | None, _limit("size", "25%, or 1MB")]
MemoryOption = Annotated[str | None, _limit("memory", "50%, or 64MB")]
EnergyOption = Annotated[str | None, _limit("energy", "50%, or 2mJ")]
DropOption = Annotated[str | None, _limit("drop", "What the score may lose: 0.5pt, or 2% of it")]
ScoreOption = Annotated[str | None, _limit("score", "What the score must reach: 90%")]


def budget_texts(context: typer.Context) -> dict[str, str]:
    """The limits as typed, in the order typed."""
    return dict(context.meta.get(_KEY, {}))
