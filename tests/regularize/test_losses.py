"""Losses that bear wrong labels, and the price of confidence."""

import math

import pytest
import torch
from torch.nn import functional

from paredown.errors import RecipeError
from paredown.regularize import Bootstrap, ConfidencePenalty, GeneralizedCrossEntropy, SymmetricCrossEntropy

LOSSES = [Bootstrap(), Bootstrap(hard=True), GeneralizedCrossEntropy(), SymmetricCrossEntropy()]


def drawn(n=12, classes=3):
    generator = torch.Generator().manual_seed(0)
    outputs = 2 * torch.randn(n, classes, generator=generator)
    target = torch.randint(classes, (n,), generator=generator)
    target[::4] = -100
    return outputs, target


def places(outputs, target):
    """Probabilities and label of every place that counts, as plain numbers."""
    for row, y in zip(outputs.tolist(), target.tolist(), strict=True):
        if y >= 0:
            total = sum(math.exp(v) for v in row)
            yield [math.exp(v) / total for v in row], y


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def cross_entropy(outputs, target):
    return mean(-math.log(p[y]) for p, y in places(outputs, target))


NAIVE = [
    (GeneralizedCrossEntropy(q=0.7), lambda o, t: mean((1 - p[y] ** 0.7) / 0.7 for p, y in places(o, t))),
    (GeneralizedCrossEntropy(q=1.0), lambda o, t: mean(1 - p[y] for p, y in places(o, t))),
    (
        SymmetricCrossEntropy(alpha=0.3, beta=0.7, floor=-6.0),
        lambda o, t: (
            0.3 * cross_entropy(o, t)
            + 0.7 * mean(-sum(v * (0.0 if k == y else -6.0) for k, v in enumerate(p)) for p, y in places(o, t))
        ),
    ),
    (
        Bootstrap(beta=0.8),
        lambda o, t: mean(
            -sum((0.8 * (k == y) + 0.2 * v) * math.log(v) for k, v in enumerate(p)) for p, y in places(o, t)
        ),
    ),
    (
        Bootstrap(beta=0.8, hard=True),
        lambda o, t: mean(
            -sum((0.8 * (k == y) + 0.2 * (v == max(p))) * math.log(v) for k, v in enumerate(p)) for p, y in places(o, t)
        ),
    ),
]


@pytest.mark.parametrize(("ingredient", "naive"), NAIVE, ids=[str(ingredient) for ingredient, _ in NAIVE])
def test_it_is_the_formula_of_the_paper(start, ingredient, naive):
    outputs, target = drawn()
    hook = start(ingredient)
    loss = hook.loss(functional.cross_entropy(outputs, target), outputs, target)
    assert float(loss) == pytest.approx(naive(outputs, target), rel=1e-5)


@pytest.mark.parametrize("ingredient", LOSSES, ids=str)
def test_every_position_counts_alike_in_dense_outputs(start, dense, ingredient):
    outputs, target = drawn(24)
    flat = start(ingredient).loss(functional.cross_entropy(outputs, target), outputs, target)
    maps, places_ = outputs.reshape(2, 3, 4, 3).permute(0, 3, 1, 2), target.reshape(2, 3, 4)
    loss = start(ingredient, *dense).loss(functional.cross_entropy(maps, places_), maps, places_)
    torch.testing.assert_close(loss, flat)


@pytest.mark.parametrize("ingredient", LOSSES, ids=str)
def test_it_is_finite_where_the_network_is_certain(start, ingredient):
    outputs = torch.tensor([[100.0, 0.0, -100.0], [0.0, 200.0, 0.0]], requires_grad=True)
    target = torch.tensor([2, 1])
    loss = start(ingredient).loss(functional.cross_entropy(outputs, target), outputs, target)
    (slope,) = torch.autograd.grad(loss, outputs)
    assert loss.isfinite()
    assert slope.isfinite().all()


def test_towards_q_0_it_is_cross_entropy(start):
    outputs, target = drawn()
    loss = functional.cross_entropy(outputs, target)
    near = start(GeneralizedCrossEntropy(q=1e-4)).loss(loss * 0.0, outputs, target)
    torch.testing.assert_close(near, loss, rtol=1e-3, atol=0.0)


def test_an_unlikely_label_pulls_less_than_in_cross_entropy(start):
    outputs = torch.tensor([[0.0, 6.0, 0.0], [6.0, 0.0, 0.0]], requires_grad=True)
    target = torch.tensor([0, 0])  # the first label is a surprise
    hook = start(GeneralizedCrossEntropy())
    (robust,) = torch.autograd.grad(hook.loss(torch.zeros(()), outputs, target), outputs)
    (plain,) = torch.autograd.grad(functional.cross_entropy(outputs, target), outputs)
    assert robust[0].norm() < 0.05 * plain[0].norm()
    assert robust[1].norm() > 0.5 * plain[1].norm()


def test_confidence_is_priced_by_its_entropy(start, step):
    outputs, target = drawn()
    term = start(ConfidencePenalty(strength=0.3)).term(step(outputs, target))
    naive = mean(sum(v * math.log(v) for v in p) for p, _ in places(outputs, target))
    assert float(term) == pytest.approx(0.3 * naive, rel=1e-5)


def test_the_most_even_outputs_are_the_cheapest(start, step):
    hook, target = start(ConfidencePenalty(strength=1.0)), torch.zeros(1, dtype=torch.long)
    assert float(hook.term(step(torch.zeros(1, 3), target))) == pytest.approx(-math.log(3))
    assert float(hook.term(step(torch.tensor([[50.0, 0.0, 0.0]]), target))) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("ingredient", [*LOSSES, ConfidencePenalty()], ids=str)
def test_one_score_is_no_class(start, made, ingredient):
    def loss(outputs, target):
        return functional.binary_cross_entropy_with_logits(outputs[:, 0], target.float())

    task = made(torch.nn.Linear(4, 1), torch.randn(16, 4), torch.arange(16) % 2, loss)
    with pytest.raises(RecipeError, match=rf"{type(ingredient).__name__} .* no class indices.*float32 \[2, 1\]"):
        start(ingredient, *task)


@pytest.mark.parametrize("ingredient", [*LOSSES, ConfidencePenalty()], ids=str)
def test_numbers_are_no_classes(start, words, ingredient):
    with pytest.raises(RecipeError, match=rf"{type(ingredient).__name__} .* no class indices as targets.*Leave it out"):
        start(ingredient, *words)


@pytest.mark.parametrize("ingredient", LOSSES, ids=repr)
def test_places_that_name_no_class_are_ignored_whatever_their_number(start, ingredient):
    outputs, target = drawn()
    hook, loss = start(ingredient), torch.tensor(1.0)
    assert torch.equal(hook.loss(loss, outputs, target.where(target >= 0, 255)), hook.loss(loss, outputs, target))
