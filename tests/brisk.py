"""Measuring that is over soon, for tests of what is done with the numbers; how good they are is tested in `measure`."""

import contextlib
import functools
import importlib

import pytest

from paredown.measure.rounds import Settings

_SHORT = {"blocks": 3, "block_s": 0.01, "patience_s": 0.05, "warm_s": 0.1}


@contextlib.contextmanager
def brisk():
    """Few rounds, short turns in every process; one process for memory, a moment for energy."""

    def settings(**given):
        return Settings(**{**given, **_SHORT})

    # `paredown.measure.latency` is a function too, and hides its module
    latency, bench, ending = map(
        importlib.import_module, ("paredown.measure.latency", "paredown.trial.bench", "paredown.search.ending")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency, "Settings", settings)
        patch.setattr(bench, "RoundSettings", settings)
        patch.setattr(ending, "_PAIRS", ((2, 3),))
        patch.setattr(ending, "memory", functools.partial(ending.memory, processes=1))
        patch.setattr(ending, "energy", functools.partial(ending.energy, seconds=0.05))
        yield
