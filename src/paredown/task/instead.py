"""What to give where a module is wanted: people have files, classes, weights."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePath

import torch
from torch import nn

__all__ = ["described", "model_file", "of_module"]

_PROGRAM = (
    "It holds what a runtime computes and no module that can be changed or trained. Give the module it was made from."
)
_ENDINGS = {
    (".pt", ".pth", ".bin", ".ckpt"): "It holds weights and no code. Build the module in Python, then type "
    "model.load_state_dict(torch.load({name!r})).",
    (".safetensors",): "It holds weights and no code. Build the module in Python, then type "
    "model.load_state_dict(safetensors.torch.load_file({name!r})).",
    (
        ".pt2",
    ): "If `network.save` wrote it, type paredown.Network.load({name!r}); else give the module it was made from.",
    (".onnx", ".tflite", ".pte", ".xml", ".engine", ".mlpackage", ".mlmodel", ".keras", ".h5", ".pb"): _PROGRAM,
}


def model_file(name: str) -> str:
    """What a model's file holds and what to type instead of its name; empty where its ending is no model's."""
    ending = PurePath(name).suffix.lower()
    return next((text.format(name=name) for endings, text in _ENDINGS.items() if ending in endings), "")


def described(thing: object) -> str:
    """A thing of the wrong kind, in words."""
    if isinstance(thing, type):
        return f"the class {thing.__name__}"
    if isinstance(thing, (str, os.PathLike)):
        return f"the {type(thing).__name__} {os.fspath(thing)!r}"
    name = type(thing).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def of_module(thing: object, typed: str) -> str:
    """What to give instead of a thing that is no module.

    Args:
        thing: as given.
        typed: how a module is given in the usual case, with ``{model}`` for the module.

    """
    match thing:
        case type() if issubclass(thing, nn.Module):
            remedy = f"Make one. {typed.format(model=f'{thing.__name__}(...)')}."
        case str() | Path():
            remedy = model_file(os.fspath(thing))
        case Mapping() if thing and all(isinstance(value, torch.Tensor) for value in thing.values()):
            remedy = (
                "It holds weights and no code. Build the module in Python, then type model.load_state_dict(weights)."
            )
        case torch.export.ExportedProgram():
            remedy = "Give the module that it was exported from."
        case _ if isinstance(inner := getattr(thing, "model", None), nn.Module):
            remedy = f"Its model is a {type(inner).__name__}. {typed.format(model='task.model')}."
        case _:
            remedy = ""
    return remedy or f"{typed.format(model='model')}."
