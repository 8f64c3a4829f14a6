"""Networks as files: a ``.pt2`` archive that torch alone can load and that holds no pickle.

Beside torch's own description the archive holds one JSON file, from which `load` restores the network exactly: names,
nesting of inputs and outputs, mode, ties, fake-quantize nodes. The user's example inputs are not stored, only their
types, sizes and ranges.
"""

import io
import json
import math
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn

from paredown.errors import CorruptError
from paredown.graph import graphjson
from paredown.graph.network import InputSpec, Network
from paredown.graph.program import exported_program, fresh_shapes
from paredown.graph.shapes import propagate
from paredown.graph.structure import Structure
from paredown.trust import write_whole

__all__ = ["load", "save"]

_FILE = "paredown.json"
_FORMAT = 1


def save(network: Network, path: str | os.PathLike[str]) -> None:
    """Write a network; an existing file is replaced only once the new one is complete.

    Raises:
        InputError: the graph holds something that has no stored form.

    """
    tensors = _tensors(network)
    fingerprint = network.fingerprint()
    network = fresh_shapes(network)
    text = json.dumps(_describe(network, tensors, fingerprint))
    buffer = io.BytesIO()
    torch.export.save(exported_program(network, tensors), buffer, extra_files={_FILE: text})
    write_whole(Path(path), buffer.getvalue())


