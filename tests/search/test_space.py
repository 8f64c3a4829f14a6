"""Sketches become recipes that can be carried out in their order."""

import dataclasses

import pytest

from paredown import architecture, distill, prune, quantize, regularize
from paredown.codec import decode, encode
from paredown.recipe import order
from paredown.recipe.train import Train
from paredown.run.labels import families, label
from paredown.search.space import FAMILIES, ORDERS, Move, Sketch, Space

SPACE = Space()


@pytest.mark.parametrize("moves", ORDERS, ids=lambda moves: "-".join(move.value for move in moves))
def test_every_order_is_possible_and_can_be_stored(moves):
    steps = SPACE.recipe(Sketch(moves, macs=0.5, using=SPACE.teacher()))
    order.check(steps)
    assert decode(encode(steps)) == steps


def test_a_promoted_recipe_shares_its_beginning():
    sketch = Sketch((Move.PRUNE, Move.TRAIN, Move.INT8), macs=0.4, using=SPACE.teacher(), epochs=(1.0,))
    short, long = SPACE.recipe(sketch), SPACE.recipe(sketch.longer(5.0))
    assert long[:2] == short[:2]
    assert long[2].epochs == 5.0
    assert long[2].seed != long[1].seed
    assert long[3:] == short[2:]


def test_the_longest_training_is_the_first_after_the_last_cut():
    sketch = Sketch((Move.TRAIN, Move.PRUNE, Move.TRAIN, Move.INT8), macs=0.4, epochs=(10.0,))
    assert [step.epochs for step in SPACE.recipe(sketch) if isinstance(step, Train)] == [3.0, 10.0]
    assert Sketch((Move.INT8, Move.TRAIN)).aware
    assert not Sketch((Move.TRAIN, Move.INT8)).aware
    assert not Sketch((Move.PRUNE, Move.TRAIN, Move.INT8, Move.TRAIN)).aware


def test_two_cuts_share_the_work():
    slim, cut = SPACE.recipe(Sketch((Move.SLIM, Move.PRUNE), macs=0.36, epochs=()))
    assert (slim.macs, cut.allocation.macs) == (0.6, 0.6)


def test_the_shape_has_no_training():
    sketch = Sketch((Move.PRUNE, Move.TRAIN, Move.INT8), macs=0.4, using=SPACE.teacher())
    assert sketch.shape().order == (Move.PRUNE, Move.INT8)
    assert sketch.shape() == Sketch((Move.PRUNE, Move.INT8, Move.TRAIN), macs=0.4).shape()


def test_a_share_means_nothing_without_a_cut():
    assert Sketch((Move.INT8,), macs=0.3) == Sketch((Move.INT8,), macs=0.7)


@pytest.mark.parametrize("family", FAMILIES)
def test_without_a_family_nothing_of_it_is_proposed(family):
    space = dataclasses.replace(SPACE, families=frozenset(FAMILIES) - {family})
    rooms = {prune: "prune", quantize: "quantize", architecture: "architecture"}
    for moves in space.orders():
        steps = space.recipe(Sketch(moves, macs=0.5, using=space.teacher() + space.tricks()))
        assert family not in families(steps)
    assert rooms


def test_without_8_bit_kernels_nothing_is_quantized():
    assert all(Move.INT8 not in moves for moves in dataclasses.replace(SPACE, int8=False).orders())


def test_banned_moves_are_not_proposed():
    assert all(Move.SLIM not in moves for moves in dataclasses.replace(SPACE, banned=frozenset({Move.SLIM})).orders())


def test_token_ids_are_not_mixed():
    assert regularize.Mixup() not in dataclasses.replace(SPACE, mixing=False).tricks()


def test_labels_say_what_is_done():
    teacher = (distill.Logits(),)
    steps = SPACE.recipe(Sketch((Move.PRUNE, Move.TRAIN, Move.INT8), macs=0.45, using=teacher).longer(4.0))
    assert label(steps) == "prune 45% → distill → int8"
    assert families(steps) == ("prune", "distill", "quantize")
    assert label(SPACE.recipe(Sketch((Move.RANDOM, Move.TRAIN), macs=0.45))) == "random prune 45% → train"
    assert label(SPACE.recipe(Sketch((Move.SLIM,), macs=0.6, epochs=()))) == "slim 60%"
    assert label(SPACE.recipe(Sketch((Move.TRAIN,), using=SPACE.tricks()))) == "regularize"
    assert label(()) == "do nothing"


def test_kinds_of_cut():
    assert Sketch((Move.PRUNE, Move.INT8)).kind == "width"
    assert Sketch((Move.SHALLOW, Move.TRAIN)).kind == "depth"
    assert Sketch((Move.SHALLOW, Move.PRUNE)).kind == Sketch((Move.SLIM,)).kind == "width and depth"
    assert (Sketch((Move.INT8,), macs=0.5).kind, Sketch((Move.INT8,), macs=0.5).macs) == ("", 1.0)


def test_trainings_take_the_precision_of_the_space():
    steps = Space(precision="bf16-mixed").recipe(Sketch((Move.TRAIN,)))
    assert [step.precision for step in steps] == ["bf16-mixed"]
