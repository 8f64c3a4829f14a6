"""How long a network has to be trained before its score says something about the technique that made it."""

from collections.abc import Iterable

from paredown.run.results import TrialResult

__all__ = ["epochs_of", "needed", "short_of"]

_EPOCHS = 3.0
_LEAST, _MOST = 100, 3000  # steps: few data take more epochs than three, plenty of data fewer
_FRACTION = 2 / 3  # of what is needed is nearly as good; less is not


def needed(steps: int) -> int:
    """Optimizer steps that a training should make, on data of so many steps per epoch.

    Three epochs, but at least 100 steps and not more than 3,000: after a fraction of it, how much a cut network has
    lost says how short the training was.
    """
    return max(_LEAST, min(_MOST, round(_EPOCHS * steps)))


def epochs_of(result: TrialResult) -> float:
    """Passes over the training data in all trainings of a recipe, those that other recipes share included."""
    return sum(row["epoch"] for row in _ends(result))


def short_of(result: TrialResult) -> str:
    """Why a trained file is no verdict on its technique; empty where it is one, and where nothing was trained."""
    ends = [row for row in _ends(result) if row["epoch"] > 0]
    made, epochs = sum(row["step"] for row in ends), sum(row["epoch"] for row in ends)
    if not ends or made >= _FRACTION * needed(max(1, round(made / epochs))):
        return ""
    return f"trained {epochs:.2g} epochs ({made:.0f} steps), not enough to judge"


def _ends(result: TrialResult) -> Iterable[dict[str, float]]:
    """Last rows of all trainings."""
    rows = (step.history[-1] for step in result.steps if step.history)
    return [{"epoch": float(row.get("epoch", 0.0)), "step": float(row.get("step", 0.0))} for row in rows]
