"""The smallest model of every timm family."""

import importlib
import json
import math
from typing import Any

import torch

from benchmarks.coverage.cases import TIMM, load_torchvision

__all__ = ["write"]

_LIMIT = 100_000_000


def write() -> None:
    """Find them and write `TIMM`.

    A family is a file of ``timm.models``. Models are counted on the meta device; of equal ones the smallest picture,
    then the first name counts. The ``test_…`` models, made for timm's own tests, are left out, as is a family whose
    smallest model has more than 100 M parameters.
    """
    load_torchvision()
    timm = importlib.import_module("timm")
    families = [_smallest(timm, family) for family in timm.list_modules()]
    found = [entry for entry in families if entry and entry["parameters"] <= _LIMIT]
    TIMM.write_text(json.dumps({"timm": timm.__version__, "families": found}, indent=1) + "\n")
    print(f"{len(found)} families of {len(families)}: {TIMM}")


def _smallest(timm: Any, family: str) -> dict[str, Any] | None:
    names = [name for name in timm.list_models(module=family) if not name.startswith("test_")]
    counted = sorted(filter(None, (_count(timm, name) for name in names)))
    if not counted:
        return None
    parameters, size, name = counted[0]
    print(f"{family}: {name}, {parameters:,}", flush=True)
    return {"family": family, "model": name, "parameters": parameters, "input": list(size)}


def _count(timm: Any, name: str) -> tuple[int, tuple[int, ...], str] | None:
    size = tuple(timm.get_pretrained_cfg(name).input_size)
    try:
        with torch.device("meta"):
            model = timm.create_model(name, pretrained=False)
    except (RuntimeError, NotImplementedError):  # reads a number while it is built
        model = timm.create_model(name, pretrained=False)
    count = sum(parameter.numel() for parameter in model.parameters())
    return (count, size, name) if math.prod(size) else None
