"""Decides the head-to-heads of results that are committed anew, with the formulas of today and the numbers they store.

    python -m benchmarks.again [NAME ...]      # of all results where nothing is named

Results of before 2026-11-30 hold every file's score and time and every pair's interval, but neither the answers to single
examples nor the times of single rounds. What the formulas want is got back from these: the scatter between seeds from the
seeds' scores; what examples add from the interval less that (the interval was made with a known formula); how a file scatters
over rounds, and how many rounds it had, from its two intervals, that of the ratio and that of the next run. How files of an
arm scatter *together* is not stored: they are taken to do so fully, which makes no interval narrower than it should be.
Pairs with scope ``files`` where an arm has several seeds were about the first of them and stay so.

What was got back is kept beside every pair, so that a second time gives the same. Results from then on hold the evidence itself
(`benchmarks.evidence`).
"""

import argparse
import collections
import dataclasses
import datetime as dt
import json
import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks import evidence, record
from paredown.measure import proportions, sequential, student
from paredown.measure.evidence import Evidence
from paredown.verdict import Margins, Result, holm
from paredown.verdict.claims import best_supported

__all__ = ["again"]

_TOGETHER = 6  # files in one round beside the original
_SCHEDULES = ((5, 16), (4, 8), (3, 5), (2, 3))  # least and most rounds, by the time there was
_TIMES = 1000  # resamples of the examples

Pair = dict[str, Any]
JSON = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="without the date, such as pruning-resnet20")
    options = parser.parse_args()
    for name, result in record.latest().items():
        path = record.RESULTS / result.pop("file").removeprefix("results/")
        key = next((key for key in ("training", "distillation_pairs") if key in result), None)
        place = result[key] if key else result
        if (options.names and name not in options.names) or not (key or place.get("command") == "compare"):
            continue
        found = again(place)
        whole = {**result, key: found} if key else found
        path.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n")
        print(f"{name}: {found['again']['before']} -> {found['again']['after']}")


def again(result: JSON) -> JSON:
    """The same result with its pairs decided anew, and how many of each quantity and scope were decided before and after."""
    decided = evidence.pairs(result) if "evidence" in result else _got_back(result)
    before = result.get("again", {}).get("before") or _count(result["pairs"])
    summary = {"on": dt.datetime.now(dt.UTC).date().isoformat(), "before": before, "after": _count(decided)}
    return {**result, "pairs": decided, "again": summary}


def _got_back(result: JSON) -> list[Pair]:
    """Pairs of a result that holds no evidence."""
    known = _of_training(result) if "judge" in result else _of_run(result)
    higher = result.get("score_higher_is_better", result.get("higher_is_better"))
    decided = [_decided(pair, *known(pair), higher=higher) for pair in result["pairs"]]
    name = "p_holm" if "p_holm" in result["pairs"][0] else "p"
    tested = [pair for pair in decided if pair[name] is not None]
    for pair, p in zip(tested, holm([pair[name] for pair in tested]), strict=True):
        pair[name] = p
        pair["outcome"] = pair["outcome"] if p <= 0.05 else str(Result.CANNOT_TELL)
    return decided


def _count(pairs: Sequence[Pair]) -> dict[str, str]:
    """Decided pairs of all, by quantity and scope."""
    groups = collections.defaultdict(list)
    for pair in pairs:
        groups[f"{pair['quantity']} of {pair['scope']}"].append(pair["outcome"] != str(Result.CANNOT_TELL))
    return {name: f"{sum(group)} of {len(group)}" for name, group in sorted(groups.items())}


@dataclasses.dataclass(frozen=True)
class _Known:
    """What a pair's claim is made of: an estimate with the parts of its variance, or counts of examples."""

    estimate: float
    parts: tuple[tuple[float, float], ...] = ()
    looks: tuple[int, ...] = (1,)
    discordant: tuple[int, int, int] | None = None

    def evidence(self) -> Evidence:
        if self.discordant is not None:
            return proportions.PairedShares(*self.discordant, 100.0)
        return student.combined(self.estimate, [student.Part(*part) for part in self.parts], self.looks)

    @classmethod
    def stored(cls, pair: Pair) -> "_Known | None":
        """What an earlier time left beside the pair."""
        kept = pair.get("known")
        if kept is None:
            return None
        counts = tuple(kept["discordant"]) if kept["discordant"] else None
        return cls(kept["estimate"], tuple(map(tuple, kept["parts"])), tuple(kept["looks"]), counts)


