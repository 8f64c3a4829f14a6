"""Ranks of feature maps against what forward hooks see."""

import pytest
import torch

from paredown import prune
from paredown.errors import RecipeError
from paredown.graph.axes import analyse
from paredown.testing.zoo import captured

from .conftest import small
from .scoring import evidence_for, inputs_of, score


def ranks(maps):
    rows = [[torch.linalg.matrix_rank(picture) for picture in example] for example in maps]
    return torch.tensor(rows).double().mean(0)


def test_it_is_the_mean_rank_of_what_weights_read(network, evidence):
    inputs = torch.cat([batch[0] for batch in evidence.calibration()])
    given = inputs_of(small(), inputs, "one", "two", "head")
    torch.testing.assert_close(
        score(prune.HRank(over=prune.Mean()), network, "one", evidence), ranks(given["two"]), rtol=0.02, atol=0
    )
    # The head reads a mean, which is no map: of the stem only the convolution counts.
    torch.testing.assert_close(
        score(prune.HRank(over=prune.Mean()), network, "stem", evidence), ranks(given["one"]), rtol=0.02, atol=0
    )


def test_so_many_examples_are_looked_at(network, evidence):
    inputs = torch.cat([batch[0] for batch in evidence.calibration()])[:5]
    given = inputs_of(small(), inputs, "two")
    found = score(prune.HRank(examples=5, over=prune.Mean()), network, "one", evidence)
    torch.testing.assert_close(found, ranks(given["two"]))


def test_a_channel_of_the_same_picture_again_and_again_ranks_low(network, evidence):
    planted = network.copy()
    with torch.no_grad():
        planted.get_parameter("one.weight")[4] = 0  # a constant map has the rank 1, however large it is
        planted.get_parameter("norm1.bias")[4] = 100.0
    found = score(prune.HRank(over=prune.Mean()), planted, "one", evidence)
    assert float(found[4]) == 1.0
    assert int(found.argmin()) == 4


def test_groups_without_maps_take_the_other_criterion():
    network, evidence = captured("InvertedResidual"), evidence_for("InvertedResidual")
    axes = analyse(network)
    found = prune.HRank().score(network, axes, axes.free, evidence)
    norms = prune.ActivationNorm().score(network, axes, axes.free, evidence)
    flat = "layers.0.reduce"  # of a squeeze-excite gate
    torch.testing.assert_close(found[flat], norms[flat] / norms[flat].mean())
    assert float(found["stem.0"].mean()) == pytest.approx(1.0)


def test_a_network_without_maps():
    network, evidence = captured("Recurrent"), evidence_for("Recurrent")
    axes = analyse(network)
    with pytest.raises(RecipeError, match=r"was given 3 groups, 'first' the first, and the values of none are maps"):
        prune.HRank().score(network, axes, axes.free, evidence)


def test_it_looks_at_one_example_at_least():
    with pytest.raises(RecipeError, match=r"HRank\(examples=0\) was given. It is a whole number, 1 or more"):
        prune.HRank(examples=0)
