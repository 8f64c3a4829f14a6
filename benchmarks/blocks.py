"""Which residual blocks of a trained ResNet-20 are missed least: accuracy without them, before any training.

    python -m benchmarks.blocks DATA

``DATA`` as in ``examples/cifar10_resnet20.py``. Batch norms are re-estimated on calibration images; the accuracy is
that on `select`, paired with the whole network's. Networks are run in PyTorch: nothing is timed.
"""

import argparse
import dataclasses
import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import paredown
from benchmarks import record
from paredown import measure, prune
from paredown.graph.bypass import Block, blocks, bypass
from paredown.graph.network import Network
from paredown.recipe import Evidence

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
import cifar10_resnet20


def rows_of(network: Network, task: paredown.Task) -> NDArray[Any]:
    """1 for every right answer on `select`, else 0."""
    found = []
    with torch.no_grad():
        for inputs, target in task.data.work.select.batches(500):
            found.append(task.score.rows(network(inputs), target).numpy())
    return np.concatenate(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    task = cifar10_resnet20.load(parser.parse_args().data)
    inputs, _ = next(task.data.work.calibrate.batches(2))
    network = paredown.capture(task.model, inputs).eval()
    evidence = Evidence.of(task)
    original = rows_of(network, task)
    every = blocks(network)

    def without(*gone: Block) -> dict[str, Any]:
        small = prune.Reestimate().on(bypass(network, gone), evidence).eval()
        quality = measure.quality(rows_of(small, task), original, task.score)
        return {"left_out": [block.name for block in gone], **dataclasses.asdict(quality)}

    alone = [without(block) for block in every]
    order = sorted(range(len(every)), key=lambda i: alone[i]["drop"]["estimate"])
    last = [list(stage)[-1] for _, stage in itertools.groupby(every, lambda block: block.name.partition(".")[0])]
    several = [without(*last), *(without(*(every[i] for i in sorted(order[:count]))) for count in (2, 3, 4))]
    result = {"title": "ResNet-20 without some of its blocks, not trained", "n": len(original)}
    print(record.write("blocks", {**result, "blocks": [*alone, *several]}))


if __name__ == "__main__":
    main()
