"""Distillation and regularization beside a control, task by task, with several seeds.

    python -m benchmarks.training DATA                       # some hours on one core
    python -m benchmarks.training DATA --only california fsdd

``DATA`` holds the folders that the scripts in ``examples`` name. Of each task a student of about a quarter of the
original's cost is trained plainly (the control), with the best of some regularizers, with the best of some
distillations, and with both; what is best is decided on `select` with a seed of its own. All students of a task start
alike, see the same data in the same order, and are scored as files, on `judge`, which is opened once.
"""

import argparse
import tempfile
from pathlib import Path

import torch

from benchmarks import record
from benchmarks.training.arms import TARGET, Bench
from benchmarks.training.cases import CASES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", choices=sorted(CASES), default=list(CASES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--shorter", type=float, default=1.0, help="share of the epochs, to try it out on `select`; not recorded"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            trial = options.shorter < 1.0
            bench = Bench(CASES[name], options.data, Path(folder), shorter=options.shorter, trial=trial)
            result = bench.run(options.seeds)
        result["threads"] = options.threads
        if options.shorter < 1.0:
            print(name, result["select"], result["judge"], f"{result['seconds']:.0f} s")
        else:
            print(
                record.write(
                    f"training-{name.replace('%', 'percent')}", {"training": result, "runtime": TARGET.version()}
                )
            )


if __name__ == "__main__":
    main()
