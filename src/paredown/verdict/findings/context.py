"""What findings look at: facts of one file, or of a whole run. What is not known is None."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from paredown.measure.quality import Quality
from paredown.targets import Lowering
from paredown.verdict.measured import Measured
from paredown.verdict.pair import Margins

if TYPE_CHECKING:
    from paredown.graph.capabilities import Capabilities
    from paredown.graph.network import Network
    from paredown.targets import Target

__all__ = ["FileContext", "RunContext", "channels_of"]


@dataclasses.dataclass(frozen=True)
class FileContext:
    """One file beside the original.

    Attributes:
        measured, original: measurements of both.
        target: what the file was made for.
        capabilities: of the target.
        channels: outputs per layer, by the user's module path (`channels_of`).
        original_channels: those of the original.
        lowering: what the runtime made of the network.
        macs, original_macs: multiplications per example.
        sparsity: share of the parameters that are zeros of sparse weights.
        margins: what counts as a tie.
        unit: of the score; see `Margins.of_score`.

    """

    measured: Measured
    original: Measured
    target: "Target | None" = None
    capabilities: "Capabilities | None" = None
    channels: Mapping[str, int] = dataclasses.field(default_factory=lambda: MappingProxyType({}))
    original_channels: Mapping[str, int] = dataclasses.field(default_factory=lambda: MappingProxyType({}))
    lowering: Lowering | None = None
    macs: int | None = None
    original_macs: int | None = None
    sparsity: float | None = None
    margins: Margins = dataclasses.field(default_factory=Margins)
    constant: tuple[str, ...] | None = None
    unit: str = ""


@dataclasses.dataclass(frozen=True)
class RunContext:
    """A whole run.

    Attributes:
        select, judge: the original's quality on both splits; ``judge`` is None while it is sealed.
        openings: how often this judge data has been opened, this run included.
        reference: ``module:name`` of the task; empty where only the user's process knows it, None where no trial ran.
        assumptions: sentences about what was assumed of the data (``task.data.findings``).
        lost: sentences about what capturing left out (``network.lost``).

    """

    select: Quality | None = None
    judge: Quality | None = None
    openings: int | None = None
    reference: str | None = None
    assumptions: tuple[str, ...] | None = None
    lost: tuple[str, ...] | None = None


_CARRIERS = ("aten.linear.", "aten.conv", "aten.addmm.", "aten.convolution.")


def channels_of(network: "Network") -> dict[str, int]:
    """Output channels of every convolution and linear layer, by the user's module path."""
    found: dict[str, int] = {}
    for node in network.nodes():
        if node.op != "call_function" or not str(node.target).startswith(_CARRIERS):
            continue
        value = node.meta.get("val")
        if value is None or value.ndim < 2:
            continue
        path = str(node.meta.get("paredown_path", "")) or node.name
        found[path] = int(value.shape[1 if "conv" in str(node.target) else -1])
    return found
