"""Criteria and allocations on ResNet-20 and CIFAR-10, at equal multiply-accumulates, with Torch-Pruning beside them.

    python -m benchmarks.pruning DATA --arms random "L2, uniform" ...
    python -m benchmarks.pruning DATA --depth 56 --macs 0.392 --images 50000 --distill

``DATA`` as in ``examples/cifar10_resnet20.py``; needs ``pip install torch-pruning==1.6.1`` as well. Every arm is cut to
the same share of the multiply-accumulates (2.1 times fewer; the latency-aware one to 0.6 of the time) and recovers for
five epochs on 20,000 images with the same training, three seeds each; all files are timed in the same rounds and judged
together, once. "blocks, then Fisher" leaves out two blocks of seven and cuts the rest to 0.7 of its time; Torch-Pruning
keeps widths divisible by 8 but where the label says any width, which is how it comes. One training of ResNet-20 takes about five minutes on one core with 256-bit vectors.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from safetensors.torch import load_file
from torch.utils.data import Subset

import paredown
from benchmarks import evidence, networks, record
from benchmarks.peers.torch_pruning import TorchPruning
from paredown import distill, prune, targets
from paredown.recipe import Transform
from paredown.search import Run

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
import cifar10_resnet20

TARGET = targets.OnnxRuntime(threads=1)
BUILD = {20: networks.resnet20, 56: networks.resnet56}


def task(data: Path, depth: int, images: int) -> paredown.Task:
    """The trained network and a seeded part of the training images; `select` and `judge` share the test images."""
    model = BUILD[depth]()
    model.load_state_dict(load_file(data / f"cifar10-resnet/resnet{depth}-jpeg.safetensors"))
    augmented = cifar10_resnet20.Augmented(*cifar10_resnet20.read(data / "cifar10-jpeg/train.parquet"))
    chosen = np.random.default_rng(0).permutation(len(augmented))[:images]
    splits = paredown.Data(
        train=Subset(augmented, chosen.tolist()),
        judge=cifar10_resnet20.read(data / "cifar10-jpeg/test.parquet"),
        batch_size=128,
    )
    name = f"ResNet-{depth}, CIFAR-10, {images} images"
    return paredown.Task(model.eval(), data=splits, loss=F.cross_entropy, score=paredown.scores.accuracy, name=name)


def arms(depth: int, macs: float, latency: float) -> dict[str, tuple[Transform, ...]]:
    """Cuts by label."""
    everywhere, ranking = prune.Uniform(macs=macs), prune.Global(macs=macs)
    fisher = prune.Channels(importance=prune.Fisher(), allocation=prune.Latency(share=latency))
    inside = prune.Channels(importance=prune.Fisher(), allocation=prune.Latency(share=latency + 0.1))
    peer = TorchPruning(BUILD[depth], macs=macs, multiple=8, ignore=("conv1", "layer*.conv2", "linear"))
    single = {
        "random": prune.Channels(importance=prune.Random(), allocation=everywhere),
        "L2, uniform": prune.Channels(importance=prune.L2(), allocation=everywhere),
        "L2, global": prune.Channels(importance=prune.L2(), allocation=ranking),
        "Taylor, global": prune.Channels(importance=prune.Taylor(), allocation=ranking),
        "Taylor, measured latency": prune.Channels(importance=prune.Taylor(), allocation=prune.Latency(share=latency)),
        "Fisher, measured latency": fisher,
        "Torch-Pruning, group magnitude": peer,
        "Torch-Pruning, group magnitude, any width": dataclasses.replace(peer, multiple=None),
        "Torch-Pruning, Taylor": dataclasses.replace(peer, taylor=True),
    }
    return {
        **{label: (cut,) for label, cut in single.items()},
        "blocks, then Fisher": (prune.Blocks(keep=5 / 7), inside),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--depth", type=int, default=20, choices=sorted(BUILD))
    parser.add_argument("--macs", type=float, default=1 / 2.1)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--epochs", type=float, default=5.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--precision", default="32-true", choices=["bf16-mixed", "32-true"])
    parser.add_argument("--distill", action="store_true", help="recover with the original's answers beside the labels")
    parser.add_argument("--latency", type=float, default=0.6, help="share of the time of the latency-aware arm")
    parser.add_argument("--arms", nargs="+", help="labels; all of them where none is named")
    parser.add_argument("--name", default="", help="added to the name of the result")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    options = parser.parse_args()
    using = (distill.Logits(),) if options.distill else ()
    recovery = paredown.Train(epochs=options.epochs, using=using, precision=options.precision, early=None)
    name = f"pruning-resnet{options.depth}{options.name}"
    out = options.out / name
    if (out / "ledger.sqlite").is_file():
        run = Run(out)  # a finished run is only recorded
    else:
        cuts = arms(options.depth, options.macs, options.latency)
        recipes = {label: (*cuts[label], recovery) for label in options.arms or cuts}
        images = task(options.data, options.depth, options.images)
        run = paredown.compare(images, recipes, target=TARGET, seeds=options.seeds, time="120 min", out=out)
    run.report(out / "report.html")
    print(record.write(name, {**run.summary().to_json(), "evidence": evidence.of_run(run)}))


if __name__ == "__main__":
    main()
