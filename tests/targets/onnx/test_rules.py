"""Every rule against torch itself, in the file as ONNX Runtime runs it."""

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown.targets import OnnxRuntime
from paredown.targets.onnx import model as onnx_model


class Call(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.randn(4, 4, generator=torch.Generator().manual_seed(0)))

    def forward(self, x):
        return self.function(x, self.weight)


IMAGE, ROWS = (4, 6, 8), (4,)
FUNCTIONS = {
    "relu": (IMAGE, lambda x, _: x.relu()),
    "sigmoid": (IMAGE, lambda x, _: x.sigmoid().tanh().exp()),
    "square root": (IMAGE, lambda x, _: (x.abs() + 1.0).sqrt().log().neg()),
    "hardswish": (IMAGE, lambda x, _: F.hardswish(x)),
    "hardsigmoid": (IMAGE, lambda x, _: F.hardsigmoid(4 * x)),
    "silu": (IMAGE, lambda x, _: F.silu(x)),
    "gelu": (IMAGE, lambda x, _: F.gelu(x) + F.gelu(x, approximate="tanh")),
    "elu": (IMAGE, lambda x, _: F.elu(x, 0.5)),
    "leaky relu": (IMAGE, lambda x, _: F.leaky_relu(x, 0.2)),
    "prelu": (IMAGE, lambda x, w: F.prelu(x, w[0])),
    "relu6": (IMAGE, lambda x, _: F.relu6(4 * x)),
    "hardtanh": (IMAGE, lambda x, _: F.hardtanh(x, -0.5, 0.7)),
    "clamp": (IMAGE, lambda x, _: x.clamp(min=-0.1) + x.clamp(-0.5, 0.2) + x.clamp_min(0.3)),
    "arithmetic": (IMAGE, lambda x, _: (x + 1.5) * 2 - x / 3.0 + x * x),
    "broadcast": (IMAGE, lambda x, w: x + w[0].reshape(4, 1, 1)),
    "softmax": (IMAGE, lambda x, _: x.softmax(1) + x.log_softmax(-1)),
    "max pool": (IMAGE, lambda x, _: F.max_pool2d(x, 3, 2, 1)),
    "average pool": (IMAGE, lambda x, _: F.avg_pool2d(x, (3, 2), 2, 1)),
    "average pool inside": (IMAGE, lambda x, _: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)),
    "whole average": (IMAGE, lambda x, _: F.avg_pool2d(x, (6, 8))),
    "adaptive pool": (IMAGE, lambda x, _: F.adaptive_avg_pool2d(x, (3, 2))),
    "adaptive pool to one": (IMAGE, lambda x, _: F.adaptive_avg_pool2d(x, 1)),
    "mean of images": (IMAGE, lambda x, _: x.mean((2, 3)) + x.mean((-1, -2), keepdim=True).flatten(1)),
    "mean of channels": (IMAGE, lambda x, _: x.mean(1, keepdim=True) * x.mean((1,))[:, None]),
    "reshape": (IMAGE, lambda x, _: x.reshape(x.shape[0], 2, 2, 48).flatten(2).view(-1, 2, 12, 8)),
    "merge batch": (IMAGE, lambda x, _: x.reshape(-1, 8).relu().reshape(-1, 4, 6, 8)),
    "permute": (IMAGE, lambda x, _: x.permute(0, 2, 3, 1).transpose(1, 2)),
    "squeeze": (IMAGE, lambda x, _: x[:, 1:2].squeeze(1).unsqueeze(-1)),
    "slice": (IMAGE, lambda x, _: x[:, 1:3, ::2, -3:]),
    "select": (IMAGE, lambda x, _: x[:, 2] + x[:, -1]),
    "pad": (IMAGE, lambda x, _: F.pad(x, (1, 2, 0, 1, 2, 2)) + F.pad(x, (1, 2, 0, 1, 2, 2), value=0.5)),
    "concatenate": (IMAGE, lambda x, _: torch.cat([x, 2 * x], 1)),
    "chunk": (IMAGE, lambda x, _: x.chunk(2, 1)[1] * x.split([1, 2, 1], 1)[1]),
    "unbind": (IMAGE, lambda x, _: x.unbind(1)[0] + x.unbind(1)[3]),
    "matmul": (IMAGE, lambda x, _: x @ x.transpose(-1, -2)),
    "linear": (ROWS, F.linear),
    "linear on sequences": ((5, 4), F.linear),
    "attention": (IMAGE, lambda x, _: F.scaled_dot_product_attention(x, x + 1, 2 * x)),
    "attention with a mask": (
        IMAGE,
        lambda x, _: F.scaled_dot_product_attention(x, x, x, attn_mask=x[:, :1, :, :6] + 1, scale=0.3),
    ),
    "upsample": (IMAGE, lambda x, _: F.interpolate(x, scale_factor=2.0)),
    "expand": (IMAGE, lambda x, w: x + w[0, :1, None, None].expand(x.shape[0], 4, 6, 8) + x[:, :1].expand_as(x)),
    "class token": (
        IMAGE,
        lambda x, w: torch.cat([w[:, :, None, None].sum(1).expand(x.shape[0], -1, 1, 8), x[:, :, :1]], 2),
    ),
    "look up": (
        IMAGE,
        lambda x, _: (
            x[:, torch.tensor([2, 0, 2])] + x[:, :, torch.tensor([[0], [-1]])].sum((1, 2), keepdim=True).squeeze(1)
        ),
    ),
    "power": (IMAGE, lambda x, _: x**2 + x.abs() ** 1.5 + x**3 + (x.abs() + 0.1).rsqrt()),
    "sum": (IMAGE, lambda x, _: x.sum((1, -1)) + x.sum(-1, keepdim=True).squeeze(-1).sum(1)),
    "norm": (IMAGE, lambda x, _: F.normalize(x, dim=-1) + x.norm(p=1, dim=1, keepdim=True)),
    "stack": (
        IMAGE,
        lambda x, _: torch.stack([x, 2 * x], -1).flatten(3) + torch.stack((x, -x), 2).flatten(1)[:, :1, None, None],
    ),
    "bias plus product": (ROWS, lambda x, w: torch.addmm(w[0], x, w)),
    "einsum": (IMAGE, lambda x, w: torch.einsum("bchw,cd->bdhw", x, w)),
    "cast": (IMAGE, lambda x, _: (x.double() * 2).float()),
    "reshape as": (IMAGE, lambda x, _: x.flatten(1).reshape_as(x.transpose(1, 3))),
    "positions": (
        IMAGE,
        lambda x, _: x * torch.cat([torch.arange(4.0).sin(), torch.arange(4).cumsum(0) / 3.0]).flip(0),
    ),
    "upsample linearly": (
        IMAGE,
        lambda x, _: (
            F.interpolate(x, scale_factor=2.0, mode="bilinear")[:, :, :9, :13]
            + F.interpolate(x, size=(9, 13), mode="bilinear", align_corners=True)
            + F.interpolate(x, size=(9, 13), mode="bilinear")
        ),
    ),
    "upsample to a size": (IMAGE, lambda x, _: F.interpolate(x, size=(12, 24))),
}


