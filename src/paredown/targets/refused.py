"""Networks that no file can be checked for, refused before any work."""

from typing import TYPE_CHECKING

from paredown.errors import LoweringError

if TYPE_CHECKING:
    from torch import fx

    from paredown.graph.network import Network

__all__ = ["refuse_randomness"]


def refuse_randomness(network: "Network", where: str) -> None:
    """Refuse a network that draws random numbers in eval mode: file and network never agree.

    Args:
        network: read only.
        where: the runtime's name for the message.

    Raises:
        LoweringError: a node draws; the message names it.

    """
    from paredown.graph.network import module_path  # noqa: PLC0415 (targets import without torch)

    for node in network.nodes():
        if _draws(node):
            msg = (
                f"The network draws random numbers in eval mode ({node.target}, node {node.name!r}, module "
                f"{module_path(node)!r}), so a file for {where} cannot be compared with it, nor two answers with each other. "
                "Give the random numbers to the model as an input, `forward(x, noise)`, or draw while training only."
            )
            raise LoweringError(msg)


def _draws(node: "fx.Node") -> bool:
    import torch  # noqa: PLC0415 (targets import without torch)

    from paredown.graph import mode  # noqa: PLC0415 (targets import without torch)

    if not isinstance(node.target, torch._ops.OpOverload) or torch.Tag.nondeterministic_seeded not in node.target.tags:
        return False
    return bool(mode.in_eval(node)) if node.target in mode.MODES else True
