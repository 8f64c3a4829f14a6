"""Orders are made of effects; candidates become recipes that can be carried out in their order."""

import dataclasses

import pytest

from paredown import regularize
from paredown.architecture.moves import SHALLOW, SLIM
from paredown.codec import decode, encode
from paredown.distill.moves import LOGITS
from paredown.graph.capabilities import Capabilities
from paredown.prune.moves import CHANNELS, RANDOM, STUDENT
from paredown.quantize.moves import INT8
from paredown.recipe import Evidence, Train, order
from paredown.recipe.move import Effect, Offer
from paredown.recipe.picks import Picks
from paredown.recipe.situation import Situation
from paredown.recipe.training import TRAIN
from paredown.regularize.moves import AVERAGED, MIXUP
from paredown.run.labels import families, label
from paredown.search.space import DEPTH, FAMILIES, ROUND, WIDTH, Space
from paredown.testing.bench import small_bench
from paredown.testing.zoo import captured

from .pretend import space

SPACE = space()
ORDERS = SPACE.orders()


def named(orders):
    return ["-".join(move.name for move in moves) for moves in orders]


def test_the_orders_that_are_proposed_most_promising_first():
    assert named(ORDERS) == [
        "prune-train-int8", "shallow-train-int8", "slim-train-int8",
        "prune-int8-train", "shallow-int8-train", "slim-int8-train",
        "shallow-prune-train-int8", "train-prune-train-int8", "prune-train-int8-train",
        "int8-train", "train-int8", "prune-train", "shallow-train", "slim-train",
    ]  # fmt: skip


@pytest.mark.parametrize("moves", ORDERS, ids=named(ORDERS))
def test_every_order_is_possible_and_can_be_stored(moves):
    steps = SPACE.recipe(Picks.of(*moves, LOGITS).sized(0.5))
    order.check(steps)
    assert decode(encode(steps)) == steps


def test_transforms_in_front_of_the_longest_training():
    picks = Picks.of(TRAIN, SHALLOW, CHANNELS, TRAIN, INT8, LOGITS).sized(0.36)
    shallow, cut = SPACE.before(picks)
    assert (shallow.macs, cut.allocation.macs) == (0.6, 0.6)
    assert SPACE.before(Picks.of(TRAIN)) == ()


@pytest.mark.parametrize("family", FAMILIES)
def test_without_a_family_nothing_of_it_is_proposed(family):
    some = dataclasses.replace(SPACE, families=frozenset(FAMILIES) - {family})
    assert some.orders()
    for moves in some.orders():
        for using in some.usings():
            assert family not in families(some.recipe(Picks.of(*moves).using(using).sized(0.5)))


def test_without_8_bit_kernels_nothing_is_quantized():
    bench = small_bench()
    plain = Space(Situation(bench.network, Evidence.of(bench.task, Capabilities("Plain"))))
    assert plain.orders()
    assert not any(move.has(Effect.ROUND) for moves in plain.orders() for move in moves)
    assert plain.impossible() == {INT8: plain.answer(INT8).reason}
    assert plain.answer(INT8).reason.startswith("Plain computes nothing in 8 bits")
    assert SPACE.impossible() == dataclasses.replace(plain, families=frozenset({"prune"})).impossible() == {}


def test_a_move_that_failed_alone_is_proposed_no_more_nor_are_others_that_do_the_same():
    failed = SPACE.without(CHANNELS, "it broke")
    assert {move.name for move in failed.refused} == {"prune", "prune by latency", "student", "random prune"}
    assert failed.answer(STUDENT).reason == "it broke"
    assert all(CHANNELS not in moves for moves in failed.orders())
    assert any(SLIM in moves for moves in failed.orders())
    assert SPACE.without(SHALLOW, "it broke").offers(SLIM)
    assert SPACE.offers(CHANNELS)


def test_what_takes_part_in_trainings():
    teacher, tricks = Picks.of(LOGITS).picks, Picks.of(MIXUP, AVERAGED).picks
    assert SPACE.teacher() == teacher
    assert SPACE.usings() == ((), teacher, (*teacher, tricks[1]), tricks)
    assert dataclasses.replace(SPACE, families=frozenset({"prune"})).usings() == ((),)


def test_only_moves_that_are_wanted_are_asked():
    asked = []

    @dataclasses.dataclass(frozen=True)
    class Asked(type(LOGITS)):
        def offer(self, at):
            asked.append(self.name)
            return super().offer(at)

    taught, cut = Asked(default=True), dataclasses.replace(CHANNELS, name="never asked")
    some = dataclasses.replace(SPACE, moves=(TRAIN, cut, taught))
    assert some.teacher() == some.teacher() == Picks.of(taught).picks
    assert asked == ["logits"]


def test_token_ids_are_not_mixed():
    words = Space(Situation(captured("Text"), small_bench().evidence()))
    assert all(Picks.of(MIXUP).picks[0] not in using for using in words.usings())
    assert "whose sums mean nothing" in words.answer(MIXUP).reason
    assert words.usings()[-1] == Picks.of(AVERAGED).picks


def test_a_family_that_was_not_asked_for_is_refused_by_name():
    some = dataclasses.replace(SPACE, families=frozenset({"quantize"}))
    assert some.answer(CHANNELS).reason == "The family prune was not asked for."
    assert isinstance(some.answer(TRAIN), Offer)


def test_orders_that_match_a_pattern():
    assert named(SPACE.matching(WIDTH, ROUND)) == ["prune-int8"]
    assert named(SPACE.matching(DEPTH)) == ["shallow"]
    assert dataclasses.replace(SPACE, families=frozenset({"quantize"})).matching(WIDTH, ROUND) == ()


def test_the_least_that_cuts_can_leave():
    shallow, prune = (SPACE.dial(move).least for move in (SHALLOW, CHANNELS))
    assert SPACE.least(Picks.of(SHALLOW, TRAIN)) == shallow
    assert SPACE.least(Picks.of(CHANNELS, INT8)) == prune
    assert SPACE.least(Picks.of(SHALLOW, CHANNELS)) == pytest.approx(max(shallow, prune) ** 2)
    assert SPACE.least(Picks.of(INT8)) == 1.0


def test_labels_say_what_is_done():
    steps = SPACE.recipe(Picks.of(CHANNELS, TRAIN, INT8, LOGITS).sized(0.45).longer(4.0))
    assert label(steps) == "prune 45% → distill → int8"
    assert families(steps) == ("prune", "distill", "quantize")
    assert label(SPACE.recipe(Picks.of(RANDOM, TRAIN).sized(0.45))) == "random prune 45% → train"
    assert label(SPACE.recipe(Picks.of(SLIM).sized(0.6))) == "slim 60%"
    assert label(SPACE.recipe(Picks.of(TRAIN, MIXUP, AVERAGED))) == "regularize"


def test_trainings_take_what_was_measured_to_be_fast():
    @dataclasses.dataclass(frozen=True)
    class Measured:
        step: float = 0.1
        teacher: float = 0.0
        steps: int = 8
        precision: str = "bf16-mixed"

    faster = dataclasses.replace(SPACE, situation=dataclasses.replace(SPACE.situation, timings=Measured()))
    assert [step.precision for step in faster.recipe(Picks.of(TRAIN))] == ["bf16-mixed"]
    assert SPACE.recipe(Picks.of(TRAIN)) == (Train(),)
    assert regularize.EMA() in SPACE.recipe(Picks.of(TRAIN, AVERAGED))[0].using
