"""Which layers keep float: the fastest mixture, the fastest within a drop, the best within a time."""

import copy
import dataclasses
import time

import pytest
import torch
import torch.nn.functional as F

import paredown
from paredown.codec import decode, encode
from paredown.errors import BudgetError, RecipeError
from paredown.graph.fakequantize import fake_quantized
from paredown.quantize import Int8, Mixed, MovingAverage, Percentile
from paredown.recipe import Evidence
from paredown.testing import small_bench

COARSE = Int8(weight_bits=2)


@pytest.fixture(scope="module")
def bench():
    """A network that has learned its task, so that rounding can cost something."""
    found = small_bench()
    model = copy.deepcopy(found.model).train()
    inputs, target = next(found.task.data.work.train.batches(96))
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(40):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), target)
            loss.backward()
            optimizer.step()
    return dataclasses.replace(found, network=paredown.capture(model.eval(), inputs[:2]))


def stopwatch(float_is_faster=(), fixed=1.0):
    """A layer takes 2 in float and 1 in 8 bits, but 0.5 in float where it is named."""

    def watch(networks, inputs):
        assert all(row[0].shape[0] == 1 for row in inputs)
        return tuple(fixed + sum(of_layer(node, network) for node in layers(network)) for network in networks)

    def of_layer(node, network):
        rounded = {entry.node.name for entry in fake_quantized(network)}
        if node.args[1].name in rounded:
            return 1.0
        return 0.5 if node.meta.get("paredown_path") in float_is_faster else 2.0

    def layers(network):
        return [node for node in network.nodes() if str(node.target) in {"aten.conv2d.default", "aten.linear.default"}]

    return watch


def evidence(bench, watch):
    return Evidence.of(bench.task, bench.capabilities).timed(watch)


def in_float(plan):
    return [row["layer"] for row in plan.decisions["layers"] if row["in"] == "float"]


def test_without_a_limit_the_fastest_is_found_and_no_layer_is_special(bench):
    assert in_float(Mixed().plan(bench.network, evidence(bench, stopwatch()))) == []
    plan = Mixed().plan(bench.network, evidence(bench, stopwatch(("block.0", "head"))))
    assert in_float(plan) == ["block.0", "head"]
    assert plan.decisions["float"]["milliseconds"] == 1 + 2 * 2 + 2 * 0.5
    assert plan.decisions["8 bits"]["milliseconds"] == 1 + 4
    assert plan.decisions["chosen"]["milliseconds"] == 1 + 2 + 2 * 0.5
    assert plan.reason.startswith("Of 4 layers 2 stay in float: block.0 (-500 us, loss ")
    assert "all in 8 bits 5 ms with a drop of" in plan.reason
    rows = {row["layer"]: row["milliseconds longer in float"] for row in plan.decisions["layers"]}
    assert rows == {"stem.0": 1.0, "block.0": -0.5, "block.3": 1.0, "head": -0.5}


def test_the_plan_is_that_of_int8_with_these_layers_skipped(bench):
    seen = evidence(bench, stopwatch(("block.0",)))
    step = Mixed(of=Int8(MovingAverage()))
    plan = step.plan(bench.network, seen)
    same = Int8(MovingAverage(), skip=tuple(plan.decisions["skip"])).on(bench.network, seen)
    assert step.apply(bench.network, plan).fingerprint() == same.fingerprint()


def test_the_calibration_data_are_run_once(bench, monkeypatch):
    seen, passes = evidence(bench, stopwatch()), []
    observe = seen.observe
    monkeypatch.setattr(seen, "observe", lambda *given: passes.append(1) or observe(*given))
    Mixed().plan(bench.network, seen)
    assert len(passes) == 1


def test_what_int8_skips_is_no_layer_to_choose(bench):
    plan = Mixed(of=Int8(skip=("head",))).plan(bench.network, evidence(bench, stopwatch()))
    assert [row["layer"] for row in plan.decisions["layers"]] == ["stem.0", "block.0", "block.3"]
    assert in_float(plan) == []


def test_within_a_drop_it_is_no_slower_than_any_mixture_of_one_layer(bench):
    seen = evidence(bench, stopwatch())
    network = bench.network
    whole = seen.score(network)
    worst = whole - seen.score(COARSE.on(network, seen))
    limit = worst - 100 / 48  # one example less than all layers in 2 bits lose
    assert worst > 0
    plan = Mixed(drop=f"{max(limit, 0.01)} pt", of=COARSE).plan(network, seen)
    found = plan.decisions["chosen"]
    assert found["drop"] <= limit
    assert found["milliseconds"] > plan.decisions["8 bits"]["milliseconds"]
    assert 0 < len(in_float(plan)) < 4
    step = Mixed(drop="99 pt", of=COARSE)
    assert in_float(step.plan(network, seen)) == []


def test_within_a_time_the_loss_is_least(bench):
    seen = evidence(bench, stopwatch())
    everything = Mixed(latency="60%", of=COARSE).plan(bench.network, seen)
    assert in_float(everything) == []
    some = Mixed(latency="6 ms", of=COARSE).plan(bench.network, seen)
    assert len(in_float(some)) == 1
    rows = {row["layer"]: row["loss regained in float"] for row in some.decisions["layers"]}
    assert in_float(some) == [max(rows, key=rows.get)]
    assert some.decisions["chosen"]["loss"] < everything.decisions["chosen"]["loss"]
    all_but_one = Mixed(latency="100%", of=COARSE).plan(bench.network, seen)
    assert all_but_one.decisions["chosen"]["loss"] <= some.decisions["chosen"]["loss"]


def test_what_cannot_be_kept_is_said_with_the_nearest(bench):
    seen = evidence(bench, stopwatch())
    with pytest.raises(RecipeError, match=r"Mixed\(latency='50%'\) cannot be kept .* nearest takes 5 ms \(the float"):
        Mixed(latency="50%").plan(bench.network, seen)
    ruin = Int8(Percentile(50.1), weight_bits=2)
    with pytest.raises(RecipeError, match=r"Mixed\(drop='0.01 pt'\) cannot be kept .* train after rounding"):
        Mixed(drop="0.01 pt", of=ruin).plan(bench.network, seen)


def test_a_deadline_ends_the_trying(bench):
    seen = evidence(bench, stopwatch())
    plan = Mixed().plan(bench.network, seen.within(seen.progress, time.monotonic() - 1.0))
    assert not plan.complete
    assert len(plan.decisions["layers"]) == 1


def test_settings_can_be_stored_and_stand_where_int8_stands():
    step = Mixed(drop="0.5 pt", of=Int8(skip=("head",)), examples=None)
    assert decode(encode(step)) == step
    assert step.check(frozenset({"quantized"})) == "the network is quantized already"
    assert step.after(frozenset()) == {"quantized"}


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Mixed(drop="1 pt", latency="50%"), RecipeError, r"one limit is kept, .* Leave one of them out"),
        (
            lambda: Mixed(examples=0),
            RecipeError,
            r"Mixed\(examples=0\) was given. It is a whole number, 1 or more. Leave it out for 1024",
        ),
        (lambda: Mixed(drop="0.5"), BudgetError, "has no unit"),
        (lambda: Mixed(latency="1 MB"), BudgetError, "latency='1 MB'"),
    ],
)
def test_impossible_settings_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_drop_in_another_unit_than_the_score_is_refused_before_anything_is_measured(bench):
    with pytest.raises(BudgetError, match="the task's score is measured in %"):
        Mixed(drop="0.1 perplexity").plan(bench.network, evidence(bench, None))
