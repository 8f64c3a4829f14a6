"""Targets that break one promise each; `caught_by` names the check that has to notice."""

import dataclasses
from pathlib import Path
from typing import ClassVar

import torch

from paredown.targets import Artifact
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


def everyone():
    """Every broken class of this file."""
    return Broken.__subclasses__()
