"""Weights of 4 bits on ResNet-20 and CIFAR-10: what rounding loses, and what training on the grid wins back.

    python -m benchmarks.qat DATA [--out runs]     # about half an hour on one core

``DATA`` as in ``examples/cifar10_resnet20.py``. Every layer is rounded, the first and the last one too: weights to 4 of the
8 bits they are stored in, activations to 8 bits. The runtime computes with 8 bits at least, so 4-bit weights save bytes of
the compressed file and no time. Ranges of weights reach from the smallest to the largest, or end where the squared error
is least; from the better of these the network is trained on the grid, scales and all, from the labels alone and with the
original as teacher; three seeds, judged together once.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from safetensors.torch import load_file
from torch.utils.data import Subset

import paredown
from benchmarks import networks, record
from paredown import distill, quantize, targets
from paredown.recipe import AdamW, Ingredient, Train
from paredown.search import Run

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
import cifar10_resnet20

TARGET = targets.OnnxRuntime(threads=1)
FOUR = quantize.Int8(weight_bits=4, weights=quantize.Mse())


def task(data: Path, images: int) -> paredown.Task:
    """The trained network and a seeded part of the training images; `select` and `judge` share the test images."""
    model = networks.resnet20()
    model.load_state_dict(load_file(data / "cifar10-resnet/resnet20-jpeg.safetensors"))
    augmented = cifar10_resnet20.Augmented(*cifar10_resnet20.read(data / "cifar10-jpeg/train.parquet"))
    chosen = np.random.default_rng(0).permutation(len(augmented))[:images]
    splits = paredown.Data(
        train=Subset(augmented, chosen.tolist()),
        judge=cifar10_resnet20.read(data / "cifar10-jpeg/test.parquet"),
        batch_size=128,
    )
    name = f"ResNet-20 in 4 bits, CIFAR-10, {images} images"
    return paredown.Task(model.eval(), data=splits, loss=F.cross_entropy, score=paredown.scores.accuracy, name=name)


def recipes(epochs: float, lr: float) -> dict[str, tuple[quantize.Int8 | Train, ...]]:
    """Steps by label."""

    def train(*using: Ingredient) -> Train:
        return Train(epochs=epochs, using=using, optimizer=AdamW(lr=lr), early=None)

    return {
        "8 bits": (quantize.Int8(),),
        "4 bits, min-max": (quantize.Int8(weight_bits=4),),
        "4 bits, least squares": (FOUR,),
        "4 bits, trained": (FOUR, train()),
        "4 bits, trained and taught": (FOUR, train(distill.Logits())),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=8_000)
    parser.add_argument("--epochs", type=float, default=2.0)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    options = parser.parse_args()
    out = options.out / "qat-resnet20"
    if (out / "ledger.sqlite").is_file():
        run = Run(out)  # a finished run is only recorded
    else:
        sides = recipes(options.epochs, options.lr)
        images = task(options.data, options.images)
        run = paredown.compare(images, sides, target=TARGET, seeds=options.seeds, time="60 min", out=out)
    run.report(out / "report.html")
    print(record.write("qat-resnet20", run.summary().to_json()))


if __name__ == "__main__":
    main()
