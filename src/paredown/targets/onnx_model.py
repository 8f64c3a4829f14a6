"""From a network to the bytes of an ONNX model."""

import dataclasses

from paredown.graph import fakequantize  # noqa: F401 (defines the operator)
from paredown.graph.fold import fold_batch_norm
from paredown.graph.network import Network
from paredown.targets.onnx_direct import translate
from paredown.targets.onnx_exporter import export
from paredown.targets.onnx_tidy import tidy

__all__ = ["OnnxModel", "onnx_model"]


@dataclasses.dataclass(frozen=True)
class OnnxModel:
    """A serialised model and the number of its nodes that compute in 8 bits."""

    data: bytes
    quantized: int = 0


def onnx_model(network: Network) -> OnnxModel:
    """Fold, translate and serialise a network."""
    folded, _ = fold_batch_norm(network.copy().cpu())
    proto = translate(folded) or export(folded)
    tidy(proto)
    return OnnxModel(proto.SerializeToString(deterministic=True))
