"""What every `paredown.targets.Target` promises."""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from paredown.errors import LoweringError
from paredown.graph.fakequantize import FakeQuantize, fake_quantized, tensor_of
from paredown.graph.network import Network
from paredown.measure import size
from paredown.measure.probe import probe
from paredown.quantize import Int8
from paredown.recipe.evidence import Evidence
from paredown.targets import Artifact, Target
from paredown.targets.artifact import copy, digest
from paredown.targets.option import of
from paredown.testing.bench import Bench, small_bench
from paredown.testing.check import Check, check_settings, of_network, of_world, unchanged
from paredown.testing.subject import Subject, checks

__all__ = ["target_checks"]


def target_checks(target: Target, bench: Callable[[], Bench] = small_bench) -> tuple[Check, ...]:
    """Every promise of a target, as named calls that pytest can parametrize a test by.

    Args:
        target: the settings to check.
        bench: makes the task to check on; called when the first check runs.

    """
    return checks(Subject(target, bench), _CHECKS)


def _settings(subject: Subject[Target]) -> None:
    check_settings(subject.thing)
    target = subject.thing
    subject.require(target.name.strip() and target.version().strip(), "name and version are words")
    subject.require(target.suffix.startswith("."), f"the suffix is {target.suffix!r}, not one such as '.onnx'")
    subject.require(target.packages, "it names no packages, so certificates would not say what made them")
    subject.require("float32" in target.capabilities.formats, "it does not even run float32")
    for option in of(type(target)):
        subject.require(option.help.endswith("."), f"the option {option.name!r} has no sentence as its help")
    subject.require(target.batches.nearest(target.batch) == target.batch, "its own batch is none that its files take")


def _lowers(subject: Subject[Target]) -> None:
    network, target = subject.bench.network, subject.thing
    before, world = of_network(network), of_world()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{target.suffix}"
        artifact = target.lower(network, path)
        unchanged(before, of_network(network), f"{subject.name}: while lowering, the network")
        unchanged(world, of_world(), f"{subject.name}: while lowering, this process")
        subject.require(artifact.path == path and path.exists(), "the artifact is not at the path that was asked for")
        own = {path, *artifact.files}
        left = [entry.name for entry in Path(folder).iterdir() if entry not in own]
        subject.require(not left, f"lowering left {', '.join(left)} beside the file")
        subject.require(artifact.sha256 == digest(path, artifact.files), "sha256 is not that of the file")
        subject.require(artifact.target == target, "the artifact names another target")
        _agrees(subject, subject.bench.network, path)


def _agrees(subject: Subject[Target], network: Network, path: Path) -> None:
    expected = network.copy().eval()
    with subject.thing.open(path) as session:
        names = [port.name for port in session.inputs]
        wanted = [spec.name for spec in network.inputs]
        subject.require(names == wanted, f"the file's inputs are {names}; the network's are {wanted}")
        for batch in subject.thing.batches.tried:
            inputs = subject.bench.inputs(batch)
            got = session.run([tensor.numpy() for tensor in inputs])
            with torch.no_grad():
                want = expected.graph_module(*inputs)
            for new, old in zip(got, want, strict=True):
                subject.require(
                    new.shape == old.shape and np.allclose(new, old.numpy(), rtol=1e-3, atol=1e-4),
                    f"the file computes something else at batch {batch}",
                )


def _takes_a_network_in_train_mode(subject: Subject[Target]) -> None:
    network = subject.bench.network.copy().train()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{subject.thing.suffix}"
        subject.thing.lower(network, path)
        subject.require(network.training, "lowering left a network in train mode in eval mode")
        _agrees(subject, network, path)


def _made(subject: Subject[Target]) -> Artifact:
    """The bench's network as an artifact, lowered once for several checks."""
    path = subject.once("folder", lambda: _folder_of(subject)) / f"network{subject.thing.suffix}"
    return subject.once("artifact", lambda: subject.thing.lower(subject.bench.network, path))


