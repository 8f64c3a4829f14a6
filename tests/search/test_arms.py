"""Arms: one honest recipe per family, sized to the budget where the family can meet it alone."""

import dataclasses

import pytest

from paredown import quantize  # noqa: F401 (sketches need the families)
from paredown.search.arms import arms
from paredown.search.space import Move, Space


@dataclasses.dataclass
class Prober:
    """Knows costs without measuring any."""

    wanted: float = 0.6
    smallest: float = 0.1
    skippable: bool = False
    bounds: tuple = ("latency",)

    def share(self, sketch, aim):
        return self.wanted * aim

    def least(self, sketch):
        return self.smallest


def found(space=None, **knows):
    return {plan.name: plan for plan in arms(space or Space(), Prober(**knows))}


def test_every_family_and_its_controls():
    plans = found()
    families = ["quantize", "prune", "distill", "architecture", "regularize"]
    assert list(plans) == [*families, "random prune", "no teacher"]
    assert [plan.role for plan in plans.values()] == ["arm"] * 5 + ["control"] * 2
    assert not plans["quantize"].sketch.trains
    assert plans["distill"].sketch.using
    assert not plans["no teacher"].sketch.using


def test_whole_blocks_go_where_there_are_any():
    assert found()["architecture"].sketch.order == (Move.SLIM, Move.TRAIN)
    plan = found(skippable=True)["architecture"]
    assert plan.sketch.order == (Move.SHALLOW, Move.TRAIN)
    assert plan.label == "shallow 56%"
    banned = found(Space(banned=frozenset({Move.SHALLOW})), skippable=True)["architecture"]
    assert banned.sketch.order == (Move.SLIM, Move.TRAIN)
    assert banned.label == "slim 56%"


def test_a_family_that_cannot_meet_the_budget_alone_keeps_half():
    assert found(wanted=0.6)["prune"].sketch.macs == pytest.approx(0.558)
    assert found(wanted=0.2)["prune"].sketch.macs == 0.5
    assert found(wanted=0.2, smallest=0.7)["prune"].sketch.macs == 0.7
    assert found(wanted=0.6, bounds=())["prune"].sketch.macs == pytest.approx(0.51)


def test_only_the_families_that_were_asked_for():
    assert list(found(Space(families=frozenset({"quantize"})))) == ["quantize"]
    assert list(found(Space(families=frozenset({"prune"}), int8=False))) == ["prune", "random prune"]
    assert "quantize" not in found(Space(int8=False))
