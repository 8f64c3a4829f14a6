"""Properties of every cut of every network."""

import json

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paredown import codec, prune
from paredown.graph.axes import analyse
from paredown.graph.cut import cut
from paredown.graph.cut.indices import Indices
from paredown.recipe.evidence import Evidence
from paredown.testing.networks import EXACT, SHAPE, cuts, models

few = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)


def images(batch=3):
    return torch.randn(batch, *SHAPE, generator=torch.Generator().manual_seed(1))


@few
@given(models(), st.data())
def test_outputs_keep_their_shape_and_predictions_hold(drawn, data):
    network = drawn.network()
    axes = analyse(network)
    kept = data.draw(cuts(axes))
    before = network.fingerprint()
    child = cut(network, kept, axes=axes)  # proves values and shapes of every node
    assert child(images()).shape == (3, 4)
    assert network.fingerprint() == before
    counts = {name: torch.as_tensor(indices).shape[-1] for name, indices in kept.items()}
    assert analyse(child).macs() == axes.macs(counts)
    assert sum(t.numel() for t in child.state_dict().values()) == axes.elements(counts)


@few
@given(models())
def test_cutting_nothing_is_the_identity(drawn):
    network = drawn.network()
    whole = {group.name: range(group.size) for group in analyse(network).free}
    for kept in ({}, whole):
        child = cut(network, {name: list(indices) for name, indices in kept.items()})
        assert torch.equal(child(images()), network(images()))
        assert all(torch.equal(t, network.state_dict()[name]) for name, t in child.state_dict().items())


@few
@given(models(EXACT), st.data())
def test_cutting_dead_indices_changes_nothing(drawn, data):
    network = drawn.network()
    axes = analyse(network)
    group = axes.group(data.draw(st.sampled_from([g.name for g in axes.free])))
    kept = sorted(data.draw(st.sets(st.integers(0, group.size - 1), min_size=1)))
    indices = Indices({axes.leaf(group.name): torch.tensor(kept)}, {})
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            live = torch.zeros(parameter.numel())
            places = torch.arange(parameter.numel()).view(parameter.shape)
            live[indices.take(places, axes.parameters[name]).flatten()] = 1
            parameter.mul_(live.view(parameter.shape))
    child = cut(network, {group.name: kept})
    torch.testing.assert_close(child(images()), network(images()), rtol=1e-4, atol=1e-5)


@few
@given(models(), st.data())
def test_cut_after_cut_is_the_cut_of_both(drawn, data):
    network = drawn.network()
    axes = analyse(network)
    name = data.draw(st.sampled_from([g.name for g in axes.free]))
    size = axes.group(name).size
    first = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1)))
    second = sorted(data.draw(st.sets(st.integers(0, len(first) - 1), min_size=1)))
    one = cut(network, {name: first}, proof=False)
    twice = cut(one, {name: second}, proof=False) if len(first) > 1 else one
    at_once = cut(network, {name: [first[i] for i in second]}, proof=False)
    assert twice.state_dict().keys() == at_once.state_dict().keys()
    assert all(torch.equal(t, at_once.state_dict()[key]) for key, t in twice.state_dict().items())
    assert torch.equal(twice(images()), at_once(images()))


@few
@given(models(), st.sampled_from([prune.L1(), prune.L2(), prune.Random()]), st.floats(0.2, 1.0))
def test_every_plan_replays_to_the_same_bytes(drawn, importance, keep):
    network = drawn.network()
    step = codec.decode(json.loads(json.dumps(codec.encode(prune.Channels(keep, importance)))))
    one, two = (step.plan(network, Evidence.empty()) for _ in range(2))
    assert one.fingerprint() == two.fingerprint()
    stored = json.loads(json.dumps(one.to_json()))
    replay = type(one)(stored["technique"], stored["reason"], stored["decisions"])
    assert step.apply(network, one).fingerprint() == step.apply(network, replay).fingerprint()
