"""Post-training 8 bits on trained networks, with ONNX Runtime's own quantizer and NNCF beside ours.

    python -m benchmarks.quantization DATA [--only resnet20]     # some minutes on 2 cores

``DATA`` as in ``examples/cifar10_resnet20.py``. Every quantizer gets the same 512 calibration images. All files of a
network are timed in the same rounds of fresh processes, with one thread in ONNX Runtime, and scored on the same test
images, in pairs with the float file. A peer that is not installed, or fails, is written down as such.
"""

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from safetensors.torch import load_file

import paredown
from benchmarks import networks, record
from benchmarks.peers.onnx_quantizers import PEERS
from paredown import measure, quantize, targets
from paredown.graph.network import Network
from paredown.recipe import Evidence

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
import cifar10_resnet20

TARGET = targets.OnnxRuntime(threads=1)
CALIBRATION = 512


@dataclasses.dataclass(frozen=True)
class Case:
    """A trained network with its data.

    Attributes:
        title: for people.
        task: makes it from the data directory.

    """

    title: str
    task: Callable[[Path], paredown.Task]


def _resnet(depth: int) -> Callable[[Path], paredown.Task]:
    def task(data: Path) -> paredown.Task:
        model = {20: networks.resnet20, 56: networks.resnet56}[depth]()
        model.load_state_dict(load_file(data / f"cifar10-resnet/resnet{depth}-jpeg.safetensors"))
        images, labels = cifar10_resnet20.read(data / "cifar10-jpeg/train.parquet")
        test = cifar10_resnet20.read(data / "cifar10-jpeg/test.parquet")
        splits = paredown.Data(
            train=(images, labels), calibrate=(images[:CALIBRATION], labels[:CALIBRATION]), judge=test, batch_size=128
        )
        return paredown.Task(
            model.eval(), data=splits, loss=F.cross_entropy, score=paredown.scores.accuracy, name=f"ResNet-{depth}"
        )

    return task


CASES: Mapping[str, Case] = {
    "resnet20": Case("ResNet-20, CIFAR-10", _resnet(20)),
    "resnet56": Case("ResNet-56, CIFAR-10", _resnet(56)),
}
OURS = {
    "Int8, min-max": quantize.Int8(),
    "Int8, MSE": quantize.Int8(activations=quantize.Mse()),
    "Int8, percentile": quantize.Int8(activations=quantize.Percentile()),
}


def files(task: paredown.Task, network: Network, folder: Path) -> tuple[dict[str, Path], list[dict[str, Any]]]:
    """Lower the float network and ours, let the peers quantize the float file; who failed, and seconds of all."""
    evidence = Evidence.of(task, TARGET.capabilities)
    made = {"float": TARGET.lower(network, folder / "float.onnx").path}
    rows = []
    for label, step in OURS.items():
        start = time.monotonic()
        plan = step.plan(network, evidence)
        path = folder / f"ours-{len(made)}.onnx"
        made[label] = TARGET.lower(step.apply(network, plan), path).path
        rows.append({"label": label, "seconds": time.monotonic() - start, "failure": ""})
    name = network.inputs[0].name
    batches = [{name: tensors[0].numpy()} for tensors in evidence.calibration(CALIBRATION, network)]
    for label, peer in PEERS.items():
        start, path, failure = time.monotonic(), folder / f"peer-{len(made)}.onnx", ""
        try:
            peer(made["float"], path, batches)
            made[label] = path
        except Exception as error:  # noqa: BLE001 (a peer's failure is a result)
            failure = f"{type(error).__name__}: {error}".splitlines()[0]
        rows.append({"label": label, "seconds": time.monotonic() - start, "failure": failure})
    return made, rows


def measured(case: Case, data: Path) -> dict[str, Any]:
    """Everything about one network: per file size, quality on the test images, latency against the float file."""
    task = case.task(data)
    work = task.data.work
    inputs, _ = next(iter(work.calibrate.batches(2, limit=2)))
    network = paredown.capture(task.model, inputs)
    with tempfile.TemporaryDirectory() as scratch:
        made, rows = files(task, network, Path(scratch))
        test = task.data.judge.open(lambda _: 1)
        truth = next(target for _, target in test.batches(len(test)))
        scored = {
            label: task.score.rows(task.outputs(measure.predict(path, test, target=TARGET)), truth)
            for label, path in made.items()
        }
        times = measure.latency(made, target=TARGET, baseline="float", pairs=(6, 16), time_limit=300)
        sizes = {label: path.stat().st_size for label, path in made.items()}
    known = {row["label"]: row for row in rows}
    found = [
        {
            "label": label,
            "size": sizes[label],
            "quality": dataclasses.asdict(measure.quality(scored[label], scored["float"], task.score)),
            "p50": dataclasses.asdict(times[label].p50),
            "ratio": dataclasses.asdict(ratio) if (ratio := times[label].ratio) else None,
            "seconds": known[label]["seconds"] if label in known else None,
        }
        for label in made
    ]
    failed = [row for row in rows if row["failure"]]
    return {"title": case.title, "files": found, "failed": failed, "processor": times["float"].processor}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", choices=sorted(CASES), default=None)
    options = parser.parse_args()
    cases = {options.only: CASES[options.only]} if options.only else CASES
    result = {
        "quantization": [measured(case, options.data) for case in cases.values()],
        "runtime": TARGET.version(),
        "calibration": CALIBRATION,
    }
    print(record.write("quantization", result))


if __name__ == "__main__":
    main()
