"""Ingredients that break one promise each; `caught_by` names the check that has to notice."""

import dataclasses
from typing import ClassVar

import torch

from paredown.recipe import Hook, Ingredient


@dataclasses.dataclass(frozen=True)
class Harmless(Ingredient):
    """Breaks nothing: pulls weights a little."""

    strength: float = 1e-3

    def start(self, context):
        return _Pull(self.strength, context.network)


class _Pull(Hook):
    def __init__(self, strength, network):
        self.strength, self.network = strength, network

    def term(self, step):
        return self.strength * sum(p.square().sum() for p in self.network.parameters())


@dataclasses.dataclass(frozen=True)
class Broken(Harmless):
    """Base of the broken."""

    caught_by: ClassVar[str]
    words: ClassVar[str]


@dataclasses.dataclass(frozen=True)
class ListInSettings(Broken):
    caught_by, words = "settings are frozen data", "is a list, which can change"
    names: list = dataclasses.field(default_factory=list)


class _ChangesInputs(Hook):
    def batch(self, inputs, targets, generator):
        inputs.mul_(0.9)
        return inputs, targets


@dataclasses.dataclass(frozen=True)
class ChangesInputs(Broken):
    caught_by, words = "batches are left alone", "changes its inputs in place"

    def start(self, context):
        return _ChangesInputs()


class _GlobalNoise(Hook):
    def batch(self, inputs, targets, generator):
        return inputs + 0.1 * torch.randn(inputs.shape), targets


@dataclasses.dataclass(frozen=True)
class GlobalNoise(Broken):
    caught_by, words = "batches are left alone", "draws from global random numbers"

    def start(self, context):
        return _GlobalNoise()


class _HeavyTargets(Hook):
    def batch(self, inputs, targets, generator):
        return inputs, tuple((2 * weight, target) for weight, target in targets)


@dataclasses.dataclass(frozen=True)
class HeavyTargets(Broken):
    caught_by, words = "batches are left alone", "add up to 2, not to 1"

    def start(self, context):
        return _HeavyTargets()


@dataclasses.dataclass(frozen=True)
class TouchesTheOriginal(Broken):
    caught_by, words = "training touches nothing", "the network it was given was changed"

    def start(self, context):
        with torch.no_grad():
            context.original.get_parameter("head.bias").add_(0.1)
        return Hook()


class _RemembersAcrossTrainings(Hook):
    runs = 0

    def __init__(self):
        type(self).runs += 1

    def loss_weight(self):
        return 1.0 / self.runs


@dataclasses.dataclass(frozen=True)
class RemembersAcrossTrainings(Broken):
    caught_by, words = "training is repeatable", "gives other weights"

    def start(self, context):
        return _RemembersAcrossTrainings()


class _LeavesABuffer(Hook):
    def finish(self, network):
        network.get_submodule("head").register_buffer("average", torch.zeros(4))


@dataclasses.dataclass(frozen=True)
class LeavesABuffer(Broken):
    caught_by, words = "a plain network is left", "left or lost tensors"

    def start(self, context):
        return _LeavesABuffer()


class _Undo(Hook):
    def __init__(self, network):
        self.before = {name: p.detach().clone() for name, p in network.state_dict().items()}

    def finish(self, network):
        network.load_state_dict(self.before)


@dataclasses.dataclass(frozen=True)
class UndoesEverything(Broken):
    caught_by, words = "a plain network is left", "training changed nothing"

    def start(self, context):
        return _Undo(context.network)


class _OneTarget(Hook):
    def batch(self, inputs, targets, generator):
        ((weight, target),) = targets
        return inputs, ((weight, target),)


@dataclasses.dataclass(frozen=True)
class TakesOneTargetOnly(Broken):
    caught_by, words = "several targets are taken", "too many values to unpack"

    def start(self, context):
        return _OneTarget()


class _DifferentiatesOutputs(_Pull):
    def term(self, step):
        weight = next(self.network.parameters())
        (slope,) = torch.autograd.grad(step.outputs.sum(), weight, create_graph=True)
        return self.strength * slope.square().sum()


@dataclasses.dataclass(frozen=True)
class DifferentiatesOutputs(Broken):
    caught_by, words = "mixed precision works", "fabric.backward"

    def start(self, context):
        return _DifferentiatesOutputs(self.strength, context.network)


def everyone():
    """Every broken class of this file."""
    return Broken.__subclasses__()
