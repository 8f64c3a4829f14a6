"""Settings out of range."""

import dataclasses
import math

import pytest

from paredown.errors import RecipeError
from paredown.recipe.settings import above_zero, at_least_zero, require, share


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


def test_the_first_of_several_that_is_out_of_range_is_named():
    with pytest.raises(RecipeError, match=r"Blur\(often=0\) was given"):
        above_zero(Blur(2.0, 0), "radius", "often")


def test_the_range_and_what_to_do_in_other_words():
    with pytest.raises(RecipeError, match=r"Blur\(radius=0\) was given. It is a distance above 0. Write `Blur"):
        above_zero(Blur(0), "radius", what="a distance above 0")
    require(True, Blur(), "radius", "1 or more")
    with pytest.raises(RecipeError) as caught:
        require(False, Blur("x"), "radius", "1 or more", "Leave it out.")
    assert str(caught.value) == "Blur(radius='x') was given. It is 1 or more. Leave it out."
