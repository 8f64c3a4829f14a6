"""Street scenes for a real-time box: a small U-Net that labels every pixel, at half of its time.

    python examples/camvid_segmentation.py DATA --time "15 min"

``DATA`` holds ``camvid-240x180/{train,val,test}.parquet``. Needs ``pip install pyarrow pillow`` beside ``paredown[onnx]``.
"""

import io
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from command import main, need
from torch import Tensor, nn

import paredown
from paredown import regularize

NEEDED = tuple(f"camvid-240x180/{part}.parquet" for part in ("train", "val", "test"))
CLASSES, VOID = 11, 11  # pixels of class 11 do not count
HEIGHT, WIDTH = 96, 128


class UNet(nn.Module):
    """Three resolutions, joined by concatenation (Ronneberger et al., arXiv:1505.04597)."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()

        def pair(inputs: int, outputs: int) -> nn.Sequential:
            parts: list[nn.Module] = []
            for channels in (inputs, outputs):
                parts += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
            return nn.Sequential(*parts)

        self.first, self.second, self.third = pair(3, width), pair(width, 2 * width), pair(2 * width, 4 * width)
        self.fourth = pair(4 * width, 4 * width)
        self.up3, self.up2, self.up1 = (pair(8 * width, 2 * width), pair(4 * width, width), pair(2 * width, width))
        self.head = nn.Conv2d(width, CLASSES, 1)

    def forward(self, images: Tensor) -> Tensor:
        a = self.first(images)
        b = self.second(F.max_pool2d(a, 2))
        c = self.third(F.max_pool2d(b, 2))
        x = self.fourth(F.max_pool2d(c, 2))
        for skip, up in ((c, self.up3), (b, self.up2), (a, self.up1)):
            x = up(torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), skip], dim=1))
        return self.head(x)


def read(path: Path) -> tuple[Tensor, Tensor]:
    """Images ``[n, 3, 96, 128]`` in -1…1 and classes of pixels ``[n, 96, 128]``."""
    import pyarrow.parquet  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    table, size = pyarrow.parquet.read_table(path), (WIDTH, HEIGHT)
    images = [Image.open(io.BytesIO(b)).resize(size, Image.Resampling.BILINEAR) for b in table["image"].to_pylist()]
    masks = [Image.open(io.BytesIO(b)).resize(size, Image.Resampling.NEAREST) for b in table["mask"].to_pylist()]
    pixels = torch.from_numpy(np.stack([np.asarray(image) for image in images])).permute(0, 3, 1, 2)
    return pixels.float() / 127.5 - 1.0, torch.from_numpy(np.stack([np.asarray(mask) for mask in masks])).long()


def loss(outputs: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy over the pixels that count."""
    return F.cross_entropy(outputs, target, ignore_index=VOID)


def load(data: Path) -> paredown.Task:
    """The task: a network trained with Paredown's own loop, mean intersection over union of 11 classes."""
    need(data, NEEDED)
    splits = {name: read(data / file) for name, file in zip(("train", "select", "judge"), NEEDED, strict=True)}
    torch.manual_seed(0)
    task = paredown.Task(
        UNet().eval(),
        data=paredown.Data(**splits, batch_size=8),
        loss=loss,
        score=paredown.scores.miou(CLASSES, ignore=VOID),
        name="CamVid",
    )
    network = paredown.capture(task.model, splits["train"][0][:2])
    evidence = paredown.Evidence.of(task)
    training = paredown.Train(epochs=15, using=[regularize.EMA()], early=None).fastest(network, evidence, steps=2)
    task.model.load_state_dict(training.fit(network, evidence).network.state_dict())
    return task


if __name__ == "__main__":
    main(__doc__, load, time="15 min", latency="50%", drop="2 pt")
