"""The commands; see `benchmarks.coverage`."""

import argparse
import dataclasses
import sys
from pathlib import Path

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
    options = parser.parse_args()
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


if __name__ == "__main__":
    main()
