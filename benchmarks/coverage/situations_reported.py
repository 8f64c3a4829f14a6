"""Situations that the trackers of other tools report."""

from typing import Any

import torch
import torch.nn.functional as F
import torch.nn.utils.prune
from torch import Tensor, nn

__all__ = [
    "Adapted",
    "Bag",
    "Complex",
    "Counting",
    "Dead",
    "Lengthy",
    "Padded",
    "Perceptron",
    "Products",
    "Recurrent",
    "States",
    "Step",
    "StraightThrough",
    "TimeFirst",
    "Volumes",
    "hooked",
    "masked",
    "remembering",
    "spectral",
    "weight_normed",
]


class _Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004 (the signature of torch)
        return x.sign()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override] # noqa: ARG004 (the signature of torch)
        return gradient


class Perceptron(nn.Module):
    """Two linear layers with an ELU."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 16), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 8] to [batch, 4]."""
        return self.second(F.elu(self.first(x)))


class StraightThrough(Perceptron):
    """A sign that passes gradients on."""

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 8] to [batch, 4]."""
        hidden: Tensor = _Sign.apply(self.first(x))  # type: ignore[no-untyped-call]
        return self.second(hidden)


class Recurrent(nn.Module):
    """Linear layers behind a recurrent one."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.steps, self.hidden, self.head = kind(8, 16, batch_first=True), nn.Linear(16, 16), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, time, 8] to [batch, 4]."""
        return self.head(self.hidden(self.steps(x)[0]).relu()[:, -1])


class Padded(nn.Module):
    """Zeros around, and an operator that only the general exporter knows."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 3, h, w] to [batch, 4]."""
        x = F.pad(self.first(F.pad(x, (1, 1, 1, 1))).relu(), (1, 1, 1, 1))
        x = F.interpolate(self.second(x).relu(), scale_factor=2.0, mode="bicubic")
        return self.head(x.mean((2, 3)))


class Bag(nn.Module):
    """Means of embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.hidden, self.head = nn.EmbeddingBag(20, 16), nn.Linear(16, 16), nn.Linear(16, 4)

    def forward(self, ids: Tensor) -> Tensor:
        """[batch, words] to [batch, 4]."""
        return self.head(self.hidden(self.table(ids)).relu())


class Products(nn.Module):
    """Linear layers in other words."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(8, 32) * 0.3), nn.Parameter(torch.zeros(32))
        self.down = nn.Parameter(torch.randn(32, 16) * 0.2)
        self.heads = nn.Parameter(torch.randn(16, 2, 8) * 0.3)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, time, 8] to [batch, time, 2, 8]."""
        y = torch.addmm(self.bias, x.reshape(-1, 8), self.weight).reshape(*x.shape[:-1], 32)
        return torch.einsum("bsd,dhk->bshk", F.gelu(y) @ self.down, self.heads)


class States(nn.Module):
    """States in and out."""

    def __init__(self) -> None:
        super().__init__()
        self.steps, self.hidden, self.head = nn.LSTM(8, 16, 2, batch_first=True), nn.Linear(16, 12), nn.Linear(12, 4)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[batch, time, 8] and two [2, batch, 16] to [batch, time, 4] and two [2, batch, 16]."""
        y, (h, c) = self.steps(x, (h, c))
        return self.head(self.hidden(y).relu()), h, c


class TimeFirst(nn.Module):
    """A mean over time, which comes first."""

    def __init__(self, body: nn.Module, width: int) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[time, batch, 8] to [batch, 4]."""
        y = self.body(x)
        return self.head((y[0] if isinstance(y, tuple) else y).mean(0))


class Dead(nn.Module):
    """A branch whose ReLU never lets anything through."""

    def __init__(self) -> None:
        super().__init__()
        self.live, self.dead, self.head = nn.Linear(8, 16), nn.Linear(8, 16), nn.Linear(16, 4)
        nn.init.constant_(self.dead.bias, -100.0)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 8] to [batch, 4]."""
        return self.head(self.live(x).relu()) + self.head(self.dead(x).relu())


class Volumes(nn.Module):
    """Two convolutions over volumes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv3d(1, 8, 3, padding=1), nn.Conv3d(8, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 1, d, h, w] to [batch, 4]."""
        return self.second(self.first(x).relu()).mean((2, 3, 4))


class Counting(nn.Module):
    """Counts its calls."""

    def __init__(self, *, read: bool = True) -> None:
        super().__init__()
        self.layers, self.read = Perceptron(), read
        self.register_buffer("calls", torch.zeros(()))
        self.calls: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 8] to [batch, 4]."""
        self.calls += 1
        return self.layers(x) * self.calls if self.read else self.layers(x)


class Step(nn.Module):
    """One step of a recurrent network."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.cell, self.head = nn.Linear(8, 12), nn.GRUCell(12, 16), nn.Linear(16, 4)

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 8] and [batch, 16] to [batch, 4] and [batch, 16]."""
        h = self.cell(self.first(x).relu(), h)
        return self.head(h), h


class Adapted(Perceptron):
    """Frozen layers, and a small product beside the first that is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.requires_grad_(requires_grad=False)
        self.down, self.up = nn.Parameter(torch.randn(4, 8) * 0.1), nn.Parameter(torch.zeros(16, 4))

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 8] to [batch, 4]."""
        return self.second(F.elu(self.first(x) + F.linear(F.linear(x, self.down), self.up)))


class Lengthy(Perceptron):
    """Takes the batch size as a number."""

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 8] to [batch, 4]."""
        return super().forward(x.reshape(len(x), 8))


class Complex(nn.Module):
    """Weights with a real and an imaginary part."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.weight = nn.Linear(8, 16), nn.Parameter(torch.randn(16, 4, dtype=torch.cfloat))

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 8] to [batch, 4]."""
        return (self.first(x).relu().to(torch.cfloat) @ self.weight).abs()


def hooked() -> nn.Module:
    """A layer whose result is doubled behind its back."""
    model = Perceptron()
    model.first.register_forward_hook(lambda _module, _inputs, output: output * 2)
    return model


class _Remembering(Perceptron):
    def forward(self, x: Tensor) -> Tensor:
        self.feature = F.elu(self.first(x))
        return self.second(self.feature)


def remembering() -> nn.Module:
    """A model that keeps a feature of its last pass."""
    model = _Remembering()
    model(torch.randn(4, 8))
    return model


def masked() -> nn.Module:
    """Half of a weight is masked."""
    model = Perceptron()
    torch.nn.utils.prune.l1_unstructured(model.first, "weight", 0.5)  # type: ignore[no-untyped-call]
    model(torch.randn(4, 8))
    return model


def spectral() -> nn.Module:
    """Convolutions with bounded gain."""
    norm = torch.nn.utils.parametrizations.spectral_norm
    body = [norm(nn.Conv2d(3, 8, 3, padding=1)), nn.ReLU(), norm(nn.Conv2d(8, 8, 3, padding=1))]
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))


def weight_normed() -> nn.Module:
    """Linear layers whose weights are directions and lengths."""
    norm = torch.nn.utils.parametrizations.weight_norm
    return nn.Sequential(norm(nn.Linear(8, 16)), nn.ReLU(), norm(nn.Linear(16, 4)))
