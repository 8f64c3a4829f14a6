"""Arms: one honest recipe per family, sized to the budget where the family can meet it alone."""

import dataclasses

import pytest

from paredown.architecture.moves import SHALLOW, SLIM
from paredown.graph.capabilities import Capabilities
from paredown.recipe import Evidence
from paredown.recipe.situation import Situation
from paredown.recipe.training import TRAIN
from paredown.regularize.moves import AVERAGED, MIXUP
from paredown.search.arms import arms
from paredown.search.space import Space
from paredown.testing.bench import small_bench

from .pretend import space

PLAIN = Space(Situation(small_bench().network, Evidence.of(small_bench().task, Capabilities("Plain"))))


@dataclasses.dataclass
class Prober:
    """Knows costs without measuring any."""

    wanted: float = 0.6
    smallest: float = 0.1
    bounds: tuple = ("latency",)

    def share(self, picks, aim):
        return self.wanted * aim

    def least(self, picks):
        return self.smallest


def found(some=None, **knows):
    return {plan.name: plan for plan in arms(some or space(), Prober(**knows))}


def only(*families, of=None):
    return dataclasses.replace(of or space(), families=frozenset(families))


def test_every_family_and_its_controls():
    plans = found()
    families = ["quantize", "prune", "distill", "architecture", "regularize"]
    assert list(plans) == [*families, "random prune", "no teacher"]
    assert [plan.role for plan in plans.values()] == ["arm"] * 5 + ["control"] * 2
    assert [plan.label for plan in plans.values()] == [
        "int8", "prune 56%", "distill 56%", "shallow 56%", "regularize", "random prune 56%", "no teacher 56%",
    ]  # fmt: skip
    assert not plans["quantize"].picks.trains
    assert plans["distill"].picks.taught
    assert not plans["no teacher"].picks.taught
    assert plans["no teacher"].picks.size == plans["distill"].picks.size


def test_whole_blocks_go_where_there_are_any():
    assert found()["architecture"].picks.moves == (SHALLOW, TRAIN)
    plan = found(space().without(SHALLOW, "no blocks"))["architecture"]
    assert plan.picks.moves == (SLIM, TRAIN)
    assert plan.label == "slim 56%"


def test_without_inputs_to_mix_weights_are_averaged():
    plan = found(dataclasses.replace(space(), refused={MIXUP: "token ids"}))["regularize"]
    assert plan.picks.moves == (TRAIN, AVERAGED)


def test_a_family_that_cannot_meet_the_budget_alone_keeps_half():
    assert found(wanted=0.6)["prune"].picks.size == pytest.approx(0.558)
    assert found(wanted=0.2)["prune"].picks.size == 0.5
    assert found(wanted=0.2, smallest=0.7)["prune"].picks.size == 0.7
    assert found(wanted=0.6, bounds=())["prune"].picks.size == pytest.approx(0.51)


def test_only_the_families_that_were_asked_for():
    assert list(found(only("quantize"))) == ["quantize"]
    assert list(found(only("prune", of=PLAIN))) == ["prune", "random prune"]
    assert list(found(only("distill"))) == ["distill", "no teacher"]  # the student is no family's verdict
    assert "quantize" not in found(PLAIN)
