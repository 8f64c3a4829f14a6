"""Zeros while a network is trained."""

import torch
from torch import nn

import paredown
from paredown.graph.sparsity import mark_sparse
from paredown.recipe.zeros import Zeros


def network():
    made = paredown.capture(nn.Linear(4, 3), torch.randn(2, 4))
    with torch.no_grad():
        made.get_parameter("weight")[1] = 0.0
        made.get_parameter("bias").zero_()
    mark_sparse(made, ["weight"])
    return made


def test_gradients_are_0_where_weights_are():
    made = network()
    zeros = Zeros(made)
    made(torch.ones(2, 4)).sum().backward()
    weight, bias = made.get_parameter("weight"), made.get_parameter("bias")
    assert weight.grad.tolist() == [[2.0] * 4, [0.0] * 4, [2.0] * 4]
    assert bias.grad.tolist() == [2.0] * 3
    zeros.leave()
    weight.grad = None
    made(torch.ones(2, 4)).sum().backward()
    assert (weight.grad == 2.0).all()


def test_what_was_done_to_zeros_is_taken_back():
    made = network()
    zeros = Zeros(made)
    before = made.get_parameter("weight").detach().clone()
    with torch.no_grad():
        made.get_parameter("weight").add_(1.0)
        made.get_parameter("weight")[1] = torch.nan
    zeros.restore()
    after = made.get_parameter("weight").detach()
    assert (after[1] == 0).all()
    assert torch.equal(after[[0, 2]], before[[0, 2]] + 1.0)


def test_a_weight_that_is_not_trained_needs_nothing():
    made = network()
    made.get_parameter("weight").requires_grad_(False)
    Zeros(made).leave()
    assert (made.get_parameter("weight")[1] == 0).all()