def _folder_of(subject: Subject[Target]) -> Path:
    """A folder that lasts as long as the subject."""
    folder = tempfile.mkdtemp(prefix="paredown-")
    weakref.finalize(subject, shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _is_one_thing(subject: Subject[Target]) -> None:
    artifact = _made(subject)
    subject.require(all(file.is_file() for file in artifact.files), "it names files that are not there")
    whole = sum(file.stat().st_size for file in artifact.files)
    subject.require(artifact.size_bytes == size(artifact).bytes == whole, "its size is not that of all its files")
    with tempfile.TemporaryDirectory() as folder:
        moved = Path(folder) / f"another name{subject.thing.suffix}"
        copy(artifact.path, artifact.files, moved)
        files = subject.thing.files(moved)
        subject.require(digest(moved, files) == artifact.sha256, "it has another hash under another name")
        _agrees(subject, subject.bench.network, moved)


def _same_bytes(subject: Subject[Target]) -> None:
    artifact = _made(subject)
    if not subject.thing.reproducible:
        subject.thing.check(subject.bench.network, artifact)
        return
    with tempfile.TemporaryDirectory() as folder:
        subject.bench.network.save(Path(folder) / "network.pt2")
        stored = Network.load(Path(folder) / "network.pt2")
        again = subject.thing.lower(stored, Path(folder) / f"again{subject.thing.suffix}")
        same = again.sha256 == artifact.sha256
    subject.require(same, "the same network gives other bytes; say so with `reproducible`")


def _fresh_process(subject: Subject[Target]) -> None:
    artifact = _made(subject)
    inputs = subject.bench.inputs(3)
    got = probe(artifact, [tensor.numpy() for tensor in inputs])
    with torch.no_grad():
        want = subject.bench.network.copy().eval().graph_module(*inputs)
    for new, old in zip(got, want, strict=True):
        same = new.shape == old.shape and np.allclose(new, old.numpy(), rtol=1e-3, atol=1e-4)
        subject.require(same, "the file computes something else in a fresh process")


def _session_ends(subject: Subject[Target]) -> None:
    artifact = _made(subject)
    world = of_world()
    with subject.thing.open(artifact.path):
        if subject.thing.threads_scope == "session":
            unchanged(world, of_world(), f"{subject.name}: while a session is open, this process")
    unchanged(world, of_world(), f"{subject.name}: after a session was closed, this process")


def _refuses_other_files(subject: Subject[Target]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        missing, strange = (Path(folder) / f"{name}{subject.thing.suffix}" for name in ("missing", "strange"))
        for file in subject.thing.files(strange):
            file.write_text("Not a file of any runtime.")
        for path in (missing, strange):
            try:
                subject.thing.open(path).close()
            except LoweringError as error:
                subject.require(path.name in str(error), f"the message about {path.name} does not name it: {error}")
            else:
                subject.require(condition=False, message=f"it opens {path.name}, which is no file of its")


def _eight_bits(subject: Subject[Target]) -> None:
    target, bench = subject.thing, subject.bench
    kernels = target.capabilities.int8
    if not kernels.operators:
        return
    rounded = Int8().on(bench.network, Evidence.of(bench.task, target.capabilities))
    with tempfile.TemporaryDirectory() as folder:
        made = target.lower(rounded, Path(folder) / f"rounded{target.suffix}")
    for entry in fake_quantized(rounded):
        zero = tensor_of(rounded.graph_module, entry.zero_point)
        activation = entry.value.op != "get_attr"
        ends = (kernels.activation.quant_min, kernels.activation.quant_max)
        subject.require(not activation or (entry.quant_min, entry.quant_max) == ends, "activations in another format")
        subject.require(not (kernels.symmetric and zero.any()), "zero points that are not 0")
        subject.require(activation or (entry.axis == -1) is (kernels.weight_axis is None), "weights by another axis")
    names = {str(node.target) for node in rounded.nodes() if _has_rounded_weight(node)}
    subject.require(made.lowering.quantized >= len(names), "a network in 8 bits was lowered to nothing in 8 bits")
    subject.require(not made.lowering.unfused, f"left in float: {'; '.join(made.lowering.unfused)}")


def _has_rounded_weight(node: torch.fx.Node) -> bool:
    weight = node.args[1] if node.op == "call_function" and len(node.args) > 1 else None
    return isinstance(weight, torch.fx.Node) and FakeQuantize.of(weight) is not None


_CHECKS: Mapping[str, Callable[[Subject[Target]], None]] = MappingProxyType(
    {
        "settings are frozen data": _settings,
        "the file agrees with the network": _lowers,
        "a network in train mode is lowered in eval mode": _takes_a_network_in_train_mode,
        "all of its files are one thing": _is_one_thing,
        "the same network gives the same bytes": _same_bytes,
        "a fresh process runs it": _fresh_process,
        "a closed session leaves nothing": _session_ends,
        "files of others are refused": _refuses_other_files,
        "8 bits are what its kernels want": _eight_bits,
    }
)
