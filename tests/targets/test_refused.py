"""Networks that no file can be checked for."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown.errors import LoweringError
from paredown.targets import OnnxRuntime, Torch
from paredown.targets.refused import refuse_randomness


class Draws(nn.Module):
    """Adds noise in one way or another."""

    def __init__(self, noise):
        super().__init__()
        self.layer, self.noise = nn.Linear(6, 6), noise

    def forward(self, x):
        return self.noise(self.layer(x))


@pytest.mark.parametrize("target", [OnnxRuntime(), Torch()], ids=["onnx", "torch"])
@pytest.mark.parametrize(
    ("noise", "operator"),
    [
        (lambda y: y + torch.randn_like(y), "aten.randn_like.default"),
        (lambda y: F.dropout(y, 0.5, training=True), "aten.dropout.default"),
    ],
    ids=["normal", "dropout that is always on"],
)
def test_networks_that_draw_in_eval_mode_are_refused(target, noise, operator, tmp_path):
    network = paredown.capture(Draws(noise), torch.randn(2, 6))
    words = rf"draws random numbers in eval mode \({operator}, node '\w+', module ''\).*`forward\(x, noise\)`"
    with pytest.raises(LoweringError, match=words):
        target.lower(network, tmp_path / f"network{target.suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("training", [True, False])
def test_what_draws_while_training_only_is_not(training):
    model = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5), nn.RReLU(), nn.TransformerEncoderLayer(6, 2, 8))
    refuse_randomness(paredown.capture(model, torch.randn(2, 6)[None].expand(3, -1, -1)).train(training), "anything")
