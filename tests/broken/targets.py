"""Targets that break one promise each; `caught_by` names the check that has to notice."""

import dataclasses
import os
import secrets
from pathlib import Path
from typing import ClassVar

import torch

from paredown.errors import LoweringError
from paredown.targets import Artifact, Session
from paredown.testing import MockTarget as Sound


@dataclasses.dataclass(frozen=True)
class Broken(Sound):
    """Base of the broken."""

    caught_by: ClassVar[str]
    words: ClassVar[str]


@dataclasses.dataclass(frozen=True)
class NoSuffix(Broken):
    caught_by, words = "settings are frozen data", "the suffix is 'pt2'"
    suffix = "pt2"


@dataclasses.dataclass(frozen=True)
class LosesAWeight(Broken):
    caught_by, words = "the file agrees with the network", "computes something else at batch 1"

    def lower(self, network, path):
        network = network.copy()
        with torch.no_grad():
            network.get_parameter("head.bias").add_(1)
        return super().lower(network, path)


@dataclasses.dataclass(frozen=True)
class LeavesAFile(Broken):
    caught_by, words = "the file agrees with the network", "lowering left scratch beside the file"

    def lower(self, network, path):
        (Path(path).parent / "scratch").write_text("x")
        return super().lower(network, path)


@dataclasses.dataclass(frozen=True)
class WrongHash(Broken):
    caught_by, words = "the file agrees with the network", "sha256 is not that of the file"

    def lower(self, network, path):
        return Artifact(super().lower(network, path).path, self, "0" * 64)


@dataclasses.dataclass(frozen=True)
class SwitchesTheMode(Broken):
    caught_by, words = "a network in train mode is lowered in eval mode", "left a network in train mode in eval mode"

    def lower(self, network, path):
        return super().lower(network.eval(), path)


@dataclasses.dataclass(frozen=True)
class NoSpaces(Broken):
    caught_by, words = "all of its files are one thing", "a name without spaces"

    def open(self, path):
        if " " in Path(path).name:
            msg = f"{path} was given; the runtime takes a name without spaces."
            raise LoweringError(msg)
        return super().open(path)


@dataclasses.dataclass(frozen=True)
class Salted(Broken):
    caught_by, words = "the same network gives the same bytes", "gives other bytes"
    reproducible = True

    def write(self, network, path):
        network = network.copy()
        with torch.no_grad():
            network.get_parameter("head.bias").add_(1e-7 * (1 + secrets.randbelow(1000)))
        return super().write(network, path)


@dataclasses.dataclass(frozen=True)
class OnlyHere(Broken):
    caught_by, words = "a fresh process runs it", "was made in another process"
    process: int = dataclasses.field(default_factory=os.getpid)

    def open(self, path):
        if os.getpid() != self.process:
            msg = f"{path} was made in another process."
            raise LoweringError(msg)
        return super().open(path)


@dataclasses.dataclass(frozen=True)
class SwitchesGradients(Broken):
    caught_by, words = "a closed session leaves nothing", "whether gradients are recorded"

    def open(self, path):
        torch.set_grad_enabled(False)
        return super().open(path)


@dataclasses.dataclass(frozen=True)
class OpensAnything(Broken):
    caught_by, words = "files of others are refused", "which is no file of its"

    def open(self, path):
        try:
            return super().open(path)
        except LoweringError:
            return Nothing()


class Nothing(Session):
    inputs = outputs = ()

    def run(self, feeds):
        return list(feeds)

    def close(self):
        pass


@dataclasses.dataclass(frozen=True)
class PretendsKernels(Broken):
    caught_by, words = "8 bits are what its kernels want", "lowered to nothing in 8 bits"

    @property
    def capabilities(self):
        return super().capabilities.with_int8(operators=frozenset({"aten.conv2d.default"}))


def everyone():
    """Every broken class of this file."""
    return Broken.__subclasses__()
