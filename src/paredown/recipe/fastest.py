"""In which precision a training is fastest on this machine, and whether compiling pays: timed, for neither always helps."""

import dataclasses
import time
from typing import TYPE_CHECKING

from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.recipe.train import Precision, Train

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["compiling_pays", "fastest_precision"]

_GAIN = 0.8  # bfloat16 has to save a fifth of a step to be used
_LONG = 600.0  # seconds of a training that are worth compiling for a trial
_SAVED = 0.9  # compiling has to save a tenth of the training


def fastest_precision(train: Train, network: Network, evidence: "Evidence", steps: int = 5) -> tuple[Precision, float]:
    """Time a few steps in float32 and in bfloat16, on scratch copies.

    Returns:
        The precision, and the seconds of an optimizer step in it. bfloat16 is taken where it saves a fifth or more.

    """
    full, half = (
        dataclasses.replace(train, precision=precision).seconds_per_step(network, evidence, steps)
        for precision in ("32-true", "bf16-mixed")
    )
    return ("bf16-mixed", half) if half < _GAIN * full else ("32-true", full)


def compiling_pays(train: Train, network: Network, evidence: "Evidence", seconds: float, steps: int = 5) -> bool:
    """Whether a compiled training is over sooner, with what the compiler took here; no where it cannot be compiled.

    Args:
        train: not compiled.
        network: left bit-identical.
        evidence: data and loss.
        seconds: of one optimizer step as it is.
        steps: to time, beside the first, which compiles.

    """
    all_steps = train.steps(evidence.work)
    plain = all_steps * seconds
    if plain < _LONG:
        return False
    began = time.monotonic()
    try:
        faster = dataclasses.replace(train, compiled=True).seconds_per_step(network, evidence, steps)
    except RecipeError:
        return False
    compiling = time.monotonic() - began - (steps + 1) * faster
    return compiling + all_steps * faster < _SAVED * plain
