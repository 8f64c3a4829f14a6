"""Distances from the geometric median, and the slices that they are taken between."""

import pytest
import torch

from paredown import prune
from paredown.graph.axes import analyse
from paredown.graph.cut.weights import members, per_index
from paredown.prune.places import slices
from paredown.testing.zoo import captured

from .scoring import score


def distances(rows):
    return torch.stack([sum((one - other).norm() for other in rows) for one in rows])


def test_it_is_the_sum_of_distances_to_the_others(network):
    produced = distances(list(network.get_parameter("one.weight").detach().double()))
    consumed = distances(list(network.get_parameter("two.weight").detach().double().transpose(0, 1)))
    expected = (produced / produced.mean() + consumed / consumed.mean()) / 2
    torch.testing.assert_close(score(prune.FPGM(), network, "one"), expected)


def test_an_inner_axis_is_compared_within_its_outer_index():
    network = captured("VisionTransformer")
    produced = network.get_parameter("layers.0.attention.qkv.weight").detach().double().view(3, 4, 4, 16)
    consumed = network.get_parameter("layers.0.attention.project.weight").detach().double().view(16, 4, 4)
    parts = [
        torch.stack([distances(list(produced[:, head].transpose(0, 1))) for head in range(4)]),
        torch.stack([distances(list(consumed[:, head].T)) for head in range(4)]),
    ]
    expected = sum(part / part.mean() for part in parts) / 2
    torch.testing.assert_close(score(prune.FPGM(), network, "layers.0.attention.qkv[head_dim]"), expected)


def test_the_index_in_the_middle_goes_first(network):
    planted = network.copy()
    with torch.no_grad():
        for name, axis in (("one.weight", 0), ("two.weight", 1)):
            weight = planted.get_parameter(name).transpose(0, axis)
            weight[4] = weight.mean(0)
    assert int(score(prune.FPGM(), planted, "one").argmin()) == 4


@pytest.mark.parametrize("name", ["VisionTransformer", "Bottleneck", "Shuffle", "Dense", "Recurrent", "UNet"])
def test_slices_hold_every_entry_of_an_index_once(name):
    network = captured(name)
    axes = analyse(network)
    seen = 0
    for group in axes.free:
        for carrier, weight in members(network, group):
            found = slices(axes, group, carrier, weight)
            assert found.shape[:2] == (group.outer or 1, group.size)
            sums = per_index(axes, group, carrier, weight.double().square())
            torch.testing.assert_close(found.square().sum(-1), sums.view(found.shape[:2]))
            seen += 1
    assert seen > 3