def file_and_model(model, x, tmp_path):
    """What the file gives, and what the model gives."""
    network = paredown.capture(model.eval(), x[:2])
    OnnxRuntime().lower(network, tmp_path / "network.onnx")
    with OnnxRuntime().open(tmp_path / "network.onnx") as session:
        (got,) = session.run([x.numpy()])
    with torch.no_grad():
        return got, model(x).numpy()


def no_exporter(network):
    """In place of torch's exporter, where the rules are to do it alone."""
    pytest.fail("the rules do not cover this network")


close = functools.partial(np.testing.assert_allclose, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_model, "export", no_exporter)
    shape, function = FUNCTIONS[name]
    x = torch.randn(5, *shape, generator=torch.Generator().manual_seed(1))
    close(*file_and_model(Call(function), x, tmp_path))


MODULES = {
    "convolution": nn.Conv2d(4, 6, 3, stride=2, padding=(1, 0), dilation=(1, 2)),
    "grouped": nn.Conv2d(4, 8, (1, 3), groups=2, bias=False),
    "transposed": nn.ConvTranspose2d(4, 6, 3, 2, padding=1, output_padding=1),
    "batch norm": nn.BatchNorm2d(4),
    "batch norm without weights": nn.BatchNorm2d(4, affine=False),
    "layer norm": nn.LayerNorm((6, 8)),
    "dropout": nn.Sequential(nn.Dropout(0.5), nn.Dropout2d(0.5)),
    "perceptron": nn.Sequential(nn.Flatten(), nn.Linear(192, 5), nn.ReLU(), nn.Linear(5, 3, bias=False)),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_model, "export", no_exporter)
    torch.manual_seed(0)
    model = MODULES[name]
    for buffer in model.buffers():
        if buffer.is_floating_point():
            nn.init.uniform_(buffer, 0.5, 2.0)
    close(*file_and_model(model, torch.randn(5, 4, 6, 8), tmp_path))


def test_embeddings_and_token_pooling(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_model, "export", no_exporter)

    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.head = nn.Embedding(20, 8), nn.Linear(8, 3)

        def forward(self, ids):
            return self.head(self.table(ids).mean(1))

    close(*file_and_model(Words(), torch.randint(0, 20, (5, 7)), tmp_path))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, _: F.max_pool2d(x, 3, 2, ceil_mode=True),
        lambda x, _: F.pad(x, (1, 1, 1, 1), mode="reflect"),
        lambda x, _: torch.sub(x, 1.0, alpha=2),
    ],
    ids=["ceil", "reflect", "alpha"],
)
def test_what_the_rules_leave_goes_through_the_general_exporter(function, tmp_path, monkeypatch):
    calls = []
    export = onnx_model.export
    monkeypatch.setattr(onnx_model, "export", lambda network: calls.append(1) or export(network))
    x = torch.randn(5, *IMAGE, generator=torch.Generator().manual_seed(1))
    close(*file_and_model(Call(function), x, tmp_path))
    assert calls == [1]
