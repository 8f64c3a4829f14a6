"""Each class breaks one promise; its `caught_by` names the check that has to notice, `words` what it has to say."""

import dataclasses
import random
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from paredown.graph.shapes import propagate
from paredown.recipe import Plan, Transform


def scaled(network, factor):
    """A copy with a scaled head: the harmless deed all of these do."""
    network = network.copy()
    with torch.no_grad():
        network.get_parameter("head.weight").mul_(factor)
    return network


@dataclasses.dataclass(frozen=True)
class Sound(Transform):
    """Breaks nothing."""

    factor: float = 0.5

    def plan(self, network, evidence):
        return Plan("broken.Sound", "Scales the head.", {"factor": self.factor})

    def apply(self, network, plan):
        return scaled(network, plan.decisions["factor"])


@dataclasses.dataclass(frozen=True)
class Broken(Sound):
    """Base of the broken."""

    caught_by: ClassVar[str]
    words: ClassVar[str]


@dataclasses.dataclass(frozen=True)
class MutableSettings(Broken):
    caught_by, words = "settings are frozen data", "is a list, which can change"
    names: list = dataclasses.field(default_factory=list)


class NotADataclass(Transform):
    caught_by, words = (
        "settings are frozen data",
        "cannot be stored|another one after JSON|has another fingerprint|not a dataclass",
    )
    __hash__ = None

    def __init__(self, factor=0.5):
        object.__setattr__(self, "factor", factor)

    def __eq__(self, other):
        return self is other

    plan, apply = Sound.plan, Sound.apply


@dataclasses.dataclass(frozen=True)
class LambdaInSettings(Broken):
    caught_by, words = "settings are frozen data", "has no importable name"
    rule: object = dataclasses.field(default_factory=lambda: lambda x: x)


@dataclasses.dataclass(frozen=True)
class PlanningMutatesTheParent(Broken):
    caught_by, words = "planning touches nothing", "while planning, the network was changed: graph or weights"

    def plan(self, network, evidence):
        with torch.no_grad():
            network.get_parameter("head.bias").add_(1e-3)
        return super().plan(network, evidence)


@dataclasses.dataclass(frozen=True)
class PlanningLeavesGradients(Broken):
    caught_by, words = "planning touches nothing", "while planning, the network was changed: gradients"

    def plan(self, network, evidence):
        network(*network.example).sum().backward()
        return super().plan(network, evidence)


@dataclasses.dataclass(frozen=True)
class PlanningSeedsTheWorld(Broken):
    caught_by, words = "planning touches nothing", "this process was changed: torch's random numbers"

    def plan(self, network, evidence):
        torch.manual_seed(0)
        return super().plan(network, evidence)


@dataclasses.dataclass(frozen=True)
class PlanningSwitchesGradientsOff(Broken):
    caught_by, words = "planning touches nothing", "whether gradients are recorded"

    def plan(self, network, evidence):
        torch.set_grad_enabled(False)
        return super().plan(network, evidence)


@dataclasses.dataclass(frozen=True)
class PlanIsNotJson(Broken):
    caught_by, words = "the plan is JSON with a reason", "the plan is not JSON"

    def plan(self, network, evidence):
        return Plan("broken", "A set is not JSON.", {"factor": self.factor, "names": {"head"}})


@dataclasses.dataclass(frozen=True)
class PlanHoldsNan(Broken):
    caught_by, words = "the plan is JSON with a reason", "the plan is not JSON"

    def plan(self, network, evidence):
        return Plan("broken", "NaN is not JSON.", {"factor": self.factor, "score": float("nan")})


@dataclasses.dataclass(frozen=True)
class PlanWithoutReason(Broken):
    caught_by, words = "the plan is JSON with a reason", "gives no reason"

    def plan(self, network, evidence):
        return Plan("broken", "  ", {"factor": self.factor})


@dataclasses.dataclass(frozen=True)
class PlanHoldsTheNetworksMemory(Broken):
    caught_by, words = "the plan is JSON with a reason", "are the network's own memory"

    def plan(self, network, evidence):
        return Plan(
            "broken", "Keeps a weight.", {"factor": self.factor}, {"w": network.get_parameter("head.weight").detach()}
        )


@dataclasses.dataclass(frozen=True)
class UnrepeatableTorch(Broken):
    caught_by, words = "the plan is repeatable", "is another one: draw from a generator"

    def plan(self, network, evidence):
        return Plan("broken", "Draws from the world.", {"factor": float(torch.rand(()))})


@dataclasses.dataclass(frozen=True)
class UnrepeatableNumpy(Broken):
    caught_by, words = "the plan is repeatable", "is another one: draw from a generator"

    def plan(self, network, evidence):
        return Plan("broken", "Draws from the world.", {"factor": float(np.random.rand())})  # noqa: NPY002


@dataclasses.dataclass(frozen=True)
class UnrepeatablePython(Broken):
    caught_by, words = "the plan is repeatable", "is another one: draw from a generator"

    def plan(self, network, evidence):
        return Plan("broken", "Draws from the world.", {"factor": random.random()})  # noqa: S311


@dataclasses.dataclass(frozen=True)
class PlansByMode(Broken):
    caught_by, words = "the plan does not depend on the mode", "in train mode is another one"

    def plan(self, network, evidence):
        return Plan("broken", "Looks at the mode.", {"factor": 0.25 if network.training else 0.5})


@dataclasses.dataclass(frozen=True)
class LeaksTheMode(Broken):
    caught_by, words = "the plan does not depend on the mode", "left a network in train mode in eval mode"

    def plan(self, network, evidence):
        network.eval()
        return super().plan(network, evidence)


