"""``paredown demo``: the whole way on data that comes with scikit-learn, in under three minutes.

``paredown.cli.demo:task`` can be given to every other command as well.
"""

import sys
import time as clock
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from paredown.task import Task

__all__ = ["demo", "digits", "network", "task", "train"]

_JUDGE, _SELECT = 600, 300
_SIDE = 16
_WIDTHS = (48, 96, 192)
_EPOCHS, _BATCH, _RATE = 10, 64, 0.1
_LIMITS = {"size": "25%", "latency": "60%", "drop": "2pt"}


def network() -> "nn.Module":
    """A small residual network: ``[n, 1, 16, 16]`` in, ten classes out."""
    from torch import nn  # noqa: PLC0415 (torch is heavy)
    from torch.nn import functional  # noqa: PLC0415

    def unit(inputs: int, outputs: int, size: int, stride: int = 1) -> "nn.Sequential":
        convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs))

    class Block(nn.Module):
        """Two convolutions beside a shortcut (He et al., CVPR 2016)."""

        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.first = unit(inputs, outputs, 3, stride)
            self.second = unit(outputs, outputs, 3)
            self.shortcut: nn.Module = nn.Identity() if inputs == outputs else unit(inputs, outputs, 1, stride)

        def forward(self, x: "Tensor") -> "Tensor":
            y = self.second(functional.relu(self.first(x)))
            return functional.relu(y + self.shortcut(x))

    small, middle, large = _WIDTHS
    return nn.Sequential(
        unit(1, small, 3),
        nn.ReLU(),
        Block(small, middle, 2),
        Block(middle, middle, 1),
        Block(middle, large, 2),
        Block(large, large, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(large, 10),
    )


def digits() -> "dict[str, tuple[Tensor, Tensor]]":
    """The 1797 digits of scikit-learn, enlarged to 16×16: 897 to train, 300 to select, 600 to judge."""
    import torch  # noqa: PLC0415
    from sklearn.datasets import load_digits  # noqa: PLC0415

    bunch: Any = load_digits()
    images = torch.tensor(bunch.images, dtype=torch.float32).unsqueeze(1) / 16
    images = torch.nn.functional.interpolate(images, size=(_SIDE, _SIDE), mode="bilinear", align_corners=False)
    labels = torch.tensor(bunch.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    judge, select, rest = torch.split(order, [_JUDGE, _SELECT, len(labels) - _JUDGE - _SELECT])
    parts = {"train": rest, "select": select, "judge": judge}
    return {name: (images[index], labels[index]) for name, index in parts.items()}


def train(model: "nn.Module", images: "Tensor", labels: "Tensor", epochs: int = _EPOCHS) -> "nn.Module":
    """Plain training with shifted images, as any user would have done before coming here."""
    import torch  # noqa: PLC0415

    steps = len(images) // _BATCH
    weights = [*model.parameters()]
    optimizer = torch.optim.SGD(weights, _RATE, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=epochs * steps)
    draw = torch.Generator().manual_seed(0)
    model.train()
    _arrange(weights, torch.channels_last)  # a fifth faster on the CPU
    for _ in range(epochs):
        order = torch.randperm(len(images), generator=draw)
        for index in torch.split(order[: steps * _BATCH], _BATCH):
            down, right = torch.randint(-1, 2, (2,), generator=draw).tolist()
            shifted = images[index].roll((down, right), dims=(2, 3))
            loss = torch.nn.functional.cross_entropy(model(shifted), labels[index])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    _arrange(weights, torch.contiguous_format)
    return model.eval()


def _arrange(weights: "list[nn.Parameter]", layout: "torch.memory_format") -> None:
    for weight in weights:
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=layout)


def task() -> "Task":
    """The demonstration's task; makes and trains its network anew every time."""
    import torch  # noqa: PLC0415
    from torch.nn.functional import cross_entropy  # noqa: PLC0415

    from paredown import scores  # noqa: PLC0415
    from paredown.data import Data  # noqa: PLC0415
    from paredown.task import Task  # noqa: PLC0415
    from paredown.trial.threads import fastest_threads, training_threads  # noqa: PLC0415

    parts = digits()
    images, labels = (tensor[: 2 * _BATCH] for tensor in parts["train"])

    def two_steps() -> float:
        start = clock.perf_counter()
        train(network(), images, labels, epochs=1)
        return clock.perf_counter() - start

    with torch.random.fork_rng(devices=[]):
        two_steps()  # the first ones take longer
        with training_threads(fastest_threads(two_steps)[0]):
            torch.manual_seed(0)
            model = train(network(), *parts["train"])
    return Task(
        model,
        Data(parts["train"], select=parts["select"], judge=parts["judge"]),
        cross_entropy,
        scores.accuracy,
        name="digits",
    )


def demo(*, out: Path | None, time: str, seed: int, as_json: bool) -> int:
    """Train, compress, report; both times are printed.

    A demonstration that ran has succeeded, whatever its verdict on this machine: that is on the page.
    """
    from paredown.cli import exits, searches  # noqa: PLC0415
    from paredown.cli.place import Place  # noqa: PLC0415
    from paredown.cli.progress import say  # noqa: PLC0415
    from paredown.task import Task  # noqa: PLC0415

    start = clock.perf_counter()
    say("Training a small residual network on scikit-learn's digits, 16×16 ...")
    given = Task.load("paredown.cli.demo:task")
    trained = clock.perf_counter()
    say(f"Trained in {trained - start:.0f} s. Looking for the smallest file within 2 points, at 60% of the latency ...")
    order = searches.Order(time=time, out=out or searches.directory("demo"), seed=seed, as_json=as_json)
    searches.compress_task(given, dict(_LIMITS), [], Place(), order)
    end = clock.perf_counter()
    print(
        f"Trained in {trained - start:.0f} s, pared down in {end - trained:.0f} s, {end - start:.0f} s in all.",
        file=sys.stderr if as_json else sys.stdout,
    )
    return exits.OK
