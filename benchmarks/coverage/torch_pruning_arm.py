"""What Torch-Pruning makes of one model: as it is, and with the attention heads named as in its own examples."""

import importlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from benchmarks.coverage import counting
from benchmarks.coverage.cases import Case
from benchmarks.coverage.steps import step

__all__ = ["measure"]

Tell = Callable[[str, Mapping[str, Any]], None]

_SEPARATE = (("query", "key", "value"), ("q_proj", "k_proj", "v_proj"), ("q_lin", "k_lin", "v_lin"), ("q", "k", "v"))
_HEADS = ("num_heads", "num_attention_heads", "n_heads")


def measure(case: Case, tell: Tell, *, heads: bool) -> None:
    """Prune half of every group by its default magnitude importance, classifier kept, and run the result.

    Args:
        case: the model; attention is written out, as Torch-Pruning's timm example asks for.
        tell: takes the numbers of each stage.
        heads: name the projections of every attention module, and set its number of heads afterwards.

    """
    pruning = importlib.import_module("torch_pruning")
    torch.manual_seed(0)
    model, example = case.make(False)
    with torch.no_grad():
        shapes = {batch: tuple(model(_rows(example, batch)).shape) for batch in (1, 2, 3)}
    classes = shapes[1][1 if len(shapes[1]) == 4 else -1]
    tell("original", {"parameters": counting.parameters(model), "macs": counting.macs(model, example)})
    before = dict(model.named_parameters())
    original = {name: tuple(parameter.shape) for name, parameter in before.items()}
    start = time.process_time()
    pruner = pruning.pruner.BasePruner(
        model,
        example[:1],
        importance=pruning.importance.GroupMagnitudeImportance(),
        pruning_ratio=0.5,
        ignored_layers=[m for m in model.modules() if _outputs(m) == classes],
        num_heads=_projections(model) if heads else {},
    )
    pruner.step()
    if heads:
        _set_heads(model, pruner.num_heads)
    seconds = time.process_time() - start
    after = counting.sizes(model)
    same = sum(before[name].numel() for name, shape in original.items() if after.get(name) == shape)
    total = sum(torch.Size(shape).numel() for shape in original.values())
    _check(model, example, shapes)
    tell(
        "cut",
        {
            "seconds": seconds,
            "parameters": counting.parameters(model),
            "macs": counting.macs(model, example),
            "changed_share": 1.0 - same / total,
        },
    )
    tell("shape", {})
    step(model, example)
    tell("train", {})


def _rows(example: torch.Tensor, batch: int) -> torch.Tensor:
    return example[torch.arange(batch) % len(example)]


def _check(model: nn.Module, example: torch.Tensor, shapes: Mapping[int, tuple[int, ...]]) -> None:
    with torch.no_grad():
        for batch, want in shapes.items():
            got = tuple(model(_rows(example, batch)).shape)
            if got != want:
                msg = f"{got} at a batch of {batch}, the original gives {want}"
                raise ValueError(msg)


def _outputs(module: nn.Module) -> int | None:
    return getattr(module, "out_features", getattr(module, "out_channels", None))


def _attention(model: nn.Module) -> list[tuple[nn.Module, int, list[str]]]:
    """Attention modules with their number of heads and the names of their projections."""
    found = []
    for module in model.modules():
        heads = next((getattr(module, name) for name in _HEADS if isinstance(getattr(module, name, None), int)), None)
        if heads is None:
            continue
        fused = [name for name in ("qkv", "qkv_proj", "c_attn") if isinstance(getattr(module, name, None), nn.Linear)]
        separate = [n for n in _SEPARATE if all(isinstance(getattr(module, name, None), nn.Linear) for name in n)]
        if fused or separate:
            found.append((module, heads, fused[:1] or list(separate[0])))
    return found


def _projections(model: nn.Module) -> dict[nn.Module, int]:
    named = {}
    for module, heads, names in _attention(model):
        keys = getattr(module, "num_key_value_heads", None) or heads
        for place, name in enumerate(names):
            named[getattr(module, name)] = keys if place else heads
    return named


def _set_heads(model: nn.Module, left: Mapping[nn.Module, int]) -> None:
    """What its examples for timm and transformers do by hand afterwards."""
    for module, before, names in _attention(model):
        projection = getattr(module, names[0])
        heads = left.get(projection, before)
        width = projection.out_features // (3 if len(names) == 1 else 1)
        settings = dict.fromkeys(_HEADS, heads) | {
            "head_dim": width // heads,
            "attention_head_size": width // heads,
            "all_head_size": width,
            "attn_dim": width,
        }
        for name, value in settings.items():
            if hasattr(module, name):
                setattr(module, name, value)
