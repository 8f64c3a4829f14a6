"""Where results go: one dated JSON file a run."""

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def write(name: str, result: Mapping[str, Any]) -> Path:
    """Store a result as ``results/<date>-<name>.json`` and say where."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{dt.datetime.now(dt.UTC).date().isoformat()}-{name}.json"
    path.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    return path


def latest() -> dict[str, dict[str, Any]]:
    """The newest result of every name."""
    newest = {}
    for path in sorted(RESULTS.glob("*.json")):
        newest[path.stem[11:]] = {"file": f"results/{path.name}", **json.loads(path.read_text())}
    return newest
