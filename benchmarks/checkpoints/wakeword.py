"""Streaming wake word "marvin" of MLPerf Tiny: ``mlperf-tiny/sww_dscnn_marvin.safetensors``."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

__all__ = ["WakeWord", "load", "windows"]

_KERNELS, _WIDTHS = (3, 5, 10, 15), (40, 128, 128, 128, 32)


class WakeWord(nn.Module):
    """Spectra ``[n, 40, 30, 1]`` (bins, frames) to logits ``[n, 3]``: separable convolutions in time, without padding."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for kernel, narrow, wide in zip(_KERNELS, _WIDTHS, _WIDTHS[1:], strict=False):
            layers += [
                nn.Conv2d(narrow, narrow, (kernel, 1), groups=narrow, bias=False),
                nn.Conv2d(narrow, wide, 1, bias=False),
                nn.BatchNorm2d(wide, eps=1e-3),
                nn.ReLU(),
            ]
        self.features = nn.Sequential(*layers)
        self.dense = nn.Linear(32, 3)

    def forward(self, spectra: Tensor) -> Tensor:
        """Logits."""
        return self.dense(self.features(spectra).flatten(1))


def load(data: Path) -> WakeWord:
    """The trained network in eval mode."""
    stored, model, state = load_file(data / "mlperf-tiny/sww_dscnn_marvin.safetensors"), WakeWord(), {}
    for number in range(len(_KERNELS)):
        for place, kind in enumerate(("depthwise_conv2d", "conv2d", "batch_normalization")):
            prefix = f"{kind}_{number}." if number else f"{kind}."
            state |= {
                f"features.{4 * number + place}.{name.removeprefix(prefix)}": tensor
                for name, tensor in stored.items()
                if name.startswith(prefix)
            }
    state |= {name: tensor for name, tensor in stored.items() if name.startswith("dense.")}
    model.load_state_dict(state)
    return model.eval()


def windows(data: Path) -> tuple[Tensor, Tensor]:
    """The 45 labelled windows that come with the network."""
    with np.load(data / "mlperf-tiny/sww_calibration_samples.npz") as stored:
        spectra = torch.from_numpy(stored["specs"]).permute(0, 3, 1, 2).contiguous()
        return spectra, torch.from_numpy(stored["labels"]).long()
