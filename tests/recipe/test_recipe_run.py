"""Carrying a recipe out."""

import dataclasses
import json
import time
from typing import ClassVar

import pytest
import torch

from paredown import codec, distill
from paredown.errors import RecipeError
from paredown.graph.cost import total
from paredown.recipe import AdamW, EarlyStop, Evidence, Plan, Train, Transform
from paredown.recipe.run import StepRecord, run

TRAIN = Train(epochs=1, optimizer=AdamW(lr=1e-2), device="cpu")


@dataclasses.dataclass(frozen=True)
class Scale(Transform):
    """Multiplies the head; counts how often it was carried out."""

    by: float = 2.0

    def plan(self, network, evidence):
        return Plan("Scale", "because", {"by": self.by})

    def apply(self, network, plan):
        twin = network.copy()
        with torch.no_grad():
            twin.get_parameter("head.weight").mul_(plan.decisions["by"])
        return twin


@dataclasses.dataclass(frozen=True)
class Last(Scale):
    """Nothing may follow it."""

    def after(self, state):
        return state | {"last"}


@dataclasses.dataclass(frozen=True)
class NotLast(Scale):
    """Cannot follow `Last`."""

    def check(self, state):
        return "it is over" if "last" in state else None


@dataclasses.dataclass(frozen=True)
class Searching(Scale):
    """Notes how long it may search, reports, and says that it was cut short."""

    seconds: ClassVar[list[float]] = []

    def plan(self, network, evidence):
        self.seconds.append(evidence.deadline - time.monotonic())
        evidence.progress.update("searching", 1, 2)
        return Plan("Searching", "because", {"by": self.by}, complete=False)


class Memory:
    """A step cache in a dict, which stores what a file would."""

    def __init__(self):
        self.kept = {}

    def get(self, key):
        return self.kept.get(key)

    def put(self, key, network, record):
        self.kept[key] = (network.copy(), StepRecord.from_json(json.loads(json.dumps(record.to_json()))))


def test_steps_are_carried_out_and_recorded(network, evidence):
    before = network.fingerprint()
    outcome = run(network, [Scale(), TRAIN], evidence)
    assert network.fingerprint() == before
    by_hand = TRAIN.fit(Scale().on(network), evidence).network
    assert outcome.network.fingerprint() == by_hand.fingerprint()
    scale, train = outcome.steps
    assert scale.title == "Scale()"
    assert codec.decode(scale.step) == Scale()
    assert scale.plan["decisions"] == {"by": 2.0}
    assert scale.history == ()
    assert scale.before == scale.after == train.after == total(network)
    assert train.plan is None
    assert len(train.history) == 1
    assert (train.lr, train.stopped, train.cached) == (1e-2, "end", False)
    assert codec.decode(train.step) == TRAIN
    assert train.seconds > 0


def test_no_steps_give_a_copy(network):
    outcome = run(network, [], Evidence.empty())
    assert outcome.network is not network
    assert outcome.network.fingerprint() == network.fingerprint()


def test_the_original_is_what_the_run_began_with(network, evidence):
    learner = dataclasses.replace(TRAIN, using=[distill.Logits(alpha=1.0)])
    by_default = run(network, [Scale(by=3.0), learner], evidence)
    same = run(Scale(by=3.0).on(network), [learner], evidence, original=network)
    other = run(Scale(by=3.0).on(network), [learner], evidence)
    assert by_default.network.fingerprint() == same.network.fingerprint() != other.network.fingerprint()


def test_shared_beginnings_are_carried_out_once(network, evidence):
    cache = Memory()
    first = run(network, [Scale(), TRAIN], evidence, cache=cache)
    again = run(network, [Scale(), TRAIN, Scale(by=0.5)], evidence, cache=cache)
    assert [step.cached for step in first.steps] == [False, False]
    assert [step.cached for step in again.steps] == [True, True, False]
    assert dataclasses.replace(again.steps[1], cached=False) == first.steps[1]
    assert again.network.fingerprint() == Scale(by=0.5).on(first.network).fingerprint()
    assert len(cache.kept) == 3


@pytest.mark.parametrize("change", ["step", "network", "seed", "original"])
def test_the_key_follows_all_that_decides(network, task, change):
    cache = Memory()
    step = dataclasses.replace(TRAIN, using=[distill.Logits()])
    run(network, [step], Evidence.of(task), cache=cache)
    if change == "step":
        run(network, [dataclasses.replace(step, seed=1)], Evidence.of(task), cache=cache)
    elif change == "network":
        run(Scale().on(network), [step], Evidence.of(task), cache=cache, original=network)
    elif change == "seed":
        run(network, [step], Evidence.of(task, seed=1), cache=cache)
    else:
        run(network, [step], Evidence.of(task), cache=cache, original=Scale().on(network))
    assert len(cache.kept) == 2


def test_trainings_cut_short_by_the_clock_are_not_remembered(network, evidence):
    cache = Memory()
    endless = dataclasses.replace(TRAIN, epochs=10_000, early=EarlyStop(patience=10_000))
    began = time.monotonic()
    outcome = run(network, [endless, endless], evidence, cache=cache, deadline=began + 1.0)
    assert time.monotonic() - began < 2.0
    assert [step.stopped for step in outcome.steps] == ["deadline", "deadline"]
    assert 0.3 < outcome.steps[0].seconds < 0.7  # half each
    assert cache.kept == {}


def test_a_search_before_a_training_gets_a_third_and_is_not_remembered_when_cut_short(network, evidence):
    Searching.seconds.clear()
    cache, told = Memory(), []

    class Told:
        def update(self, text, done, total):
            told.append(text)

    steps = [Searching(), TRAIN, Searching(by=0.5)]
    outcome = run(network, steps, evidence, cache=cache, progress=Told(), deadline=time.monotonic() + 60.0)
    first, last = Searching.seconds
    assert 15.0 < first <= 20.0
    assert last > 20.0
    assert told.count("searching") == 2
    assert [step.stopped for step in outcome.steps] == ["deadline", "end", "deadline"]
    assert len(cache.kept) == 1


def test_an_impossible_order_is_refused_before_any_work(network):
    class Untouched:
        def __getattr__(self, name):
            pytest.fail("work was done")

    with pytest.raises(RecipeError, match=r"Step 2, NotLast\(\).*it is over.*\[NotLast\(\), Last\(\)\]\."):
        run(network, [Last(), NotLast()], Untouched())


def test_what_cannot_be_stored_is_refused_only_where_it_would_be(network, evidence, model):
    taught = dataclasses.replace(TRAIN, using=[distill.Logits(teacher=model)])
    outcome = run(network, [taught], evidence)
    assert outcome.steps[0].step is None
    with pytest.raises(RecipeError, match=r"cannot be stored with the run.*Corner.*paredown.apply"):
        run(network, [taught], evidence, cache=Memory())


def test_progress_tells_of_every_step(network, evidence):
    told = []

    class Told:
        def update(self, text, done, total):
            told.append(text)

    run(network, [Scale(), TRAIN], evidence, progress=Told())
    assert told[0] == "Scale()"
    assert any(text.startswith("training, loss") for text in told)
    assert told[-1] == "recipe carried out"
