"""Properties of every cut of every network."""

import json
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from paredown import codec, prune, targets
from paredown.graph.axes import analyse
from paredown.graph.cut import cut
from paredown.graph.cut.indices import Indices
from paredown.recipe.evidence import Evidence
from paredown.testing.networks import EXACT, SHAPE, cuts, models


def few(examples):
    return settings(
        max_examples=examples,
        phases=[Phase.explicit, Phase.generate],
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def images(batch=3):
    return torch.randn(batch, *SHAPE, generator=torch.Generator().manual_seed(1))


def subset(size):
    return st.sets(st.integers(0, size - 1), min_size=1).map(sorted)


def equal(one, other):
    assert one.state_dict().keys() == other.state_dict().keys()
    assert all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in one.state_dict().items())
    assert torch.equal(one(images()), other(images()))


KINDS = (
    ("residual", "concat"),
    ("grouped", "attention"),
    ("recurrent", "squeeze"),
    ("padded", "depthwise"),
    ("split", "normed"),
)
"""Kinds of steps that networks are sure to have, for a few draws meet not all of them."""


@pytest.mark.parametrize("always", KINDS, ids="-".join)
@few(2)
@given(data=st.data())
def test_what_holds_for_every_cut(always, data):
    drawn = data.draw(models(most=2, always=always))
    # One test for several properties, because capturing a network takes longer than cutting it.
    network = drawn.network()
    axes = analyse(network)
    before = network.fingerprint()
    export_equals_eager(network, drawn.model())
    shapes_and_predictions(network, axes, data)
    nothing_is_the_identity(network, axes)
    cut_after_cut_is_the_cut_of_both(network, axes, data)
    every_plan_replays_to_the_same_bytes(network, data)
    assert network.fingerprint() == before


def export_equals_eager(network, model):
    torch.testing.assert_close(network(images()), model(images()), rtol=1e-4, atol=1e-5)


def shapes_and_predictions(network, axes, data):
    kept = data.draw(cuts(axes))
    child = cut(network, kept, axes=axes)  # proves values and shapes of every node
    assert child(images()).shape == (3, 4)
    counts = {name: torch.as_tensor(indices).shape[-1] for name, indices in kept.items()}
    assert analyse(child).macs() == axes.macs(counts)
    assert sum(child.state_dict()[name].numel() for name in axes.parameters) == axes.elements(counts)


def nothing_is_the_identity(network, axes):
    equal(cut(network, {}, axes=axes), network)
    equal(cut(network, {group.name: list(range(group.size)) for group in axes.free}, axes=axes, proof=False), network)


def cut_after_cut_is_the_cut_of_both(network, axes, data):
    group = data.draw(st.sampled_from(axes.free))
    first = data.draw(subset(group.size))
    second = data.draw(subset(len(first)))
    one = cut(network, {group.name: first}, axes=axes, proof=False)
    twice = cut(one, {group.name: second}, proof=False) if len(first) > 1 else one
    equal(twice, cut(network, {group.name: [first[i] for i in second]}, axes=axes, proof=False))


def every_plan_replays_to_the_same_bytes(network, data):
    importance = data.draw(st.sampled_from([prune.L1(), prune.L2(), prune.Random()]))
    drawn = prune.Channels(data.draw(st.floats(0.2, 1.0)), importance)
    step = codec.decode(json.loads(json.dumps(codec.encode(drawn))))
    one, two = (step.plan(network, Evidence.empty()) for _ in range(2))
    assert one.fingerprint() == two.fingerprint()
    stored = json.loads(json.dumps(one.to_json()))
    replay = type(one)(stored["technique"], stored["reason"], stored["decisions"])
    assert step.apply(network, one).fingerprint() == step.apply(network, replay).fingerprint()


@pytest.mark.parametrize(
    "always", [("residual", "concat"), ("grouped", "recurrent"), ("padded", "shuffle")], ids="-".join
)
@few(2)
@given(data=st.data())
def test_cutting_dead_indices_changes_nothing(always, data):
    drawn = data.draw(models(EXACT, most=2, always=always))
    network = drawn.network()
    axes = analyse(network)
    group = data.draw(st.sampled_from(axes.free))
    kept = data.draw(subset(group.size))
    indices = Indices({axes.leaf(group.name): torch.tensor(kept)}, {})
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            live = torch.zeros(parameter.numel())
            places = torch.arange(parameter.numel()).view(parameter.shape)
            live[indices.take(places, axes.parameters[name]).flatten()] = 1
            parameter.mul_(live.view(parameter.shape))
    torch.testing.assert_close(cut(network, {group.name: kept})(images()), network(images()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("always", KINDS, ids="-".join)
@few(1)
@given(data=st.data())
def test_the_file_of_every_cut_computes_what_it_does(always, data):
    network = data.draw(models(most=1, always=always)).network()
    child = cut(network, data.draw(cuts(analyse(network))), proof=False)
    target = targets.OnnxRuntime(threads=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "child.onnx"
        target.lower(child, path)
        with target.open(path) as session:
            (got,) = session.run([images().numpy()])
    torch.testing.assert_close(torch.from_numpy(got), child(images()), rtol=1e-3, atol=1e-4)
