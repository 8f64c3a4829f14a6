"""A task of two classes of stripes, so small that a whole run of it is a few kilobytes."""

import torch
from torch import nn

import paredown


def _pictures(n, seed):
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 2
    stripes = torch.tensor([1.0, -1.0]).repeat(3).expand(6, 6)
    clean = torch.stack([stripes, stripes.T])[labels].unsqueeze(1)
    return clean + 0.5 * torch.randn(n, 1, 6, 6, generator=draw), labels


def _weights(shape, seed):
    return 0.3 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def task():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    for seed, parameter in enumerate(model.parameters()):
        parameter.data = _weights(parameter.shape, seed)
    data = paredown.Data(
        train=_pictures(48, 0),
        select=_pictures(32, 1),
        judge=_pictures(32, 2),
        calibrate=_pictures(8, 3),
        batch_size=16,
    )
    return paredown.Task(model.eval(), data, nn.functional.cross_entropy, paredown.scores.accuracy, name="stripes")
