"""Clipping of gradients."""

import pytest
import torch
from torch import nn

from paredown.recipe.clip import clip


def with_gradients(*gradients):
    parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    return parameters


@pytest.mark.parametrize("limit", [0.3, 5.0, 1000.0])
@pytest.mark.parametrize("kinds", [(torch.float32, torch.float32), (torch.float32, torch.float64)])
def test_it_gives_the_gradients_that_torch_gives(limit, kinds):
    torch.manual_seed(0)
    gradients = [torch.randn(5, 3, dtype=kind) for kind in kinds]
    ours, torchs = with_gradients(*gradients), with_gradients(*gradients)
    clip(ours, limit)
    nn.utils.clip_grad_norm_(torchs, limit)
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(ours, torchs, strict=True))


@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
def test_gradients_that_are_not_finite_do_not_pass_for_small_ones(bad):
    (parameter,) = with_gradients(torch.tensor([1.0, bad]))
    clip([parameter], 1.0)
    assert parameter.grad[1].isnan()


def test_parameters_without_a_gradient_are_left_alone():
    with_one, without = with_gradients(torch.full((4,), 2.0))[0], nn.Parameter(torch.ones(2))
    clip([without, with_one], 1.0)
    clip([without], 1.0)
    assert without.grad is None
    assert with_one.grad.norm().item() == pytest.approx(1.0, rel=1e-5)