@dataclasses.dataclass(frozen=True)
class ApplyingMutatesTheParent(Broken):
    caught_by, words = "applying touches nothing", "the network was changed|shares memory with the old one"

    def apply(self, network, plan):
        with torch.no_grad():
            network.get_parameter("head.weight").mul_(plan.decisions["factor"])
        return network


@dataclasses.dataclass(frozen=True)
class SharesStorage(Broken):
    caught_by, words = "applying touches nothing", "shares memory with the old one"

    def apply(self, network, plan):
        child = scaled(network, plan.decisions["factor"])
        child.get_submodule("stem.0").weight = nn.Parameter(network.get_parameter("stem.0.weight").detach())
        return child


@dataclasses.dataclass(frozen=True)
class SharesStorageWithThePlan(Broken):
    caught_by, words = "applying touches nothing", "shares memory with the plan"

    def plan(self, network, evidence):
        return Plan("broken", "New bias.", {"factor": self.factor}, {"bias": torch.zeros(4)})

    def apply(self, network, plan):
        child = scaled(network, plan.decisions["factor"])
        child.get_submodule("head").bias = nn.Parameter(plan.tensors["bias"])
        return child


@dataclasses.dataclass(frozen=True)
class RemembersInsteadOfPlanning(Broken):
    caught_by, words = "the plan replays to the same bytes", "gives another network|applying twice differs"
    seen: ClassVar[list] = []

    def apply(self, network, plan):
        self.seen.append(plan)
        return scaled(network, 1 / len(self.seen))


@dataclasses.dataclass(frozen=True)
class AppliesAtRandom(Broken):
    caught_by, words = "the plan replays to the same bytes", "applying twice differs"

    def apply(self, network, plan):
        return scaled(network, float(torch.rand(())))


@dataclasses.dataclass(frozen=True)
class ReliesOnTuples(Broken):
    caught_by, words = "the plan replays to the same bytes", "the stored plan again gives another network"

    def plan(self, network, evidence):
        return Plan("broken", "JSON has no tuples.", {"factor": (0.5,)})

    def apply(self, network, plan):
        return scaled(network, 0.5 if isinstance(plan.decisions["factor"], tuple) else 0.25)


def edited(network, change):
    """A copy with nodes put between the head and the output by `change(graph, head)`."""
    network = network.copy()
    graph = network.graph_module.graph
    output = next(reversed(graph.nodes))
    (head,) = output.args[0]
    with graph.inserting_before(output):
        new = change(graph, head)
    output.args = ((new,),)
    return network.recompile()


@dataclasses.dataclass(frozen=True)
class WrongShape(Broken):
    caught_by, words = "the network runs at every batch size", "an output is .* and was"

    def apply(self, network, plan):
        return edited(network, lambda graph, head: graph.call_function(torch.ops.aten.slice.Tensor, (head, 1, 0, 3)))


@dataclasses.dataclass(frozen=True)
class MixesTheBatch(Broken):
    caught_by, words = "the network runs at every batch size", "has another answer in a batch of"

    def apply(self, network, plan):
        def centre(graph, head):
            mean = graph.call_function(torch.ops.aten.mean.dim, (head, [0], True))
            return graph.call_function(torch.ops.aten.sub.Tensor, (head, mean))

        return edited(network, centre)


@dataclasses.dataclass(frozen=True)
class GivesNan(Broken):
    caught_by, words = "the network runs at every batch size", "is not finite"

    def apply(self, network, plan):
        return scaled(network, float("inf"))


@dataclasses.dataclass(frozen=True)
class ForgetsShapes(Broken):
    caught_by, words = "shapes are recorded", "call paredown.graph.shapes.propagate after editing"

    def apply(self, network, plan):
        return edited(network, lambda graph, head: graph.call_function(torch.ops.aten.mul.Tensor, (head, 2.0)))


@dataclasses.dataclass(frozen=True)
class HalfInTrainMode(Broken):
    caught_by, words = "the mode is consistent", "its operators are in the other mode"

    def apply(self, network, plan):
        network = scaled(network, plan.decisions["factor"]).train()
        network.training = False
        return network


@dataclasses.dataclass(frozen=True)
class CannotTrain(Broken):
    caught_by, words = "the network trains", "no parameter of the new network gets a gradient|does not require grad"

    def apply(self, network, plan):
        network = scaled(network, plan.decisions["factor"])
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        return network


def twice(x):
    """An operator that no file knows."""
    return x * 2


@dataclasses.dataclass(frozen=True)
class CannotBeSaved(Broken):
    caught_by, words = "the network saves", "which has no stored form"

    def apply(self, network, plan):
        return propagate(edited(network, lambda graph, head: graph.call_function(twice, (head,))))


@dataclasses.dataclass(frozen=True)
class OnDoesOtherwise(Broken):
    caught_by, words = "on is plan and apply", "differs from plan and apply"

    def on(self, network, evidence=None):
        return scaled(network, 3.0)


@dataclasses.dataclass(frozen=True)
class OrderIsALie(Broken):
    caught_by, words = "its order is declared", "gave \\['quantized'\\]"

    def after(self, state):
        return ["quantized"]


@dataclasses.dataclass(frozen=True)
class NeverAllowed(Broken):
    caught_by, words = "its order is declared", "may not even come first"

    def check(self, state):
        return "no"


def everyone():
    """Every broken class of this file."""
    return [cls for cls in [*Broken.__subclasses__(), NotADataclass] if hasattr(cls, "caught_by")]
