"""Makes a run directory and a certified file with the Paredown at hand: ``python -m tests.stored.make FOLDER``.

``v0_1`` was made by version 0.1, before stored names were stable (``paredown.prune.channels:Channels``). It is never
made anew: that later versions read it is the point.
"""

import sqlite3
import sys
from pathlib import Path

import paredown
from paredown import distill, prune, quantize, regularize, targets

_RECIPE = (
    prune.Channels(keep=0.5, importance=prune.Taylor()),
    paredown.Train(epochs=1, using=[distill.Logits(), regularize.Mixup()]),
    quantize.Int8(),
)


def make(folder: Path) -> None:
    """``run/`` with everything in it, and ``small.onnx`` with its certificate."""
    sys.path.insert(0, str(Path(__file__).parent))
    run = folder / "run"
    paredown.apply(paredown.Task.load("striped:task"), _RECIPE, target=targets.OnnxRuntime(), out=run)
    paredown.search.Run(run).best.save(folder / "small.onnx")
    _shrink(run)


def _shrink(run: Path) -> None:
    """Plain files, and a database without free pages."""
    (run / "lock").unlink()
    connection = sqlite3.connect(run / "ledger.sqlite")
    for statement in ("journal_mode=DELETE", "page_size=1024"):
        connection.execute(f"PRAGMA {statement}")
    connection.execute("VACUUM")
    connection.close()


if __name__ == "__main__":
    make(Path(sys.argv[1]))
