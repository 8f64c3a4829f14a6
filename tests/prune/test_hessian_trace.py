"""Traces of blocks of the Hessian against the whole Hessian."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown import prune
from paredown.errors import RecipeError
from paredown.graph.axes import analyse
from paredown.recipe.evidence import Evidence
from paredown.testing.zoo import captured

from .scoring import evidence_for


def tiny():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def points():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(40, 3, generator=generator), torch.randint(0, 2, (40,), generator=generator)


def evidence(batch_size):
    split = points()
    data = paredown.Data(split, calibrate=split, select=split, judge=split, batch_size=batch_size)
    task = paredown.Task(tiny(), data=data, loss=F.cross_entropy, score=paredown.scores.accuracy)
    return Evidence(task.data.work, task)


def scored(importance, batch_size=16):
    network = paredown.capture(tiny(), points()[0][:2])
    axes = analyse(network)
    return importance.score(network, axes, [axes.group("0")], evidence(batch_size))["0"]


def hessian():
    """Of the mean loss in all parameters, flat, and how they are laid out."""
    model, (inputs, target) = tiny(), points()
    sizes = [p.numel() for p in model.parameters()]
    flat = torch.cat([p.detach().flatten() for p in model.parameters()])

    def loss(vector):
        parts = zip(model.named_parameters(), vector.split(sizes), strict=True)
        given = {name: part.view_as(p) for (name, p), part in parts}
        return F.cross_entropy(torch.func.functional_call(model, given, (inputs,)), target)

    return torch.autograd.functional.hessian(loss, flat).double(), flat.double(), sizes


def of_index(vector, sizes):
    """Sum over the weights of the first layer's outputs and of the second layer's inputs: ``[4]``."""
    first, _, second, _ = vector.split(sizes)
    return first.view(4, 3).sum(1) + second.view(2, 4).sum(0)


def test_it_is_the_trace_of_the_block_times_the_norm():
    matrix, weights, sizes = hessian()
    expected = of_index(matrix.diagonal(), sizes) * of_index(weights.square(), sizes) / (2 * 5)
    drawn = scored(prune.HessianTrace(draws=1500))  # its noise does not depend on the size of the trace
    torch.testing.assert_close(drawn, expected, rtol=0, atol=0.05 * float(expected.max()))


def test_every_draw_is_a_product_with_the_hessian():
    matrix, weights, sizes = hessian()
    generator = torch.Generator().manual_seed(0)
    draws = [
        torch.cat([torch.randint(0, 2, p.shape, generator=generator).flatten() * 2.0 - 1 for p in tiny().parameters()])
        for _ in range(3)
    ]
    products = torch.stack([v * (matrix @ v.double()) for v in draws]).mean(0)
    expected = of_index(products, sizes) * of_index(weights.square(), sizes) / (2 * 5)
    torch.testing.assert_close(scored(prune.HessianTrace(draws=3)), expected, rtol=1e-4, atol=1e-7)


def test_the_size_of_batches_does_not_count():
    torch.testing.assert_close(scored(prune.HessianTrace(), 7), scored(prune.HessianTrace(), 40), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["VisionTransformer", "Recurrent"])
def test_attention_and_recurrence_are_differentiated_twice(name):
    network = captured(name)
    axes = analyse(network)
    before = network.fingerprint()
    found = prune.HessianTrace(draws=1).score(network, axes, axes.free, evidence_for(name))
    assert all(bool(scores.isfinite().all()) and bool((scores != 0).any()) for scores in found.values())
    assert network.fingerprint() == before


class Distances(nn.Module):
    """Distances to learned points, which torch differentiates once."""

    def __init__(self):
        super().__init__()
        self.first, self.points, self.last = nn.Linear(3, 4), nn.Parameter(torch.randn(5, 4)), nn.Linear(5, 2)

    def forward(self, x):
        return self.last(torch.cdist(self.first(x), self.points))


def test_an_operator_without_a_second_derivative():
    network = paredown.capture(Distances(), points()[0][:2])
    axes = analyse(network)
    with pytest.raises(RecipeError, match=r"no second derivative \(.*cdist.*\). Use prune.Fisher"):
        prune.HessianTrace().score(network, axes, axes.groups, evidence(16))


@pytest.mark.parametrize(("name", "usual"), [("draws", 8), ("examples", 256)])
def test_one_at_least(name, usual):
    with pytest.raises(
        RecipeError, match=rf"HessianTrace\({name}=0\) was given.*Write `prune.HessianTrace\({name}={usual}\)`"
    ):
        prune.HessianTrace(**{name: 0})
