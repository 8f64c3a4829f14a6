"""Pare a network down to what its device can afford, and prove it.

Everything here is loaded when it is first used, so ``import paredown`` is quick and does not import torch::

    import paredown
    from paredown import targets

    task = paredown.Task(model, data=paredown.Data(train=train, judge=test), loss=loss, score=paredown.scores.accuracy)
    run = paredown.compress(task, budget=paredown.Budget(latency="40%", drop="0.5 pt"), target=targets.OnnxRuntime())
    run.best.save("model.onnx")
"""

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paredown import (
        architecture,
        distill,
        errors,
        measure,
        prune,
        quantize,
        regularize,
        report,
        scores,
        targets,
        testing,
    )
    from paredown.budget import Budget
    from paredown.data import Data
    from paredown.graph.capture import capture
    from paredown.graph.network import Network
    from paredown.recipe.evidence import Evidence
    from paredown.recipe.plan import Plan
    from paredown.recipe.train import Train
    from paredown.recipe.transform import Transform
    from paredown.search import apply, compare, dry_run, resume
    from paredown.search.compress import compress
    from paredown.task import Task
    from paredown.verdict.verify import verify

    __version__: str

__all__ = [
    "Budget",
    "Data",
    "Evidence",
    "Network",
    "Plan",
    "Task",
    "Train",
    "Transform",
    "__version__",
    "apply",
    "architecture",
    "capture",
    "compare",
    "compress",
    "distill",
    "dry_run",
    "errors",
    "measure",
    "prune",
    "quantize",
    "regularize",
    "report",
    "resume",
    "scores",
    "targets",
    "testing",
    "verify",
]

_HOMES = MappingProxyType(
    {
        "Budget": "paredown.budget",
        "Data": "paredown.data",
        "Evidence": "paredown.recipe.evidence",
        "Network": "paredown.graph.network",
        "Plan": "paredown.recipe.plan",
        "Task": "paredown.task",
        "Train": "paredown.recipe.train",
        "Transform": "paredown.recipe.transform",
        "apply": "paredown.search",
        "capture": "paredown.graph.capture",
        "compare": "paredown.search",
        "compress": "paredown.search",
        "dry_run": "paredown.search",
        "resume": "paredown.search",
        "verify": "paredown.verdict.verify",
    }
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = importlib.import_module("importlib.metadata").version("paredown")
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in __all__:
        value = importlib.import_module(f"paredown.{name}")
    else:
        msg = f"module 'paredown' has no attribute {name!r}. It has {', '.join(__all__)}."
        raise AttributeError(msg)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
