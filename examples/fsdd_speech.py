"""Spoken digits for an IoT board: a depthwise-separable network on log-mel spectrograms, in a quarter of its size.

    python examples/fsdd_speech.py DATA --time "4 min"

``DATA`` holds ``fsdd/fsdd.npz``.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from command import main, need
from torch import Tensor, nn

import paredown
from paredown import regularize

NEEDED = ("fsdd/fsdd.npz",)
RATE, SAMPLES, FRAME, HOP, BANDS = 8000, 8000, 256, 128, 40


def mel_filters() -> Tensor:
    """Triangles evenly spaced on the mel scale, ``[bins, bands]``."""
    edges = np.linspace(0.0, 2595 * np.log10(1 + RATE / 2 / 700), BANDS + 2)
    hertz = 700 * (10 ** (edges / 2595) - 1)
    bins = np.linspace(0.0, RATE / 2, FRAME // 2 + 1)[:, None]
    rising = (bins - hertz[:-2]) / (hertz[1:-1] - hertz[:-2])
    falling = (hertz[2:] - bins) / (hertz[2:] - hertz[1:-1])
    return torch.tensor(np.maximum(0.0, np.minimum(rising, falling))).float()


def spectrograms(audio: Tensor) -> Tensor:
    """Log-mel spectrograms ``[n, 1, 40, 63]`` of a second of sound each."""
    window = torch.hann_window(FRAME)
    power = torch.stft(audio, FRAME, HOP, window=window, return_complex=True).abs().square()
    mel = torch.log(power.transpose(1, 2) @ mel_filters() + 1e-6).transpose(1, 2)
    return ((mel - mel.mean()) / mel.std()).unsqueeze(1)


def read(data: Path) -> tuple[Tensor, Tensor, Tensor]:
    """Spectrograms, digits, and which of them the official split tests on."""
    with np.load(data / NEEDED[0]) as file:
        stored = dict(file)  # an archive is unpacked at every look
    audio, offsets = stored["audio"], stored["offsets"]
    sounds = np.zeros((len(offsets) - 1, SAMPLES), np.float32)
    for row, start, end in zip(sounds, offsets[:-1], offsets[1:], strict=True):
        sound = audio[start : min(end, start + SAMPLES)] / 32768
        row[: len(sound)] = sound / (np.abs(sound).max() + 1e-6)
    digits, test = torch.tensor(stored["label"]).long(), torch.tensor(stored["is_test"]).bool()
    return spectrograms(torch.from_numpy(sounds)), digits, test


def network(width: int = 64) -> nn.Sequential:
    """A strided convolution and four depthwise-separable ones (the DS-CNN of Zhang et al., arXiv:1711.07128)."""

    def separable() -> list[nn.Module]:
        depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        pointwise = nn.Conv2d(width, width, 1, bias=False)
        return [depthwise, nn.BatchNorm2d(width), nn.ReLU(), pointwise, nn.BatchNorm2d(width), nn.ReLU()]

    stem = [nn.Conv2d(1, width, (10, 4), stride=2, padding=(4, 1), bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    body = [layer for _ in range(4) for layer in separable()]
    return nn.Sequential(*stem, *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


def load(data: Path) -> paredown.Task:
    """The task: a network trained with Paredown's own loop, the official test recordings to choose and to judge."""
    need(data, NEEDED)
    inputs, digits, test = read(data)
    splits = paredown.Data(train=(inputs[~test], digits[~test]), judge=(inputs[test], digits[test]), batch_size=64)
    torch.manual_seed(0)
    task = paredown.Task(
        network().eval(), data=splits, loss=F.cross_entropy, score=paredown.scores.accuracy, name="Spoken digits"
    )
    training = paredown.Train(epochs=12, using=[regularize.SpecAugment()], early=None)
    trained = training.fit(paredown.capture(task.model, inputs[:2]), paredown.Evidence.of(task)).network
    task.model.load_state_dict(trained.state_dict())
    return task


if __name__ == "__main__":
    main(__doc__, load, time="4 min", size="30%", latency="60%", drop="2 pt")
