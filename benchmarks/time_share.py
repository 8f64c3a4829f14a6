"""Where the time of runs went: seconds by purpose, the share that became training, and the epochs that came of it.

    python -m benchmarks.time_share RUN [RUN ...] [--name time-share-before] [--out FILE]

``RUN`` is a run directory, of this version or of 0.1. Runs of 0.1 did not count their seconds: what was inside of
trainings is known of them, the range tests in these are modelled from the measured pace, and so marked. Prints a table;
writes JSON into ``results``, or to ``--out``.
"""

import argparse
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.record import write
from paredown.measure.processor import processor

__all__ = ["main", "time_share"]

_TEST_STEPS, _TEST_COST = 25, 4 / 3  # of a range test, each in training steps
_TRAINING = "training"
_IN_TRAININGS = (_TRAINING, "range tests", "scoring in training")


def time_share(directory: Path) -> dict[str, Any]:
    """What the ledger of a run says about its time.

    Args:
        directory: of the run; nothing is written there.

    Returns:
        Seconds by purpose, ``modelled`` naming those that no clock has told; the shares of training; every training with
        its epochs; and the best file.

    """
    with closing(sqlite3.connect(f"{(directory / 'ledger.sqlite').resolve().as_uri()}?mode=ro", uri=True)) as database:
        settings = {name: json.loads(value) for name, value in database.execute("SELECT name, value FROM settings")}
        decisions = {name: json.loads(value) for name, value in database.execute("SELECT name, value FROM decisions")}
        rows = database.execute(
            "SELECT id, role, label, result, seconds FROM trials WHERE state = 'measured' ORDER BY number"
        ).fetchall()
        best = (decisions.get("chosen") or {}).get("best", "")
        final = database.execute("SELECT value FROM measurements WHERE name = ?", (f"final/{best}",)).fetchone()
    trials = [_trial(row) for row in rows]
    used = float(settings["seconds_used"])
    counted = _plain(settings.get("seconds_by_purpose"))
    seconds = counted or _modelled(trials, rows, decisions.get("pace") or {})
    whole = max(used, sum(seconds.values()))
    seconds["other"] = whole - sum(seconds.values())
    return {
        "run": directory.name,
        "limit": settings["settings"]["seconds"],
        "used": used,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "modelled": [] if counted else ["training", "range tests"],
        "inside_trainings": sum(seconds.get(name, 0.0) for name in _IN_TRAININGS) / whole,
        "training": seconds.get(_TRAINING, 0.0) / whole,
        "trials": trials,
        "longest": max((trial["epochs"] for trial in trials), default=0.0),
        "best": next((trial for trial in trials if trial["id"] == best[:12]), None),
        "judged": _judged(json.loads(final[0])) if final else None,
    }


def _judged(final: Mapping[str, Any]) -> dict[str, Any]:
    """Latency against the original and drop of the best file on judge, with their intervals."""
    drop, ratio = (final["quality"] or {}).get("drop"), (final["latency"] or {}).get("ratio")
    return {
        name: found and {bound: found[bound] for bound in ("estimate", "low", "high")}
        for name, found in (("drop", drop), ("ratio", ratio))
    }


def _trial(row: tuple[Any, ...]) -> dict[str, Any]:
    result = json.loads(row[3])
    ends = [_plain(history[-1]) for step in _listed(result["steps"]) if (history := _listed(step["history"]))]
    return {
        "id": row[0][:12],
        "role": row[1],
        "label": row[2],
        "epochs": sum(end["epoch"] for end in ends),
        "steps": sum(end["step"] for end in ends),
        "seconds": row[4],
        "trained": result.get("trained", 0.0),
        "macs": result["macs"],
        "bytes": result["size"]["bytes"],
        "ms": result.get("ms"),
        "score": result["quality"]["score"]["estimate"],
        "drop": result["quality"]["drop"]["estimate"],
    }


def _modelled(
    trials: Sequence[Mapping[str, Any]], rows: Sequence[tuple[Any, ...]], pace: Mapping[str, Any]
) -> dict[str, float]:
    """For runs that kept no account: each training began with a range test, as long as the pace says."""
    test = _TEST_STEPS * _TEST_COST * pace.get("step", 0.0)
    made = [trial for trial in trials if trial["trained"] > 0]
    inside = sum(trial["trained"] for trial in made)
    tests = min(inside, sum(test * (0.3 + 0.7 * trial["macs"] / trials[0]["macs"]) for trial in made))
    return {
        _TRAINING: inside - tests,
        "range tests": tests,
        "trials beside training": sum(row[4] for row in rows) - inside,
    }


def _listed(value: Any) -> list[Any]:
    """A list, or a tuple as `paredown.codec` writes it."""
    return list(value["tuple"] if isinstance(value, dict) else value)


def _plain(value: Any) -> dict[str, float]:
    """A mapping as `paredown.codec` writes it; empty where there is none."""
    return dict((value or {}).get("dict", value or {}))


def _lines(share: Mapping[str, Any]) -> Iterator[str]:
    modelled = " (modelled)" if share["modelled"] else ""
    yield (
        f"{share['run']}: {share['used']:.0f} s of {share['limit']:.0f}; {100 * share['inside_trainings']:.0f} % inside of "
        f"trainings, {100 * share['training']:.0f} % training steps{modelled}; the longest of "
        f"{sum(trial['trained'] > 0 for trial in share['trials'])} trainings has {share['longest']:.2g} epochs"
    )
    for name, seconds in sorted(share["seconds"].items(), key=lambda item: -item[1]):
        yield f"  {seconds:7.1f} s  {name}{' (modelled)' if name in share['modelled'] else ''}"
    for trial in share["trials"]:
        mark = "*" if share["best"] and trial["id"] == share["best"]["id"] else " "
        yield (
            f" {mark}{trial['role']:8} {trial['label']}: {trial['epochs']:.3g} epochs in {trial['trained']:.1f} s, score "
            f"{trial['score']:.4g}, drop {trial['drop']:.3g} (select), {trial['ms'] or float('nan'):.3f} ms, "
            f"{trial['bytes'] / 1000:.1f} kB"
        )


def main() -> None:
    """Print and write what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.time_share", description=__doc__.partition("\n")[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run directories")
    parser.add_argument("--name", default="time-share", help="of the result (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="file to write instead of one in results")
    options = parser.parse_args()
    shares = [time_share(run) for run in options.runs]
    for share in shares:
        print("\n".join(_lines(share)))
    result = {"time_share": shares, "name": options.name, "processor": str(processor())}
    if options.out is None:
        print(write(options.name, result))
    else:
        options.out.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
        print(options.out)


if __name__ == "__main__":
    main()
