"""Weights of 4 bits on ResNet-20 and CIFAR-10: what rounding loses, and what training on the grid wins back.

    python -m benchmarks.qat DATA [--out runs]     # about half an hour on one core

``DATA`` as in ``examples/cifar10_resnet20.py``. Every layer is rounded, the first and the last one too: weights to 4 of the
8 bits they are stored in, activations to 8 bits. The runtime computes with 8 bits at least, so 4-bit weights save bytes of
the compressed file and no time. Ranges of weights reach from the smallest to the largest, or end where the squared error
is least; from the better of these the network is trained on the grid, scales and all, from the labels alone and with the
original as teacher; three seeds, judged together once.
"""

import argparse
import dataclasses
from pathlib import Path

import paredown
from benchmarks import evidence, record
from benchmarks.pruning import task
from paredown import distill, quantize, targets
from paredown.recipe import AdamW, Ingredient, Train
from paredown.search import Run

TARGET = targets.OnnxRuntime(threads=1)
FOUR = quantize.Int8(weight_bits=4, weights=quantize.Mse())


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
        images = dataclasses.replace(task(options.data, 20, options.images), name="ResNet-20 in 4 bits, CIFAR-10")
        run = paredown.compare(images, sides, target=TARGET, seeds=options.seeds, time="60 min", out=out)
    run.report(out / "report.html")
    print(record.write("qat-resnet20", {**run.summary().to_json(), "evidence": evidence.of_run(run)}))


if __name__ == "__main__":
    main()
