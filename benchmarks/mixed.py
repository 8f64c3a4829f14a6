"""Which layers stay in float: 8 bits everywhere, the first convolution in float, and mixtures chosen by measurement.

    python -m benchmarks.mixed fastest DATA [--only resnet20]     # some minutes on 2 cores
    python -m benchmarks.mixed floor DATA                         # weights of 4 bits, at most half a point lost

``DATA`` as in ``examples/cifar10_resnet20.py``. All files are timed in the same rounds of fresh processes, with one
thread in ONNX Runtime, and scored on the same test images, in pairs with the float file. What is chosen is chosen on
select, a part of the training images; the times that steer the choice are those of this machine.
"""

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import paredown
from benchmarks import record
from benchmarks.quantization.cases import CALIBRATION, CASES, TARGET, Case
from paredown import measure, quantize, targets
from paredown.recipe import Evidence

_COARSE = quantize.Int8(weight_bits=4)
QUESTIONS: Mapping[str, Mapping[str, quantize.Int8 | quantize.Mixed]] = {
    "fastest": {
        "Int8": quantize.Int8(),
        "Int8, first convolution in float": quantize.Int8(skip=("conv1",)),
        "Mixed, the fastest": quantize.Mixed(),
    },
    "floor": {
        "Int8, weights of 4 bits": _COARSE,
        "Mixed, weights of 4 bits, drop of 0.5 pt": quantize.Mixed(drop="0.5 pt", of=_COARSE),
    },
}


def measured(case: Case, data: Path, steps: Mapping[str, quantize.Int8 | quantize.Mixed]) -> dict[str, Any]:
    """Per file quality on the test images and latency against the float file; per mixture what it was chosen by."""
    task = case.task(data)
    inputs, _ = next(iter(task.data.work.calibrate.batches(2, limit=2)))
    network = paredown.capture(task.model, inputs)
    evidence = Evidence.of(task, TARGET.capabilities).timed(targets.Stopwatch(TARGET))
    with tempfile.TemporaryDirectory() as scratch:
        made = {"float": TARGET.lower(network, Path(scratch) / "float.onnx")}
        known: dict[str, dict[str, Any]] = {"float": {"seconds": None, "reason": "", "layers": None}}
        for label, step in steps.items():
            start = time.monotonic()
            plan = step.plan(network, evidence)
            made[label] = TARGET.lower(step.apply(network, plan), Path(scratch) / f"{len(made)}.onnx")
            seconds = time.monotonic() - start
            print(f"{label}: {seconds:.0f} s. {plan.reason}", flush=True)
            known[label] = {"seconds": seconds, "reason": plan.reason, "layers": plan.decisions.get("layers")}
        test = task.data.judge.open(lambda _: 1)
        truth = next(target for _, target in test.batches(len(test)))
        scored = {
            label: task.score.rows(task.outputs(measure.predict(file.path, test, target=TARGET)), truth)
            for label, file in made.items()
        }
        paths = {label: file.path for label, file in made.items()}
        times = measure.latency(paths, target=TARGET, baseline="float", pairs=(6, 16), time_limit=300)
    files = [
        {
            "label": label,
            "quality": dataclasses.asdict(measure.quality(scored[label], scored["float"], task.score)),
            "p50": dataclasses.asdict(times[label].p50),
            "ratio": dataclasses.asdict(ratio) if (ratio := times[label].ratio) else None,
            "operators": dict(file.lowering.operators),
            **known[label],
        }
        for label, file in made.items()
    ]
    return {"title": case.title, "files": files, "processor": times["float"].processor}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=QUESTIONS)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", choices=sorted(CASES), default="resnet20")
    options = parser.parse_args()
    result = {
        "mixed": [measured(CASES[options.only], options.data, QUESTIONS[options.what])],
        "runtime": TARGET.version(),
        "calibration": CALIBRATION,
    }
    print(record.write(f"mixed-{options.what}-{options.only}", result))


if __name__ == "__main__":
    main()
