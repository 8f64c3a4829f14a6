"""Penalties and limits of weights."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from paredown.errors import RecipeError
from paredown.recipe import SGD, Constant, Evidence
from paredown.regularize import L1, ElasticNet, MaxNorm, Orthogonal, ShrinkPerturb, Spectral

WEIGHTS = ("0.weight", "4.weight")


@pytest.fixture
def still(setting):
    """``still(ingredient)`` gives the network after four steps of 0.1 in which the task pulls at nothing."""

    def train(ingredient):
        flat = dataclasses.replace(setting.task.objective, loss=lambda outputs, _: (outputs * 0.0).sum())
        settings = dataclasses.replace(
            setting.train, optimizer=SGD(lr=0.1, weight_decay=0.0), schedule=Constant(), using=[ingredient]
        )
        return settings.fit(setting.network, Evidence(setting.task.data.work, flat)).network

    return train


def cheapest(weight, price):
    """The number that minimises ``(x - w)² / 2 + price(x)``, by looking at very many."""
    grid = torch.linspace(-1, 1, 40_001, dtype=torch.float64)
    return float(grid[((grid - weight) ** 2 / 2 + price(grid)).argmin()])


@pytest.mark.parametrize(
    ("ingredient", "price"),
    [
        (L1(strength=0.5), lambda x: 0.05 * x.abs()),
        (ElasticNet(strength=0.5, share=0.3), lambda x: 0.05 * (0.3 * x.abs() + 0.35 * x**2)),
        (ElasticNet(strength=0.5, share=0.0), lambda x: 0.05 * 0.5 * x**2),
    ],
    ids=["L1", "both", "L2"],
)
def test_every_step_is_the_proximal_one(setting, still, ingredient, price):
    after = still(ingredient)
    for name in WEIGHTS:
        before = setting.network.get_parameter(name).detach().flatten()[:6].tolist()
        for _ in range(4):
            before = [cheapest(w, price) for w in before]
        found = after.get_parameter(name).detach().flatten()[:6]
        torch.testing.assert_close(found, torch.tensor(before), atol=2e-4, rtol=0.0)
    for name in ("0.bias", "1.weight", "1.bias", "4.bias"):
        assert torch.equal(after.get_parameter(name), setting.network.get_parameter(name))


def test_weights_reach_0_exactly(setting, still):
    after = still(L1(strength=0.1))
    small = setting.network.get_parameter("4.weight").abs() < 0.039
    assert small.any()
    assert (after.get_parameter("4.weight")[small] == 0).all()
    assert (after.get_parameter("4.weight")[~small] != 0).any()


def test_rows_are_pulled_to_be_orthonormal(start, made, step):
    model = nn.Sequential(nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 4))
    task, network = made(model, torch.randn(16, 5), torch.arange(16) % 4)
    expected = 0.0
    for layer, wide in ((model[0], True), (model[2], False)):
        w = layer.weight.detach() if wide else layer.weight.detach().T
        for i in range(len(w)):
            for j in range(len(w)):
                expected += (float((w[i] * w[j]).sum()) - (i == j)) ** 2
    hook = start(Orthogonal(strength=0.2), task, network)
    assert hook.term(step(torch.zeros(2, 4), None)).item() == pytest.approx(0.2 * expected, rel=1e-5)


def test_orthogonal_weights_cost_nothing(start, made, step):
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    for layer in (model[0], model[2]):
        nn.init.orthogonal_(layer.weight)
    hook = start(Orthogonal(strength=1.0), *made(model, torch.randn(16, 6), torch.arange(16) % 2))
    assert hook.term(step(torch.zeros(2, 2), None)).item() == pytest.approx(0.0, abs=1e-9)


def test_the_largest_singular_value_is_found_and_lowered(start, setting, step):
    hook = start(Spectral(strength=0.3))
    weights = [setting.network.get_parameter(name).detach().flatten(1) for name in WEIGHTS]
    for _ in range(200):
        term = hook.term(step(torch.zeros(2, 3), None))
    expected = 0.15 * sum(float(torch.linalg.svdvals(w)[0]) ** 2 for w in weights)
    assert term.item() == pytest.approx(expected, rel=1e-4)
    (slope,) = torch.autograd.grad(term, [hook._weights[1]])
    u, s, v = torch.linalg.svd(weights[1])
    torch.testing.assert_close(slope, 0.3 * s[0] * torch.outer(u[:, 0], v[0]), rtol=1e-2, atol=1e-4)


def test_no_row_is_longer_than_the_limit(setting, still):
    after = still(MaxNorm(limit=0.5))
    for name in WEIGHTS:
        before, found = (n.get_parameter(name).detach().flatten(1) for n in (setting.network, after))
        long = before.norm(dim=1) > 0.5
        assert torch.equal(found[~long], before[~long])
        torch.testing.assert_close(found[long], 0.5 * nn.functional.normalize(before[long], dim=1))
    rows = [setting.network.get_parameter(name).detach().flatten(1).norm(dim=1) for name in WEIGHTS]
    assert (torch.cat(rows) > 0.5).any()


def test_a_row_of_0_stays(made, still, setting):
    with torch.no_grad():
        setting.network.get_parameter("4.weight")[0].zero_()
    assert (still(MaxNorm()).get_parameter("4.weight")[0] == 0).all()


@pytest.fixture
def begun(setting):
    """``begun(ingredient)`` gives the weights after `start` on a copy."""

    def begin(ingredient, seed=0):
        import types

        network = setting.network.copy().train()
        ingredient.start(types.SimpleNamespace(network=network, seed=seed))
        return network

    return begin


def test_shrinking_alone_scales_weights(setting, begun):
    network = begun(ShrinkPerturb(shrink=0.25, perturb=0.0))
    for name, parameter in network.named_parameters():
        factor = 0.25 if name in WEIGHTS else 1.0
        assert torch.equal(parameter, setting.network.get_parameter(name) * factor)


def test_the_noise_has_the_deviation_of_a_fresh_layer(setting, begun):
    one, again, other = (begun(ShrinkPerturb(shrink=0.0, perturb=0.5), seed) for seed in (0, 0, 1))
    noise = one.get_parameter("4.weight")
    assert float(noise.detach().std()) == pytest.approx(0.5 / math.sqrt(192), rel=0.1)
    assert torch.equal(noise, again.get_parameter("4.weight"))
    assert not torch.equal(noise, other.get_parameter("4.weight"))


def test_rounded_and_tied_weights_are_found_once(made):
    from paredown.graph.fakequantize import Grid, insert_after
    from paredown.graph.formats import UINT8
    from paredown.regularize import layers

    network = made(nn.Sequential(nn.Linear(5, 4)), torch.randn(16, 5), torch.arange(16) % 4)[1]
    weight = next(node for node in network.nodes() if str(node.target) == "0.weight")
    insert_after(network, weight, "0.rounded", Grid(torch.tensor(0.01), torch.tensor(128.0), UINT8))
    assert list(layers.require(network.recompile(), "regularize.MaxNorm")) == ["0.weight"]


@pytest.mark.parametrize("ingredient", [MaxNorm(), Orthogonal(), Spectral(), ShrinkPerturb()], ids=str)
def test_networks_without_layers_are_refused(start, made, ingredient):
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return x * self.scale

    with pytest.raises(RecipeError, match=rf"{type(ingredient).__name__} works on weights of linear layers.*has none"):
        start(ingredient, *made(Scale(), torch.randn(16, 3), torch.arange(16) % 3))
