"""Slim: within the limit, dead blocks first, repeatable, replayed without data."""

import dataclasses
import time

import pytest
import torch

import paredown
from paredown import architecture
from paredown.architecture import Depth, Evolution, LocalSearch, RandomSearch, Slim, Width
from paredown.codec import decode, encode
from paredown.errors import RecipeError
from paredown.graph.axes import analyse
from paredown.graph.capabilities import Capabilities
from paredown.graph.cost import total
from paredown.recipe import Evidence

QUICK = {"evaluations": 14, "examples": 100}


@pytest.mark.parametrize(
    ("strategy", "limit"),
    [
        (Evolution(6, 3), {"macs": 0.5}),
        (LocalSearch(), {"parameters": 0.4}),
        (RandomSearch(), {"macs": 0.6, "parameters": 0.5}),
    ],
    ids=str,
)
def test_the_limit_is_kept_and_used(network, evidence, strategy, limit):
    before = network.fingerprint()
    step = Slim(**limit, strategy=strategy, **QUICK)
    plan = step.plan(network, evidence)
    small = step.apply(network, plan)
    assert network.fingerprint() == before
    was, now = analyse(network), analyse(small)
    shares = {"macs": now.macs() / was.macs(), "parameters": now.elements() / was.elements()}
    assert all(shares[name] <= share for name, share in limit.items())
    assert max(shares[name] - share for name, share in limit.items()) > -0.3
    assert {name: plan.decisions[name] for name in shares} == pytest.approx(shares)
    assert total(small).macs < total(network).macs
    assert plan.decisions["tried"] <= 14


def test_a_dead_block_goes_first(network, evidence):
    plan = Slim(macs=0.75, width=None, **QUICK).plan(network, evidence)
    assert [block["name"] for block in plan.decisions["dropped"]] == ["dead"]
    assert "without dead" in plan.reason
    small = Slim().apply(network, plan)
    assert evidence.loss(small) == pytest.approx(evidence.loss(network), abs=0.1)
    assert not any(name.startswith("dead") for name in small.state_dict())
    both = Slim(macs=0.6, **QUICK).plan(network, evidence)
    assert "dead" in [block["name"] for block in both.decisions["dropped"]]


def test_levels_are_what_remains_when_the_cheapest_blocks_go(network, evidence):
    step = Slim(width=None, **QUICK)
    levels = step.levels(network)
    assert list(levels) == sorted(levels, reverse=True)
    assert 0 < levels[-1] < levels[0] < 1
    for number, level in enumerate(levels, 1):
        plan = dataclasses.replace(step, macs=level).plan(network, evidence)
        assert len(plan.decisions["dropped"]) == number or plan.decisions["macs"] < level
        assert plan.decisions["macs"] <= level


def test_a_network_without_blocks_has_no_levels(task):
    plain = paredown.capture(
        torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)), torch.randn(2, 4)
    )
    assert Slim(width=None).levels(plain) == ()


def test_the_same_seed_gives_the_same_plan_and_replays_to_the_same_bytes(network, task):
    step = Slim(macs=0.5, **QUICK)
    one, two = (step.plan(network, Evidence.of(task, seed=3)) for _ in range(2))
    assert one.fingerprint() == two.fingerprint()
    first, second = step.apply(network, one), decode(encode(step)).apply(network.copy(), two)
    assert first.fingerprint() == second.fingerprint()
    other = Slim(macs=0.5, strategy=RandomSearch(), **QUICK).plan(network, Evidence.of(task, seed=4))
    assert other.fingerprint() != one.fingerprint()


def test_evolution_is_no_worse_than_equal_shares_and_random(network, task):
    def reached(**settings):
        evidence = Evidence.of(task)
        step = Slim(macs=0.35, examples=200, **settings)
        return evidence.loss(step.apply(network, step.plan(network, evidence)))

    evolved = reached(evaluations=24)
    assert evolved <= reached(evaluations=1, depth=None)
    assert evolved <= reached(evaluations=24, strategy=RandomSearch()) + 0.05


def test_counts_follow_the_multiple_of_the_target(network, task):
    evidence = Evidence.of(task, Capabilities("wide", channel_multiple=4))
    step = Slim(macs=0.5, **QUICK)
    small = step.apply(network, step.plan(network, evidence))
    assert all(group.size % 4 == 0 for group in analyse(small).free)


def test_the_network_can_be_trained_afterwards(network, evidence):
    step = Slim(macs=0.4, **QUICK)
    small = step.apply(network, step.plan(network, evidence))
    trained = paredown.Train(epochs=1, optimizer=paredown.recipe.AdamW(lr=3e-3)).fit(small, evidence).network
    assert evidence.loss(trained) < evidence.loss(small)


