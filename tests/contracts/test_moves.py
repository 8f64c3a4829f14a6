"""Every move of every family: offered moves give recipes that can be carried out, refusals say why."""

import dataclasses
import functools

import pytest

from paredown.codec import decode, encode
from paredown.graph.capabilities import Capabilities
from paredown.recipe import Evidence, Train, order, run
from paredown.recipe.move import Effect, Offer, Refusal
from paredown.recipe.picks import Pick, Picks
from paredown.recipe.situation import Situation
from paredown.recipe.training import TRAIN
from paredown.run.labels import FAMILIES
from paredown.search.catalogue import ARMS, MOVES
from paredown.testing.bench import small_bench

from .benches import word_bench

BENCHES = {"pictures": functools.cache(small_bench), "words": functools.cache(word_bench)}
NAMES = [move.name for move in MOVES]


def here(name):
    bench = BENCHES[name]()
    return Situation(bench.network, bench.evidence(), seconds=20.0)


def before(move):
    """What a move needs in front of it."""
    cut = next(other for other in MOVES if other.effects == {Effect.WIDTH} and other.default)
    rounding = next(other for other in MOVES if other.effects == {Effect.ROUND} and other.default)
    if move.has(Effect.REFINE):
        return (rounding,)
    if move.has(Effect.REPEAT):
        return (cut, TRAIN)
    return () if move.shapes or move is TRAIN else (TRAIN,)


def test_names_are_unique_and_families_known():
    assert len(set(NAMES)) == len(NAMES)
    assert {move.family for move in MOVES} == {*FAMILIES, "train"}
    assert {arm.family for arm in ARMS} == set(FAMILIES)
    assert all(move.effects or move.name == "no teacher" for move in MOVES)
    assert all(move.control in {None, *MOVES} for move in MOVES)


@pytest.mark.parametrize("kind", BENCHES)
@pytest.mark.parametrize("name", NAMES)
def test_offered_moves_give_steps_that_can_be_planned(name, kind):
    move, at = MOVES[NAMES.index(name)], here(kind)
    first = Picks.of(*before(move))
    refusal = first.refusal(at)
    at = at.at(first.recipe(at)) if refusal is None else at
    offer = refusal or move.offer(at)
    if isinstance(offer, Refusal):
        assert offer.reason.endswith((".", ")"))
        return
    assert isinstance(offer, Offer)
    assert offer.seconds >= 0
    assert move.dial is None or move.dial in offer.settings
    move.check(offer.defaults, offer)
    steps = move.add(at, offer.defaults)
    order.check(steps)
    assert decode(encode(steps)) == steps
    assert len(steps) >= len(at.recipe)
    untrained = [dataclasses.replace(step, evaluations=6, examples=16) if hasattr(step, "evaluations") else step
                 for step in steps if not isinstance(step, Train)]  # fmt: skip
    if not move.has(Effect.REFINE):  # what is learned from data takes long, and is tested with its technique
        run.run(at.original, untrained, at.evidence)


@pytest.mark.parametrize("name", [name for name in NAMES if not MOVES[NAMES.index(name)].has(Effect.REPEAT)])
def test_settings_that_are_left_out_take_their_defaults(name):
    move, at = MOVES[NAMES.index(name)], here("pictures")
    first = Picks.of(*before(move))
    at = at.at(first.recipe(at))
    if not isinstance(offer := move.offer(at), Refusal):
        settings = {k: v for k, v in offer.defaults.items() if k != move.dial}
        size = {move.dial: offer.defaults[move.dial]} if move.dial else {}
        assert move.add(at, size) == move.add(at, {**settings, **size})


def test_a_target_that_only_knows_floats_refuses_what_rounds():
    at = Situation(BENCHES["pictures"]().network, Evidence.of(BENCHES["pictures"]().task, Capabilities("Plain")))
    reasons = {move.name: move.offer(at) for move in MOVES if move.effects & {Effect.ROUND, Effect.STORE}}
    assert all("Plain" in answer.reason or "stopwatch" in answer.reason for answer in reasons.values())
    assert reasons["int8"].reason.startswith(
        "Plain computes nothing in 8 bits. `targets.OnnxRuntime()` can: use it as the target"
    )


def test_nothing_is_rounded_twice():
    at = here("pictures")
    rounded = at.at(Picks.of(next(m for m in MOVES if m.name == "int8")).recipe(at))
    for move in MOVES:
        if move.effects & {Effect.ROUND, Effect.STORE}:
            assert move.offer(rounded) == Refusal("the network is quantized already")


@pytest.mark.parametrize("number", range(len(ARMS)))
def test_arms_and_their_controls_are_recipes(number):
    arm, at = ARMS[number], here("pictures")
    student = next(move for move in MOVES if move.has(Effect.ALIKE))
    named = {Effect.TRAIN: TRAIN, Effect.ALIKE: student}
    picks = Picks(tuple(Pick(named.get(move, move)) for move in arm.moves)).sized(0.5)
    order.check(picks.recipe(at))
    control = picks.control()
    assert (control is not None) == (arm.family in {"prune", "distill"})
    if control is not None:
        order.check(control.recipe(at))
        assert control.size == picks.size
