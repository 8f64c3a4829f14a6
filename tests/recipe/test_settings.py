"""Settings out of range."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from paredown import distill, prune, quantize, regularize
from paredown.errors import RecipeError
from paredown.recipe import SGD, Train
from paredown.recipe.settings import above_zero, at_least_zero, flags, require, several, share, whole


@dataclasses.dataclass(frozen=True)
class Blur:
    radius: float = 2.0
    often: float = 0.5


@pytest.mark.parametrize(
    ("check", "inside", "outside", "what"),
    [
        (above_zero, [1e-9, 3], [0.0, -1.0, math.nan, math.inf], "a finite number above 0"),
        (at_least_zero, [0.0, 3], [-1e-9, math.nan, math.inf], "a finite number, 0 or more"),
        (share, [1e-9, 0.999], [0.0, 1.0, math.nan], "a share above 0 and below 1"),
    ],
)
def test_a_setting_out_of_range_is_refused_and_the_default_is_to_be_typed(check, inside, outside, what):
    for value in inside:
        check(Blur(value, value), "radius", "often")
    for value in outside:
        with pytest.raises(RecipeError) as caught:
            check(Blur(often=value), "often")
        assert str(caught.value) == f"Blur(often={value!r}) was given. It is {what}. Write `Blur(often=0.5)`."


@pytest.mark.parametrize(
    ("make", "who"),
    [
        (lambda: distill.Logits(standardize="no"), r"distill.Logits\(standardize='no'\)"),
        (lambda: distill.Outputs(standardize=None), r"distill.Outputs\(standardize=None\)"),
        (lambda: distill.Mutual(lambda: None, together=2), r"distill.Mutual\(together=2\)"),
        (lambda: distill.Features(project="x"), r"distill.Features\(project='x'\)"),
        (lambda: regularize.Bootstrap(hard=[]), r"regularize.Bootstrap\(hard=\[\]\)"),
        (lambda: regularize.RandomErasing(noise="x"), r"regularize.RandomErasing\(noise='x'\)"),
        (lambda: regularize.Hoyer(slices="x"), r"regularize.Hoyer\(slices='x'\)"),
        (lambda: SGD(nesterov="x"), r"SGD\(nesterov='x'\)"),
        (lambda: Train(compiled="auto"), r"Train\(compiled='auto'\)"),
        (lambda: prune.Magnitude(across_layers="x"), r"Magnitude\(across_layers='x'\)"),
        (lambda: quantize.Equalize(absorb="x"), r"Equalize\(absorb='x'\)"),
        (lambda: quantize.DynamicInt8(embeddings="x"), r"DynamicInt8\(embeddings='x'\)"),
        (lambda: quantize.Int8(power_of_two="x"), r"Int8\(power_of_two='x'\)"),
        (lambda: quantize.WeightOnly(symmetric="x"), r"WeightOnly\(symmetric='x'\)"),
    ],
)
def test_what_is_neither_true_nor_false_is_refused(make, who):
    with pytest.raises(RecipeError, match=rf"{who} was given. It is True or False"):
        make()


def test_true_and_false_come_in_several_types():
    for value in (True, 0, np.True_):
        flags(Blur(value), "radius")


def test_the_first_of_several_that_is_out_of_range_is_named():
    with pytest.raises(RecipeError, match=r"Blur\(often=0\) was given"):
        above_zero(Blur(2.0, 0), "radius", "often")


def test_the_range_and_what_to_do_in_other_words():
    with pytest.raises(RecipeError, match=r"Blur\(radius=0\) was given. It is a distance above 0. Write `Blur"):
        above_zero(Blur(0), "radius", what="a distance above 0")
    require(lambda radius: radius >= 1, Blur(), "radius", "1 or more")
    with pytest.raises(RecipeError) as caught:
        require(lambda radius: radius >= 1, Blur("x"), "radius", "1 or more", "Leave it out.")
    assert str(caught.value) == "Blur(radius='x') was given. It is 1 or more. Leave it out."


@pytest.mark.parametrize("check", [above_zero, at_least_zero, share, whole])
@pytest.mark.parametrize("value", [None, "0.5", [], np.array([0.5, 0.5]), torch.tensor([0.5, 0.5])], ids=repr)
def test_what_is_no_number_is_out_of_every_range(check, value):
    with pytest.raises(RecipeError, match=r"(?s)Blur\(radius=.*\) was given. It is a .* Write `Blur\(radius=2.0\)`."):
        check(Blur(value), "radius")


def test_whole_numbers():
    whole(Blur(1, np.int64(3)), "radius", "often")
    whole(Blur(0), "radius", least=0)
    for value in (0, 1.5, math.inf, math.nan):
        with pytest.raises(RecipeError, match=r"It is a whole number, 1 or more\."):
            whole(Blur(value), "radius")


def test_what_is_long_is_shown_by_its_beginning_and_end():
    with pytest.raises(RecipeError) as caught:
        above_zero(Blur(torch.zeros(40, 40)), "radius")
    assert str(caught.value).startswith("Blur(radius=tensor([[0., 0.")
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


@dataclasses.dataclass(frozen=True)
class Tapped:
    at: object = ()


@pytest.mark.parametrize(("given", "held"), [("fc", ("fc",)), (["a", "b"], ("a", "b")), ((), ())])
def test_one_path_is_a_tuple_of_one(given, held):
    tapped = Tapped(given)
    several(tapped, "at")
    assert tapped.at == held


@pytest.mark.parametrize("given", [None, 3, ("a", None)])
def test_paths_are_text(given):
    with pytest.raises(
        RecipeError, match=r"the path of a module, a glob of paths, or several.*`Tapped\(at='layer3'\)`"
    ):
        several(Tapped(given), "at")
