"""Groups of one structure share one threshold."""

import pytest
import torch

from paredown import prune
from paredown.errors import RecipeError
from paredown.graph.axes import analyse
from paredown.prune.allocation import Ranking
from paredown.recipe.evidence import Evidence
from paredown.testing.zoo import captured


def ranking(network, importance, keep, multiple=1):
    axes = analyse(network)
    scores = {group.name: importance(group) for group in axes.free}
    return Ranking(network, axes, scores, keep, dict.fromkeys(scores, multiple), Evidence.empty())


def rising(group):
    """Later groups are more important throughout, and heads far less than anything else."""
    shape = (group.outer, group.size) if group.outer else (group.size,)
    late = 100.0 if "layers.1" in group.name else 0.0
    few = 1e-6 if "qkv" in group.name else 1.0
    return (torch.arange(group.size) + late).double().expand(shape) * few


def test_every_structure_keeps_the_share_and_ranks_within_itself():
    given = ranking(captured("VisionTransformer"), rising, 0.5)
    counts = prune.Isomorphic(least=0.25).counts(given)
    hidden = counts["layers.0.mlp.0"], counts["layers.1.mlp.0"]
    heads = counts["layers.0.attention.qkv[heads]"], counts["layers.1.attention.qkv[heads]"]
    assert hidden == (8, 32)  # all of the second; of the first only its least
    assert heads == (1, 4)
    assert counts["patches"] == 8  # alone of its kind
    everywhere = prune.Global(least=0.25).counts(given)
    assert everywhere["layers.1.attention.qkv[heads]"] == 1  # one threshold for all empties the heads


def test_heads_and_their_dimensions_are_of_two_kinds():
    given = ranking(captured("VisionTransformer"), rising, 0.5)
    counts = prune.Isomorphic().counts(given)
    dims = [count for name, count in counts.items() if "head_dim" in name]
    assert sum(dims) == 5  # one kept at the least beside half of all eight


def test_without_two_of_a_kind_it_is_uniform(network):
    given = ranking(network, lambda group: torch.arange(float(group.size)), 0.5)
    assert prune.Isomorphic().counts(given) == prune.Uniform().counts(given) == {"stem": 4, "one": 6}


@pytest.mark.parametrize("goal", [0.7, 0.4])
def test_a_goal_in_multiply_accumulates(goal):
    network = captured("VisionTransformer")
    given = ranking(network, rising, 1.0)
    share = given.axes.macs(prune.Isomorphic(macs=goal).counts(given)) / given.axes.macs()
    assert 0.75 * goal < share <= goal


def test_settings_are_shares():
    with pytest.raises(RecipeError, match=r"macs=2\) was given. It is the share that stays"):
        prune.Isomorphic(macs=2)
    with pytest.raises(RecipeError, match=r"least=0\) was given. It is the share that stays"):
        prune.Isomorphic(least=0)
