"""Every setting of every technique, given what it cannot be."""

import contextlib
import dataclasses
import math

import pytest

from paredown import architecture, distill, prune, quantize, recipe, regularize
from paredown.errors import ParedownError

from .discovery import of_kind

_ROOMS = (architecture, distill, prune, quantize, recipe, regularize)
_RESULTS = ("recipe.Plan", "recipe.TrainResult", "quantize.Refined")  # what a technique gives; nobody types it
_CLASSES = {
    name: cls
    for name, cls in of_kind(object, *_ROOMS).items()
    if dataclasses.is_dataclass(cls) and name not in _RESULTS
}


def _needed(cls):
    return {f.name: () for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING}


@pytest.mark.parametrize("name", sorted(_CLASSES))
def test_a_setting_of_the_wrong_kind_is_taken_or_refused_in_our_own_words(name):
    cls, needed = _CLASSES[name], _needed(_CLASSES[name])
    for field in dataclasses.fields(cls):
        for given in (None, "x", math.nan, -1, [], object()):
            with contextlib.suppress(ParedownError):  # any other error is a failure
                cls(**{**needed, field.name: given})


@pytest.mark.parametrize("given", [None, "x", [], object()], ids=["none", "word", "list", "object"])
@pytest.mark.parametrize("name", sorted(_CLASSES))
def test_what_is_no_number_is_refused_where_a_number_belongs(name, given):
    cls, needed = _CLASSES[name], _needed(_CLASSES[name])
    for field in dataclasses.fields(cls):
        if type(field.default) in {int, float, bool} and not (given is None and "None" in str(field.type)):
            with pytest.raises(
                ParedownError, match=rf"{cls.__name__}\({field.name}=.* was given. It is .* (Write|Leave)"
            ):
                cls(**{**needed, field.name: given})