def _decided(pair: Pair, known: "_Known | None", margin: float, *, higher: bool) -> Pair:
    """The pair with its interval, best claim and p-value before correction; as it is where its numbers are counted."""
    if known is None:
        return pair
    difference, logs = known.evidence(), pair["quantity"] == "latency"
    edge = math.log1p(margin / 100) if logs else margin
    above, below = (Result.B_WINS, Result.A_WINS) if higher and not logs else (Result.A_WINS, Result.B_WINS)
    p, best = best_supported(difference, -edge, edge, above, below)
    shown = dataclasses.asdict(difference.interval())
    if logs:
        shown |= {key: 100 * math.expm1(min(shown[key], 20.0)) for key in ("estimate", "low", "high")}
    return {
        **pair,
        "difference": shown,
        "outcome": str(best),
        "p_holm" if "p_holm" in pair else "p": p,
        **({"margin": margin} if "margin" in pair else {}),
        "known": dataclasses.asdict(known),
    }


Deciding = Callable[[Pair], tuple["_Known | None", float]]


def _welch(values: Sequence[Sequence[float]]) -> tuple[list[student.Part], float]:
    """Parts of the seeds, and the degrees of freedom that intervals had before: of these alone."""
    parts = [student.Part.of(part) for part in values if len(part) > 1]
    squares = sum(part.variance**2 / part.freedom for part in parts)
    total = sum(part.variance for part in parts)
    return parts, total**2 / squares if squares > 0 else max(1, sum(map(len, values)) - 2)


def _recipe_score(pair: Pair, values: Sequence[Sequence[float]], examples: int) -> _Known:
    """Seeds' scores (or their differences, paired), and the interval that says what examples add."""
    difference = pair["difference"]
    seeds, freedom = _welch(values)
    error = (difference["high"] - difference["low"]) / 2 / student.quantile(0.975, freedom)
    variance = max(0.0, error**2 - sum(part.variance for part in seeds))
    others = (variance, 1 / (1 / (examples - 1) + 1 / (_TIMES - 1)))
    return _Known(difference["estimate"], (*((part.variance, part.freedom) for part in seeds), others))


def _of_training(case: JSON) -> Deciding:
    """Arms that share seeds, one by one; only scores are compared."""
    examples = int(re.search(r"Sealed\((\d+) examples\)", case["data"])[1])  # type: ignore[index]

    def known(pair: Pair) -> tuple[_Known | None, float]:
        first, second = (case["judge"][pair[side]] for side in "ab")
        margin = Margins().of_score(case["unit"], statistics.fmean(first), statistics.fmean(second))
        values = [[0.0], [b - a for a, b in zip(first, second, strict=True)]]
        return _Known.stored(pair) or _recipe_score(pair, values, examples), margin

    return known


@dataclasses.dataclass(frozen=True)
class _File:
    """A file of a run: its score; mean and spread over rounds of the logarithm of its ratio; which rounds."""

    score: float
    log: float
    spread: float
    rounds: int
    group: int


def _of_run(run: JSON) -> Deciding:
    looks = _looks(run)
    arms = _arms(run, looks)
    margins, examples = run["margins"], run["data"]["judge"]

    def known(pair: Pair) -> tuple[_Known | None, float]:
        first, second = arms[pair["a"]], arms[pair["b"]]
        if pair["quantity"] == "score":
            return _Known.stored(pair) or _score(pair, first, second, examples), margins["score"]
        if pair["quantity"] == "latency":
            return _Known.stored(pair) or _latency(pair, first, second, looks), 100 * margins["latency"]
        return None, 0.0

    return known


def _score(pair: Pair, first: Sequence[_File], second: Sequence[_File], examples: int) -> _Known:
    if pair["scope"] == "recipes":
        return _recipe_score(pair, [[file.score for file in side] for side in (first, second)], examples)
    return _Known(pair["difference"]["estimate"], discordant=_discordant(pair["difference"], examples))


def _discordant(difference: Mapping[str, float], examples: int) -> tuple[int, int, int]:
    """Examples that only one of two files has right: their difference from the estimate, their sum from the interval."""
    lead = round(difference["estimate"] * examples / 100)
    width = difference["high"] - difference["low"]

    def counts(extra: int) -> tuple[int, int, int]:
        return (max(lead, 0) + extra, max(-lead, 0) + extra, examples)

    def off(extra: int) -> float:
        shown = proportions.PairedShares(*counts(extra), 100.0).interval()
        return shown.high - shown.low - width

    low, high = 0, (examples - abs(lead)) // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if off(middle) > 0 else (middle, high)
    return counts(min((low, high), key=lambda extra: abs(off(extra))))


