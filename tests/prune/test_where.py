"""Choosing groups by the paths of the user's modules."""

import dataclasses

import pytest

from paredown import prune
from paredown.errors import FrozenError, RecipeError
from paredown.graph.axes import analyse
from paredown.recipe.evidence import Evidence
from paredown.testing.zoo import captured


def names(where, name="VisionTransformer"):
    return [group.name for group in where.choose(analyse(captured(name)))]


def test_everything_by_default():
    assert names(prune.Where()) == [group.name for group in analyse(captured("VisionTransformer")).free]


def test_a_path_means_everything_inside():
    # The residual stream is produced inside every layer too.
    assert names(prune.Where(include=("layers.0",))) == [
        "patches",
        "layers.0.attention.qkv[heads]",
        "layers.0.attention.qkv[head_dim]",
        "layers.0.mlp.0",
    ]


def test_globs_and_names_of_groups():
    assert names(prune.Where(include=("*.mlp.0",))) == ["layers.0.mlp.0", "layers.1.mlp.0"]
    assert names(prune.Where(include=("layers.1.attention.qkv[heads]",))) == ["layers.1.attention.qkv[heads]"]


def test_excluding_wins():
    found = names(prune.Where(include=("layers.0",), exclude=("patches", "*.qkv")))
    assert found == ["layers.0.mlp.0"]


def test_a_pattern_that_meets_nothing_lists_the_nearest():
    with pytest.raises(
        RecipeError, match=r"No group of this network meets the pattern 'layer\.0'.*nearest are .*layers\.0"
    ):
        names(prune.Where(include=("layer.0",)))


def test_a_frozen_group_by_name_says_what_holds_it():
    with pytest.raises(FrozenError, match=r"meets only groups that cannot be cut: 'head' is held by output"):
        names(prune.Where(include=("head",)))


def test_a_frozen_group_is_named_even_where_its_pattern_meets_free_ones():
    axes = analyse(captured("VisionTransformer"))
    free = axes.free[0]
    held = dataclasses.replace(free, name="layers", frozen_by="aten.foo.default (node foo) has no axes rule")

    class Both:
        groups = (held, *axes.groups)

    with pytest.raises(FrozenError, match=r"'layers' is held by aten\.foo\.default \(node foo\) has no axes rule"):
        prune.Where(include=("layers",)).choose(Both())


def test_everything_excluded():
    with pytest.raises(RecipeError, match=r"leaves none of the \d+ groups that can be cut. Exclude less"):
        prune.Channels(where=prune.Where(exclude=("*",))).plan(captured("UNet"), Evidence.empty())


def test_a_network_without_free_groups():
    import torch
    from torch import nn

    import paredown

    network = paredown.capture(nn.Linear(3, 2).eval(), torch.randn(2, 3))
    with pytest.raises(RecipeError, match=r"no group that can be cut \('.*' by .*\). Leave this step out"):
        prune.Channels().plan(network, Evidence.empty())


def test_a_string_is_no_tuple():
    with pytest.raises(RecipeError, match=r"Where\(include='head'\) was given.*Write Where\(include=\('head',\)\)"):
        prune.Where(include="head")
