"""The form of a network that rounding and files start from."""

from paredown.graph.fold import fold_batch_norm
from paredown.graph.network import Network
from paredown.graph.products import say_linear
from paredown.graph.settled import settle_weights
from paredown.graph.shapes import propagate

__all__ = ["inference_form", "linear_form"]


def inference_form(network: Network) -> tuple[Network, tuple[str, ...]]:
    """A copy in eval mode in which layers read stored weights.

    Weights that are computed from parameters alone (weight standardisation, parametrizations) are computed once,
    products with a stored matrix become linear layers, and batch norms are folded.

    Returns:
        An independent network in eval mode, and the names of the batch norm nodes that were folded.

    """
    return fold_batch_norm(linear_form(network))


def linear_form(network: Network) -> Network:
    """A copy in eval mode in which layers read stored weights and products with stored matrices are linear layers."""
    network = network.copy().eval()
    changed = [settle_weights(network), say_linear(network)]
    return propagate(network.recompile()) if any(changed) else network
