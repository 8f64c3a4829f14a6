"""A small CNN on Fashion-MNIST: train it, then find the smallest file within half a point.

    python examples/fashion_mnist.py DATA --time "10 min" --out runs/fashion

``DATA`` holds ``fashion-mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz``.
"""

import gzip
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from command import main, need
from torch import Tensor, nn

import paredown

NEEDED = tuple(
    f"fashion-mnist/{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
)


def network(width: int = 32) -> nn.Sequential:
    """Three convolutions with batch norm: 28×28 grey images in, ten classes out."""

    def stage(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

    widths = (1, width, 2 * width, 4 * width, 4 * width)
    body = [layer for sizes in zip(widths, widths[1:], (1, 2, 2, 1), strict=False) for layer in stage(*sizes)]
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(4 * width, 10))


def read(data: Path, part: str) -> tuple[Tensor, Tensor]:
    """One official split as ``[n, 1, 28, 28]`` in 0…1, standardised, and labels ``[n]``."""
    images = gzip.decompress((data / f"fashion-mnist/{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((data / f"fashion-mnist/{part}-labels-idx1-ubyte.gz").read_bytes())
    pixels = torch.from_numpy(np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28).copy())
    targets = torch.from_numpy(np.frombuffer(labels, np.uint8, offset=8).copy()).long()
    return (pixels.float() / 255 - 0.286) / 0.353, targets


def train(model: nn.Module, images: Tensor, labels: Tensor, epochs: int) -> nn.Module:
    """Plain training, as any user would have done before coming here."""
    torch.manual_seed(0)
    model = model.train().to(memory_format=torch.channels_last)
    steps = epochs * (len(images) // 128)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps)
    for epoch in range(epochs):
        for batch in torch.randperm(len(images))[: len(images) // 128 * 128].split(128):
            with torch.autocast("cpu", torch.bfloat16):
                loss = F.cross_entropy(model(images[batch]).float(), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1} of {epochs}: loss {loss.item():.3f}")
    return model.eval().to(memory_format=torch.contiguous_format)


def load(data: Path) -> paredown.Task:
    """The task: a network trained for three epochs, its data, cross-entropy, accuracy."""
    need(data, NEEDED)
    images, labels = read(data, "train")
    return paredown.Task(
        train(network(), images, labels, epochs=3),
        data=paredown.Data(train=(images, labels), judge=read(data, "t10k"), batch_size=128),
        loss=F.cross_entropy,
        score=paredown.scores.accuracy,
        name="Fashion-MNIST",
    )


if __name__ == "__main__":
    main(__doc__, load, time="10 min", latency="40%", size="25%", drop="0.5 pt")
