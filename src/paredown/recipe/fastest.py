"""In which precision a training is fastest on this machine, and whether compiling pays: timed, for neither always helps."""

import dataclasses
import math
import platform
import time
from typing import TYPE_CHECKING, Any

import torch

from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.recipe.engine import pick_device
from paredown.recipe.train import Precision, Train

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Trial", "bfloat16_here", "compiling_pays", "fastest_precision"]

_GAIN = 0.8  # bfloat16 has to save a fifth of a step to be used
_LONG = 600.0  # seconds of a training that are worth compiling for a trial
_SAVED = 0.9  # compiling has to save a tenth of the training


@dataclasses.dataclass(frozen=True)
class Trial:
    """On what trainings are timed; see `Train.seconds_per_step`."""

    network: Network
    evidence: "Evidence"
    original: Network | None = None
    steps: int = 5
    within: float = math.inf

    def seconds(self, train: Train, **changes: Any) -> float:
        """Of one step, with changed settings."""
        changed = dataclasses.replace(train, **changes)
        return changed.seconds_per_step(
            self.network, self.evidence, self.steps, original=self.original, within=self.within
        )


def fastest_precision(train: Train, trial: Trial, full: float | None = None) -> tuple[Precision, float]:
    """Time a few steps in float32 and, where this machine computes in it, in bfloat16; on scratch copies.

    Args:
        train: its settings but for the precision.
        trial: on what it is timed.
        full: seconds of a step in float32, where they are known.

    Returns:
        The precision, and the seconds of an optimizer step in it. bfloat16 is taken where it saves a fifth or more.

    """
    full = trial.seconds(train, precision="32-true") if full is None else full
    if not bfloat16_here(pick_device(train.device)):
        return "32-true", full
    half = trial.seconds(train, precision="bf16-mixed")
    return ("bf16-mixed", half) if half < _GAIN * full else ("32-true", full)


def bfloat16_here(device: torch.device) -> bool:
    """Whether a device may gain by bfloat16: it has instructions for it, or (other than x86) nobody knows."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or platform.machine().lower() not in {"x86_64", "amd64"}:
        return True
    # torch tells of its own processor features under private names only
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def compiling_pays(train: Train, trial: Trial, seconds: float) -> bool:
    """Whether a compiled training is over sooner, with what the compiler took here; no where it cannot be compiled.

    Args:
        train: not compiled.
        trial: on what it is timed; a first step more, which compiles, is not counted.
        seconds: of one optimizer step as it is.

    """
    all_steps = train.steps(trial.evidence.work)
    plain = all_steps * seconds
    if plain < _LONG:
        return False
    began = time.monotonic()
    try:
        faster = trial.seconds(train, compiled=True)
    except RecipeError:
        return False
    compiling = time.monotonic() - began - (trial.steps + 1) * faster
    return compiling + all_steps * faster < _SAVED * plain
