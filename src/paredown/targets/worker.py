"""The lowering process: ``python -m paredown.targets.worker REQUEST ANSWER``, both JSON files; see `elsewhere`."""

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from paredown import codec
from paredown.graph.network import Network
from paredown.targets.elsewhere import KINDS

if TYPE_CHECKING:
    from paredown.targets.target import Target

__all__ = ["main"]


def main(request: Path, answer: Path) -> None:
    """Lower what a request names and write what came of it."""
    asked = json.loads(request.read_text(encoding="utf-8"))
    sys.path.extend(entry for entry in asked["import_path"] if entry not in sys.path)
    for module in asked["modules"]:
        importlib.import_module(module)
    target: Target = codec.decode(asked["target"])
    try:
        lowering = target.write(Network.load(asked["network"]), Path(asked["path"]))
        told = {"lowering": codec.encode(lowering)}
    except KINDS as error:
        kind = next(kind for kind in KINDS if isinstance(error, kind))
        told = {"error": kind.__name__, "message": str(error)}
    answer.write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
