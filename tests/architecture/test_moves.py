"""Moves of architecture search: sizes that can be had, and how long a search may take."""

import dataclasses

import pytest
import torch

import paredown
from paredown.architecture import Slim
from paredown.architecture.moves import SHALLOW, SLIM
from paredown.recipe.picks import Pick, Picks
from paredown.recipe.situation import Situation


@pytest.fixture
def at(network, evidence):
    return Situation(network, evidence, seconds=60.0)


def test_blocks_go_as_a_whole(at):
    levels = SHALLOW.offer(at).settings["macs"].values
    assert set(levels) == set(Slim(width=None).levels(at.network))
    assert levels[0] == min(levels, key=lambda level: abs(level - 0.5))


def test_the_least_that_is_offered_is_reached(at):
    dial = SLIM.offer(at).settings["macs"]
    (step,) = SLIM.add(at, {"macs": dial.least})
    plan = dataclasses.replace(step, evaluations=4, examples=16).plan(at.network, at.evidence)
    assert plan.decisions["macs"] <= dial.least


def test_both_kinds_are_one_technique(at):
    both = Picks((Pick(SLIM, {"macs": 0.5}), Pick(SHALLOW, {"macs": 0.7})))
    assert both.recipe(at) == (Slim(macs=0.5), Slim(macs=0.7, width=None))
    assert (Picks.of(SHALLOW).kind, Picks.of(SLIM).kind) == ("depth", "width and depth")


def test_networks_without_blocks_or_groups_are_refused(evidence):
    plain = paredown.capture(
        torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)), torch.randn(2, 4)
    )
    here = Situation(plain, evidence)
    assert SHALLOW.offer(here).reason == "This network has no residual block that could be left out."
    linear = Situation(paredown.capture(torch.nn.Linear(3, 2), torch.zeros(2, 3)), evidence)
    assert SLIM.offer(linear).reason.startswith("There is nothing to choose in this network")


def test_a_search_takes_its_part_of_the_time(at):
    @dataclasses.dataclass(frozen=True)
    class Measured:
        step: float = 0.1
        teacher: float = 0.0
        steps: int = 8
        precision: str = "32-true"

    timed = dataclasses.replace(at, timings=Measured())
    each = (128 + 200) / 64 * 0.1 / 3 + 0.01
    for seconds, wanted in ((1.0, 12), (300.0, int(9 / each)), (1e6, 150)):
        step = SLIM.step(dataclasses.replace(timed, seconds=seconds), 0.5)
        assert step.evaluations == wanted
    assert SLIM.offer(dataclasses.replace(timed, seconds=300.0)).seconds == pytest.approx(int(9 / each) * each)
