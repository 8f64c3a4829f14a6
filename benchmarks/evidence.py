"""What the head-to-heads of a run were made of, so that they can be decided anew: every answer and every round."""

from typing import TYPE_CHECKING, Any

import numpy as np

from paredown import codec, scores
from paredown.run import entries
from paredown.run.ledger import Blobs, Ledger
from paredown.verdict import Arm, Pair, compare
from paredown.verdict.arrays import pack, unpack

if TYPE_CHECKING:
    from paredown.run.results import TrialResult
    from paredown.search import Run

__all__ = ["of_run", "pairs"]

JSON = dict[str, Any]


def of_run(run: "Run") -> list[JSON]:
    """Measurements and rows on `judge` of every file that was judged, in the order of the head-to-heads."""
    blobs, found = Blobs(run.directory), []
    with Ledger(run.directory, writable=False) as ledger:
        for key in run.record.chosen.files if run.record.chosen else ():
            trial, rows = run.record.trial(key), entries.JUDGED.of(key).read(ledger)
            if rows is None or key not in run.record.finals:
                continue
            with np.load(blobs.open(rows[""]), allow_pickle=False) as stored:
                packed = pack(stored["arr_0"])
            result: TrialResult = trial.result
            measured = codec.encode(run.record.finals[key])
            found.append({"label": trial.label, "measured": measured, "rows": packed, "fixed": result.trained <= 0})
    return found


def pairs(result: JSON) -> list[JSON]:
    """Head-to-heads of a `compare` run with its evidence, as its summary has them."""
    arms: dict[str, Arm] = {}
    for stored in result["evidence"]:
        name = stored["label"].split(", seed")[0]
        side = arms.get(name, Arm(name, (), fixed=stored["fixed"]))
        files, rows = (*side.files, codec.decode(stored["measured"])), (*side.rows, unpack(stored["rows"]))
        arms[name] = Arm(name, files, rows, fixed=stored["fixed"])
    score = getattr(scores, result["score_name"])
    return [_plain(pair) for pair in compare(list(arms.values()), score=score, seed=result["seed"]).pairs]


def _plain(pair: Pair) -> JSON:
    difference = {key: getattr(pair.difference, key) for key in ("estimate", "low", "high", "confidence", "kind")}
    told = {key: getattr(pair, key) for key in ("a", "b", "quantity", "unit", "scope")}
    return {**told, "difference": difference, "outcome": str(pair.outcome), "p": pair.p_holm}
