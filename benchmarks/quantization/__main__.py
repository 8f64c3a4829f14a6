"""Measure and record, network by network.

    python -m benchmarks.quantization DATA [--only resnet20 silero]     # minutes a network on a quiet machine

``DATA`` as in ``examples/cifar10_resnet20.py``, and the checkpoints of `benchmarks.checkpoints`. Every quantizer gets the
same calibration examples, 512 where there are so many; `quantize.Calibrate` decides on `select`. All files of a network
are timed in the same rounds of fresh processes, on an example of its data, with one thread in ONNX Runtime, and scored on
`judge`, in pairs with the float file. A peer that is not installed, or fails, is written down as such.
"""

import argparse
from pathlib import Path

import torch

from benchmarks import record
from benchmarks.quantization.bench import measured
from benchmarks.quantization.cases import CALIBRATION, CASES, TARGET


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", choices=sorted(CASES), default=sorted(CASES))
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch, while files are made")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.only:
        result = {
            "quantization": [measured(CASES[name], options.data)],
            "runtime": TARGET.version(),
            "calibration": CALIBRATION,
            "threads": options.threads,
        }
        print(record.write(f"quantization-{name}", result), flush=True)


if __name__ == "__main__":
    main()
