"""LAMP against its definition."""

import pytest
import torch

from paredown import prune
from paredown.graph.axes import analyse
from paredown.recipe.evidence import Evidence
from paredown.testing.zoo import captured

from .scoring import score


def lamp(energies):
    return [own / sum(other for other in energies if other >= own) for own in energies]


def energies(*members):
    return (sum(energy / energy.mean() for energy in members) / len(members)).tolist()


def test_it_is_the_share_of_the_energy_that_is_at_least_as_large(network):
    produced = network.get_parameter("one.weight").detach().double().square().sum((1, 2, 3))
    consumed = network.get_parameter("two.weight").detach().double().square().sum((0, 2, 3))
    found = score(prune.LAMP(), network, "one").tolist()
    assert found == pytest.approx(lamp(energies(produced, consumed)))
    assert max(found) == 1.0


def test_equals_get_the_same_score(network):
    twins = network.copy()
    with torch.no_grad():
        for name, axis in (("one.weight", 0), ("two.weight", 1)):
            weight = twins.get_parameter(name).transpose(0, axis)
            weight[3] = weight[5]
    found = score(prune.LAMP(), twins, "one")
    assert found[3] == found[5]


def test_every_row_of_an_outer_axis_is_a_group_of_its_own():
    network = captured("VisionTransformer")
    name = "layers.0.attention.qkv[head_dim]"
    produced = network.get_parameter("layers.0.attention.qkv.weight").detach().double().square()
    consumed = network.get_parameter("layers.0.attention.project.weight").detach().double().square()
    rows = energies(produced.view(3, 4, 4, 16).sum((0, 3)), consumed.view(16, 4, 4).sum(0))
    found = score(prune.LAMP(), network, name)
    assert [row.tolist() for row in found] == [pytest.approx(lamp(row)) for row in rows]


def test_no_group_is_emptied_by_one_threshold(network):
    small = network.copy()
    with torch.no_grad():
        small.get_parameter("one.weight").mul_(1e-3)
        small.get_parameter("two.weight").mul_(1e-3)
    axes = analyse(small)
    found = prune.LAMP().score(small, axes, axes.free, Evidence.empty())
    assert all(float(scores.max()) == 1.0 for scores in found.values())
