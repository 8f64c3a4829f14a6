"""What every `paredown.targets.Target` promises."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from paredown.targets import Target
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
    subject.require("float32" in target.capabilities.formats, "it does not even run float32")


def _lowers(subject: Subject[Target]) -> None:
    network, target = subject.bench.network, subject.thing
    before, world = of_network(network), of_world()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{target.suffix}"
        artifact = target.lower(network, path)
        unchanged(before, of_network(network), f"{subject.name}: while lowering, the network")
        unchanged(world, of_world(), f"{subject.name}: while lowering, this process")
        subject.require(artifact.path == path and path.is_file(), "the artifact is not at the path that was asked for")
        left = [entry.name for entry in Path(folder).iterdir() if entry != path]
        subject.require(not left, f"lowering left {', '.join(left)} beside the file")
        subject.require(
            artifact.sha256 == hashlib.sha256(path.read_bytes()).hexdigest(), "sha256 is not that of the file"
        )
        subject.require(artifact.target == target, "the artifact names another target")
        _agrees(subject, path)


def _agrees(subject: Subject[Target], path: Path) -> None:
    expected = subject.bench.network.copy().eval()
    with subject.thing.open(path) as session:
        names = [port.name for port in session.inputs]
        wanted = [spec.name for spec in subject.bench.network.inputs]
        subject.require(names == wanted, f"the file's inputs are {names}; the network's are {wanted}")
        for size in (1, 3):
            inputs = subject.bench.inputs(size)
            got = session.run([tensor.numpy() for tensor in inputs])
            with torch.no_grad():
                want = expected.graph_module(*inputs)
            for new, old in zip(got, want, strict=True):
                subject.require(
                    np.allclose(new, old.numpy(), rtol=1e-3, atol=1e-4),
                    f"the file computes something else at batch {size}",
                )


def _takes_a_network_in_train_mode(subject: Subject[Target]) -> None:
    network = subject.bench.network.copy().train()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"network{subject.thing.suffix}"
        subject.thing.lower(network, path)
        subject.require(network.training, "lowering left a network in train mode in eval mode")
        _agrees(subject, path)


_CHECKS: dict[str, Callable[[Subject[Target]], None]] = {
    "settings are frozen data": _settings,
    "the file agrees with the network": _lowers,
    "a network in train mode is lowered in eval mode": _takes_a_network_in_train_mode,
}
