"""The guide's Python is run, top to bottom, as one program."""

import inspect
import re
from pathlib import Path

import pytest

from paredown import architecture, distill, prune, quantize, regularize

DOCS = Path(__file__).parents[1] / "docs"


def snippets(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def test_the_guide_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts = snippets(DOCS / "guide.md")
    assert len(parts) >= 8
    exec(compile("\n".join(parts), "guide.md", "exec"), {"__name__": "guide"})  # noqa: S102
    for name in ("before.onnx", "after.onnx", "best.onnx", "best.onnx.certificate.json"):
        assert (tmp_path / name).stat().st_size > 0, name


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


RESULTS = {
    "prune.Masked",
    "quantize.Analysis",
    "quantize.NodeError",
    "quantize.Refined",
    "regularize.Strength",
    "regularize.Tried",
}
"""Public types that come out of something; they are no techniques."""


def test_every_technique_has_its_place_in_the_list():
    text = (DOCS / "techniques.md").read_text(encoding="utf-8")
    told = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]*)`", text))))
    missing = [
        f"{room.__name__.rpartition('.')[2]}.{name}"
        for room in (prune, quantize, distill, regularize, architecture)
        for name in room.__all__
        if inspect.isclass(thing := getattr(room, name)) and not inspect.isabstract(thing) and name not in told
    ]
    assert [name for name in missing if name not in RESULTS] == []
