"""Where the values of a group are read, and a hand on them on the way."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from paredown import prune
from paredown.errors import RecipeError
from paredown.graph.axes import analyse
from paredown.prune.passing import Pass
from paredown.prune.readings import readings
from paredown.testing.zoo import NAMES, captured

from .conftest import small
from .scoring import evidence_for

LOOKING = (prune.ActivationNorm(), prune.Wanda(), prune.Fisher(), prune.Reconstruction())


def where(network, name):
    axes = analyse(network)
    return readings(network, axes, [axes.group(name)])[name]


def unread(network):
    """A group that weights give and none reads: dimensions of queries and keys alone."""
    free = analyse(network).free
    return next(group.name for group in free if not any(carrier.role == "in" for carrier in group.carriers))


def test_values_are_read_where_weights_consume_them(network):
    assert [reading.carrier.name for reading in where(network, "one")] == ["two.weight"]
    assert [reading.carrier.name for reading in where(network, "stem")] == ["one.weight", "head.weight"]


def test_values_that_no_weight_consumes_are_taken_as_given():
    network = captured("GroupedQueries")
    users = {node.name for node in network.nodes() for source in node.all_input_nodes if source.op == "get_attr"}
    found = where(network, unread(network))
    assert len(found) == 2
    assert all(not reading.operator and reading.source in users for reading in found)


def test_a_recurrent_layer_is_looked_at_from_outside():
    network = captured("Recurrent")
    nodes = {node.name: node for node in network.nodes()}

    def sources(name):
        return [(nodes[reading.source], reading.operator) for reading in where(network, name)]

    ((state, operator),) = sources("lstm[hidden]")
    assert state.args == (nodes["lstm"], 0)
    assert not operator
    ((given, operator),) = sources("first")
    assert given is nodes["lstm"].args[0]
    assert not operator


def test_a_group_whose_values_nobody_has(network):
    axes = analyse(network)
    lost = dataclasses.replace(axes.group("one"), carriers=())
    with pytest.raises(
        RecipeError, match=r"The values of group 'one' cannot be looked at.*Where\(exclude=\('one',\)\)"
    ):
        readings(network, axes, [lost])


def test_a_hook_sees_and_changes_what_one_operator_reads(network):
    reading = where(network, "stem")[0]
    seen = []

    def silence(values, operate):
        seen.append((values, operate(values)))
        return torch.zeros_like(values)

    model, inputs = small(), torch.randn(3, 3, 6, 6)
    (found,) = Pass(network, [(reading, silence)]).run(inputs)
    x = F.relu(model.norm(model.stem(inputs)))
    inner = F.relu(model.norm1(model.one(torch.zeros_like(x))))
    torch.testing.assert_close(
        found, model.head(F.relu(x + model.two(inner)).mean((2, 3)))
    )  # the shortcut is as it was
    torch.testing.assert_close(seen[0][0], x)
    torch.testing.assert_close(seen[0][1], model.one(x))


def test_what_is_given_is_changed_for_all_that_follows():
    network = captured("GroupedQueries")
    hooks = [(reading, lambda values, _: values * 0) for reading in where(network, unread(network))]
    inputs = torch.randn(2, 7, 16)
    assert not torch.equal(Pass(network, hooks).run(inputs)[0], Pass(network, []).run(inputs)[0])


@pytest.mark.parametrize("name", NAMES)
def test_every_group_of_every_network_can_be_looked_at(name):
    network, evidence = captured(name), evidence_for(name)
    axes = analyse(network)
    for importance in LOOKING:
        found = importance.score(network, axes, axes.free, evidence)
        assert list(found) == [group.name for group in axes.free]
        for group in axes.free:
            scores = found[group.name]
            assert scores.shape == ((group.outer, group.size) if group.outer else (group.size,)), importance
            assert bool(scores.isfinite().all()), importance
            assert bool((scores >= 0).all()), importance
            assert float(scores.max()) > 0, importance


@pytest.mark.parametrize("importance", LOOKING, ids=lambda importance: type(importance).__name__)
def test_looking_needs_data_and_touches_nothing(importance, network, evidence):
    before = network.fingerprint()
    axes = analyse(network)
    with pytest.raises(RecipeError, match="This step looks at data and was given none"):
        importance.score(network, axes, axes.free, type(evidence).empty())
    training = network.copy().train()
    found = importance.score(training, axes, axes.free, evidence)
    again = importance.score(network, axes, axes.free, evidence)
    assert training.training
    assert network.fingerprint() == before
    assert all(torch.equal(found[name], again[name]) for name in found)
