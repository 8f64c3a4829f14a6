"""Values for many batches at once, against running the network."""

import pytest
import torch

from paredown.graph.walk import Walk
from paredown.testing.zoo import captured


def pictures(count):
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(3))


def operators(network):
    return [node.name for node in network.nodes() if node.op == "call_function"]


def test_a_walk_gives_what_running_gives_and_forgets_what_is_used():
    network, x = captured("PaddedResidual"), pictures(12)
    walk, names = Walk(network, [[part] for part in x.split(5)]), operators(network)
    walk.until(names[3])
    walk.through(names[-1])
    torch.testing.assert_close(torch.cat(walk.value(names[-1])), network(x).detach(), atol=1e-5, rtol=1e-5)
    with pytest.raises(KeyError):
        walk.value(names[0])


def test_a_walk_sees_parameters_that_were_changed_before_it_came_to_them():
    network, x = captured("PaddedResidual"), pictures(4)
    changed, last = network.copy(), operators(network)[-1]
    name = [name for name, _ in network.named_parameters()][-1]
    walk = Walk(changed, [[x]])
    walk.until(last)
    with torch.no_grad():
        changed.get_parameter(name).add_(1.0)
    walk.through(last)
    torch.testing.assert_close(walk.value(last)[0], changed(x).detach(), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(walk.value(last)[0], network(x), atol=0.1)
