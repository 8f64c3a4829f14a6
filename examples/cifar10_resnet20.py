"""ResNet-20 on CIFAR-10, pared down for ONNX Runtime at one thread.

    python examples/cifar10_resnet20.py DATA --time "40 min" --out runs/cifar10

``DATA`` holds ``cifar10-jpeg/{train,test}.parquet`` (columns ``image``: JPEG bytes, ``label``) and
``cifar10-resnet/resnet20-jpeg.safetensors``. Needs ``pip install pyarrow pillow`` beside ``paredown[onnx]``.
"""

import io
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from command import main, need
from resnet_cifar import ResNet
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import Dataset

import paredown

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
NEEDED = ("cifar10-jpeg/train.parquet", "cifar10-jpeg/test.parquet", "cifar10-resnet/resnet20-jpeg.safetensors")


class Augmented(Dataset[tuple[Tensor, Tensor]]):
    """Images shifted by up to four pixels and flipped, anew each time they are asked for."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.padded = F.pad(images, (4, 4, 4, 4))
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        top, left, flip = torch.randint(0, 9, (3,)).tolist()
        image = self.padded[index, :, top : top + 32, left : left + 32]
        return (image.flip(-1) if flip > 4 else image), self.labels[index]


def read(path: Path) -> tuple[Tensor, Tensor]:
    """Decode a parquet file of JPEG images into normalised ``[n, 3, 32, 32]`` and labels ``[n]``."""
    import pyarrow.parquet  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    table = pyarrow.parquet.read_table(path)
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(image))) for image in table["image"].to_pylist()])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div(255).sub(MEAN).div(STD).contiguous()
    return images, torch.from_numpy(table["label"].to_numpy().copy()).long()


def load(data: Path) -> paredown.Task:
    """The task: the trained network, its data, cross-entropy, accuracy."""
    need(data, NEEDED)
    model = ResNet(blocks=3)
    model.load_state_dict(load_file(data / "cifar10-resnet/resnet20-jpeg.safetensors"))
    images, labels = read(data / "cifar10-jpeg/train.parquet")
    splits = paredown.Data(
        train=Augmented(images, labels), judge=read(data / "cifar10-jpeg/test.parquet"), batch_size=128
    )
    return paredown.Task(
        model.eval(), data=splits, loss=F.cross_entropy, score=paredown.scores.accuracy, name="ResNet-20, CIFAR-10"
    )


if __name__ == "__main__":
    main(__doc__, load, time="40 min", latency="40%", drop="1 pt")
