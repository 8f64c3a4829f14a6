"""Terms that run the network a second time."""

import dataclasses
import math
import types

import pytest
import torch
from torch import nn
from torch.nn import functional

import paredown
from paredown.errors import RecipeError
from paredown.regularize import Dropout, GradientPenalty, JacobianPenalty, ManifoldMixup, RDrop
from paredown.regularize.r_drop import _draws


def softmax(row):
    total = sum(math.exp(v) for v in row)
    return [math.exp(v) / total for v in row]


def divergence(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def dropping(made):
    """A task with a network that has dropout."""
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
    return made(model, torch.randn(16, 5), torch.arange(16) % 3)


def test_two_passes_are_compared_as_in_the_paper(start, dropping, step):
    one, two = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0, 1, 2, -1, 0, 1])
    term = start(RDrop(strength=2.0), *dropping).term(step(one, target, forward=lambda _: two))
    rows = [i for i in range(6) if target[i] >= 0]
    expected = 0.0
    for i in rows:
        p, q = softmax(one[i].tolist()), softmax(two[i].tolist())
        expected += 0.25 * 2.0 * (divergence(p, q) + divergence(q, p)) / len(rows)
    assert term.item() == pytest.approx(expected, rel=1e-4)


def test_mixing_inside_is_the_same_in_both_passes(setting):
    twin = setting.network.copy().train()
    ManifoldMixup().start(types.SimpleNamespace(network=twin))
    assert not _draws(twin)
    Dropout().start(types.SimpleNamespace(network=twin))
    assert _draws(twin)


def test_equal_passes_cost_nothing(start, dropping, step):
    outputs = torch.randn(4, 3)
    term = start(RDrop(), *dropping).term(step(outputs, torch.zeros(4).long(), forward=lambda _: outputs.clone()))
    assert term.item() == 0.0


def test_networks_without_dropout_have_to_be_given_some(setting, start):
    with pytest.raises(
        RecipeError, match=r"RDrop compares two passes.*using=\[regularize.Dropout\(\), regularize.RDrop"
    ):
        start(RDrop())
    train = dataclasses.replace(setting.train, using=[Dropout(0.3), RDrop()])
    assert train.fit(setting.network, setting.evidence).history[-1]["regularize.RDrop"] > 0


class Attend(nn.Module):
    """Attention of a sequence to itself, with dropout of its own while training."""

    def __init__(self, probability=0.0):
        super().__init__()
        self.probability, self.layer, self.head = probability, nn.Linear(8, 8), nn.Linear(32, 2)

    def forward(self, x):
        x = self.layer(x).unflatten(-1, (2, 4)).transpose(1, 2)
        probability = self.probability if self.training else 0.0
        x = functional.scaled_dot_product_attention(x, x, x, dropout_p=probability)
        return self.head(x.transpose(1, 2).flatten(1))


@pytest.mark.parametrize("probability", [0.0, 0.1])
def test_attention_counts_where_it_drops(made, probability):
    from paredown.regularize.r_drop import _draws

    network = made(Attend(probability), torch.randn(16, 4, 8), torch.arange(16) % 2)[1]
    assert _draws(network.train()) == (probability > 0)


@pytest.fixture
def smooth(made):
    """A task of one number from four, with a network whose derivatives are easy to take."""
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1))
    return made(model, torch.randn(16, 4), torch.randn(16, 1), functional.mse_loss, paredown.scores.squared_error)


def jacobian(network, example):
    """``[outputs, inputs]`` by central differences, in float64."""
    network, eps = network.copy().double(), 1e-5
    moves = eps * torch.eye(example.numel(), dtype=torch.float64).reshape(-1, *example.shape)
    ahead, back = (network(example.double() + sign * moves).detach().flatten(1) for sign in (1, -1))
    return ((ahead - back) / (2 * eps)).T


def test_the_jacobian_of_one_output_is_exact(start, smooth, step):
    task, network = smooth
    x = torch.randn(5, 4)
    term = start(JacobianPenalty(strength=0.6), task, network).term(step(network(x), torch.zeros(5, 1), inputs=x))
    expected = 0.3 * sum(float(jacobian(network, example).square().sum()) for example in x) / 5
    assert term.item() == pytest.approx(expected, rel=1e-4)


