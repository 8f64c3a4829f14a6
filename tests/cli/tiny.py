"""A task that takes no time: stripes or checks in 8×8 pictures."""

import torch
from torch import nn

import paredown


def pictures(n, seed):
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 2
    stripes = torch.tensor([1.0, -1.0]).repeat(4).expand(8, 8)
    checks = stripes * torch.tensor([1.0, -1.0]).repeat(4).view(8, 1)
    clean = torch.stack([stripes, checks])[labels].unsqueeze(1)
    return clean + 0.8 * torch.randn(n, 1, 8, 8, generator=draw), labels


def task():
    images, labels = pictures(96, 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 2),
        )
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(30):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    data = paredown.Data(train=(images, labels), select=pictures(64, 1), judge=pictures(64, 2), batch_size=32)
    return paredown.Task(model.eval(), data, nn.functional.cross_entropy, paredown.scores.accuracy, name="pictures")
