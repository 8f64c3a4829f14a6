# ruff: noqa: FBT002, PLR0913, PLR0917 (the signatures are the options, as typer wants them)
"""``paredown``: what can be typed. The work is imported when a command runs, so ``--help`` is quick.

Exit codes: 0 done (where there is a budget: it is met); 1 something failed; 2 bad input, nothing was started;
3 the budget is not known to be met, the best effort is written; 130 interrupted, with the line that resumes it.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from paredown.cli.exits import guarded
from paredown.cli.options import (
    DropOption,
    EnergyOption,
    GuardOption,
    JsonOption,
    LatencyOption,
    MemoryOption,
    OutOption,
    ScoreOption,
    SeedOption,
    SizeOption,
    TaskArgument,
    TimeOption,
    TrustOption,
    budget_texts,
)
from paredown.cli.place import BatchOption, Place, ThreadsOption, placed

__all__ = ["app", "main"]

app = typer.Typer(
    name="paredown",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Pare a network down to what its device can afford, and prove it.",
    epilog="Exit codes: 0 done or budget met; 1 failed; 2 bad input; 3 budget not met, best effort written; "
    "130 interrupted. Set PAREDOWN_TRACEBACK=1 (or give --traceback) to see where an error came from.",
)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(guarded(app, sys.argv[1:] if arguments is None else arguments))


@app.callback(invoke_without_command=True)
def _paredown(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where an error came from.")] = False,
) -> None:
    del traceback  # looked at in `guarded`, wherever it stands on the line
    if version:
        from importlib.metadata import version as installed  # noqa: PLC0415

        typer.echo(f"paredown {installed('paredown')}")
        raise typer.Exit
    del context


@app.command()
def demo(
    out: OutOption = None,
    time: TimeOption = "135s",
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> int:
    """Train a small CNN on digits and pare it down.

    The data is scikit-learn's; nothing is downloaded. Under 3 minutes on two cores.
    """
    from paredown.cli import demo as demonstration  # noqa: PLC0415

    return demonstration.demo(out=out, time=time, seed=seed, as_json=json)


@app.command()
@placed
def compress(
    context: typer.Context,
    task: TaskArgument,
    *,
    latency: LatencyOption = None,
    size: SizeOption = None,
    memory: MemoryOption = None,
    energy: EnergyOption = None,
    drop: DropOption = None,
    score: ScoreOption = None,
    guard: GuardOption = None,
    time: TimeOption = "30min",
    place: Place,
    out: OutOption = None,
    seed: SeedOption = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be tried, how long, how much disk.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Find the file that meets a budget.

    Of the files that meet it, the best is the smallest in the limit named first.
    """
    del latency, size, memory, energy, drop, score
    from paredown.cli import searches  # noqa: PLC0415

    limits = budget_texts(context)
    if dry_run:
        return searches.dry_run(task, limits, guard or [], place, time=time, as_json=json)
    order = searches.Order(time=time, out=out, seed=seed, as_json=json)
    return searches.compress(task, limits, guard or [], place, order)


@app.command()
@placed
def compare(
    task: TaskArgument,
    arms: Annotated[
        list[str], typer.Argument(help="Families (prune quantize distill ...), or recipes: 'prune:keep=0.5 int8'.")
    ],
    *,
    time: TimeOption = "30min",
    place: Place,
    seeds: Annotated[
        int, typer.Option(help="Repeat with so many seeds; three or more allow claims about recipes.", min=1)
    ] = 1,
    out: OutOption = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> int:
    """Tell which technique wins, and by how much.

    The answer is wins, tie or cannot tell, pair by pair, with intervals.
    """
    from paredown.cli import searches  # noqa: PLC0415

    order = searches.Order(time=time, out=out, seed=seed, as_json=json)
    return searches.compare(task, arms, place, order, seeds=seeds)


@app.command()
@placed
def apply(
    task: TaskArgument,
    steps: Annotated[list[str], typer.Argument(help="For example: prune:keep=0.5 train:epochs=3+distill+mixup int8")],
    place: Place,
    out: OutOption = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> int:
    """Carry out exactly these steps and measure the file.

    A step is NAME:SETTING=VALUE,SETTING=VALUE. Ingredients of a training follow it with a plus:
    train:epochs=3+distill:temperature=4+mixup.
    """
    from paredown.cli import searches  # noqa: PLC0415

    return searches.apply(task, steps, place, searches.Order(time="", out=out, seed=seed, as_json=json))


@app.command()
@placed
def profile(
    task: TaskArgument,
    place: Place,
    top: Annotated[int, typer.Option(help="So many operators and groups.", min=1)] = 20,
    json: JsonOption = False,
) -> int:
    """Show where the work is and what can be pruned."""
    from paredown.cli import looks  # noqa: PLC0415

    return looks.profile(task, place, top=top, as_json=json)


@app.command()
def bench(
    files: Annotated[list[Path], typer.Argument(help="Files to time against the first one.")],
    threads: ThreadsOption = 1,
    batch: BatchOption = 1,
    time: TimeOption = "5min",
    trust: TrustOption = False,
    json: JsonOption = False,
) -> int:
    """Time files head to head.

    In fresh processes that take turns, against the first file, with intervals.
    """
    from paredown.cli import looks  # noqa: PLC0415

    return looks.bench(files, threads=threads, batch=batch, time=time, as_json=json, trust=trust)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="The directory of a run.")],
    out: Annotated[Path | None, typer.Option(help="Where the page goes (default: report.html in the run).")] = None,
    json: JsonOption = False,
) -> int:
    """Write the report of a run and print it."""
    from paredown.cli import searches  # noqa: PLC0415

    return searches.report(run, out=out, as_json=json)


@app.command()
def resume(
    run: Annotated[Path, typer.Argument(help="The directory of a run that was interrupted.")],
    trust: TrustOption = False,
    json: JsonOption = False,
) -> int:
    """Go on with a run that was interrupted.

    At most the trial that was in flight is done again.
    """
    from paredown.cli import searches  # noqa: PLC0415

    return searches.resume(run, trust=trust, as_json=json)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="A file with its certificate beside it.")],
    task: Annotated[str, typer.Option(help="module:name of the task, to check the score again as well.")] = "",
    original: Annotated[
        Path | None, typer.Option(help="The original's file, to measure the certified ratio again.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Leave with exit code 0 only if everything was checked and holds.")
    ] = False,
    trust: TrustOption = False,
    json: JsonOption = False,
) -> int:
    """Compute again what a certificate claims of its file, and say line by line what holds.

    Hash, size and outputs anywhere; latency and memory on the certified kind of processor; the score with --task, the
    ratio of latencies with --original, the drop with both. Exit code 0 if nothing failed.
    """
    from paredown.cli import looks  # noqa: PLC0415

    return looks.verify(file, looks.Given(task, original, strict, trust, json))


@app.command("targets")
def list_targets(json: JsonOption = False) -> int:
    """List the runtimes."""
    from paredown.cli import looks  # noqa: PLC0415

    return looks.list_targets(as_json=json)
