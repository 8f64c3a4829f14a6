"""Kinds of networks from capture to file."""

import torch
from benchmarks import record
from benchmarks.coverage import situations_page
from benchmarks.coverage.outcomes import STAGES
from benchmarks.coverage.passage import pass_through
from benchmarks.coverage.situations import SITUATIONS, Situation
from torch import nn


class Breaks(nn.Linear):
    """Cannot be captured, and the words are not ours to choose."""

    def named_modules(self, *_args, **_kwargs):
        msg = "no modules"
        raise KeyError(msg)


def situation(model):
    return Situation("a test", lambda: model, lambda: (torch.randn(4, 8),))


def test_what_is_committed_holds_every_kind_and_none_is_broken():
    found = record.latest()["situations"]["situations"]
    assert set(found) == set(SITUATIONS)
    outcomes = {(name, stage): found[name]["stages"][stage]["outcome"] for name in found for stage in STAGES}
    assert {key for key, outcome in outcomes.items() if outcome == "broken"} == set()
    assert sum(outcome == "works" for outcome in outcomes.values()) > 300


def test_a_situation_that_works():
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    found = pass_through(situation(model))
    assert {stage: outcome["outcome"] for stage, outcome in found.items()} == dict.fromkeys(STAGES, "works")
    assert found["cut"]["parameters"] == [212, 108]
    assert found["round"]["weights"] == 2


def test_refusals_and_failures_are_told_apart():
    refused = pass_through(situation(nn.Linear(8, 4).bfloat16()))
    broken = pass_through(situation(Breaks(8, 4)))
    assert [outcome["outcome"] for outcome in refused.values()] == ["refused", *["–"] * 5]
    assert [outcome["outcome"] for outcome in broken.values()] == ["broken", *["–"] * 5]
    assert broken["capture"]["words"] == "KeyError: 'no modules'"
    result = {"situations": {"a": {"what": "one", "stages": broken}}, "versions": "torch 2", "file": "results/a.json"}
    assert "| one | **no** | – | – | – | – | – |" in situations_page.page(result)
    assert "- one, capture, broken: KeyError: 'no modules'" in situations_page.page(result)
    assert "| capture | 0 | 0 | 1 | 0 |" in situations_page.section(result)
