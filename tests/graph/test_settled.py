"""Weights computed from parameters alone."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown.graph.inference import inference_form


class Standardised(nn.Conv2d):
    def forward(self, x):
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return F.conv2d(x, weight / weight.std((1, 2, 3), keepdim=True), self.bias, padding=self.padding)


class Sliced(nn.Module):
    """Experts cut out of one stored stack, and a bias that is computed."""

    def __init__(self):
        super().__init__()
        self.stack, self.shift = nn.Parameter(torch.randn(2, 6, 6)), nn.Parameter(torch.randn(6))

    def forward(self, x):
        return F.linear(F.linear(x, self.stack[0], self.shift.tanh()).relu(), self.stack[1])


class Shared(nn.Module):
    """The second layer reads the first one's weight, turned."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 6))

    def forward(self, x):
        return F.linear(F.linear(x, self.weight).relu(), self.weight.t())


class Frozen(nn.Module):
    """A layer whose weight is a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.randn(4, 6))

    def forward(self, x):
        return F.linear(x, self.weight)


def form_of(model, *shape):
    network = paredown.capture(model, torch.randn(2, *shape))
    form, _ = inference_form(network)
    x = torch.randn(3, *shape)
    torch.testing.assert_close(form(x), model.eval()(x))
    return form


def computed(form):
    layers = {torch.ops.aten.linear.default, torch.ops.aten.conv2d.default}
    return [node.name for node in form.nodes() if node.target in layers and node.args[1].op != "get_attr"]


@pytest.mark.parametrize(
    "model", [Standardised(3, 4, 3, padding=1), nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3))], ids=str
)
def test_weights_of_convolutions_are_computed_once(model):
    form = form_of(model, 3, 8, 8)
    assert computed(form) == []
    assert len([node for node in form.nodes() if node.op == "call_function"]) == 1


def test_parts_of_a_stack_become_weights_of_their_own():
    form = form_of(Sliced(), 6)
    assert computed(form) == []
    assert {name for name, _ in form.named_parameters()} == {"weight", "weight_", "bias"}
    assert all(parameter.requires_grad for parameter in form.parameters())


def test_what_another_layer_reads_stays_shared():
    form = form_of(Shared(), 6)
    assert len(computed(form)) == 1
    assert [name for name, _ in form.named_parameters()] == ["weight"]


def test_a_buffer_in_the_place_of_a_weight_is_a_frozen_parameter():
    form = form_of(Frozen(), 6)
    assert not form.get_parameter("weight").requires_grad
