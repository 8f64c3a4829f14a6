"""Channels-last memory while training."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

import paredown
from paredown.recipe import AdamW, Train
from paredown.recipe.layout import Layout

CPU = torch.device("cpu")


class Views(nn.Module):
    """A channel shuffle and a flatten by view: neither works on channels-last memory."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.head = nn.Linear(144, 4)

    def forward(self, x):
        x = self.conv(x)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.head(x.view(n, -1))


def test_it_comes_and_goes_without_a_trace(network):
    before = network.fingerprint()
    inputs = torch.randn(4, 1, 6, 6)
    outputs = network(inputs)
    layout = Layout(network, CPU, "32-true")
    layout.begin()
    weight = network.get_parameter("body.3.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()
    assert layout.put(torch.randn(4, 3, 6, 6)).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(network(layout.put(inputs)), outputs)
    layout.end()
    assert network.get_parameter("body.3.weight").is_contiguous()
    assert network.fingerprint() == before


def test_views_do_not_stand_in_the_way(evidence):
    network = paredown.capture(Views(), torch.randn(2, 1, 6, 6))
    targets = [str(node.target) for node in network.nodes()]
    assert "aten.reshape.default" in targets
    result = Train(epochs=0.3, optimizer=AdamW(lr=1e-3), device="cpu").fit(network, evidence)
    assert [str(node.target) for node in result.network.nodes()] == targets
    assert result.network.get_parameter("conv.weight").is_contiguous()


@pytest.mark.parametrize(
    ("model", "device", "precision", "last"),
    [
        (nn.Conv2d(1, 2, 1), "cpu", "32-true", True),
        (nn.Conv2d(1, 2, 1), "cuda", "bf16-mixed", True),
        (nn.Conv2d(1, 2, 1), "cuda", "32-true", False),
        (nn.Conv2d(1, 2, 1), "mps", "32-true", False),
        (nn.Linear(6, 2), "cpu", "32-true", False),
        (nn.Conv2d(1, 2, 3, stride=2), "cpu", "32-true", True),
        (nn.Conv2d(1, 2, 1, stride=2), "cpu", "32-true", False),  # torch writes beyond its memory there
        (nn.Conv2d(1, 2, 1, stride=(1, 2)), "cpu", "32-true", False),
        (nn.Conv2d(1, 2, 1, stride=2), "cuda", "bf16-mixed", True),
    ],
)
def test_it_is_used_where_it_pays(model, device, precision, last):
    network = paredown.capture(model, torch.randn(2, 1, 6, 6))
    layout = Layout(network, torch.device(device), precision)
    assert layout.last is last
    tensor = torch.randn(4, 3, 6, 6)
    assert (layout.put(tensor) is tensor) is not last


def test_strided_convolutions_of_single_pixels_train_with_one_thread(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(_SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)], env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


_SCRIPT = """
import torch
from torch import nn

import paredown
from paredown.recipe import Evidence, Train

torch.set_num_threads(1)
model = nn.Sequential(nn.Conv2d(3, 5, 1, stride=2, bias=False), nn.Flatten(), nn.Linear(45, 2))
data = paredown.Data((torch.randn(80, 3, 6, 6), torch.arange(80) % 2), judge=(torch.randn(20, 3, 6, 6), torch.arange(20) % 2))
task = paredown.Task(model, data, nn.functional.cross_entropy, paredown.scores.accuracy)
network = paredown.capture(model, torch.randn(2, 3, 6, 6))
Train(epochs=4, batch_size=16, early=None, device="cpu").fit(network, Evidence.of(task))
"""
