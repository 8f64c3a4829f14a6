"""The contract of moves, with moves that know nothing of any technique but those a family gives."""

import dataclasses

import pytest

from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.recipe import Auto, Evidence, Plan, Train, Transform
from paredown.recipe.ingredient import Hook, Ingredient
from paredown.recipe.move import Between, Effect, LeftOut, Move, Offer, Options, Refusal
from paredown.recipe.picks import Pick, Picks
from paredown.recipe.situation import Amounts, Situation
from paredown.recipe.training import TRAIN, Ingredients
from paredown.testing.bench import small_bench


@dataclasses.dataclass(frozen=True)
class Shrink(Transform):
    """Changes nothing, and says that it was there."""

    to: float = 0.5

    def plan(self, network, evidence):
        return Plan("toy.Shrink", f"to {self.to}")

    def apply(self, network, plan):
        return network.copy()

    def check(self, state):
        return "it is rounded already" if "quantized" in state else None


@dataclasses.dataclass(frozen=True)
class Rounded(Transform):
    bits: int = 8

    def plan(self, network, evidence):
        return Plan("toy.Rounded", "rounded")

    def apply(self, network, plan):
        return network.copy()

    def after(self, state):
        return state | {"quantized"}


@dataclasses.dataclass(frozen=True)
class Noise(Ingredient):
    amount: float = 1.0

    def start(self, context):
        return Hook()


@dataclasses.dataclass(frozen=True)
class Cut(Move):
    name: str = "shrink"
    family: str = "toy"
    effects: frozenset = frozenset({Effect.WIDTH})
    dial: str | None = "to"

    def offer(self, at):
        reason = Shrink().check(at.state)
        return Refusal(reason) if reason else Offer({"to": Between(0.1, 0.9, 0.5)}, seconds=2.0)

    def add(self, at, chosen):
        return (*at.recipe, Shrink(**chosen))


@dataclasses.dataclass(frozen=True)
class Fewer(Move):
    """A field of a step that is there."""

    name: str = "fewer bits"
    family: str = "toy"
    effects: frozenset = frozenset({Effect.REFINE})

    def offer(self, at):
        return Offer({"bits": Options((4, 2))})

    def add(self, at, chosen):
        return tuple(dataclasses.replace(step, **chosen) if isinstance(step, Rounded) else step for step in at.recipe)


@dataclasses.dataclass(frozen=True)
class Round(Move):
    name: str = "round"
    family: str = "toy"
    effects: frozenset = frozenset({Effect.ROUND})

    def offer(self, at):
        return Offer()

    def add(self, at, chosen):
        return (*at.recipe, Rounded(**chosen))


@dataclasses.dataclass(frozen=True)
class Noisy(Ingredients):
    name: str = "noise"
    family: str = "toy"
    effects: frozenset = frozenset({Effect.DISTURB})

    def ingredient(self, at, chosen):
        return Noise(len(at.recipe))


CUT, ROUND, FEWER = Cut(control=Cut("by lot")), Round(), Fewer()
NOISE = Noisy(control=LeftOut("no noise", "toy"))


@pytest.fixture(scope="module")
def bench():
    return small_bench()


@pytest.fixture
def at(bench):
    return Situation(bench.network, bench.evidence())


def test_moves_fold_into_a_recipe(at):
    picks = Picks(
        (
            Pick(CUT, {"to": 0.3}),
            Pick(TRAIN, {"epochs": 2.0}),
            Pick(ROUND),
            Pick(TRAIN),
            Pick(NOISE),
            Pick(FEWER, {"bits": 2}),
        )
    )
    assert picks.recipe(at) == (
        Shrink(0.3), Train(epochs=2.0, seed=1, using=(Noise(1),)), Rounded(2), Train(seed=3, using=(Noise(3),)),
    )  # fmt: skip


def test_a_situation_shows_the_untrained_network_at_its_place(at, bench):
    made = []

    def make(steps):
        made.append(tuple(steps))
        return bench.network

    here = dataclasses.replace(at.at((Shrink(), Train(), Rounded())), make=make)
    assert made == []  # when it is asked for
    assert here.network is bench.network
    assert made == [(Shrink(), Rounded())]
    assert here.state == {"quantized"}
    assert here.trainings == (Train(),)
    assert at.network is bench.network
    small = at.at((Shrink(),)).network
    assert isinstance(small, Network)
    assert small is at.at((Shrink(), Train())).network  # once
    assert (at.capabilities, at.seed) == (bench.capabilities, 0)


def test_findings_are_known_by_their_type(at):
    assert at.known(Noise) is None
    learned = at.knowing(Noise(1.0), "words").knowing(Noise(2.0))
    assert learned.known(Noise) == Noise(2.0)
    assert learned.known(str) == "words"


def test_refusals_are_met_on_the_way(at):
    assert Picks.of(CUT, TRAIN, NOISE).refusal(at) is None
    assert Picks.of(ROUND, CUT).refusal(at) == Refusal("it is rounded already")
    assert "'noise' is part of a training, and nothing is trained yet" in Picks.of(CUT, NOISE).refusal(at).reason
    empty = Situation(at.original, Evidence.empty())
    assert TRAIN.offer(empty).reason == "There are no training data. Give some: `Data(train=...)`."
    assert (empty.amounts, at.amounts) == (Amounts(), Amounts(96, 32, 48, 16))


