"""Silero's voice activity detector, 16 kHz: ``silero-vad/silero_vad_16k.safetensors``.

One step reads 512 new samples after the last 64 and the two states of a recurrent cell, and returns the probability of
speech and the next states. Frames of 256 samples are turned into spectra by a convolution with stored sines.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

__all__ = ["NEW", "SAVED", "STATE", "Silero", "audio", "frames", "load", "stream"]

NEW, SAVED, STATE = 512, 64, 128
_BINS = 129


class Silero(nn.Module):
    """``(audio [n, 576], hidden [n, 128], cell [n, 128])`` to ``(probability [n, 1], hidden, cell)``."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 2 * _BINS, 256, stride=128, bias=False)
        self.conv1 = nn.Conv1d(_BINS, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm_cell = nn.LSTMCell(128, STATE)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def forward(self, audio: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One step."""
        padded = F.pad(audio[:, None], (0, 64), mode="reflect")
        real, imaginary = self.stft_conv(padded).chunk(2, dim=1)
        spectrum = (real.square() + imaginary.square()).sqrt()
        values = F.relu(self.conv2(F.relu(self.conv1(spectrum))))
        values = F.relu(self.conv4(F.relu(self.conv3(values))))
        hidden, cell = self.lstm_cell(values.squeeze(-1), (hidden, cell))
        return self.final_conv(F.relu(hidden).unsqueeze(-1)).sigmoid().squeeze(-1), hidden, cell


def load(data: Path) -> Silero:
    """The trained network in eval mode."""
    model = Silero()
    model.load_state_dict(load_file(data / "silero-vad/silero_vad_16k.safetensors"))
    return model.eval()


def audio(data: Path) -> tuple[Tensor, Tensor]:
    """A minute of speech ``[960000]`` in -1 to 1, and the probabilities ``[1875]`` that the makers' network gives."""
    with np.load(data / "silero-vad/test_audio_16k.npz") as stored:
        return torch.from_numpy(stored["audio"].astype(np.float32) / 32768), torch.from_numpy(stored["prob_per_512"])


def frames(samples: Tensor) -> Tensor:
    """What the steps read, ``[steps, 576]``: every 512 samples after the 64 before them (silence before the first)."""
    return F.pad(samples, (SAVED, 0)).unfold(0, SAVED + NEW, NEW)


def stream(model: nn.Module, samples: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """Step through the samples, states carried on: what each step was given, and the probabilities ``[steps, 1]``."""
    hidden = cell = torch.zeros(1, STATE)
    given, said = [], []
    with torch.no_grad():
        for frame in frames(samples).split(1):
            given.append((frame, hidden, cell))
            probability, hidden, cell = model(frame, hidden, cell)
            said.append(probability)
    read, states, cells = (torch.cat(parts) for parts in zip(*given, strict=True))
    return (read, states, cells), torch.cat(said)
