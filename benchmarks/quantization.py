"""Post-training 8 bits on trained networks, with ONNX Runtime's own quantizers, NNCF and torchao beside ours.

    python -m benchmarks.quantization DATA [--only resnet20 silero]     # minutes a network on a quiet machine

``DATA`` as in ``examples/cifar10_resnet20.py``, and the checkpoints of `benchmarks.checkpoints`. Every quantizer gets the
same calibration examples, 512 where there are so many. All files of a network are timed in the same rounds of fresh
processes, with one thread in ONNX Runtime, and scored on the same held-out examples, in pairs with the float file. A peer
that is not installed, or fails, is written down as such.
"""

import argparse
import dataclasses
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from safetensors.torch import load_file

import paredown
from benchmarks import networks, record
from benchmarks.checkpoints import tasks
from benchmarks.peers.onnx_language import DYNAMIC
from benchmarks.peers.onnx_quantizers import PEERS
from benchmarks.peers.torchao_pt2e import pt2e
from paredown import measure, quantize, targets
from paredown.graph.network import Network
from paredown.recipe import Evidence, Transform

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
        more: steps of ours beside those that every network gets, by label.
        told: what its score means, where that needs saying.

    """

    title: str
    task: Callable[[Path], paredown.Task]
    more: Mapping[str, Transform] = dataclasses.field(default_factory=dict)
    told: str = ""


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


_NARROW = {
    "4-bit weights, nearest": quantize.Int8(weight_bits=4, weights=quantize.Mse()),
    "4-bit weights, AdaRound": quantize.Int8(weight_bits=4, weights=quantize.Mse(), refine=quantize.AdaRound()),
    "4-bit weights, BRECQ": quantize.Int8(weight_bits=4, weights=quantize.Mse(), refine=quantize.BRECQ()),
}
_ITSELF = "The score is agreement with the float file: there are too few labels here, or none that fit."

CASES: Mapping[str, Case] = {
    "resnet20": Case("ResNet-20, CIFAR-10", _resnet(20), _NARROW),
    "resnet56": Case("ResNet-56, CIFAR-10", _resnet(56), _NARROW),
    "squeezenet": Case("SqueezeNet, one photo of each of 1,000 classes", tasks.classes),
    "resnet8": Case("MLPerf Tiny ResNet-8, CIFAR-10", tasks.images),
    "person": Case("MLPerf Tiny MobileNet 0.25, person or none", tasks.persons, told=_ITSELF),
    "wakeword": Case("MLPerf Tiny DS-CNN, wake word", tasks.wake_word, told=_ITSELF),
    "anomaly": Case(
        "MLPerf Tiny autoencoder, machine sounds",
        tasks.machines,
        {"DynamicInt8": quantize.DynamicInt8()},
        "The score is the distance to the spectra that the float file makes.",
    ),
    "silero": Case("Silero VAD", tasks.speech, told=_ITSELF),
    "ultralight": Case("Ultra-Light-Fast face detector", tasks.faces, told=_ITSELF),
}
OURS = {
    "Int8, min-max": quantize.Int8(),
    "Int8, MSE": quantize.Int8(activations=quantize.Mse()),
    "Int8, percentile": quantize.Int8(activations=quantize.Percentile()),
}


def files(
    case: Case, task: paredown.Task, network: Network, folder: Path
) -> tuple[dict[str, Path], list[dict[str, Any]]]:
    """Lower the float network and ours, let the peers quantize the float file; who failed, and seconds of all."""
    evidence = Evidence.of(task, TARGET.capabilities)
    made = {"float": TARGET.lower(network, folder / "float.onnx").path}
    rows = []
    attempts = {label: partial(_ours, step, network, evidence) for label, step in {**OURS, **case.more}.items()}
    tensors = list(evidence.calibration(CALIBRATION, network))
    names = [spec.name for spec in network.inputs]
    batches = [dict(zip(names, (part.numpy() for part in batch), strict=True)) for batch in tensors]
    for label, peer in PEERS.items():
        attempts[label] = partial(_from_file, partial(peer, batches=batches), made["float"])
    for label, quantizer in DYNAMIC.items():
        attempts[label] = partial(_from_file, quantizer, made["float"])
    attempts["torchao PT2E, exported"] = partial(pt2e, task.model, network.example, tensors)
    for label, attempt in attempts.items():
        start, path, failure = time.monotonic(), folder / f"file-{len(rows)}.onnx", ""
        try:
            attempt(out=path)
            with TARGET.open(path) as session:
                session.run([part.numpy() for part in tensors[0]])
            made[label] = path
        except Exception as error:  # noqa: BLE001 (a failure is a result)
            failure = f"{type(error).__name__}: {error}".splitlines()[0]
        rows.append({"label": label, "seconds": time.monotonic() - start, "failure": failure})
    return made, rows


def _ours(step: Transform, network: Network, evidence: Evidence, out: Path) -> None:
    TARGET.lower(step.on(network, evidence), out)


def _from_file(quantizer: Callable[..., None], source: Path, out: Path) -> None:
    quantizer(source, out=out)


def kernels(path: Path) -> dict[str, int]:
    """How often each operator is in the graph that ONNX Runtime runs."""
    import onnx  # noqa: PLC0415 (an extra)
    import onnxruntime  # noqa: PLC0415 (an extra)

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as scratch:
        options.optimized_model_filepath = f"{scratch}/optimised.onnx"
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        graph = onnx.load(options.optimized_model_filepath).graph
    return dict(Counter(node.op_type for node in graph.node))


def measured(case: Case, data: Path) -> dict[str, Any]:
    """Everything about one network: per file size, quality on the test images, latency against the float file."""
    task = case.task(data)
    work = task.data.work
    inputs, _ = next(iter(work.calibrate.batches(2, limit=2)))
    arguments, named = task.arguments(inputs)
    network = paredown.capture(task.model, *arguments, **named)
    with tempfile.TemporaryDirectory() as scratch:
        made, rows = files(case, task, network, Path(scratch))
        test = task.data.judge.open(lambda _: 1)
        truth = next(target for _, target in test.batches(len(test)))
        scored = {
            label: task.score.rows(task.outputs(measure.predict(path, test, target=TARGET)), truth)
            for label, path in made.items()
        }
        times = measure.latency(made, target=TARGET, baseline="float", pairs=(6, 16), time_limit=300)
        run = {label: kernels(path) for label, path in made.items()}
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
            "kernels": run[label],
        }
        for label in made
    ]
    failed = [row for row in rows if row["failure"]]
    return {
        "title": case.title,
        "told": case.told,
        "unit": task.score.unit,
        "files": found,
        "failed": failed,
        "processor": times["float"].processor,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", choices=sorted(CASES), default=sorted(CASES))
    options = parser.parse_args()
    for name in options.only:
        result = {
            "quantization": [measured(CASES[name], options.data)],
            "runtime": TARGET.version(),
            "calibration": CALIBRATION,
        }
        print(record.write(f"quantization-{name}", result), flush=True)


if __name__ == "__main__":
    main()
