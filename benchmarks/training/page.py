"""The tables of this benchmark."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.pages.cells import interval, table

__all__ = ["rows", "section"]


def section(results: Sequence[Mapping[str, Any]]) -> str:
    """A summary of all tasks, and what was chosen."""
    arms = [row for result in results for row in rows(result["training"])]
    chosen = [_chosen(result) for result in results]
    first = results[0]
    processors = dict.fromkeys(result["training"]["processor"] for result in results)
    return (
        "## Training a student of a quarter of the cost: regularization and distillation beside a control\n\n"
        "`python -m benchmarks.training DATA`. Every arm starts from the same fresh students and sees the same data; "
        "scores are those of exported files on `judge`, opened once in a run. Earlier runs with other settings had opened it "
        "before for California, C-MAPSS, Fashion-MNIST with 1 % of the labels, SST-2 and spoken digits, and seeds were paired only after "
        "such a look; CamVid was judged with three seeds, then with eight (`dev/LOG.md`): those rows show what happened, they are "
        "no blind test. Differences to the control are taken seed by "
        "seed and count seeds and examples as chance; *wins* means beyond the margin that nobody would act upon, after correction for all pairs. "
        "*Gap*: how much better on training examples than on `select`.\n\n"
        "![Differences to the control with their intervals, task by task](../docs/pictures/training.svg)\n\n"
        "Filled dots win; whiskers are 95 % intervals, better to the right.\n\n"
        f"{table(['task', 'arm', 'mean score', 'against the control (95 %)', 'outcome', 'gap'], arms)}\n"
        f"Chosen on `select`, with a seed of its own:\n\n"
        f"{table(['task', 'regularization', 'distillation', 'cost of the student', 'epochs', 'seeds', 'minutes'], chosen)}\n"
        f"{first['runtime']}; {'; '.join(processors)}; {first['training']['threads']} thread(s) for training, and other work beside it, "
        f"so minutes are a rough guide. {_again(results)}Where labels are wrong the gap is below 0: networks agree with the right ones. Raw: "
        + ", ".join(f"[`{result['file']}`]({result['file']})" for result in results)
        + ".\n"
    )


def _again(results: Sequence[Mapping[str, Any]]) -> str:
    """How many outcomes there are since they were decided anew; see `benchmarks.again`."""
    found = [result["training"]["again"] for result in results if "again" in result["training"]]
    if not found:
        return ""
    before, after = (
        sum(int(count.split(" of ")[0]) for one in found for count in one[key].values()) for key in ("before", "after")
    )
    every = sum(int(count.split(" of ")[1]) for one in found for count in one["after"].values())
    return (
        f"Outcomes were decided anew from the stored numbers (`python -m benchmarks.again`): {after} of {every} pairs of arms "
        f"are decided, {before} were before. "
    )


def rows(case: Mapping[str, Any]) -> list[list[str]]:
    """A row for every arm: task, arm, mean score, difference to the control, outcome, gap."""
    against = {pair["b"]: pair for pair in case["pairs"] if pair["a"] == "control"}
    found = []
    for label, scores in sorted(case["judge"].items(), key=_place):
        pair = against.get(label)
        found.append(
            [
                case["title"],
                label if label != "teacher" else "(the teacher)",
                f"{statistics.fmean(scores):.4g} {case['unit']}",
                f"{interval(pair['difference'], digits=_digits(pair))} {pair['unit']}" if pair else "–",
                _outcome(pair, case) if pair else "–",
                f"{case['gap'][label]:.3g}" if label in case["gap"] else "–",
            ]
        )
    return found


def _place(arm: tuple[str, Any]) -> int:
    """Teacher, control, one alone, both; arms of other names come behind the control as they are."""
    known = {"teacher": 0, "control": 1, "distilled": 3, "both": 4}
    return known.get(arm[0], 2)


def _digits(pair: Mapping[str, Any]) -> int:
    return 2 if pair["unit"] == "pt" else 4


def _outcome(pair: Mapping[str, Any], case: Mapping[str, Any]) -> str:
    """In words, and where the interval alone is clear of nought, that too."""
    words = {"a wins": "loses", "b wins": "**wins**"}.get(pair["outcome"], pair["outcome"])
    difference = pair["difference"]
    if pair["outcome"] == "cannot tell" and (difference["low"] > 0 or difference["high"] < 0):
        better = (difference["low"] > 0) == case["higher_is_better"]
        clear = min(abs(difference["low"]), abs(difference["high"])) > pair["margin"]
        reason = "not after correction for all pairs" if clear else "not clear of the margin"
        return f"{'better' if better else 'worse'}, {reason}"
    return str(words)


def _chosen(result: Mapping[str, Any]) -> list[str]:
    case = result["training"]
    share = case["macs"]["student"] / case["macs"]["teacher"]
    return [
        case["title"],
        case["chosen"]["regularized"],
        case["chosen"]["distilled"],
        f"{100 * share:.0f} %",
        f"{case['epochs']:g}",
        str(case["seeds"]),
        f"{case['seconds'] / 60:.0f}",
    ]
