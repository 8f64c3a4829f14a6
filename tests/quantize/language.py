"""A small transformer on token numbers, and evidence about it."""

import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown.recipe import Evidence
from paredown.targets import OnnxRuntime

KINDS = 20


class Reader(nn.Module):
    """An embedding, attention, a perceptron with a ReLU, a mean and a head."""

    def __init__(self, width=32, heads=2):
        super().__init__()
        self.table, self.norm, self.heads = nn.Embedding(KINDS, width), nn.LayerNorm(width), heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down, self.head = nn.Linear(width, 2 * width), nn.Linear(2 * width, width), nn.Linear(width, 4)

    def forward(self, ids):
        x = self.table(ids)
        y = self.norm(x)
        q, k, v = (f(y).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        x = x + self.down(self.up(x).relu())
        return self.head(x.mean(1))


def tokens(seed, count=64):
    return torch.randint(0, KINDS, (count, 6), generator=torch.Generator().manual_seed(seed))


def reader():
    """Captured, with a few channels of the norm that are large."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = paredown.capture(Reader().eval(), tokens(9, 2))
    with torch.no_grad():
        network.get_parameter("norm.weight")[[3, 17]] = 12.0
    return network


def evidence_of(inputs=None, capabilities=None):
    inputs = tokens(0) if inputs is None else inputs
    splits = dict.fromkeys(("train", "calibrate", "select", "judge"), (inputs, inputs[:, 0] % 4))
    task = paredown.Task(
        nn.Identity(), paredown.Data(**splits, batch_size=32), F.cross_entropy, paredown.scores.accuracy
    )
    return Evidence.of(task, capabilities or OnnxRuntime().capabilities)
