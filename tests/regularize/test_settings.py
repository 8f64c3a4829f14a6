"""Settings out of range, and settings as data."""

import inspect
import math

import pytest

from paredown import codec, regularize
from paredown.errors import RecipeError
from paredown.recipe import Ingredient

NAN, INF = math.nan, math.inf

REFUSED = [
    (regularize.SAM, "radius", [0.0, -1.0, NAN, INF], "a distance above 0", 0.05),
    (regularize.ASAM, "radius", [0.0, NAN], "a distance above 0", 0.5),
    (regularize.ASAM, "offset", [-0.1, INF], "0 or more", 0.01),
    (regularize.SWA, "start_at", [-0.1, 1.0], "from 0 to below 1", 0.75),
    (regularize.SWA, "every", [0, 1.5], "a whole number, 1 or more", 100),
    (regularize.SWA, "examples", [0, 1.5], "examples, 1 or more", 2048),
    (regularize.ConfidencePenalty, "strength", [0.0, NAN], "above 0", 0.1),
    (regularize.GeneralizedCrossEntropy, "q", [0.0, 1.1], "above 0, up to 1", 0.7),
    (regularize.SymmetricCrossEntropy, "alpha", [-1.0, INF], "0 or more", 0.1),
    (regularize.SymmetricCrossEntropy, "beta", [0.0, NAN], "above 0", 1.0),
    (regularize.SymmetricCrossEntropy, "floor", [0.0, -INF], "what log 0 counts as, below 0", -4.0),
    (regularize.Bootstrap, "beta", [-0.1, 1.1], "from 0 to 1", 0.95),
    (regularize.EarlyLearning, "strength", [0.0, INF], "above 0", 3.0),
    (regularize.EarlyLearning, "momentum", [-0.1, 1.0], "from 0 to below 1", 0.7),
    (regularize.CutMix, "alpha", [0.0, INF], "above 0", 1.0),
    (regularize.RandomErasing, "probability", [0.0, 1.1], "above 0, up to 1", 0.5),
    (regularize.RandomErasing, "area", [(0.0, 0.5), (0.5, 0.2), (0.1, 1.0)], "two rising shares", (0.02, 0.4)),
    (regularize.RandomErasing, "ratio", [0.0, 1.5], "above 0, up to 1", 0.3),
    (regularize.ManifoldMixup, "alpha", [0.0, NAN], "above 0", 2.0),
    (regularize.RandAugment, "count", [0], "1 or more", 2),
    (regularize.RandAugment, "magnitude", [-1, 31], "from 0 to 30", 9),
    (regularize.TimeMask, "share", [0.0, 1.0], "above 0 and below 1", 0.2),
    (regularize.TimeMask, "count", [0], "1 or more", 1),
    (regularize.TimeMask, "axis", [0], "0 is the batch", -1),
    (regularize.SpecAugment, "frequency", [0.0, 1.0], "above 0 and below 1", 0.3),
    (regularize.SpecAugment, "time", [-0.1, 1.0], "above 0 and below 1", 0.3),
    (regularize.SpecAugment, "count", [0], "1 or more", 1),
    (regularize.GaussianNoise, "std", [0.0, NAN, INF], "a deviation above 0", 0.1),
    (regularize.TokenDropout, "share", [0.0, 1.0], "a probability above 0 and below 1", 0.1),
    (regularize.TokenDropout, "replacement", [-1], "an id of the vocabulary", 0),
    (regularize.EmbeddingNoise, "alpha", [0.0, NAN], "above 0", 5.0),
    (regularize.L1, "strength", [0.0, NAN], "above 0", 0.01),
    (regularize.ElasticNet, "strength", [-1.0], "above 0", 0.01),
    (regularize.ElasticNet, "share", [-0.1, 1.1], "from 0 to 1", 0.5),
    (regularize.Orthogonal, "strength", [0.0, INF], "above 0", 1e-4),
    (regularize.Spectral, "strength", [0.0], "above 0", 0.01),
    (regularize.MaxNorm, "limit", [0.0, NAN], "a norm above 0", 3.0),
    (regularize.WeightNoise, "std", [0.0, INF], "a deviation above 0", 0.05),
    (regularize.ShrinkPerturb, "shrink", [-0.1, 1.1], "from 0 to 1", 0.5),
    (regularize.ShrinkPerturb, "perturb", [-0.1, INF], "0 or more", 0.1),
    (regularize.Dropout, "probability", [0.0, 1.0], "above 0 and below 1", 0.1),
    (regularize.ChannelDropout, "probability", [0.0, 1.0], "above 0 and below 1", 0.1),
    (regularize.DropBlock, "share", [0.0, 1.0], "above 0 and below 1", 0.1),
    (regularize.DropBlock, "size", [0, 1.5], "pixels, 1 or more", 7),
    (regularize.StochasticDepth, "probability", [0.0, 1.0], "above 0 and below 1", 0.1),
    (regularize.RDrop, "strength", [0.0, NAN], "above 0", 1.0),
    (regularize.JacobianPenalty, "strength", [0.0], "above 0", 0.01),
    (regularize.GradientPenalty, "strength", [0.0], "above 0", 0.1),
]
CASES = [(cls, name, bad, what, usual) for cls, name, values, what, usual in REFUSED for bad in values]


@pytest.mark.parametrize(("cls", "name", "bad", "what", "usual"), CASES)
def test_a_setting_out_of_range_says_what_was_given_what_holds_and_what_to_type(cls, name, bad, what, usual):
    with pytest.raises(RecipeError) as caught:
        cls(**{name: bad})
    said = str(caught.value)
    assert said.startswith(f"regularize.{cls.__name__}({name}={bad!r}) was given.")
    assert what in said
    assert said.endswith(f"Write `regularize.{cls.__name__}({name}={usual!r})`.")
    assert cls(**{name: usual})  # what is to be typed is accepted


def test_every_setting_survives_being_stored():
    found = [thing for thing in vars(regularize).values() if inspect.isclass(thing) and issubclass(thing, Ingredient)]
    assert len(found) > 30
    for cls in found:
        assert codec.decode(codec.encode(cls())) == cls()


def test_places_may_be_a_list():
    assert regularize.Dropout(at=["a"]) == regularize.Dropout(at=("a",))
    assert regularize.TokenDropout(keep=[0, 1]) == regularize.TokenDropout(keep=(0, 1))
