import functools

import pytest
import torch

from paredown.errors import ParedownError
from paredown.testing import ingredient_checks, small_bench, target_checks, transform_checks

from . import ingredients, targets, transforms

BENCH = functools.cache(small_bench)


@pytest.fixture(autouse=True)
def _world():
    """Broken techniques leave marks on the process; this takes them off."""
    state, grad = torch.random.get_rng_state(), torch.is_grad_enabled()
    yield
    torch.random.set_rng_state(state)
    torch.set_grad_enabled(grad)


def the(checks, name):
    (check,) = [check for check in checks if check.name == name]
    return check


@pytest.mark.parametrize("cls", transforms.everyone(), ids=lambda cls: cls.__name__)
def test_a_broken_transform_is_caught(cls):
    check = the(transform_checks(cls(), _fresh), cls.caught_by)
    with pytest.raises((AssertionError, ParedownError, RuntimeError), match=cls.words):
        check()


@pytest.mark.parametrize("cls", ingredients.everyone(), ids=lambda cls: cls.__name__)
def test_a_broken_ingredient_is_caught(cls):
    check = the(ingredient_checks(cls(), _fresh), cls.caught_by)
    with pytest.raises((AssertionError, ValueError, RuntimeError), match=cls.words):
        check()


@pytest.mark.parametrize("cls", targets.everyone(), ids=lambda cls: cls.__name__)
def test_a_broken_target_is_caught(cls):
    check = the(target_checks(cls(), _fresh), cls.caught_by)
    with pytest.raises((AssertionError, ParedownError), match=cls.words):
        check()


@pytest.mark.parametrize("check", transform_checks(transforms.Sound(), BENCH), ids=str)
def test_a_sound_transform_passes(check):
    check()


@pytest.mark.parametrize("check", ingredient_checks(ingredients.Harmless(), BENCH), ids=str)
def test_a_sound_ingredient_passes(check):
    check()


@pytest.mark.parametrize("check", target_checks(targets.Sound(), BENCH), ids=str)
def test_a_sound_target_passes(check):
    check()


def test_every_check_catches_something():
    caught = {cls.caught_by for cls in [*transforms.everyone(), *ingredients.everyone(), *targets.everyone()]}
    checks = [
        *transform_checks(transforms.Sound()),
        *ingredient_checks(ingredients.Harmless()),
        *target_checks(targets.Sound()),
    ]
    assert {check.name for check in checks} == caught


def _fresh():
    """The bench with copies of model and network, as broken techniques spoil them."""
    import copy
    import dataclasses

    bench = BENCH()
    return dataclasses.replace(bench, model=copy.deepcopy(bench.model), network=bench.network.copy())