@pytest.mark.parametrize("limit", ["macs", "parameters"])
def test_impossible_limits_name_the_smallest_that_can_be_had(network, evidence, limit):
    with pytest.raises(
        RecipeError, match=rf"{limit}=0.001 cannot be reached: the smallest network of the space keeps 0\.0\d+"
    ) as e:
        Slim(**{limit: 0.001}).plan(network, evidence)
    share = float(str(e.value).partition(f"Ask for {limit}=")[2].split()[0])
    plan = Slim(**{limit: share}, **QUICK).plan(network, evidence)
    assert plan.decisions[limit] <= share


def test_there_may_be_nothing_to_choose(task, evidence):
    linear = paredown.capture(torch.nn.Linear(3, 2), torch.zeros(2, 3))
    with pytest.raises(
        RecipeError, match=r"There is nothing to choose in this network: no group of channels can be cut"
    ):
        Slim().plan(linear, evidence)


class Told:
    def __init__(self):
        self.lines = []

    def update(self, text, done, total):
        self.lines.append((text, done, total))


def test_every_network_tried_is_reported(network, evidence):
    told = Told()
    plan = Slim(macs=0.5, **QUICK).plan(network, evidence.within(told, None))
    assert [(done, total) for _, done, total in told.lines] == [(n + 1, 14) for n in range(plan.decisions["tried"])]
    assert told.lines[-1][0].startswith("trying networks, least loss ")
    assert plan.complete


@pytest.mark.parametrize("strategy", [Evolution(6, 3), LocalSearch(), RandomSearch()], ids=str)
def test_when_the_time_is_up_the_best_so_far_has_to_do(network, evidence, strategy):
    step = Slim(macs=0.5, strategy=strategy, **QUICK)
    plan = step.plan(network, evidence.within(Told(), time.monotonic() - 1.0))
    assert plan.decisions["tried"] == 1
    assert not plan.complete
    assert "the time was up" in plan.reason
    assert total(step.apply(network, plan)).macs <= 0.5 * total(network).macs


def test_time_that_runs_out_on_the_way_ends_the_search(network, evidence):
    class Stops(Told):
        def update(self, text, done, total):
            if done == 5:
                timed.deadline = time.monotonic()

    timed = evidence.within(Stops(), None)
    plan = Slim(macs=0.5, **QUICK).plan(network, timed)
    assert plan.decisions["tried"] == 5
    assert not plan.complete


def test_data_is_needed(network):
    with pytest.raises(RecipeError, match=r"[Pp]ass evidence"):
        Slim().on(network)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: Slim(macs=0.0),
            r"Slim\(macs=0.0\) was given. It is the share that may remain.* Write `architecture.Slim\(macs=0.5\)",
        ),
        (lambda: Slim(parameters=1.5), r"Slim\(parameters=1.5\)"),
        (lambda: Slim(evaluations=0), r"Slim\(evaluations=0\) was given. It is a whole number, 1 or more"),
        (lambda: Slim(width=None, depth=None), r"leaves nothing to choose"),
        (lambda: Width(least=0), r"Width\(least=0\) was given. It is a share above 0 and up to 1"),
        (lambda: Width(levels=1), r"Width\(levels=1\) was given. It is a whole number, 2 or more"),
        (lambda: Depth(most=2), r"Depth\(most=2\) was given. It is a share of the blocks"),
        (lambda: Evolution(1), r"Evolution\(population=1\) was given. It is a whole number, 2 or more"),
        (
            lambda: Evolution(4, 5),
            r"tournament=5\) was given. .* between 1 and the population. Write `architecture.Evolution\(tournament=",
        ),
        (lambda: LocalSearch(0), r"LocalSearch\(patience=0\) was given. It is a whole number, 1 or more"),
    ],
)
def test_settings_out_of_range(make, words):
    with pytest.raises(RecipeError, match=words):
        make()


def test_half_of_the_multiply_accumulates_by_default():
    assert Slim() == Slim(macs=0.5)
    assert Slim(parameters=0.5).macs is None


def test_quantized_networks_are_refused_before_any_work():
    assert "quantized already" in Slim().check(frozenset({"quantized"}))
    assert Slim().check(frozenset()) is None


def test_all_names_are_public():
    assert all(hasattr(architecture, name) for name in architecture.__all__)


def test_evaluations_bound_the_time(network, evidence):
    start = time.process_time()
    Slim(macs=0.5, evaluations=6, examples=50).plan(network, evidence)
    assert time.process_time() - start < 20