def load(path: str | os.PathLike[str]) -> Network:
    """Read what `save` wrote; the result has the same fingerprint and shares nothing with the file.

    Raises:
        CorruptError: the file is no stored network, or not the one that was written.

    """
    path = Path(path)
    with _archive(path) as (archive, prefix):
        description = _read_description(path, archive, prefix)
        tensors = _read_tensors(description["tensors"], archive, prefix)
    with _readable(path):
        network = _put_together(description, tensors)
        if network.fingerprint() != description["fingerprint"]:
            msg = f"{path} does not hold the network that was saved in it. Its content has changed. Save the network again."
            raise CorruptError(msg)
        return propagate(network)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Name the file in whatever is wrong with it."""
    try:
        yield
    except CorruptError as error:
        msg = str(error) if str(path) in str(error) else f"{path}: {error}"
        raise CorruptError(msg) from error
    except (AssertionError, AttributeError, LookupError, RuntimeError, SyntaxError, TypeError, ValueError) as error:
        msg = f"{path} holds no network that can be put together ({error}). Save the network again."
        raise CorruptError(msg) from error


def _put_together(description: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> Network:
    graph = graphjson.from_json(description["graph"], tensors)
    root = nn.Module()
    _attach(root, description["tensors"], tensors)
    graph_module = fx.GraphModule(root, graph)
    _attach(graph_module, description["tensors"], tensors)  # what no node reads is stored all the same
    specs = tuple(_spec(entry) for entry in description["inputs"])
    network = Network(
        graph_module,
        specs,
        Structure.from_json(description["in_structure"]),
        Structure.from_json(description["out_structure"]),
        tuple(_example(spec, entry) for spec, entry in zip(specs, description["inputs"], strict=True)),
        tuple(description["lost"]),
    )
    network.train(description["training"])
    return network


def _tensors(network: Network) -> dict[str, torch.Tensor]:
    """Every parameter and buffer, in plain memory of its own; tied names stay tied."""
    owned: dict[int, torch.Tensor] = {}
    found = {}
    parameters = network.named_parameters(remove_duplicate=False)
    for name, tensor in [*parameters, *network.named_buffers(remove_duplicate=False)]:
        if id(tensor) not in owned:
            plain = tensor.detach().cpu().contiguous()
            if plain.untyped_storage().nbytes() != plain.numel() * plain.element_size():
                plain = plain.clone()
            is_parameter = isinstance(tensor, nn.Parameter)
            owned[id(tensor)] = nn.Parameter(plain, tensor.requires_grad) if is_parameter else plain
        found[name] = owned[id(tensor)]
    return found


def _describe(network: Network, tensors: Mapping[str, torch.Tensor], fingerprint: str) -> dict[str, Any]:
    persistent = network.state_dict()
    first: dict[int, str] = {}
    return {
        "format": _FORMAT,
        "fingerprint": fingerprint,
        "training": network.training,
        "lost": list(network.lost),
        "inputs": [_describe_input(spec, tensor) for spec, tensor in zip(network.inputs, network.example, strict=True)],
        "in_structure": network.in_structure.to_json(),
        "out_structure": network.out_structure.to_json(),
        "graph": graphjson.to_json(network.graph_module.graph),
        "tensors": {
            name: {
                "dtype": str(tensor.dtype).removeprefix("torch."),
                "shape": list(tensor.shape),
                "parameter": isinstance(tensor, nn.Parameter),
                "requires_grad": tensor.requires_grad,
                "persistent": name in persistent,
                "tied": first.setdefault(id(tensor), name),
            }
            for name, tensor in tensors.items()
        },
    }


def _describe_input(spec: InputSpec, tensor: torch.Tensor) -> dict[str, Any]:
    finite = tensor[tensor.isfinite()] if tensor.is_floating_point() else tensor
    bounds = [finite.min().item(), finite.max().item()] if finite.numel() and not finite.is_complex() else [0, 1]
    return {
        "name": spec.name,
        "dtype": str(spec.dtype).removeprefix("torch."),
        "shape": list(spec.shape),
        "sizes": list(tensor.shape),
        "bounds": bounds,
    }


def _spec(entry: Mapping[str, Any]) -> InputSpec:
    return InputSpec(entry["name"], graphjson.dtype(entry["dtype"]), tuple(entry["shape"]))


def _example(spec: InputSpec, entry: Mapping[str, Any]) -> torch.Tensor:
    """Inputs of the same type, sizes and range as the example that was captured."""
    generator = torch.Generator().manual_seed(0)
    low, high = entry["bounds"]
    if spec.dtype is torch.bool:
        return torch.ones(entry["sizes"], dtype=torch.bool)
    if spec.dtype.is_floating_point or spec.dtype.is_complex:
        share = torch.rand(entry["sizes"], generator=generator)
        return share.mul_(high - low).add_(low).to(spec.dtype)
    return torch.randint(low, high + 1, entry["sizes"], generator=generator).to(spec.dtype)


@contextmanager
def _archive(path: Path) -> Iterator[tuple[zipfile.ZipFile, str]]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive, archive.namelist()[0].partition("/")[0]
    except (zipfile.BadZipFile, zlib.error, EOFError, LookupError, TypeError, ValueError) as error:
        msg = f"{path} is not a stored network ({error}). Networks are written by network.save(path). Save it again."
        raise CorruptError(msg) from error


def _read_description(path: Path, archive: zipfile.ZipFile, prefix: str) -> dict[str, Any]:
    name = f"{prefix}/extra/{_FILE}"
    if name not in archive.namelist():
        msg = (
            f"{path} is a .pt2 archive, but not one of Paredown. Load it with torch.export.load and capture its module."
        )
        raise CorruptError(msg)
    description: dict[str, Any] = json.loads(archive.read(name))
    if description["format"] != _FORMAT:
        msg = f"{path} has format {description['format']}; this version reads {_FORMAT}. Use the version that wrote it."
        raise CorruptError(msg)
    return description


def _read_tensors(entries: Mapping[str, Any], archive: zipfile.ZipFile, prefix: str) -> dict[str, torch.Tensor]:
    where = {
        name: f"{prefix}/data/{folder}/{payload['path_name']}"
        for folder, config in (("weights", "model_weights_config"), ("constants", "model_constants_config"))
        for name, payload in json.loads(archive.read(f"{prefix}/data/{folder}/{config}.json"))["config"].items()
    }
    made: dict[str, torch.Tensor] = {}
    for name, entry in entries.items():
        tied = entry["tied"]
        made[name] = made[tied] if tied in made else _read_tensor(archive, where[tied], entry)
    return made


def _attach(root: nn.Module, entries: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Put every tensor in its place in a tree of modules."""
    for name, tensor in tensors.items():
        owner_name, _, leaf = name.rpartition(".")
        owner = _owner(root, owner_name)
        if isinstance(tensor, nn.Parameter):
            owner.register_parameter(leaf, tensor)
        else:
            owner.register_buffer(leaf, tensor, persistent=entries[name]["persistent"])


def _read_tensor(archive: zipfile.ZipFile, name: str, entry: Mapping[str, Any]) -> torch.Tensor:
    dtype = graphjson.dtype(entry["dtype"])
    size = archive.getinfo(name).file_size
    if size != math.prod(entry["shape"]) * dtype.itemsize:
        msg = f"{name} holds {size} bytes, not a {entry['dtype']} tensor of {entry['shape']}. Save the network again."
        raise CorruptError(msg)
    content = bytearray(archive.read(name))
    tensor = (
        torch.frombuffer(content, dtype=dtype).reshape(entry["shape"])
        if content
        else torch.empty(entry["shape"], dtype=dtype)
    )
    return nn.Parameter(tensor, requires_grad=entry["requires_grad"]) if entry["parameter"] else tensor


def _owner(root: nn.Module, name: str) -> nn.Module:
    for part in filter(None, name.split(".")):
        if part not in root._modules:
            root.add_module(part, nn.Module())
        root = root._modules[part]  # type: ignore[assignment]
    return root
