"""The command line that all examples share: data folder in; verdict, best file and report out."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import paredown
from paredown import targets

__all__ = ["main", "need"]


def need(data: Path, files: Sequence[str]) -> None:
    """End with a clear word where a file is not in the data folder."""
    missing = [name for name in files if not (data / name).is_file()]
    if missing:
        sys.exit(f"{data} lacks {', '.join(missing)}. Name the folder that holds {', '.join(files)}.")


def main(doc: str | None, load: Callable[[Path], paredown.Task], time: str, **limits: str) -> None:
    """Read the arguments, search, and say what came out.

    Args:
        doc: shown by ``--help``.
        load: the task, from the data folder.
        time: to search, unless ``--time`` says otherwise.
        **limits: of the budget, unless given as ``--latency``, ``--drop`` and so on.

    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with the data")
    parser.add_argument("--time", default=time, help="how long to search (default: %(default)s)")
    for name, value in limits.items():
        parser.add_argument(f"--{name}", default=value, help=f"limit on {name} (default: %(default)s)")
    out = Path("runs") / Path(sys.argv[0]).stem
    parser.add_argument("--out", type=Path, default=out, help="run directory (default: %(default)s)")
    options = parser.parse_args()
    run = paredown.compress(
        load(options.data),
        budget=paredown.Budget(**{name: getattr(options, name) for name in limits}),
        target=targets.OnnxRuntime(threads=1),
        time=options.time,
        out=options.out,
    )
    print(run.verdict)
    run.best.save(options.out / "best.onnx")
    run.report(options.out / "report.html")
