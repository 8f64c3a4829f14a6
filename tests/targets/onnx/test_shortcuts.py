"""Padded, strided shortcuts become identity convolutions with the same numbers, float and 8-bit."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from paredown import capture
from paredown.targets import OnnxRuntime
from paredown.targets.onnx.shortcuts import convolve_shortcuts

_aten = torch.ops.aten


class Shortcut(nn.Module):
    def __init__(self, padding=(0, 0, 0, 0, 2, 3), stride=2, value=0.0):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.padding, self.stride, self.value = padding, stride, value

    def forward(self, x):
        x = self.conv(x)
        return F.pad(x[:, :, :: self.stride, :: self.stride], self.padding, value=self.value)


def targets_of(network):
    return [node.target for node in network.nodes()]


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_same_numbers_without_pad_and_slice(stride):
    torch.manual_seed(0)
    network = capture(Shortcut(stride=stride).eval(), torch.randn(2, 3, 12, 12))
    x = torch.randn(5, 3, 12, 12)
    before = network(x)
    assert convolve_shortcuts(network) == 1
    assert torch.equal(network(x), before)
    assert _aten.pad.default not in targets_of(network)
    assert _aten.slice.Tensor not in targets_of(network)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(Shortcut(value=1.0), id="pads with ones"),
        pytest.param(Shortcut(padding=(1, 1, 0, 0, 2, 2)), id="pads width too"),
    ],
)
def test_other_paddings_stay(model):
    network = capture(model.eval(), torch.randn(2, 3, 12, 12))
    assert convolve_shortcuts(network) == 0


def test_large_images_stay(monkeypatch):
    monkeypatch.setattr("paredown.targets.onnx.shortcuts.MOST_MACS", 100)
    assert convolve_shortcuts(capture(Shortcut().eval(), torch.randn(2, 3, 12, 12))) == 0


def test_the_file_agrees_and_holds_no_pad(tmp_path):
    import onnx

    torch.manual_seed(0)
    network = capture(Shortcut().eval(), torch.randn(2, 3, 12, 12))
    artifact = OnnxRuntime().lower(network, tmp_path / "x.onnx")
    assert {node.op_type for node in onnx.load(artifact.path).graph.node} == {"Conv"}
