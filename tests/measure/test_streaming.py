"""Networks in step form over many steps."""

import numpy as np
import pytest
import torch
from torch import nn

import paredown
from paredown.errors import InputError
from paredown.measure import Streaming, streaming
from paredown.targets import OnnxRuntime, Torch


class Step(nn.Module):
    """One step of a recurrent network with a head."""

    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.GRUCell(6, 8), nn.Linear(8, 3)

    def forward(self, x, h):
        h = self.cell(x, h)
        return self.head(h), h


class Sums(nn.Module):
    """Adds up what it reads."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, x, total):
        return total + self.layer(x).tanh()


@pytest.fixture(scope="module")
def step():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return paredown.capture(Step(), torch.randn(2, 6), torch.zeros(2, 8))


@pytest.mark.parametrize("target", [OnnxRuntime(), Torch()], ids=["onnx", "torch"])
def test_a_thousand_steps_stay_together(step, target, tmp_path):
    found = streaming(step, target.lower(step, tmp_path / f"step{target.suffix}"))
    assert found.states == {"h": 1}
    assert len(found.errors) == len(found.state_errors) == 1000
    assert found.worst > 100
    assert abs(found.growth) < 0.5
    assert str(found).startswith(f"File and network agree to {found.decibels(1):.0f} dB at step 1, ")
    assert "at step 1,000; at worst" in str(found)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_the_growth_is_the_power_of_the_step(power):
    errors = tuple(1e-7 * step**power for step in range(1, 1001))
    found = Streaming({"h": 1}, errors, errors)
    assert found.growth == pytest.approx(power, abs=0.01)
    assert found.worst == pytest.approx(140 - 60 * power, abs=0.01)
    assert str(found).endswith(f"at worst {found.worst:.0f} dB. The error grows as t^{power:.1f}.")


def test_states_and_inputs_can_be_said(tmp_path):
    network = paredown.capture(Sums(), torch.randn(2, 6), torch.zeros(2, 6))
    artifact = OnnxRuntime().lower(network, tmp_path / "sums.onnx")
    with torch.no_grad():
        network.get_parameter("layer.bias").add_(1e-2)  # another network than the file's
    inputs = [{"x": np.random.default_rng(seed).standard_normal((5, 6)).astype(np.float32)} for seed in range(3)]
    found = streaming(network, artifact, {"total": 0}, inputs=inputs, steps=20)
    assert found.states == {"total": 0}
    assert found.errors == found.state_errors
    assert 10 < found.worst < 60


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda network, file: streaming(network, file, {"g": 1}), r"states={'g': 1} was given; the network has the inputs x, h and 2 outputs"),
        (lambda network, file: streaming(network, file, {"h": 2}), r"and 2 outputs, counted from 0. Type for example states={'h': 1}"),
        (lambda network, file: streaming(network, file, steps=1), r"steps=1 was given; drift shows over many. Type steps=1000"),
        (lambda network, file: streaming(network, file, inputs=[{"y": np.zeros(1)}]), r"inputs were given without x. Give an array"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_said(step, tmp_path, call, words):
    with pytest.raises(InputError, match=words):
        call(step, OnnxRuntime().lower(step, tmp_path / "step.onnx"))


def test_a_network_without_a_state_is_named(tmp_path):
    network = paredown.capture(nn.Linear(6, 3), torch.randn(2, 6))
    with pytest.raises(
        InputError, match=r"No input of the network \(input\['batch', 6\]\) has the shape .*states={'h': 1}"
    ):
        streaming(network, OnnxRuntime().lower(network, tmp_path / "linear.onnx"))
