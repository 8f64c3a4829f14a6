"""Products with stored matrices, however they are written."""

import pytest
import torch
from torch import nn

import paredown
from paredown.graph.inference import inference_form
from paredown.graph.products import stored_product

_LINEAR = torch.ops.aten.linear.default


class Product(nn.Module):
    """A function of an input and stored tensors."""

    def __init__(self, function, *shapes, tied=False):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        for name, shape in zip("wbv", shapes, strict=False):
            self.register_parameter(name, nn.Parameter(torch.randn(shape, generator=generator)))
        if tied:
            self.other = nn.Module()
            self.other.w = self.w
        self.function = function

    def forward(self, x):
        return self.function(self, x)


def linear_form(model, *shape):
    network = paredown.capture(model, torch.randn(shape))
    form, _ = inference_form(network)
    x = torch.randn(3, *shape[1:])
    torch.testing.assert_close(form(x), model(x), rtol=1e-5, atol=1e-5)
    assert network.get_parameter("w").shape == model.w.shape
    return form, [node for node in form.nodes() if node.target is _LINEAR]


CASES = {
    "matmul": (lambda m, x: x @ m.w, (6, 4)),
    "matmul and bias": (lambda m, x: x @ m.w + m.b, (6, 4), (4,)),
    "bias and matmul": (lambda m, x: m.b + torch.matmul(x, m.w), (6, 4), (4,)),
    "turned": (lambda m, x: x @ m.w.t(), (4, 6)),
    "turned by transpose": (lambda m, x: x @ m.w.transpose(0, 1), (4, 6)),
    "turned by permute": (lambda m, x: x @ m.w.permute(1, 0), (4, 6)),
    "turned by T": (lambda m, x: x @ m.w.T, (4, 6)),
    "addmm": (lambda m, x: torch.addmm(m.b, x.flatten(0, 1), m.w).unflatten(0, (-1, 5)), (6, 4), (4,)),
    "einsum": (lambda m, x: torch.einsum("bsd,dk->bsk", x, m.w), (6, 4)),
    "einsum, stored first": (lambda m, x: torch.einsum("kd,bsd->bsk", m.w, x), (4, 6)),
    "einsum with dots": (lambda m, x: torch.einsum("...d,dk->...k", x, m.w), (6, 4)),
    "einsum into heads": (lambda m, x: torch.einsum("bsd,dhk->bhsk", x, m.w), (6, 2, 3)),
    "einsum out of heads": (lambda m, x: torch.einsum("bsd,sdk->bk", x, m.w), (5, 6, 4)),
    "einsum, axes in front": (lambda m, x: torch.einsum("bsd,dk->kbs", x, m.w).movedim(0, 2), (6, 4)),
    "twice": (lambda m, x: (x @ m.w) @ m.w, (6, 6)),
    "two": (lambda m, x: (x @ m.w).relu() @ m.b, (6, 4), (4, 3)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_product_with_a_stored_matrix_is_a_linear_layer(case):
    function, *shapes = case
    form, layers = linear_form(Product(function, *shapes), 2, 5, 6)
    assert layers
    assert not any(stored_product(node) for node in form.nodes() if node.op == "call_function")
    for layer in layers:
        weight, value = layer.args[1], layer.args[0]
        assert weight.op == "get_attr"
        assert weight.meta["val"].shape == (layer.meta["val"].shape[-1], value.meta["val"].shape[-1])


@pytest.mark.parametrize("name", ["matmul and bias", "bias and matmul", "addmm"])
def test_a_stored_bias_is_the_layers_own(name):
    function, *shapes = CASES[name]
    form, (layer,) = linear_form(Product(function, *shapes), 2, 5, 6)
    assert str(layer.args[2].target) == "b"
    assert not any(node.target is torch.ops.aten.add.Tensor for node in form.nodes())
    assert layer.name in {"matmul", "addmm"}


def test_tied_names_are_turned_together():
    form, layers = linear_form(Product(lambda m, x: (x @ m.w).relu() @ m.other.w, (6, 6), tied=True), 2, 5, 6)
    assert len(layers) == 2
    assert form.get_parameter("w") is form.get_parameter("other.w")


LEFT = {
    "a stack": (lambda m, x: torch.einsum("bsd,sdk->bsk", x, m.w), (5, 6, 4)),
    "a diagonal": (lambda m, x: torch.einsum("bsd,dd->bs", x, m.w), (6, 6)),
    "no outputs": (lambda m, x: torch.einsum("bsd,d->bs", x, m.w), (6,)),
    "read otherwise": (lambda m, x: x @ m.w * m.w.sum(), (6, 4)),
    "scaled": (lambda m, x: torch.addmm(m.b, x[:, 0], m.w, beta=0.5), (6, 4), (4,)),
}


@pytest.mark.parametrize("name", ["a stack", "a diagonal", "no outputs", "read otherwise", "scaled"])
def test_what_no_linear_layer_computes_stays(name):
    function, *shapes = LEFT[name]
    form, layers = linear_form(Product(function, *shapes), 2, 5, 6)
    assert layers == []
    assert sum(stored_product(node) for node in form.nodes() if node.op == "call_function") == 1
