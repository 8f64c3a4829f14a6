"""Attention without heads."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown.targets import OnnxRuntime
from paredown.targets.onnx.widened import widened


class Attends(nn.Module):
    """Attention of three dimensions, beside an operator that only the general exporter knows."""

    def __init__(self, *, masked):
        super().__init__()
        self.qkv, self.masked = nn.Linear(8, 24), masked

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril() if self.masked else None
        return torch.cumsum(F.scaled_dot_product_attention(q, k, v, attn_mask=mask), 1)


@pytest.mark.parametrize("masked", [True, False])
def test_attention_without_heads_is_lowered(masked, tmp_path):
    model = Attends(masked=masked)
    network = paredown.capture(model, torch.randn(2, 5, 8))
    x = torch.randn(3, 5, 8)
    wide = widened(network)
    torch.testing.assert_close(wide(x), model(x))
    attention = next(node for node in wide.nodes() if node.name.startswith("scaled_dot"))
    assert attention.meta["val"].ndim == 4
    with OnnxRuntime().open(OnnxRuntime().lower(network, tmp_path / "network.onnx").path) as session:
        torch.testing.assert_close(torch.from_numpy(session.run([x.numpy()])[0]), model(x), rtol=1e-4, atol=1e-5)


def test_attention_with_heads_is_left_alone():
    network = paredown.capture(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), torch.randn(2, 5, 8))
    assert widened(network) is network
