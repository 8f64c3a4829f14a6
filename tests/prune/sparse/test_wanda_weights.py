"""Wanda for single weights, against the formula written out."""

import pytest
import torch
from torch import nn

from paredown import prune
from paredown.errors import RecipeError

from .conftest import correlated


def masked(weight, norms, gone):
    """``[out, inputs]`` without the lowest ``|w| |x|`` of every row."""
    weight = weight.clone()
    for row in weight:
        scores = [float(w.abs() * n) for w, n in zip(row, norms, strict=True)]
        for j in sorted(range(len(scores)), key=scores.__getitem__)[:gone]:
            row[j] = 0.0
    return weight


def test_every_output_loses_its_lowest_products(posed):
    inputs = correlated(0, 10)
    network, evidence = posed(nn.Linear(10, 5), inputs)
    found = prune.Weights(prune.Unstructured(0.4), prune.WandaWeights()).on(network, evidence)
    wanted = masked(network.get_parameter("weight").detach(), inputs.square().sum(0).sqrt(), 4)
    assert torch.equal(found.get_parameter("weight"), wanted)


def test_a_convolution_reads_each_channel_at_each_place_of_its_kernel(posed):
    x = (
        torch.randn(64, 3, 6, 6, generator=torch.Generator().manual_seed(0))
        * torch.tensor([0.1, 1.0, 3.0])[:, None, None]
    )
    network, evidence = posed(nn.Conv2d(3, 4, 3, stride=2, padding=1), x)
    found = prune.Weights(method=prune.WandaWeights(examples=64)).on(network, evidence).get_parameter("weight")
    norms = nn.functional.unfold(x, 3, padding=1, stride=2).square().sum((0, 2)).sqrt()
    wanted = masked(network.get_parameter("weight").detach().flatten(1), norms, round(0.5 * 27))
    assert torch.equal(found.flatten(1), wanted)


def test_a_layer_sees_what_the_sparse_layers_before_it_give(posed):
    inputs = correlated(0, 8)
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
    network, evidence = posed(model, inputs)
    child = prune.Weights(prune.Unstructured(0.75), prune.WandaWeights()).on(network, evidence)
    hidden = torch.relu(nn.functional.linear(inputs, child.get_parameter("0.weight"), child.get_parameter("0.bias")))
    wanted = masked(network.get_parameter("2.weight").detach(), hidden.detach().square().sum(0).sqrt(), 6)
    assert torch.equal(child.get_parameter("2.weight"), wanted)


def test_a_weight_that_is_used_twice_is_judged_by_both_inputs(posed):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 6, bias=False)

        def forward(self, x):
            return self.layer(torch.tanh(self.layer(x)))

    inputs = correlated(0, 6)
    network, evidence = posed(Twice(), inputs)
    weight = network.get_parameter("layer.weight").detach()
    second = torch.tanh(inputs @ weight.T)
    norms = (inputs.square().sum(0) + second.square().sum(0)).sqrt()
    found = prune.Weights(method=prune.WandaWeights()).on(network, evidence).get_parameter("layer.weight")
    assert torch.equal(found, masked(weight, norms, 3))


def test_it_needs_data(posed):
    network, _ = posed(nn.Linear(8, 4), correlated(0, 8))
    with pytest.raises(RecipeError, match="This step looks at data and was given none"):
        prune.Weights(method=prune.WandaWeights()).on(network)


def test_impossible_settings_are_refused():
    with pytest.raises(RecipeError, match=r"WandaWeights\(examples=0\) was given. It is a whole number, 1 or more"):
        prune.WandaWeights(examples=0)
