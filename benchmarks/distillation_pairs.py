"""ResNet-56 teaches ResNet-8 or ResNet-20 on CIFAR-10: seven ways beside a control.

    python -m benchmarks.distillation_pairs DATA --device cuda    # some hours on a GPU
    python -m benchmarks.distillation_pairs DATA --student 8 --images 2000 --copies 10 --epochs 1 --batch 32 --lr 0.05 \
        --precision 32-true --device cpu                          # under an hour on one core

``DATA`` as in ``examples/cifar10_resnet20.py``, and ``cifar10-resnet/resnet56-jpeg.safetensors``. Every arm starts from the
same fresh students and sees the same shifted and flipped images in the same order; settings are those of the papers or
the defaults, nothing is tuned. With ``--copies`` the shifted and flipped images are made beforehand, so many of each, and what the
teacher says to them is kept. Files are scored on `judge`, half of the test images, which is opened once.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

import paredown
from benchmarks import networks, record
from benchmarks.training.arms import TARGET, Bench
from benchmarks.training.case import Case, Using
from paredown import distill, regularize
from paredown.distill import Teacher
from paredown.recipe import SGD, Train
from paredown.regularize.crop import shifted

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
import cifar10_resnet20

STUDENTS = {8: networks.resnet8, 20: networks.resnet20}
SHIFT = 4  # pixels
NAMES = ("control", "KD", "KD, standardized logits", "DKD", "DIST", "AT", "FitNets", "CRD")


def arms(teacher: Teacher) -> Mapping[str, Using]:
    """What is compared; only the methods that look inside ask the original anew."""
    ways: list[Using] = [
        (),
        (distill.Logits(teacher),),
        (distill.Logits(teacher, temperature=2.0, standardize=True),),
        (distill.Outputs(teacher=teacher, loss=distill.DKD()),),
        (distill.Outputs(teacher=teacher, loss=distill.DIST()),),
        (distill.Features(at="layer*", loss=distill.AT()),),
        (distill.Features(at="layer2", loss=distill.FitNets()),),
        (distill.CRD(at="layer3"),),
    ]
    return dict(zip(NAMES, ways, strict=True))


def task(data: Path, images: int, copies: int) -> paredown.Task:
    """The trained teacher, and a seeded part of the training images, or shifted and flipped copies of them."""
    model = networks.resnet56()
    model.load_state_dict(load_file(data / "cifar10-resnet/resnet56-jpeg.safetensors"))
    pictures, labels = cifar10_resnet20.read(data / "cifar10-jpeg/train.parquet")
    chosen = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))[:images]
    splits = paredown.Data(
        train=changed(pictures[chosen], labels[chosen], copies) if copies else (pictures[chosen], labels[chosen]),
        judge=cifar10_resnet20.read(data / "cifar10-jpeg/test.parquet"),
        batch_size=128,
    )
    return paredown.Task(model.eval(), data=splits, loss=F.cross_entropy, score=paredown.scores.accuracy)


def changed(pictures: Tensor, labels: Tensor, copies: int) -> tuple[Tensor, Tensor]:
    """So many copies of every picture, each shifted and flipped at random."""
    generator = torch.Generator().manual_seed(0)
    found = torch.cat([shifted(pictures, SHIFT, generator) for _ in range(copies)])
    mirrored = torch.rand(len(found), generator=generator) < 0.5
    found[mirrored] = found[mirrored].flip(-1)
    return found, labels.repeat(copies)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--student", type=int, default=20, choices=sorted(STUDENTS), help="layers of the student")
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument(
        "--copies", type=int, default=0, help="made beforehand of every image; 0 changes them anew every time"
    )
    parser.add_argument("--epochs", type=float, default=100.0)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="arms; the control is always one")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="bf16-mixed", choices=["bf16-mixed", "32-true"])
    parser.add_argument("--try-out", action="store_true", help="score on `select` and print")
    options = parser.parse_args()
    train = Train(
        epochs=options.epochs,
        using=() if options.copies else (regularize.Crop(padding=SHIFT), regularize.Flip()),
        optimizer=SGD(lr=options.lr),
        batch_size=options.batch,
        early=None,
        device=options.device,
        precision=options.precision,
    )
    title = f"ResNet-56 teaches ResNet-{options.student}: CIFAR-10, {options.images} images"
    if options.copies:
        title += f" in {options.copies} copies"
    case = Case(
        title,
        lambda data: task(data, options.images, options.copies),
        STUDENTS[options.student],
        train,
        {},
        lambda *_: {},
    )
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(case, options.data, Path(folder), trial=options.try_out)
        chosen = {label: using for label, using in arms(bench.teacher).items() if label in {"control", *options.only}}
        result = bench.compare(chosen, options.seeds)
    where = (
        torch.cuda.get_device_name() if options.device != "cpu" and torch.cuda.is_available() else result["processor"]
    )
    result |= {"device": where, "precision": options.precision, "runtime": TARGET.version()}
    if options.try_out:
        print(result["judge"], f"{result['seconds']:.0f} s")
    else:
        print(record.write(f"distillation-pairs-resnet{options.student}", {"distillation_pairs": result}))


if __name__ == "__main__":
    main()
