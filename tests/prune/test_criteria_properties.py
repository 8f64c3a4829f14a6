"""What holds for every criterion that looks at the network."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paredown import prune
from paredown.graph.axes import analyse
from paredown.graph.cut.indices import Indices, coordinates

WEIGHTS = (prune.L1(), prune.L2(), prune.LAMP(), prune.BatchNormScale())
DATA = (prune.Taylor(), prune.Fisher(), prune.ActivationNorm(), prune.Wanda(), prune.Reconstruction(), prune.HRank())
GROUPS = {"stem": 8, "one": 12}

few = settings(max_examples=3, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def scores(importance, network, evidence):
    axes = analyse(network)
    return importance.score(network, axes, axes.free, evidence)


def reordered(network, name, order):
    """A copy in which the indices of a group come in another order, in every parameter and buffer that holds them."""
    axes, twin = analyse(network), network.copy()
    tensors = dict([*twin.named_parameters(), *twin.named_buffers()])
    with torch.no_grad():
        for carrier in axes.group(name).carriers:
            (along,) = coordinates(axes.parameters[carrier.name][carrier.axis], axes.leaf(name), Indices({}, {}))
            assert along.tolist() == list(range(len(order)))  # the group is the whole axis
            tensors[carrier.name].copy_(tensors[carrier.name].index_select(carrier.axis, order))
    return twin


@pytest.mark.parametrize("importance", [*WEIGHTS, prune.FPGM(), *DATA], ids=lambda i: type(i).__name__)
@few
@given(st.data())
def test_the_order_of_indices_does_not_count(importance, network, evidence, data):
    # One group at a time: the projections of Reconstruction are of outputs, which are the indices of other groups.
    for name, size in GROUPS.items():
        order = torch.tensor(data.draw(st.permutations(range(size))))
        before = scores(importance, network, evidence)[name]
        after = scores(importance, reordered(network, name, order), evidence)[name]
        torch.testing.assert_close(after, before[order], rtol=1e-3, atol=1e-8)


@pytest.mark.parametrize("importance", [*WEIGHTS, *DATA], ids=lambda i: type(i).__name__)
@few
@given(st.data())
def test_what_computes_nothing_matters_least(importance, network, evidence, data):
    dead = {name: data.draw(st.integers(0, size - 1)) for name, size in GROUPS.items()}
    axes, planted = analyse(network), network.copy()
    parameters = dict(planted.named_parameters())
    with torch.no_grad():
        for name, index in dead.items():
            for carrier in axes.group(name).carriers:
                if carrier.name in parameters:
                    parameters[carrier.name].select(carrier.axis, index).zero_()
    found = scores(importance, planted, evidence)
    for name, index in dead.items():
        assert float(found[name][index]) == pytest.approx(0.0, abs=1e-12)
        assert int(found[name].argmin()) == index
