"""Head-to-heads of committed results are decided anew from what they store."""

import dataclasses
import math

import numpy as np
import pytest
from benchmarks import again, record

from paredown import codec
from paredown.measure import Size, proportions, sequential, student
from paredown.verdict import Measured
from paredown.verdict.arrays import pack

RESULTS = record.latest()


@pytest.mark.parametrize("name", ["pruning-resnet20", "pruning-resnet20-latency", "training-sst2"])
def test_committed_pairs_are_as_decided_today(name):
    """The formulas that the tables were made with are those of the library."""
    result = RESULTS[name].get("training", RESULTS[name])
    found = again.again(result)
    for now, then in zip(found["pairs"], result["pairs"], strict=True):
        assert now["outcome"] == then["outcome"], "run python -m benchmarks.again, then python -m benchmarks.tables"
        assert now["difference"] == pytest.approx(then["difference"])
    assert found["again"]["after"] == result["again"]["after"]


def test_score_cells_of_the_pruning_tables_are_decided():
    """Twenty of thirty-four, where with the wrong degrees of freedom there were none."""
    counts = [RESULTS[name]["again"] for name in ("pruning-resnet20", "pruning-resnet20-latency")]
    assert [count["before"]["score of recipes"] for count in counts] == ["0 of 20", "0 of 14"]
    assert [count["after"]["score of recipes"] for count in counts] == ["12 of 20", "8 of 14"]


def test_examples_are_got_back_from_an_interval():
    """Seeds' scores and an interval of before hold what examples add to the variance."""
    seeds, examples = [[88.0], [84.1, 83.9, 84.4]], 0.3**2
    part = student.Part.of(seeds[1])
    half = student.quantile(0.975, part.freedom) * math.sqrt(part.variance + examples)
    pair = {"difference": {"estimate": -3.9, "low": -3.9 - half, "high": -3.9 + half}}
    known = again._recipe_score(pair, seeds, 5000)
    assert known.parts[0] == pytest.approx((part.variance, 2))
    assert known.parts[1] == pytest.approx((examples, 1 / (1 / 4999 + 1 / 999)))


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (16, 17), (168, 504), (3, 0)])
def test_answers_are_counted_back_from_an_interval(won, lost):
    shown = proportions.PairedShares(won, lost, 5000, 100.0).interval()
    assert again._discordant(dataclasses.asdict(shown), 5000) == (won, lost, 5000)


def test_rounds_are_got_back_from_two_intervals():
    """How often a file was timed, by which schedule, and how it scattered."""
    generator = np.random.default_rng(0)
    candidates = []
    for rounds in (5, 7, 16):
        logs = generator.normal(-0.5, 0.03, rounds)
        level = sequential.level((5, 7, 11, 16))
        shown = {"ratio": student.interval(logs, level=level), "next_run": student.interval(logs, kind="prediction")}
        candidate = {
            name: {edge: math.exp(getattr(found, edge)) for edge in ("estimate", "high")}
            for name, found in shown.items()
        }
        candidates.append({**candidate, "label": str(rounds), "spread": logs.std(ddof=1)})
    looks = again._looks({"candidates": candidates})
    assert looks == (5, 7, 11, 16)
    for candidate in candidates:
        found = again._scatter(candidate, looks)
        assert found == (int(candidate["label"]), pytest.approx(candidate["spread"]))


def test_with_its_evidence_a_result_is_decided_by_comparing_again():
    """Rows and measurements stored beside a result give the head-to-heads that the run itself gave."""
    generator = np.random.default_rng(1)
    shares = {"original": 0.9, "a, seed 0": 0.8, "a, seed 1": 0.81, "a, seed 2": 0.79}
    stored = [
        {
            "label": label,
            "measured": codec.encode(Measured(label, size=Size(1000 if label == "original" else 500, 1, 1))),
            "rows": pack((generator.random((2000, 1)) < share).astype(float)),
            "fixed": label == "original",
        }
        for label, share in shares.items()
    ]
    result = {"evidence": stored, "score_name": "accuracy", "seed": 0, "pairs": []}
    found = again.again(result)
    assert [(pair["quantity"], pair["outcome"], pair["scope"]) for pair in found["pairs"]] == [
        ("score", "a wins", "recipes"),
        ("size", "b wins", "recipes"),
    ]
    assert found["again"]["after"] == {"score of recipes": "1 of 1", "size of recipes": "1 of 1"}
