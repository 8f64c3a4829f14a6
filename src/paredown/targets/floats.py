"""Networks in other floating-point types than float32: what files of them can hold, said before any work."""

from typing import TYPE_CHECKING

from paredown.errors import LoweringError

if TYPE_CHECKING:
    import torch

    from paredown.graph.network import Network

__all__ = ["float_advice", "refuse_bfloat16"]

_CAST = "Capture the model in float32: `paredown.capture(model.float(), example.float())`"


def refuse_bfloat16(network: "Network", where: str, *, inside: bool) -> None:
    """Refuse what sessions cannot be fed with.

    Args:
        network: read only.
        where: the runtime's name for the message.
        inside: values inside of the network count too, not only inputs and outputs.

    Raises:
        LoweringError: something is in bfloat16, a type that NumPy does not have.

    """
    for name, kind in _types(network, inside=inside).items():
        if str(kind) == "torch.bfloat16":
            what = "computes in bfloat16" if inside else "takes or gives bfloat16"
            msg = (
                f"The network {what} (node {name!r}), a type that files for {where} cannot be fed with. {_CAST}; "
                '`quantize.Half(format="bfloat16")` stores its weights in 16 bits, and `Train(precision="bf16-mixed")` '
                "trains it so."
            )
            raise LoweringError(msg)


def float_advice(network: "Network") -> str:
    """What to do where a runtime lacks kernels for a network's type; empty for a network in float32."""
    for name, kind in _types(network, inside=True).items():
        if kind.is_complex:
            return (
                f" The network computes with complex numbers (node {name!r}), which few runtimes do. Write real and imaginary "
                "parts apart: torch.view_as_real, and (a + bi)(c + di) = (ac - bd) + (ad + bc)i."
            )
        if kind.is_floating_point and str(kind) != "torch.float32":
            return f" The network computes in {str(kind).removeprefix('torch.')} (node {name!r}). {_CAST}."
    return ""


def _types(network: "Network", *, inside: bool) -> "dict[str, torch.dtype]":
    """Element types by node: of inputs and outputs, or of all."""
    found = {spec.name: spec.dtype for spec in network.inputs}
    for node in network.nodes():
        for one in node.all_input_nodes if node.op == "output" else [node] if inside else []:
            kind = getattr(one.meta.get("val"), "dtype", None)
            if kind is not None:
                found[one.name] = kind
    return found
