"""The commands; see `benchmarks.coverage`."""

import argparse
import dataclasses
import importlib.metadata
import json
import sys
import warnings
from pathlib import Path

import torch

from benchmarks import record
from benchmarks.coverage import collect, families, process
from benchmarks.coverage.cases import cases
from benchmarks.coverage.stages import ARMS, STAGES


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="find the smallest model of every timm family")
    run = commands.add_parser("run", help="run every model; what --out holds already is not run again")
    run.add_argument("--out", type=Path, required=True)
    run.add_argument("--only", nargs="*", default=[], help="names, or beginnings of names such as timm/")
    run.add_argument("--arms", nargs="*", default=list(ARMS), choices=list(ARMS))
    run.add_argument("--limit-s", type=float, default=240.0, help="of processor time per model and arm")
    run.add_argument(
        "--stage-s", type=float, default=60.0, help="of processor time per stage behind the cut of Paredown's arm"
    )
    run.add_argument("--memory-gb", type=float, default=14.0, help="address space of one process")
    run.add_argument("--until", default=STAGES[-1], choices=STAGES[2:], help="last stage of Paredown's arm")
    run.add_argument("--again", action="store_true", help="run what --out holds already, too")
    write = commands.add_parser("record", help="write the results of --out to benchmarks/results")
    write.add_argument("--out", type=Path, required=True)
    write.add_argument("--note", default="", help="a sentence for the page, such as what was not run")
    write.add_argument("--earlier", type=Path, help="a stored result, for models that --out does not hold")
    kinds = commands.add_parser("situations", help="kinds of networks from capture to file; the result is recorded")
    kinds.add_argument("--only", nargs="*", default=[], help="names of situations; nothing is recorded then")
    options = parser.parse_args()
    if options.command == "situations":
        _situations(options.only)
        return
    if options.command == "list":
        families.write()
        return
    if options.command == "record":
        print(collect.write(options.out, options.note, options.earlier))
        return
    chosen = [c for c in cases().values() if not options.only or c.name.startswith(tuple(options.only))]
    if not chosen:
        sys.exit(f"No model is named {options.only}. Names begin with timm/, transformers/, torchvision/ or traps/.")
    fields = [field.name for field in dataclasses.fields(process.Options)]
    settings = {name: value for name, value in vars(options).items() if name in fields}
    process.run(chosen, process.Options(**settings | {"arms": tuple(options.arms)}))


def _situations(only: list[str]) -> None:
    from benchmarks.coverage import passage  # noqa: PLC0415 (Paredown is imported by what needs it)

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    found = passage.run(only, lambda text: print(text, flush=True))
    for name, situation in found.items() if only else ():
        print(name, json.dumps(situation["stages"], indent=1))
    if not only:
        names = ("torch", "onnx", "onnxruntime", "onnxscript")
        versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
        print(record.write("situations", {"situations": found, "versions": versions}))


if __name__ == "__main__":
    main()
