"""ResNet-20 on CIFAR-10: the file `compress` finds, and the five families head to head.

    python -m benchmarks.cifar10 compress DATA     # about 45 minutes on 2 cores
    python -m benchmarks.cifar10 compare DATA

``DATA`` as in ``examples/cifar10_resnet20.py``. The whole test set is scored once more at the end, with the original and
int8 alone beside the best file; `select` was carved from it, so the certified number is the one on `judge`.
"""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

import paredown
from benchmarks import evidence, record
from paredown import architecture, distill, measure, prune, quantize, regularize, targets
from paredown.search import Run

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
import cifar10_resnet20

TARGET = targets.OnnxRuntime(threads=1)


def whole_test_set(run: Any, task: paredown.Task, data: Path) -> dict[str, Any]:
    """Score original, int8 alone and the best file on all 10,000 test images, paired with the original."""
    images, labels = cifar10_resnet20.read(data / "cifar10-jpeg/test.parquet")
    split = paredown.Data(train=(images[:64], labels[:64]), judge=(images, labels), select=(images[:64], labels[:64]))
    test = split.judge.open(lambda _: 1)
    rows = {}
    chosen = {c.label: c for c in run.summary().candidates if c.file and (c.best or c.role in {"original", "arm"})}
    for label, candidate in chosen.items():
        outputs = measure.predict(run.directory / candidate.file, test, target=TARGET)
        rows[label] = task.score.rows(task.outputs(outputs), labels)
    original = next(c.label for c in chosen.values() if c.role == "original")
    return {label: dataclasses.asdict(measure.quality(row, rows[original], task.score)) for label, row in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["compress", "compare"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--time", default="40 min")
    parser.add_argument("--seeds", type=int, default=3, help="trainings per family of `compare`")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    options = parser.parse_args()
    task = cifar10_resnet20.load(options.data)
    out = options.out / f"cifar10-{options.what}"
    if (out / "ledger.sqlite").is_file():
        run = Run(out)  # a finished run is only recorded
    elif options.what == "compress":
        budget = paredown.Budget(latency="40%", drop="1 pt")
        run = paredown.compress(task, budget=budget, target=TARGET, time=options.time, out=out)
    else:
        families = (prune, quantize, distill, regularize, architecture)
        run = paredown.compare(task, *families, target=TARGET, time=options.time, seeds=options.seeds, out=out)
    summary = {**run.summary().to_json(), "evidence": evidence.of_run(run)}
    if options.what == "compress":
        summary["whole_test_set"] = whole_test_set(run, task, options.data)
    run.report(out / "report.html")
    print(record.write(f"cifar10-{options.what}", summary))


if __name__ == "__main__":
    main()
