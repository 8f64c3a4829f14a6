"""The examples: what they say without their data, and their networks through capture, cut and file."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

import paredown
from paredown import prune, targets

EXAMPLES = Path(__file__).parents[1] / "examples"
SHARED = {"command", "resnet_cifar", "training"}
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem not in SHARED)
INPUTS = {
    "california_table": ("network", (2, 13)),
    "camvid_segmentation": ("UNet", (2, 3, 96, 128)),
    "cifar10_resnet20": ("ResNet", (2, 3, 32, 32)),
    "cmapss_series": ("network", (2, 14, 30)),
    "fashion_mnist": ("network", (2, 1, 28, 28)),
    "fsdd_speech": ("network", (2, 1, 40, 63)),
    "sst2_text": ("Transformer", (2, 32)),
}


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    known = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - known:
        if name in {*NAMES, *SHARED}:
            del sys.modules[name]


@pytest.mark.parametrize("name", NAMES)
def test_missing_data_are_named(example, name, tmp_path):
    module = example(name)
    with pytest.raises(SystemExit, match=r"lacks .* Name the folder that holds") as caught:
        module.load(tmp_path)
    assert module.NEEDED[0] in str(caught.value)
    assert module.__doc__


@pytest.mark.parametrize("name", NAMES)
def test_the_network_is_cut_in_half_and_lowered(example, name, tmp_path):
    make, shape = INPUTS[name]
    torch.manual_seed(0)
    model = getattr(example(name), make)()
    inputs = torch.randint(0, 8000, shape) if name == "sst2_text" else torch.randn(shape)
    network = paredown.capture(model.eval(), inputs)
    half = prune.Channels(keep=0.5).on(network)
    before, after = (sum(p.numel() for p in net.parameters()) for net in (network, half))
    assert after < 0.55 * before  # text: the embedding's rows stay, its width is halved
    assert targets.OnnxRuntime().lower(half, tmp_path / "half.onnx").size_bytes > 0
