"""ResNet-56 teaches ResNet-8 or ResNet-20 on CIFAR-10: seven ways beside a control.

    python -m benchmarks.distillation_pairs DATA --device cuda                          # some hours on a GPU
    python -m benchmarks.distillation_pairs DATA --student 8 --images 10000 --epochs 10 # half a day on two cores

``DATA`` as in ``examples/cifar10_resnet20.py``, and ``cifar10-resnet/resnet56-jpeg.safetensors``. Every arm starts from the
same fresh students and sees the same shifted and flipped images in the same order; settings are those of the papers or
the defaults, nothing is tuned. Files are scored on `judge`, half of the test images, which is opened once.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

import paredown
from benchmarks import networks, record
from benchmarks.training.arms import TARGET, Bench
from benchmarks.training.case import Case, Using
from paredown import distill, regularize
from paredown.recipe import SGD, Train

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
import cifar10_resnet20

STUDENTS = {8: networks.resnet8, 20: networks.resnet20}
ARMS: Mapping[str, Using] = {
    "control": (),
    "KD": (distill.Logits(),),
    "KD, standardized logits": (distill.Logits(temperature=2.0, standardize=True),),
    "DKD": (distill.Outputs(loss=distill.DKD()),),
    "DIST": (distill.Outputs(loss=distill.DIST()),),
    "AT": (distill.Features(at="layer*", loss=distill.AT()),),
    "FitNets": (distill.Features(at="layer2", loss=distill.FitNets()),),
    "CRD": (distill.CRD(at="layer3"),),
}


def task(data: Path, images: int) -> paredown.Task:
    """The trained teacher, and a seeded part of the training images."""
    model = networks.resnet56()
    model.load_state_dict(load_file(data / "cifar10-resnet/resnet56-jpeg.safetensors"))
    pictures, labels = cifar10_resnet20.read(data / "cifar10-jpeg/train.parquet")
    chosen = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))[:images]
    splits = paredown.Data(
        train=(pictures[chosen], labels[chosen]),
        judge=cifar10_resnet20.read(data / "cifar10-jpeg/test.parquet"),
        batch_size=128,
    )
    return paredown.Task(model.eval(), data=splits, loss=F.cross_entropy, score=paredown.scores.accuracy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--student", type=int, default=20, choices=sorted(STUDENTS), help="layers of the student")
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--epochs", type=float, default=100.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--only", nargs="+", choices=list(ARMS), default=list(ARMS), help="arms; the control is always one"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="bf16-mixed", choices=["bf16-mixed", "32-true"])
    parser.add_argument("--try-out", action="store_true", help="score on `select` and print")
    options = parser.parse_args()
    train = Train(
        epochs=options.epochs,
        using=(regularize.Crop(padding=4), regularize.Flip()),
        optimizer=SGD(lr=0.1),
        early=None,
        device=options.device,
        precision=options.precision,
    )
    title = f"ResNet-56 teaches ResNet-{options.student}: CIFAR-10, {options.images} images"
    case = Case(title, lambda data: task(data, options.images), STUDENTS[options.student], train, {}, lambda _: {})
    result = Bench(case, options.data, trial=options.try_out).compare(
        {label: using for label, using in ARMS.items() if label in {"control", *options.only}}, options.seeds
    )
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