def _latency(pair: Pair, first: Sequence[_File], second: Sequence[_File], looks: tuple[int, ...]) -> _Known:
    sides = [(-1.0, first), (1.0, second)]
    if pair["scope"] == "recipes":
        seeds, _ = _welch([[file.log for file in side] for side in (first, second)])
        value = statistics.fmean(file.log for file in second) - statistics.fmean(file.log for file in first)
        parts = [(part.variance, part.freedom) for part in seeds]
        return _Known(value, (*parts, *_rounds(sides)))
    one, other = first[0], second[0]
    value = math.log1p(pair["difference"]["estimate"] / 100)
    if one.group == other.group or min(one.group, other.group) < 0:  # paired: the interval says it
        rounds = min(file.rounds for file in (one, other) if file.group >= 0)
        half = math.log1p(pair["difference"]["high"] / 100) - value
        error = half / student.quantile(1 - sequential.level(looks) / 2, rounds - 1)
        return _Known(value, ((error**2, rounds - 1),), looks)
    return _Known(value, tuple((file.spread**2 / file.rounds, file.rounds - 1) for file in (one, other)), looks)


def _rounds(sides: Sequence[tuple[float, Sequence[_File]]]) -> list[tuple[float, float]]:
    """What rounds add beyond seeds, group by group: nothing where it cancels, else as if an arm's files scattered together."""
    found = []
    groups = {file.group for _, side in sides for file in side if file.group >= 0}
    for group in sorted(groups):
        there = [(sign / len(side), len(side), file) for sign, side in sides for file in side if file.group == group]
        if abs(sum(weight for weight, _, _ in there)) < 1e-9 and all(count > 1 for _, count, _ in there):
            continue
        rounds = min(file.rounds for _, _, file in there)
        most = sum(abs(weight) * file.spread for weight, _, file in there)
        found.append((most**2 / rounds, rounds - 1))
    return found


def _arms(run: JSON, looks: tuple[int, ...]) -> dict[str, list[_File]]:
    """Files by arm. Those of arms were timed in the order of their trials, six together, the do-nothing control last."""
    timed = [c for c in run["candidates"] if c["ratio"] is not None]
    order = [c["label"] for c in sorted(timed, key=lambda c: c["role"] == "control")]
    arms = collections.defaultdict(list)
    for candidate in run["candidates"]:
        name, group = candidate["label"].split(", seed")[0], -1
        log, spread, rounds = 0.0, 0.0, looks[-1]
        if candidate["ratio"] is not None:
            group = order.index(candidate["label"]) // _TOGETHER
            log, (rounds, spread) = math.log(candidate["ratio"]["estimate"]), _scatter(candidate, looks)
        arms[name].append(_File(candidate["score"]["estimate"], log, spread, rounds, group))
    return dict(arms)


def _halves(candidate: JSON) -> tuple[float, float]:
    ratio, further = (math.log(candidate[key]["high"] / candidate[key]["estimate"]) for key in ("ratio", "next_run"))
    return ratio, further


def _misfit(candidate: JSON, looks: tuple[int, ...], rounds: int) -> float:
    """How far the two intervals of a file are from having come from so many rounds."""
    ratio, further = _halves(candidate)
    level = sequential.level(looks)
    wanted = student.quantile(1 - level / 2, rounds - 1) / student.quantile(0.975, rounds - 1) / math.sqrt(rounds + 1)
    return abs(math.log(ratio / further / wanted))


def _looks(run: JSON) -> tuple[int, ...]:
    """The schedule under which all files' intervals fit together."""
    timed = [c for c in run["candidates"] if c["ratio"] is not None]

    def misfit(looks: tuple[int, ...]) -> float:
        return max(min(_misfit(c, looks, rounds) for rounds in range(2, looks[-1] + 1)) for c in timed)

    return min((sequential.schedule(*pair) for pair in _SCHEDULES), key=misfit)


def _scatter(candidate: JSON, looks: tuple[int, ...]) -> tuple[int, float]:
    """Rounds of a file, and the standard deviation of one round's logarithm."""
    rounds = min(range(2, looks[-1] + 1), key=lambda rounds: _misfit(candidate, looks, rounds))
    _, further = _halves(candidate)
    return rounds, further / student.quantile(0.975, rounds - 1) / math.sqrt(1 + 1 / rounds)


if __name__ == "__main__":
    main()
