import functools

import pytest

from paredown.testing import ingredient_checks, small_bench, target_checks, transform_checks

from .discovery import BENCHES, INGREDIENT_PARTS, INGREDIENTS, PARTS, TARGETS, TRANSFORMS

BENCH = functools.cache(small_bench)
INGREDIENT_PART_CHECKS = ("settings are frozen data", "training is repeatable", "a plain network is left")
PART_CHECKS = ("settings are frozen data", "the plan is JSON with a reason", "the plan is repeatable")


def cases(things, checks, names=None):
    return [
        pytest.param(check, id=f"{name}-{check}")
        for name, thing in things.items()
        for check in checks(thing, BENCHES.get(name, BENCH))
        if names is None or check.name in names
    ]


def test_every_family_is_here():
    families = {name.partition(".")[0] for name in [*TRANSFORMS, *INGREDIENTS]}
    assert families == {"prune", "quantize", "architecture", "distill", "regularize"}
    assert TARGETS


def test_whoever_has_a_teacher_says_so():
    """A search counts the time of its passes (`Picks.taught`)."""
    for name, thing in INGREDIENTS.items():
        assert thing.taught == any(hasattr(thing, setting) for setting in ("teacher", "peer")), name


@pytest.mark.parametrize("check", cases(TRANSFORMS, transform_checks))
def test_transform(check):
    check()


@pytest.mark.parametrize("check", cases(PARTS, transform_checks, PART_CHECKS))
def test_part_of_a_transform(check):
    check()


@pytest.mark.parametrize("check", cases(INGREDIENTS, ingredient_checks))
def test_ingredient(check):
    check()


@pytest.mark.parametrize("check", cases(INGREDIENT_PARTS, ingredient_checks, INGREDIENT_PART_CHECKS))
def test_part_of_an_ingredient(check):
    check()


@pytest.mark.parametrize("check", cases(TARGETS, target_checks))
def test_target(check):
    check()
