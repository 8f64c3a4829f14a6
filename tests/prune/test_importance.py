"""Every criterion against its formula, computed by hand."""

import pytest
import torch

from paredown import prune
from paredown.errors import RecipeError
from paredown.graph.axes import analyse
from paredown.testing.zoo import captured

from .scoring import score


def test_l2_is_the_mean_of_normalised_norms(network):
    produced = network.get_parameter("one.weight").detach().double().square().sum((1, 2, 3)).sqrt()
    consumed = network.get_parameter("two.weight").detach().double().square().sum((0, 2, 3)).sqrt()
    expected = (produced / produced.mean() + consumed / consumed.mean()) / 2
    torch.testing.assert_close(score(prune.L2(), network, "one"), expected)


def test_l1_is_the_mean_of_normalised_sums(network):
    produced = network.get_parameter("one.weight").detach().double().abs().sum((1, 2, 3))
    consumed = network.get_parameter("two.weight").detach().double().abs().sum((0, 2, 3))
    expected = (produced / produced.mean() + consumed / consumed.mean()) / 2
    torch.testing.assert_close(score(prune.L1(), network, "one"), expected)


def test_coupled_layers_count_together(network):
    # The shortcut couples the stem with the last convolution; the head and the first convolution consume them.
    weights = {
        name: network.get_parameter(f"{name}.weight").detach().double().square()
        for name in ("stem", "one", "two", "head")
    }
    parts = [
        weights["stem"].sum((1, 2, 3)).sqrt(),
        weights["one"].sum((0, 2, 3)).sqrt(),
        weights["two"].sum((1, 2, 3)).sqrt(),
        weights["head"].sum(0).sqrt(),
    ]
    torch.testing.assert_close(score(prune.L2(), network, "stem"), sum(p / p.mean() for p in parts) / 4)


def test_taylor_is_the_mean_of_absolute_products_with_the_gradient(network, evidence):
    gradients = evidence.gradients(network)
    products = {
        n: (network.get_parameter(n).detach() * gradients[n]).double().abs() for n in ("one.weight", "two.weight")
    }
    expected = (products["one.weight"].sum((1, 2, 3)) + products["two.weight"].sum((0, 2, 3))) / 2
    torch.testing.assert_close(score(prune.Taylor(), network, "one", evidence), expected)


def test_taylor_needs_data(network):
    with pytest.raises(RecipeError, match="This step looks at data and was given none"):
        score(prune.Taylor(), network, "one")


def test_random_depends_on_seed_and_name_only(network):
    first, again, other = (score(prune.Random(seed), network, "one") for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[:8], score(prune.Random(), network, "stem"))


def test_an_inner_axis_is_scored_per_outer_index():
    network = captured("VisionTransformer")
    name = "layers.0.attention.qkv[head_dim]"
    axes = analyse(network)
    assert axes.group(name).outer == 4
    found = score(prune.L2(), network, name)
    produced = network.get_parameter("layers.0.attention.qkv.weight").detach().double().square()
    produced = produced.view(3, 4, 4, 16).sum((0, 3)).sqrt()  # qkv, heads, dimension, in
    consumed = network.get_parameter("layers.0.attention.project.weight").detach().double().square()
    consumed = consumed.view(16, 4, 4).sum(0).sqrt()
    torch.testing.assert_close(found, (produced / produced.mean() + consumed / consumed.mean()) / 2)


def test_an_outer_index_on_another_axis_of_the_weight():
    # A grouped convolution's weight holds its groups on axis 0 and the inputs of each group on axis 1.
    network = captured("Bottleneck")
    name = "layers.1.body.0.0[1]"
    found = score(prune.L2(), network, name)
    grouped = network.get_parameter("layers.1.body.1.0.weight").detach().double().square()
    consumed = grouped.view(4, grouped.shape[0] // 4, grouped.shape[1], -1).sum((1, 3)).sqrt()
    produced = (
        network.get_parameter("layers.1.body.0.0.weight").detach().double().square().sum((1, 2, 3)).view(4, -1).sqrt()
    )
    torch.testing.assert_close(found, (produced / produced.mean() + consumed / consumed.mean()) / 2)
