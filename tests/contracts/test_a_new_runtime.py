"""A runtime is one folder: a toy one is added, and nothing else is touched."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import paredown
from paredown import targets

SOURCE = Path(paredown.__file__).parent
PROJECT = Path(__file__).parents[2] / "pyproject.toml"
HERE = Path(__file__).parents[1] / "cli"  # where the tiny task is

INIT = '''"""A runtime of crumbs."""

from paredown.targets.toy.target import Toy

__all__ = ["Toy"]
'''
TARGET = '''"""A runtime of crumbs."""

import dataclasses
from pathlib import Path
from typing import ClassVar

from paredown.errors import CorruptError, LoweringError
from paredown.targets import parity
from paredown.targets.artifact import Lowering
from paredown.targets.option import option
from paredown.targets.target import Port, Session, Target


@dataclasses.dataclass(frozen=True)
class Toy(Target):
    """Crumbs on the CPU."""

    crumbs: int = option(3, "So many crumbs.", least=1)
    name: ClassVar[str] = "Toy"
    suffix: ClassVar[str] = ".toy"
    extra: ClassVar[str] = "toy"
    packages: ClassVar[tuple[str, ...]] = ("safetensors",)

    @property
    def capabilities(self):
        from paredown.graph.capabilities import Capabilities, Int8Kernels

        return Capabilities(self.name, Int8Kernels(frozenset({"aten.linear.default"})))

    @property
    def reproducible(self):
        return False

    def write(self, network, path):
        network.copy().eval().save(path)
        with self.open(path) as session:
            parity.check(network, session, self.floors.float, self.name, self.batches)
        return Lowering()

    def open(self, path):
        from paredown.graph.network import Network

        try:
            return Opened(Network.load(path))
        except CorruptError as error:
            raise LoweringError(f"{path} is no file of crumbs.") from error


class Opened(Session):
    def __init__(self, network):
        self.network = network
        self.inputs = tuple(
            Port(s.name, str(s.dtype)[6:], tuple(n if isinstance(n, int) else None for n in s.shape))
            for s in network.inputs
        )
        self.outputs = (Port("output", "float32", (None, None)),)

    def run(self, feeds):
        import torch

        with torch.no_grad():
            return [out.numpy() for out in self.network.graph_module(*map(torch.from_numpy, feeds))]

    def close(self):
        self.network = None
'''


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the sources with a folder, a line in ``targets/__init__`` (its import and its name) and an extra."""
    home = tmp_path_factory.mktemp("house")
    shutil.copytree(SOURCE, home / "src" / "paredown", ignore=shutil.ignore_patterns("__pycache__"))
    room = home / "src" / "paredown" / "targets"
    (room / "toy").mkdir()
    (room / "toy" / "__init__.py").write_text(INIT)
    (room / "toy" / "target.py").write_text(TARGET)
    text = (room / "__init__.py").read_text()
    text = text.replace("\n\n__all__ = [", "\n\nfrom paredown.targets.toy import Toy\n\n__all__ = [\n    'Toy',", 1)
    (room / "__init__.py").write_text(text)
    return home


def typed(house, *words):
    """Type a command line in the house with the toy."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(house / "src"), str(HERE), str(HERE.parent)]),
        "PAREDOWN_CACHE": str(house / "cache"),
        "COLUMNS": "200",
    }
    code = "from brisk import brisk; from paredown.cli.main import main\nwith brisk():\n    main()"
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=house, env=environment)


def test_it_is_listed_and_its_options_are_offered(house):
    rows = {row["target"]: row for row in json.loads(typed(house, "targets", "--json").stdout)}
    assert rows.keys() == {"onnxruntime", "torch", "toy"}
    assert (rows["toy"]["suffix"], rows["toy"]["what"]) == (".toy", "Crumbs on the CPU.")
    assert rows["toy"]["version"].startswith("safetensors ")
    told = " ".join(typed(house, "apply", "--help").stdout.split())
    assert "--crumbs <int range> So many crumbs. For toy." in told


def test_a_recipe_ends_as_a_certified_file(house):
    done = typed(
        house, "apply", "tiny:task", "prune:keep=0.5", "--target", "toy", "--crumbs", 5, "--out", "run", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["target"] == "Toy, 1 thread, batch 1"
    certificate = json.loads((house / "run" / "best.toy.certificate.json").read_text())
    assert certificate["target"]["crumbs"] == 5
    assert certificate["versions"]["safetensors"] in certificate["runtime"]
    done = typed(house, "verify", "run/best.toy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "outputs: checked" in done.stdout


def test_its_files_are_timed_by_their_suffix_and_its_lacks_are_told(house):
    done = typed(house, "apply", "tiny:task", "dynamic_int8", "--target", "toy", "--out", "other")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "DynamicInt8() was given for Toy" in done.stderr
    assert "`targets.OnnxRuntime()` can" in done.stderr
    code = "from paredown.quantize.others import others; print(others(lambda able: able.int8.operators))"
    environment = {**os.environ, "PYTHONPATH": str(house / "src")}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert told.stdout.startswith("`targets.OnnxRuntime()` and `targets.Toy()` can: use one of them as the target")


def test_every_runtime_has_its_extra():
    offered = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    for kind in targets.runtimes():
        if kind.extra:
            named = {wanted.partition(">")[0] for wanted in offered[kind.extra]}
            assert set(kind.packages) <= named
