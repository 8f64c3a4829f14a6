"""Patterns that deserve a case of their own, where no model zoo has them alone."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["INPUTS", "MODELS", "FirstOutput"]


class FirstOutput(nn.Module):
    """The main output of a model that returns a dict."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """The value under ``out``."""
        return self.model(x)["out"]


class TalkingHeads(nn.Module):
    """Attention whose heads are mixed by a linear layer before and after the softmax (Shazeer et al. 2020)."""

    def __init__(self, width: int = 24, heads: int = 4) -> None:
        super().__init__()
        self.first = nn.Linear(8, width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.before, self.after = nn.Linear(heads, heads), nn.Linear(heads, heads)
        self.head = nn.Linear(width, 5)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 6, 8] to [batch, 5]."""
        x = self.first(x)
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        scores = self.before((q @ k.transpose(-2, -1)).permute(0, 2, 3, 1) * q.shape[-1] ** -0.5)
        scores = self.after(scores.softmax(2)).permute(0, 3, 1, 2)
        return self.head((x + self.out((scores @ v).transpose(1, 2).flatten(2))).mean(1))


class RotaryPairs(nn.Module):
    """Rotary positions over neighbouring pairs (GPT-J), angles computed in the graph from frequencies."""

    def __init__(self, width: int = 24, heads: int = 3) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(8, width), nn.Linear(width, 5)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.register_buffer("frequencies", 10.0 ** -torch.linspace(0, 1, width // heads // 2))
        self.heads = heads

    def _turn(self, x: Tensor) -> Tensor:
        angles = torch.arange(x.shape[-2])[:, None] * self.frequencies
        cos, sin = angles.cos().repeat_interleave(2, -1), angles.sin().repeat_interleave(2, -1)
        return x * cos + torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2) * sin

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 6, 8] to [batch, 5]."""
        x = self.first(x)
        q, k, v = (layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(self._turn(q), self._turn(k), v, is_causal=True)
        return self.head((x + self.out(y.transpose(1, 2).flatten(2))).mean(1))


class Speech(nn.Module):
    """A convolution over spectra, an LSTM, a bidirectional GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(10, 16, 3, padding=1)
        self.lstm = nn.LSTM(16, 20, batch_first=True)
        self.gru = nn.GRU(20, 14, batch_first=True, bidirectional=True)
        self.head = nn.Linear(28, 5)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 10, 12] to [batch, 5]."""
        y, _ = self.lstm(F.relu(self.first(x)).transpose(1, 2))
        return self.head(self.gru(y)[0].mean(1))


class TiedAutoencoder(nn.Module):
    """The decoder is the encoder's weight, transposed; the embedding of a class is the head's row."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(20, 12) * 0.2)
        self.hidden = nn.Linear(20, 20)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 12] to [batch, 12]."""
        return F.linear(F.relu(self.hidden(F.relu(F.linear(x, self.weight)))), self.weight.t())


MODELS: Mapping[str, Callable[[], nn.Module]] = {
    "RotaryPairs": RotaryPairs,
    "Speech": Speech,
    "TalkingHeads": TalkingHeads,
    "TiedAutoencoder": TiedAutoencoder,
}

INPUTS: Mapping[str, Callable[[], Any]] = {
    "RotaryPairs": lambda: torch.randn(2, 6, 8),
    "Speech": lambda: torch.randn(2, 10, 12),
    "TalkingHeads": lambda: torch.randn(2, 6, 8),
    "TiedAutoencoder": lambda: torch.randn(2, 12),
}
