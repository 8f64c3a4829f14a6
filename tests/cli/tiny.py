"""A task that takes no time, stripes or checks in 8×8 pictures; and its like with one thing wrong each."""

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


def network(inputs=1, outputs=2):
    return nn.Sequential(
        nn.Conv2d(inputs, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, outputs)
    ).eval()


def made(model=None, loss=nn.functional.cross_entropy, **splits):
    given = {"train": pictures(64, 0), "select": pictures(32, 1), "judge": pictures(32, 2)} | splits
    return paredown.Task(model or network(), paredown.Data(**given), loss, paredown.scores.accuracy, name="spoiled")


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = network()

    def forward(self, x):
        if x.sum() > 0:
            return self.body(x)
        return self.body(-x)


class Keywords(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = network()

    def forward(self, *, pixels, mask):
        return self.body(pixels * mask)


def branches():
    return made(Branches())


def keywords():
    return made(Keywords())


def shapes():
    return made(network(inputs=3))


def differing():
    images, labels = pictures(32, 2)
    return made(judge=(images[:, :, :6, :6], labels))


def empty():
    return made(select=pictures(0, 1))


def one_class():
    images, labels = pictures(32, 2)
    return made(judge=(images, torch.zeros_like(labels)))


def too_many_classes():
    images, labels = pictures(64, 0)
    return made(train=(images, labels * 5))


def nan():
    images, labels = pictures(64, 0)
    images[7, 0, 3, 3] = float("nan")
    return made(train=(images, labels))


def _explode(outputs, target):
    loss = nn.functional.cross_entropy(outputs, target)
    return loss * float("nan") if loss.requires_grad and len(target) > 8 else loss


def exploding():
    return made(loss=_explode)
