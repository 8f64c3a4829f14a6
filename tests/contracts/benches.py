"""Benches of another kind, for techniques that refuse pictures."""

import dataclasses

import torch
from torch import nn

import paredown
from paredown.testing import small_bench


class Words(nn.Module):
    """Embedded token ids ``[batch, 5]``, their mean, a layer, three classes."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(12, 8)
        self.layer = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, ids):
        return self.head(torch.relu(self.layer(self.table(ids).mean(1))))


def _read(count, seed):
    ids = torch.randint(1, 12, (count, 5), generator=torch.Generator().manual_seed(seed))
    return ids, ids[:, 0] % 3


def word_bench():
    """The first of five words decides the class."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Words()
    splits = {name: _read(48, seed) for seed, name in enumerate(("train", "calibrate", "select", "judge"))}
    task = paredown.Task(
        model, paredown.Data(**splits, batch_size=16), nn.functional.cross_entropy, paredown.scores.accuracy
    )
    network = paredown.capture(model, splits["train"][0][:2])
    return dataclasses.replace(small_bench(), model=model, network=network, task=task)


def pictures():
    """Pictures without labels, as large as those of `small_bench`, and not much like them."""
    return torch.randn(40, 1, 6, 6, generator=torch.Generator().manual_seed(9))
