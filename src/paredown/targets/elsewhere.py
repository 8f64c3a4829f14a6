"""Runtimes with an environment of their own: networks are lowered by its interpreter, see `worker`."""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paredown import codec
from paredown.errors import InputError, LoweringError, ParityError

if TYPE_CHECKING:
    from paredown.graph.network import Network
    from paredown.targets.artifact import Lowering
    from paredown.targets.target import Target

__all__ = ["KINDS", "away", "installed", "lower", "own_path", "search_path"]

KINDS = (ParityError, LoweringError, InputError)
"""Errors that are told and raised again; what lowering promises to raise."""

_LAST_LINES = 8
_ASK = (
    "import json, sys\nfrom importlib import metadata\nfound = {}\nfor name in sys.argv[1:]:\n    try:\n"
    "        found[name] = metadata.version(name)\n    except metadata.PackageNotFoundError:\n        pass\n"
    "print(json.dumps(found))"
)


def away(python: Path | None) -> Path | None:
    """An interpreter that is another one than this; None where it is this one."""
    if python is None or os.path.abspath(python) == os.path.abspath(sys.executable):  # noqa: PTH100 (links stay links)
        return None
    return python


def installed(packages: Sequence[str], python: Path | None = None) -> dict[str, str]:
    """Versions of distributions in an interpreter's environment; those that are missing are left out."""
    if away(python) is None:
        return _installed_here(packages)
    try:
        told = subprocess.run([str(python), "-c", _ASK, *packages], capture_output=True, text=True, check=True)  # noqa: S603 (the target's interpreter)
    except (OSError, subprocess.CalledProcessError):
        return {}  # no interpreter there, so nothing is installed there
    found: dict[str, str] = json.loads(told.stdout)
    return found


def _installed_here(packages: Sequence[str]) -> dict[str, str]:
    from importlib import metadata  # noqa: PLC0415 (slow, and few have need of it)

    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def search_path() -> dict[str, str]:
    """The environment in which another interpreter finds this Paredown, where it is not installed but lies as source."""
    root = str(Path(__file__).resolve().parents[2])
    if _is_ours(root):
        return {}
    return {"PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}


def own_path() -> list[str]:
    """Where this process finds the user's own modules: nothing that belongs to this interpreter."""
    return [entry for entry in sys.path if entry and not _is_ours(entry)]


def _is_ours(entry: str) -> bool:
    """Whether a directory is this interpreter's library or its packages."""
    homes = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    return any(Path(entry).is_relative_to(home) for home in homes) or entry.endswith(".zip")


def lower(target: "Target", network: "Network", path: Path, python: Path) -> "Lowering":
    """Let `python` do ``target.write(network, path)``.

    Raises:
        LoweringError: what `write` raised there, in its words; or the interpreter cannot be run or crashed.

    """
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
        stored, request, answer = (Path(scratch) / name for name in ("network.pt2", "request.json", "answer.json"))
        network.save(stored)
        encoded = codec.encode(target)
        asked = {
            "target": encoded,
            "modules": sorted(codec.users_modules(encoded)),
            "network": str(stored),
            "path": str(path),
            "import_path": own_path(),
        }
        request.write_text(json.dumps(asked), encoding="utf-8")
        command = [str(python), "-P", "-m", "paredown.targets.worker", str(request), str(answer)]
        try:
            done = subprocess.run(  # noqa: S603 (the target's interpreter)
                command, capture_output=True, text=True, check=False, env={**os.environ, **search_path()}
            )
        except OSError as error:
            msg = f"{target.name} lowers with {python}, which cannot be run ({error}). {target.advice}"
            raise LoweringError(msg) from error
        if not answer.is_file():
            tail = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-_LAST_LINES:])
            msg = (
                f"{target.name} lowers with {python}, which ended with exit code {done.returncode}. Its last words:\n"
                f"  {tail}\n{target.advice}"
            )
            raise LoweringError(msg)
        return _read(json.loads(answer.read_text(encoding="utf-8")))


def _read(answer: Mapping[str, Any]) -> "Lowering":
    if "error" in answer:
        kind = next(kind for kind in KINDS if kind.__name__ == answer["error"])
        raise kind(answer["message"])
    lowering: Lowering = codec.decode(answer["lowering"])
    return lowering
