"""Reading the arguments of a node; what a rule is not sure of is `Untranslatable`."""

from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from paredown.targets.onnx.builder import Builder, Untranslatable

__all__ = ["Rule", "argument", "fake", "given", "numbers", "static"]

Rule = Callable[[Builder, fx.Node], None]


def argument(node: fx.Node, position: int, name: str, default: Any = None) -> Any:
    """An argument by position or by name."""
    if len(node.args) > position:
        return node.args[position]
    return node.kwargs.get(name, default)


def fake(node: object) -> torch.Tensor:
    """The shape and type of a node's value."""
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    if not isinstance(value, torch.Tensor):
        raise Untranslatable(str(node))
    return value


def given(node: fx.Node, position: int = 0) -> fx.Node:
    """An argument that is a node."""
    found = node.args[position]
    if not isinstance(found, fx.Node):
        raise Untranslatable(str(node))
    return found


def static(size: Any) -> int:
    """A size that is a number, no symbol."""
    if not isinstance(size, int):
        raise Untranslatable(str(size))
    return size


def numbers(value: Any, rank: int) -> list[int]:
    """One number for all spatial dimensions, or one each, as a list."""
    found = [static(number) for number in ([value] if isinstance(value, int) else value)]
    return found * rank if len(found) == 1 else found
