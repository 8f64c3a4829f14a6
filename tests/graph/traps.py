"""Small models, each with one trap of capturing in it."""

import dataclasses

import torch
import torch.nn.functional as F
from torch import nn


class Residual(nn.Module):
    """Convolutions, batch norm, in-place ReLU, a shortcut by addition, dropout."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)) + x)
        return self.fc(self.drop(x.mean((2, 3))))


class DeviceConstants(nn.Module):
    """Positions and a mask made inside forward, as language models do."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.position = nn.Embedding(6, 8)
        self.scale = torch.full((8,), 0.5)
        self.head = nn.Linear(8, 11)

    def forward(self, ids):
        steps = torch.arange(ids.shape[1], device="cpu")
        mask = torch.full((ids.shape[1], ids.shape[1]), float("-inf"), device="cpu").triu(1)
        x = (self.embed(ids) + self.position(steps)) * self.scale
        x = F.scaled_dot_product_attention(x, x, x, attn_mask=mask)
        x = x.to(torch.float32) + torch.zeros(x.shape[0], 1, 8)
        return self.head(x[:, :, :])


class Autocast(nn.Module):
    """A region that switches autocast off, as rotary embeddings do; or on."""

    def __init__(self, *, enabled=False):
        super().__init__()
        self.enabled = enabled
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.enabled):
            x = self.a(x.float()).float()
        return self.b(x)


class NoGrad(nn.Module):
    """A teacher branch without gradients."""

    def __init__(self):
        super().__init__()
        self.frozen, self.live = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x):
        with torch.no_grad():
            centre = self.frozen(x)
        return self.live(x - centre)


class GradInNoGrad(NoGrad):
    """Gradients switched on again inside."""

    def forward(self, x):
        with torch.no_grad():
            y = self.frozen(x)
            with torch.enable_grad():
                z = self.live(x)
        return z + y[:, :3]


@dataclasses.dataclass
class Answer:
    """Structured output with a field that is not there."""

    logits: torch.Tensor
    hidden: tuple[torch.Tensor, ...] | None = None
    loss: torch.Tensor | None = None


class Structured(nn.Module):
    """Keyword-only inputs, a dict inside, a dataclass out."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(11, 8), nn.Linear(8, 3)

    def forward(self, *, input_ids, extra, scale: float = 1.0, return_hidden: bool = False):
        x = self.embed(input_ids) * extra["mask"].unsqueeze(-1) * scale
        return Answer(self.head(x.mean(1)), (x,) if return_hidden else None)


class Tied(nn.Module):
    """A language model's head shares the embedding."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(11, 8), nn.Linear(8, 11, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        return self.head(self.embed(ids))


class Recurrent(nn.Module):
    """Two kinds of recurrent layers over a sequence."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 6, batch_first=True)
        self.gru = nn.GRU(6, 5, batch_first=True)

    def forward(self, x):
        return self.gru(self.lstm(x)[0])[0][:, -1]


class DropPath(nn.Module):
    """Stochastic depth as model zoos write it: nothing at all in eval mode."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        keep = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(1 - self.p)
        return x * keep / (1 - self.p)


class TrainsOtherwise(nn.Module):
    """Stochastic depth, dropout on attention weights, and an auxiliary head, all of which eval mode drops."""

    def __init__(self):
        super().__init__()
        self.path = DropPath(0.2)
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True)
        self.head, self.auxiliary = nn.Linear(8, 3), nn.Linear(8, 3)

    def forward(self, x):
        x = x + self.path(self.attention(x, x, x)[0])
        answer = self.head(x.mean(1))
        return (answer, self.auxiliary(x.mean(1))) if self.training else answer


class FixedModes(nn.Module):
    """Dropout that is always on, dropout that is always off, a frozen batch norm."""

    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm1d(6)
        self.linear = nn.Linear(6, 6)

    def forward(self, x):
        x = F.batch_norm(self.linear(x), self.bn.running_mean, self.bn.running_var, self.bn.weight, self.bn.bias, False)
        return F.dropout(F.dropout(x, 0.5, True), 0.5, False)


class EveryMode(nn.Module):
    """One of each operator that carries a mode."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.BatchNorm2d(4),
            nn.InstanceNorm2d(4, track_running_stats=True, affine=True),
            nn.RReLU(),
            nn.Dropout2d(0.3),
            nn.AlphaDropout(0.3),
            nn.FeatureAlphaDropout(0.3),
            nn.Dropout(0.3, inplace=True),
        )

    def forward(self, x):
        x = self.layers(x).flatten(2)
        return F.scaled_dot_product_attention(x, x, x, dropout_p=0.4 if self.training else 0.0).mean((1, 2))


class Mean(nn.Module):
    """Subtracts the mean over the batch."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 6)

    def forward(self, x):
        x = self.fc(x)
        return x - x.mean(0, keepdim=True) / 2


class Mixes(nn.Module):
    """Normalises over the batch even in eval mode."""

    def __init__(self):
        super().__init__()
        self.fc, self.norm = nn.Linear(6, 6), nn.BatchNorm1d(6, track_running_stats=False)

    def forward(self, x):
        return self.norm(self.fc(x))


class Branches(nn.Module):
    """A Python if on values."""

    def forward(self, x):
        if x.sum() > 0:
            return x * 2
        return x


class FixedBatch(nn.Module):
    """A batch size written as a number."""

    def forward(self, x):
        return x.view(2, -1)


class UsesNumpy(nn.Module):
    """A way out of torch."""

    def forward(self, x):
        return x + torch.from_numpy(x.detach().numpy())


class TwoTowers(nn.Module):
    """Two inputs and a scalar without batch."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(5, 3)

    def forward(self, left, right, temperature):
        return self.a(left) / temperature, {"right": self.b(right) * temperature}


class Counts(nn.Module):
    """State that changes from call to call."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return x * self.calls