def test_settings_that_are_not_offered_are_refused(at):
    offer = CUT.offer(at)
    CUT.check({"to": 0.2}, offer)
    assert offer.defaults == {"to": 0.5}
    with pytest.raises(RecipeError, match=r"The move 'shrink' was given to=0.95. It is a number from 0.1 to 0.9 here."):
        CUT.check({"to": 0.95}, offer)
    with pytest.raises(
        RecipeError, match=r"The move 'shrink' was given bits=3, a setting that it does not have. It has to."
    ):
        CUT.check({"bits": 3}, offer)
    with pytest.raises(RecipeError, match=r"given bits=3, a setting that it does not have. It has none."):
        ROUND.check({"bits": 3}, ROUND.offer(at))
    with pytest.raises(RecipeError, match=r"given bits=3. It is one of 4, 2 here."):
        FEWER.check({"bits": 3}, FEWER.offer(at))


def test_numbers_next_to_a_wanted_one():
    assert Between(0.1, 0.9, 0.5).nearest(0.05) == 0.1
    assert Between(0.1, 0.9, 0.5).nearest(0.3) == 0.3
    assert Options((0.5, 0.25, 0.75)).nearest(0.6) == 0.5
    assert Options((0.25, 0.75)).nearest(0.5) == 0.25
    assert Options((0.5, 0.25, 0.75)).least == 0.25


def test_what_a_candidate_does():
    both = Picks.of(CUT, TRAIN, ROUND, NOISE)
    assert (both.kind, both.trains, both.quantized, both.aware, both.taught) == ("width", True, True, False, False)
    assert Picks.of(ROUND, TRAIN).aware
    assert not Picks.of(TRAIN, ROUND).aware
    assert not Picks.of(CUT, TRAIN, ROUND, TRAIN).aware
    assert Picks.of(TRAIN, CUT, TRAIN, ROUND).main == 2
    assert Picks.of(CUT, TRAIN, FEWER, NOISE).shape() == Picks.of(CUT)
    deep = Cut("deep", effects=frozenset({Effect.DEPTH}))
    assert Picks.of(deep, CUT).kind == "width and depth"
    assert Picks.of(ROUND).kind == ""
    assert CUT.has(Effect.WIDTH)
    assert not CUT.has(Effect.WIDTH, Effect.DEPTH)


def test_cuts_share_a_size():
    two = Picks.of(CUT, Cut("again"), ROUND).sized(0.36)
    assert [pick.size for pick in two.picks] == [0.6, 0.6, 1.0]
    assert two.size == 0.36
    assert all(Picks.of(CUT, Cut("again")).sized(share / 1000).size == share / 1000 for share in range(60, 951))
    assert Picks.of(ROUND).sized(0.5) == Picks.of(ROUND)
    assert Picks.of(CUT).sized(0.50001) == Picks.of(CUT).sized(0.5)


def test_trainings_one_after_the_other(at):
    picks = Picks.of(TRAIN, CUT, TRAIN, ROUND, NOISE).trained(10.0, 2e-3).longer(4.0)
    assert (picks.epochs, picks.rates) == ((10.0, 4.0), (2e-3, None))
    assert [step.epochs for step in picks.recipe(at) if isinstance(step, Train)] == [3.0, 10.0, 4.0]
    assert [step.optimizer.lr for step in picks.recipe(at) if isinstance(step, Train)] == [2e-3, 2e-3, Auto()]
    longer = picks.trained(5.0, 1e-3).longer(7.0)
    assert (longer.epochs, longer.rates) == ((10.0, 5.0, 7.0), (2e-3, 1e-3, None))
    assert longer.recipe(at)[:3] == picks.recipe(at)[:3]  # a promoted recipe shares its beginning
    assert len({step.seed for step in longer.recipe(at) if isinstance(step, Train)}) == 4
    assert longer.beside == 0.3
    assert Picks.of(CUT, TRAIN).longer().beside == 0.0
    assert Picks.of(ROUND).trained(3.0).longer() == Picks.of(ROUND)
    assert Picks.of(ROUND).epochs == ()


def test_a_control_stands_in_the_place_of_its_move(at):
    arm = Picks((Pick(CUT, {"to": 0.4}), Pick(TRAIN, {"epochs": 2.0}), Pick(NOISE)))
    control = arm.control()
    assert [move.name for move in control.moves] == ["by lot", "train", "no noise"]
    assert control.recipe(at) == (Shrink(0.4), Train(epochs=2.0, seed=1))
    assert Picks.of(TRAIN).control() is None


def test_candidates_are_values():
    one = Picks((Pick(CUT, {"to": 0.4}), Pick(TRAIN)))
    assert one == Picks((Pick(CUT).choosing(to=0.4), Pick(TRAIN)))
    assert len({one, Picks((Pick(CUT, {"to": 0.4}), Pick(TRAIN))), Picks.of(TRAIN)}) == 2
    with pytest.raises(TypeError):
        one.picks[0].chosen["to"] = 0.5


def test_expected_seconds_follow_what_was_measured(at):
    @dataclasses.dataclass(frozen=True)
    class Measured:
        step: float = 0.1
        teacher: float = 0.05
        steps: int = 20
        precision: str = "bf16-mixed"

    here = dataclasses.replace(at, timings=Measured())
    assert TRAIN.offer(here).seconds == pytest.approx(2.0)
    assert TRAIN.offer(here.at((Rounded(),))).seconds == pytest.approx(4.2)
    taught = Noisy(effects=frozenset({Effect.TEACH})).offer(here.at((Train(epochs=3.0),)))
    assert taught.seconds == pytest.approx(3.0)
    assert Picks.of(TRAIN).recipe(here)[0].precision == "bf16-mixed"
    assert TRAIN.offer(at).seconds == 0.0
