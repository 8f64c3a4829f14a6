"""CONTRIBUTING's lists of files are true: a toy of each kind is added to a copy of the house, and nothing else is touched."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

CRITERION = '''"""Importance that is the same everywhere."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch

from paredown.graph.axes import Axes, Group
from paredown.graph.network import Network
from paredown.prune.importance import Importance

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Toy"]


@dataclasses.dataclass(frozen=True)
class Toy(Importance):
    """Every index matters as much as every other: the first ones stay."""

    def score(
        self, network: Network, axes: Axes, groups: Iterable[Group], evidence: "Evidence"
    ) -> Mapping[str, torch.Tensor]:
        """See `Importance.score`."""
        return {group.name: torch.ones(group.size) for group in groups}
'''

CRITERION_TEST = '''"""The first indices stay."""

from paredown import prune


def test_equal_importance():
    assert prune.Toy() == prune.Toy()
'''

FINDING = '''"""PD199: a toy."""

from paredown.verdict.findings.context import RunContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]


def check(context: RunContext) -> Finding:
    """Find something wherever something was opened."""
    if not context.openings:
        return Finding("PD199", "a toy", Severity.NOT_APPLICABLE, "Nothing was opened.")
    return Finding("PD199", "a toy", Severity.TIP, "A toy was found.")
'''

FINDING_TEST = '''"""It is found."""

from paredown.verdict.findings import RunContext, check


def test_it_is_found():
    found = {finding.code: finding.text for finding in check(RunContext(openings=1))}
    assert found["PD199"] == "A toy was found."
'''

PAGE = (
    "# PD199: a toy\n\n## What was seen\n\nA toy.\n\n## Why it matters\n\nIt does not.\n\n## What to do\n\nNothing.\n"
)


@pytest.fixture
def house(tmp_path):
    """A copy of what a contributor edits."""
    for name in ("src", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "pictures"))
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "CONTRIBUTING.md", "README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def listed(chapter):
    """How many files a chapter of CONTRIBUTING promises: ``## Adding a pruning criterion: four files``."""
    words = {"one": 1, "two": 2, "three": 3, "four": 4}
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.search(rf"^## Adding {chapter}: (\w+) files?$", text, re.MULTILINE)
    assert found, f"no chapter on adding {chapter}"
    return words[found[1]]


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def insert(file, before, line):
    """A line in front of another one."""
    text = file.read_text(encoding="utf-8")
    assert before in text, before
    file.write_text(text.replace(before, f"{line}{before}", 1), encoding="utf-8")
    return file


def checked(house, *tests):
    """Run tests in the copy, as a contributor would."""
    environment = {**os.environ, "PYTHONPATH": str(house / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
    return subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True, check=False)


def add_criterion(house, *, documented):
    touched = [
        write(house / "src/paredown/prune/toy.py", CRITERION),
        write(house / "tests/prune/test_toy.py", CRITERION_TEST),
    ]
    room = house / "src/paredown/prune/__init__.py"
    insert(room, "from paredown.prune.where", "from paredown.prune.toy import Toy\n")
    touched.append(insert(room, '    "Uniform",\n', '    "Toy",\n'))
    if documented:
        touched.append(insert(house / "docs/techniques.md", "- Allocation: `Uniform`", "- Importance: `Toy`.\n"))
    return set(touched)


def add_finding(house, *, documented):
    touched = [
        write(house / "src/paredown/verdict/findings/pd199_toy.py", FINDING),
        write(house / "tests/verdict/test_pd199.py", FINDING_TEST),
    ]
    if documented:
        touched.append(write(house / "docs/findings/pd199.md", PAGE))
    return set(touched)


CONTRACTS = ("tests/contracts/test_contracts.py", "tests/contracts/test_settings.py")
OWN = ("tests/prune/test_toy.py", "tests/verdict/test_pd199.py")
DOCUMENTED = ("tests/test_docs.py", "tests/verdict/test_findings.py")


def test_a_pruning_criterion_and_a_finding_take_the_files_that_are_listed(house):
    assert len(add_criterion(house, documented=True)) == listed("a pruning criterion")
    assert len(add_finding(house, documented=True)) == listed("a finding")
    run = checked(house, *CONTRACTS, *OWN, *DOCUMENTED, "-k", "Toy or equal or it_is_found or every_technique or page")
    assert run.returncode == 0, run.stdout[-3000:]
    passed = int(re.search(r"(\d+) passed", run.stdout)[1])
    assert passed > 8, "the contract suite has not found the criterion"


def test_what_is_not_documented_is_caught(house):
    add_criterion(house, documented=False)
    add_finding(house, documented=False)
    run = checked(house, *DOCUMENTED, "-k", "every_technique or page")
    assert run.returncode == 1
    assert "prune.Toy" in run.stdout
    assert "pd199.md" in run.stdout
