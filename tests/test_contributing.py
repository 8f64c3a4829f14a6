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

MOVE = '''

@dataclasses.dataclass(frozen=True)
class CutToy(Move):
    """Cut channels, whatever they matter."""

    name: str = "toy"
    family: str = "prune"
    effects: frozenset[Effect] = frozenset({Effect.WIDTH})
    dial: str | None = "macs"
    default: bool = True

    def offer(self, at: Situation) -> Offer | Refusal:
        """See `Move.offer`."""
        return CHANNELS.offer(at)

    def add(self, at: Situation, chosen: Mapping[str, Any]) -> Recipe:
        """See `Move.add`."""
        return (*at.recipe, Channels(importance=L2(), allocation=Uniform(macs=chosen.get("macs", 0.5))))


'''

STRATEGY = '''"""The last order first."""

import dataclasses

from paredown.recipe.strategy import C, History, Proposal, SearchSpace, Strategy

__all__ = ["Backwards"]


@dataclasses.dataclass(frozen=True)
class Backwards(Strategy):
    """Go through the orders from the last to the first, at one size."""

    def ask(self, space: SearchSpace[C], history: History[C], seed: int) -> Proposal[C] | None:
        """See `Strategy.ask`."""
        orders = space.dimensions["order"].values
        if len(history) == len(orders):
            return None
        point = {name: 0 for name in space.dimensions}
        return space.build({**point, "aim": 0.93, "order": len(orders) - 1 - len(history)})
'''

SEARCH_TEST = '''"""The search proposes with a toy move and a toy strategy; nothing else knows of them."""

from paredown.budget import Budget
from paredown.recipe.picks import Picks
from paredown.recipe.training import TRAIN
from paredown.search.backwards import Backwards

from .pretend import PACE, space, world


def test_toys(tmp_path, monkeypatch):
    assert ["toy", "train", "int8"] in [[move.name for move in order] for order in space().orders()]
    seconds = 60 * PACE.epoch(Picks.of(TRAIN))
    with world(tmp_path / "usual", seconds, monkeypatch) as made:
        made.searching(Budget(latency="60%", drop="1 pt")).run()
        steps = next(steps for role, _, steps in made.made if role == "trial")
        assert steps[0].word.startswith("uniform prune")
    with world(tmp_path / "backwards", seconds, monkeypatch) as made:
        search = made.searching(Budget(latency="60%", drop="1 pt"))
        search.strategy = Backwards()
        search.run()
        words = [[step.word.split()[0] for step in steps] for role, _, steps in made.made if role == "trial"]
        assert words[0] == ["slim", "train"]
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


def add_move(house):
    file = house / "src/paredown/prune/moves.py"
    insert(file, "RANDOM = CutByLot()", MOVE.lstrip())
    return {insert(file, "CHANNELS, LATENCY, BLOCKS", "CutToy(), ")}


def add_strategy(house):
    return {write(house / "src/paredown/search/backwards.py", STRATEGY)}


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


def test_a_move_and_a_strategy_take_one_file_each(house):
    assert len(add_move(house)) == listed("a move")
    assert len(add_strategy(house)) == listed("a strategy")
    write(house / "tests/search/test_toys.py", SEARCH_TEST)
    run = checked(house, "tests/search/test_toys.py", "tests/contracts/test_moves.py", "-k", "toy or unique")
    assert run.returncode == 0, run.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", run.stdout)[1]) == 5, "the contract suite has not found the move"
