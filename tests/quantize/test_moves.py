"""Moves of quantization: steps, and fields of steps."""

import dataclasses

import pytest

from paredown.prune.moves import CHANNELS
from paredown.quantize import BRECQ, AdaRound, BiasCorrection, DynamicInt8, Half, Int8, Mixed, WeightOnly
from paredown.quantize.moves import ADAROUND, BIASES, BLOCKWISE, DYNAMIC, HALF, INT8, MIXED, WEIGHTS
from paredown.recipe import Train
from paredown.recipe.move import Offer
from paredown.recipe.picks import Pick, Picks
from paredown.recipe.situation import Situation
from paredown.recipe.training import TRAIN
from paredown.testing.bench import small_bench


@pytest.fixture(scope="module")
def at():
    bench = small_bench()
    return Situation(bench.network, bench.evidence())


def test_every_format_is_a_step(at):
    steps = {INT8: Int8(), MIXED: Mixed(), DYNAMIC: DynamicInt8(), HALF: Half()}
    for move, step in steps.items():
        assert move.add(at, {}) == (step,)
    assert WEIGHTS.add(at, {"bits": 8, "group": 16}) == (WeightOnly(bits=8, group=16),)
    assert HALF.add(at, {"format": "bfloat16"}) == (Half(format="bfloat16"),)


def test_rounding_methods_are_fields_of_the_step_that_rounds(at):
    assert Picks.of(INT8, BIASES, ADAROUND).recipe(at) == (Int8(refine=[BiasCorrection(), AdaRound()]),)
    assert Picks.of(MIXED, ADAROUND).recipe(at) == (Mixed(of=Int8(refine=AdaRound())),)
    assert Picks.of(WEIGHTS, BLOCKWISE).recipe(at) == (WeightOnly(refine=BRECQ()),)
    around = Picks((Pick(CHANNELS, {"macs": 0.5}), Pick(INT8), Pick(TRAIN), Pick(ADAROUND))).recipe(at)
    assert [type(step) for step in around[1:]] == [Int8, Train]
    assert around[1] == Int8(refine=AdaRound())
    assert "nothing is rounded yet" in ADAROUND.offer(at).reason
    assert ADAROUND.add(at, {}) == ()


def test_groups_that_divide_no_width_are_not_offered(at):
    assert WEIGHTS.offer(at).settings["group"].values == (32, 16)
    narrow = dataclasses.replace(at.capabilities, weight_groups=frozenset({24}))
    evidence = at.evidence.within(at.evidence.progress, None)
    evidence.capabilities = narrow
    assert "WeightOnly(group=32) was given" in WEIGHTS.offer(dataclasses.replace(at, evidence=evidence)).reason or (
        "stores weights" in WEIGHTS.offer(dataclasses.replace(at, evidence=evidence)).reason
    )


def test_what_takes_long_says_so(at):
    @dataclasses.dataclass(frozen=True)
    class Slow:
        step: float = 0.3
        teacher: float = 0.1
        steps: int = 6
        precision: str = "32-true"

    slow = dataclasses.replace(at, timings=Slow())
    static, mixed = INT8.offer(slow), MIXED.offer(slow)
    assert isinstance(static, Offer)
    assert static.seconds == pytest.approx(0.2)  # 32 examples are two batches, a pass is a third of a step
    assert mixed.seconds > static.seconds
    assert ADAROUND.offer(slow.at((Int8(),))).seconds > static.seconds
    assert DYNAMIC.offer(slow).seconds == 0.0
