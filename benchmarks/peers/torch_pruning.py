"""Torch-Pruning 1.6.1 (`pip install torch-pruning`) as a transform."""

import dataclasses
import fnmatch
from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

from paredown.graph.capture import capture
from paredown.graph.network import Network
from paredown.graph.statistics import reestimate, write_statistics
from paredown.recipe.plan import Plan
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

_STEPS = 100  # a step removes about a hundredth of the channels


@dataclasses.dataclass(frozen=True)
class TorchPruning(Transform):
    """Structured pruning by Torch-Pruning's base pruner, to a share of the multiply-accumulates.

    It works on the module that a user would give it, so the module is built anew and gets the network's weights. Batch
    norms are re-estimated as `prune.Channels` does, so that both begin their recovery alike.

    Attributes:
        build: top-level function that makes the user's module, without weights.
        taylor: rank by Taylor importance from gradients of the calibration split; else by the norm of the group.
        macs: share of the multiply-accumulates, as Torch-Pruning counts them, at which it stops.
        multiple: widths stay divisible by it (`round_to`).
        global_pruning: one ranking for all layers, else the same share of every layer.
        ignore: patterns of module names that it must leave alone. It cannot follow zero-padded shortcuts (it cuts what
            they add up to unevenly, and the module no longer runs), so there it may cut inside of blocks only.

    """

    build: Callable[[], nn.Module]
    taylor: bool = False
    macs: float = 0.5
    multiple: int | None = None
    global_pruning: bool = True
    ignore: tuple[str, ...] = ()

    def plan(self, network: Network, evidence: "Evidence") -> Plan:
        """Prune a copy step by step; the plan is its history."""
        import torch_pruning  # noqa: PLC0415 (a peer, installed only where it is compared with)

        module, example = self._module(network), network.example[0]
        importance = torch_pruning.importance
        pruner = torch_pruning.pruner.BasePruner(
            module,
            example,
            importance=importance.GroupTaylorImportance() if self.taylor else importance.GroupMagnitudeImportance(p=2),
            global_pruning=self.global_pruning,
            pruning_ratio=0.95,
            max_pruning_ratio=0.9,
            iterative_steps=_STEPS,
            round_to=self.multiple,
            ignored_layers=[layer for name, layer in module.named_modules() if self._ignores(name)],
        )
        count = torch_pruning.utils.count_ops_and_params
        whole, _ = count(module, example)
        left = whole
        for _ in range(_STEPS):
            if left <= self.macs * whole:
                break
            if self.taylor:
                _gradients(module, evidence)
            pruner.step()
            left, _ = count(module, example)
        history = [
            [name, bool(out), [int(index) for index in indices]] for name, out, indices in pruner.pruning_history()
        ]
        plan = Plan("benchmarks.TorchPruning", f"{len(history)} cuts, {left / whole:.1%} left.", {"history": history})
        small = self.apply(network, plan)
        return dataclasses.replace(plan, tensors=reestimate(small, evidence.calibration(1024, small)))

    def apply(self, network: Network, plan: Plan) -> Network:
        """Repeat the history on a fresh module, and capture it."""
        import torch_pruning  # noqa: PLC0415 (see above)

        module, example = self._module(network), network.example[0]
        graph = torch_pruning.DependencyGraph().build_dependency(module, example_inputs=example)
        graph.load_pruning_history(plan.decisions["history"])
        small = capture(module.eval(), example)
        return write_statistics(small, plan.tensors) if plan.tensors else small

    def _ignores(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.ignore)

    def _module(self, network: Network) -> nn.Module:
        module = self.build()
        module.load_state_dict(network.state_dict())
        return module.eval()


def _gradients(module: nn.Module, evidence: "Evidence") -> None:
    module.zero_grad()
    for inputs, target in evidence.work.calibrate.batches():
        evidence.objective.loss_of(module(inputs), target).backward()
