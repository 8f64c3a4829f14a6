"""Autoencoder for sounds of machines, MLPerf Tiny: ``mlperf-tiny/ad_autoencoder.safetensors``.

Its own data is not at hand. Its inputs here are made as its makers make them (five frames of 128 log-mel energies), of
speech.
"""

import itertools
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks.checkpoints import silero

__all__ = ["Autoencoder", "load", "spectra"]

_WIDTHS = (640, 128, 128, 128, 128, 8, 128, 128, 128, 128)
_WINDOW, _HOP, _MELS, _FRAMES, _RATE = 1024, 512, 128, 5, 16_000


class Autoencoder(nn.Module):
    """Vectors ``[n, 640]`` to vectors ``[n, 640]``; what differs much is an anomaly."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for narrow, wide in itertools.pairwise(_WIDTHS):
            layers += [nn.Linear(narrow, wide), nn.BatchNorm1d(wide, eps=1e-3), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(128, 640))

    def forward(self, vectors: Tensor) -> Tensor:
        """The vectors as the network knows them."""
        return self.layers(vectors)


def load(data: Path) -> Autoencoder:
    """The trained network in eval mode."""
    stored, model, state = load_file(data / "mlperf-tiny/ad_autoencoder.safetensors"), Autoencoder(), {}
    for number in range(len(_WIDTHS)):
        for place, kind in enumerate(("dense", "batch_normalization")):
            prefix = f"{kind}_{number}." if number else f"{kind}."
            state |= {
                f"layers.{3 * number + place}.{name.removeprefix(prefix)}": tensor
                for name, tensor in stored.items()
                if name.startswith(prefix)
            }
    model.load_state_dict(state)
    return model.eval()


def spectra(data: Path) -> Tensor:
    """Every five frames in a row of the minute of speech that comes with `silero`, ``[n, 640]``."""
    samples, _ = silero.audio(data)
    power = torch.stft(
        samples, _WINDOW, _HOP, window=torch.hann_window(_WINDOW), return_complex=True, pad_mode="reflect"
    )
    energies = (_mel_filters() @ power.abs().square()).clamp_min(torch.finfo(torch.float32).eps)
    frames = 10 * energies.log10()
    return frames.unfold(1, _FRAMES, 1).permute(1, 2, 0).reshape(-1, _FRAMES * _MELS).contiguous()


def _mel_filters() -> Tensor:
    """Triangles ``[128, 513]`` between points that are evenly spaced in mel (HTK's formula), each of area 1."""
    highest = 2595 * torch.log10(torch.tensor(1 + _RATE / 2 / 700))
    mels = torch.linspace(0, float(highest), _MELS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    bins = torch.linspace(0, _RATE / 2, _WINDOW // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp_min(0) * (2 / (edges[2:] - edges[:-2]))[:, None]
