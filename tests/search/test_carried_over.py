"""What was proposed before moves offered themselves is proposed still.

``carried_over.json`` was written by the code before that change: recipes as titles, for several choices of families,
targets and seeds. Left out is what differs: where no criterion of pruning is to be chosen, the estimator draws in one
dimension less, so that only the given proposals are the same.
"""

import dataclasses
import json
from pathlib import Path

import pytest

from paredown.graph.capabilities import Capabilities
from paredown.recipe.strategy import Answer, propose
from paredown.run.labels import FAMILIES, title
from paredown.search.space import Proposals
from paredown.search.tpe import TRIES, ParzenEstimator

from .pretend import space

BEFORE = json.loads((Path(__file__).parent / "carried_over.json").read_text(encoding="utf-8"))


def some(case, seed=0):
    """The space of a case: what is not asked for, what the target cannot do, what does not work on the network."""
    found = space(seed)
    at = found.situation
    if not case.get("int8", True):
        evidence = at.evidence.within(at.evidence.progress, None)
        evidence.capabilities = Capabilities("Plain")
        at = dataclasses.replace(at, evidence=evidence)
    refused = dict.fromkeys((move for move in found.moves if move.name in case.get("refused", ())), "it failed")
    return dataclasses.replace(found, situation=at, families=frozenset(case.get("families", FAMILIES)), refused=refused)


def titled(steps):
    return " → ".join(map(title, steps))


def share(picks, aim):
    return round(aim * (0.6 if picks.quantized else 0.3), 3)


def proposed(here, seed, count):
    proposals, history, found = Proposals(here, share), [], []
    while len(found) < count:
        proposal = propose(ParzenEstimator(), proposals, history, seed, TRIES)
        if proposal is None:
            break
        steps, size = here.recipe(proposal.candidate), proposal.candidate.size
        found.append(titled(steps))
        drop = 3.0 * (1 - size) + len(steps) * 0.1
        told = Answer(proposal, (drop, size), {"drop": drop - 1.0, "latency": size - 0.5})
        history.append(Answer(proposal) if len(found) % 5 == 0 else told)
    return found


@pytest.mark.parametrize("name", BEFORE)
def test_the_same_recipes_are_proposed(name):
    before = BEFORE[name]
    for seed, recipes in enumerate(before["recipes"]):
        assert proposed(some(before["case"], seed), seed, len(recipes)) == recipes
