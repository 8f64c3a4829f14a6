"""Which step can follow which."""

import dataclasses

import pytest
import torch

from paredown import distill, prune, regularize
from paredown.errors import RecipeError
from paredown.recipe import Plan, Train, Transform
from paredown.recipe.order import allowed, check, recipe


@dataclasses.dataclass(frozen=True)
class Cut(Transform):
    """Cannot follow `Round`."""

    keep: float = 0.5

    def plan(self, network, evidence):
        return Plan("Cut", "")

    def apply(self, network, plan):
        return network.copy()

    def check(self, state):
        return "rounded weights cannot be cut" if "rounded" in state else None


@dataclasses.dataclass(frozen=True)
class Round(Transform):
    """Only once."""

    def plan(self, network, evidence):
        return Plan("Round", "")

    def apply(self, network, plan):
        return network.copy()

    def check(self, state):
        return "the network is rounded already." if "rounded" in state else None

    def after(self, state):
        return state | {"rounded"}


def test_a_possible_order_passes():
    check([Cut(), Train(), Round(), Train()])
    check([])
    assert allowed([Cut(), Round()])
    assert not allowed([Round(), Cut()])


def test_an_impossible_order_ends_with_the_nearest_that_would_do():
    steps = [Train(epochs=3), Round(), Cut(), Train(epochs=2)]
    with pytest.raises(RecipeError, match=r"Step 3, Cut\(\), cannot stand there: rounded") as caught:
        check(steps)
    words = str(caught.value)
    assert words.endswith("].")
    advised = words[words.index("This order would do") :]
    places = [advised.index(word) for word in ("epochs=3", "Cut(", "Round()", "epochs=2")]
    assert places == sorted(places)


def test_steps_that_never_go_together_are_told_apart():
    with pytest.raises(
        RecipeError, match=r"No order of these steps would do. Without the others.*\[Cut\(.*\), Round\(\)\]"
    ):
        check([Cut(), Round(), Round()])


def test_a_step_that_never_goes():
    @dataclasses.dataclass(frozen=True)
    class Never(Cut):
        def check(self, state):
            return "never"

    with pytest.raises(RecipeError, match=r"No part of this recipe can be carried out"):
        check([Never()])


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([Cut], r"given Cut \(the class\), which is no step"),
        (
            [regularize.EMA()],
            r"given regularize.EMA.*ingredients.* Type paredown.Train\(using=\[regularize.EMA\(.*\)\]\)\.",
        ),
        (
            ["int8"],
            r"given the string 'int8', which is no step.* Type \[paredown.prune.Channels\(keep=0.5\), .*strings name",
        ),
        ([regularize], r"given the module paredown.regularize, which is no step.* Type \[paredown.prune"),
    ],
)
def test_what_is_no_step_is_refused(steps, words):
    with pytest.raises(RecipeError, match=words):
        check(steps)


def test_long_recipes_are_answered_too():
    with pytest.raises(RecipeError, match="Without the others"):
        check([Round(), *[Cut()] * 8])


def test_a_single_step_is_a_recipe():
    assert recipe(Cut()) == recipe([Cut()]) == (Cut(),)
    with pytest.raises(RecipeError, match=r"given the string 'cut', which is no step"):
        recipe("cut")
    with pytest.raises(RecipeError, match=r"given 3, which is no step"):
        recipe(3)


def test_a_transform_is_for_networks():
    with pytest.raises(
        RecipeError, match=r"was given a Linear; a transform changes a captured network. Type .*capture\(model"
    ):
        Cut().on(torch.nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (prune.Channels(importance=prune.Taylor), r"prune.Channels\(importance=Taylor\) was given, the class.* Type Taylor\(\)"),
        (prune.Channels(importance="taylor"), r"prune.Channels\(importance='taylor'\) was given.* Type importance=prune.L2\(\)"),
        (prune.Channels(importance=prune.L2(over=prune.Mean)), r"prune.L2\(over=Mean\) was given, the class"),
        (Train(using=[distill.Logits(teacher=distill.Original)]), r"distill.Logits\(teacher=Original\) was given, the class"),
    ],
)  # fmt: skip
def test_what_belongs_inside_of_a_technique_is_one(step, words):
    with pytest.raises(RecipeError, match=words):
        check([step])
