"""The public promise: `paredown.__all__`, and that of every room."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest

import paredown

ROOT = Path(__file__).parents[1]
ROOMS = (
    "architecture",
    "distill",
    "measure",
    "prune",
    "quantize",
    "recipe",
    "regularize",
    "report",
    "scores",
    "search",
)
ROOMS += ("targets", "verdict")


def test_all_is_sorted_and_importable():
    names = [name for name in paredown.__all__ if not name.startswith("_")]
    classes, others = [n for n in names if n[0].isupper()], [n for n in names if not n[0].isupper()]
    assert names == sorted(classes) + sorted(others)
    for name in paredown.__all__:
        assert getattr(paredown, name) is not None, name


def test_all_is_what_an_editor_is_told():
    tree = ast.parse(Path(paredown.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    told = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    told |= {node.target.id for node in block.body if isinstance(node, ast.AnnAssign)}
    assert told == set(paredown.__all__)


def test_what_is_listed_is_what_is_public():
    assert dir(paredown) == sorted(paredown.__all__)
    with pytest.raises(AttributeError, match=r"no attribute 'compres'. It has .*compress"):
        _ = paredown.compres


def test_the_version_is_the_installed_one():
    assert paredown.__version__ == importlib.metadata.version("paredown")


@pytest.mark.parametrize("name", [name for name in paredown.__all__ if name != "__version__"])
def test_every_public_object_is_documented(name):
    thing = getattr(paredown, name)
    assert (inspect.getdoc(thing) or "").strip(), name


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_promise_what_they_have_and_document_it(room):
    module = importlib.import_module(f"paredown.{room}")
    assert (module.__doc__ or "").strip()
    for name in module.__all__:
        thing = getattr(module, name)
        if isinstance(thing, (type, types.FunctionType)):
            assert (inspect.getdoc(thing) or "").strip(), f"paredown.{room}.{name}"


def test_every_module_says_what_it_is_for():
    silent = [
        info.name
        for info in pkgutil.walk_packages(paredown.__path__, "paredown.")
        if not (ast.get_docstring(ast.parse(Path(importlib.util.find_spec(info.name).origin).read_text("utf-8"))) or "")
    ]
    assert silent == []


def test_the_wheel_holds_the_package_its_types_and_the_templates_of_the_report(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = {name for name in wheel.namelist() if not name.partition("/")[0].endswith(".dist-info")}
    files = [path.relative_to(ROOT / "src") for path in (ROOT / "src" / "paredown").rglob("*") if path.is_file()]
    assert held == {path.as_posix() for path in files if "__pycache__" not in path.parts}
    assert {"paredown/py.typed", "paredown/report/templates/page.html.j2"} <= held