def test_the_jacobian_of_several_outputs_is_right_on_average(start, made, step):
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    task, network = made(model, torch.randn(16, 4), torch.arange(16) % 3)
    x = torch.randn(1, 4)
    hook = start(JacobianPenalty(strength=2.0), task, network)
    given = step(network(x), torch.zeros(1).long(), inputs=x)
    found = torch.stack([hook.term(given).detach() for _ in range(600)])
    expected = float(jacobian(network, x[0]).square().sum())
    assert abs(float(found.mean()) - expected) < 4 * float(found.std()) / math.sqrt(600)
    assert float(found.std()) > 0


def test_the_gradient_of_the_loss_is_exact(start, smooth, step):
    task, network = smooth
    x, y, z = torch.randn(5, 4), torch.randn(5, 1), torch.randn(5, 1)
    given = step(network(x), y, inputs=x, targets=((0.75, y), (0.25, z)))
    term = start(GradientPenalty(strength=0.5), task, network).term(given)
    expected = 0.0
    for example, one, two in zip(x, y, z, strict=True):
        out = network(example[None])[0].detach().double()
        slope = (2 * (0.75 * (out - one) + 0.25 * (out - two)) @ jacobian(network, example)).square().sum()
        expected += 0.5 * float(slope) / 5
    assert term.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("ingredient", [JacobianPenalty(1.0), GradientPenalty(1.0)], ids=str)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_what_is_trained_with_it_is_flatter(setting, ingredient, precision):
    train = dataclasses.replace(setting.train, epochs=4, precision=precision)
    inputs = next(setting.evidence.work.select.batches(32))[0]

    def slope(using):
        network = dataclasses.replace(train, using=using).fit(setting.network, setting.evidence).network
        return sum(float(jacobian(network, example).square().sum()) for example in inputs[:4])

    assert slope([ingredient]) < 0.9 * slope([])


@pytest.mark.parametrize("ingredient", [JacobianPenalty(), GradientPenalty()], ids=str)
def test_inputs_stay_as_they_are(start, smooth, step, ingredient):
    task, network = smooth
    x = torch.randn(5, 4)
    start(ingredient, task, network).term(step(network(x), torch.zeros(5, 1), inputs=x))
    assert not x.requires_grad
    assert x.grad is None


@pytest.mark.parametrize("ingredient", [JacobianPenalty(), GradientPenalty()], ids=str)
def test_attention_can_be_differentiated_twice(made, ingredient):
    from paredown.recipe import AdamW, Evidence, Train

    task, network = made(Attend(), torch.randn(16, 4, 8), torch.arange(16) % 2)
    train = Train(epochs=1, optimizer=AdamW(lr=1e-3), early=None, device="cpu", using=[ingredient])
    (row,) = train.fit(network, Evidence.of(task)).history
    assert row[f"regularize.{type(ingredient).__name__}"] > 0


@pytest.mark.parametrize("ingredient", [JacobianPenalty(), GradientPenalty()], ids=str)
def test_token_ids_have_no_derivative(start, words, ingredient):
    with pytest.raises(RecipeError, match=rf"{type(ingredient).__name__} takes derivatives.*int64.*EmbeddingNoise"):
        start(ingredient, *words)


def test_outputs_of_several_tensors_are_refused(start, made):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            return self.head(x), x

    task, network = made(Two(), torch.randn(16, 4), torch.arange(16) % 2)
    task = dataclasses.replace(task, logits=lambda raw: raw)
    with pytest.raises(RecipeError, match=r"JacobianPenalty takes derivatives of one tensor.*tuple"):
        start(JacobianPenalty(), task, network)


def test_operators_without_a_second_derivative_are_named(start, smooth, monkeypatch):
    from paredown.regularize import slopes

    def fails(*_):
        msg = "derivative for aten::spin_backward is not implemented"
        raise RuntimeError(msg)

    monkeypatch.setattr(slopes, "square", fails)
    with pytest.raises(RecipeError, match=r"differentiates twice.*no second derivative \(derivative for aten::spin"):
        start(JacobianPenalty(), *smooth)
