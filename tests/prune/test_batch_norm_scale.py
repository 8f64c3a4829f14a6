"""Scales of batch norms, and what counts where there are none."""

import pytest
import torch

from paredown import prune
from paredown.errors import RecipeError
from paredown.graph.axes import analyse
from paredown.recipe.evidence import Evidence
from paredown.testing.zoo import captured

from .scoring import score


def scales(network, *names):
    return [network.get_parameter(f"{name}.weight").detach().double().abs() for name in names]


def scored(importance, network):
    axes = analyse(network)
    return importance.score(network, axes, axes.free, Evidence.empty())


def test_it_is_the_absolute_scale(network):
    torch.testing.assert_close(score(prune.BatchNormScale(), network, "one"), *scales(network, "norm1"))


def test_several_batch_norms_are_averaged():
    network = captured("Bottleneck")
    name = next(g.name for g in analyse(network).free if "layers.0.norm.weight" in {c.name for c in g.carriers})
    found = scales(network, "layers.0.norm", "layers.0.shortcut.1")
    torch.testing.assert_close(score(prune.BatchNormScale(), network, name), sum(found) / 2)


def test_a_group_without_a_batch_norm_ranks_by_weights_at_the_typical_scale():
    network = captured("InvertedResidual")
    found = scored(prune.BatchNormScale(), network)
    weights = scored(prune.L2(), network)
    bare = {name for name in found if "reduce" in name or "head" in name}
    typical = torch.cat([values for name, values in found.items() if name not in bare]).mean()
    assert len(bare) == 4
    for name in bare:
        torch.testing.assert_close(found[name], weights[name] / weights[name].mean() * typical)


def test_the_other_criterion_is_a_setting(network):
    plain = prune.BatchNormScale(otherwise=prune.Random(seed=3))
    network = captured("InvertedResidual")
    name = next(name for name in scored(plain, network) if "reduce" in name)
    drawn = score(prune.Random(seed=3), network, name)
    torch.testing.assert_close(scored(plain, network)[name] / scored(plain, network)[name].mean(), drawn / drawn.mean())


def test_a_network_without_batch_norms():
    with pytest.raises(
        RecipeError, match=r"was given 7 groups, 'patches' the first, and none has a batch norm.*L2\(\)"
    ):
        scored(prune.BatchNormScale(), captured("VisionTransformer"))
