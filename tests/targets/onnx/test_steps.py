"""LSTMs with rounded weights."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import paredown
from paredown import quantize
from paredown.errors import LoweringError
from paredown.graph.fakequantize import fake_quantized
from paredown.recipe import Evidence
from paredown.targets import OnnxRuntime, Torch
from paredown.targets.onnx import exporter, model, words

EVIDENCE = Evidence.empty(OnnxRuntime().capabilities)


class Recurrent(nn.Module):
    """An LSTM with a head, and its last states."""

    def __init__(self, **options):
        super().__init__()
        self.steps = nn.LSTM(8, 16, **options)
        self.head = nn.Linear(16 * (1 + self.steps.bidirectional), 4)

    def forward(self, x):
        y, (h, c) = self.steps(x)
        return self.head(y), h, c


def network_of(**options):
    torch.manual_seed(0)
    return paredown.capture(Recurrent(batch_first=True, **options), torch.randn(2, 5, 8))


def decibel(wanted, got):
    return 10 * np.log10(np.square(wanted).sum() / np.square(wanted - got).sum())


@pytest.mark.parametrize(
    "options",
    [{}, {"bias": False}, {"num_layers": 2, "bidirectional": True}],
    ids=["plain", "without biases", "two layers, both ways"],
)
@pytest.mark.parametrize("direct", [True, False])
def test_the_runtimes_lstm_computes_what_the_network_does(options, direct, tmp_path, monkeypatch):
    if not direct:
        monkeypatch.setattr(model, "translate", lambda _: None)
    rounded = quantize.DynamicInt8().on(network_of(**options), EVIDENCE)
    assert len([entry for entry in fake_quantized(rounded) if "steps" in str(entry.value.target)]) == 2 * len(
        [name for name, _ in rounded.named_parameters() if "weight_ih" in name and not name.endswith("_scale")]
    )
    artifact = OnnxRuntime().lower(rounded, tmp_path / "network.onnx")
    assert artifact.lowering.operators["DynamicQuantizeLSTM"] == options.get("num_layers", 1)
    assert "LSTM" not in artifact.lowering.operators
    x = torch.randn(3, 5, 8)
    with OnnxRuntime().open(artifact.path) as session:
        got = session.run([x.numpy()])
    y, h, c = (value.detach().numpy() for value in rounded(x))
    assert min(decibel(wanted, value) for wanted, value in zip((y, h, c), got, strict=True)) > 35


def test_weights_are_stored_in_eight_bits(tmp_path):
    rounded = quantize.DynamicInt8().on(network_of(), EVIDENCE)
    artifact = OnnxRuntime().lower(rounded, tmp_path / "network.onnx")
    stored = [
        tensor for tensor in onnx.load(artifact.path).graph.initializer if tensor.data_type == onnx.TensorProto.INT8
    ]
    assert sorted(tuple(tensor.dims) for tensor in stored if len(tensor.dims) == 3) == [(1, 8, 64), (1, 16, 64)]
    assert artifact.lowering.weight_bits == EVIDENCE.capabilities.int8.weight_bits


def test_it_is_stored_and_trained_like_any_other(tmp_path):
    rounded = quantize.DynamicInt8().on(network_of(), EVIDENCE)
    rounded.save(tmp_path / "network.pt2")
    assert paredown.Network.load(tmp_path / "network.pt2").fingerprint() == rounded.fingerprint()
    x = torch.randn(3, 5, 8)
    rounded.copy().train()(x)[0].square().mean().backward()
    Torch().lower(rounded, tmp_path / "eager.pt2")


def test_a_weight_left_in_float_is_refused_by_name(tmp_path):
    rounded = quantize.DynamicInt8().on(network_of(), EVIDENCE)
    entry = next(entry for entry in fake_quantized(rounded) if str(entry.value.target) == "steps.weight_hh_l0")
    entry.node.replace_all_uses_with(entry.value)
    rounded.graph_module.graph.erase_node(entry.node)
    with pytest.raises(
        LoweringError, match=r"weight of node 'lstm' is not rounded per output .*quantize.DynamicInt8\(\)"
    ):
        OnnxRuntime().lower(rounded.recompile(), tmp_path / "network.onnx")


def test_the_word_computes_an_lstm():
    lstm = nn.LSTM(6, 4, bidirectional=True)
    x, gates = torch.randn(5, 2, 6), [0, 3, 1, 2]

    def turned(name):
        rows = [getattr(lstm, f"{name}_l0{side}").detach() for side in ("", "_reverse")]
        return torch.stack([torch.cat([row.chunk(4)[gate] for gate in gates]) for row in rows])

    weight, recurrent = ((turned(name).transpose(1, 2) * 100).round() for name in ("weight_ih", "weight_hh"))
    with torch.no_grad():
        for name, values in (("weight_ih", weight), ("weight_hh", recurrent)):
            for side, rows in zip(("", "_reverse"), values.transpose(1, 2) / 100, strict=True):
                parts = rows.chunk(4)
                getattr(lstm, f"{name}_l0{side}").copy_(torch.cat([parts[gates.index(gate)] for gate in range(4)]))
    bias = torch.cat([turned("bias_ih"), turned("bias_hh")], 1)
    grid = torch.full((2, 16), 0.01), torch.zeros(2, 16, dtype=torch.int8)
    state = torch.randn(2, 2, 4), torch.randn(2, 2, 4)
    every, h, c = words.lstm_narrow(x, weight.to(torch.int8), recurrent.to(torch.int8), bias, *state, *grid, *grid)
    wanted, (last, cell) = lstm(x, state)
    torch.testing.assert_close(every.permute(0, 2, 1, 3).flatten(2), wanted.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(h, last.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(c, cell.detach(), rtol=1e-4, atol=1e-5)
    assert words.lstm_narrow._opoverload in exporter._TABLE
