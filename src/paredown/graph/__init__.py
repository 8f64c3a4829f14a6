"""Networks as graphs: capturing, modes, axes, cutting, rounding, cost, storage.

`paredown.capture` makes a `Network`; `paredown.graph.cut.cut` makes a smaller one. Names are imported when first used,
so that what only needs a `Capabilities` does not wait for torch.
"""

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paredown.graph.axes import Axes, Carrier, Group, analyse
    from paredown.graph.capabilities import Capabilities
    from paredown.graph.cost import Cost, NodeCost, costs, total
    from paredown.graph.fakequantize import FakeQuantize, Grid, fake_quantized
    from paredown.graph.network import InputSpec, Network, module_path
    from paredown.graph.shapes import propagate

__all__ = [
    "Axes",
    "Capabilities",
    "Carrier",
    "Cost",
    "FakeQuantize",
    "Grid",
    "Group",
    "InputSpec",
    "Network",
    "NodeCost",
    "analyse",
    "costs",
    "fake_quantized",
    "module_path",
    "propagate",
    "total",
]

_HOMES = MappingProxyType(
    {
        "Axes": "axes",
        "Capabilities": "capabilities",
        "Carrier": "axes",
        "Cost": "cost",
        "FakeQuantize": "fakequantize",
        "Grid": "fakequantize",
        "Group": "axes",
        "InputSpec": "network",
        "Network": "network",
        "NodeCost": "cost",
        "analyse": "axes",
        "costs": "cost",
        "fake_quantized": "fakequantize",
        "module_path": "network",
        "propagate": "shapes",
        "total": "cost",
    }
)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        msg = f"module 'paredown.graph' has no attribute {name!r}. It has {', '.join(__all__)}."
        raise AttributeError(msg)
    value = getattr(importlib.import_module(f"paredown.graph.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
