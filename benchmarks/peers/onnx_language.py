"""Other people's narrow weights and dynamic 8 bits of an ONNX file: float file in, narrow file out, no data."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["DYNAMIC", "WEIGHTS"]

Quantizer = Callable[[Path, Path], None]


def onnxruntime_dynamic(source: Path, out: Path) -> None:
    """`onnxruntime.quantization.quantize_dynamic` with signed weights per channel, for all operators it knows."""
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 (imported where it is compared with)

    logging.getLogger().setLevel(logging.ERROR)
    quantize_dynamic(str(source), str(out), per_channel=True, weight_type=QuantType.QInt8)


def onnxruntime_weights(bits: int, block: int) -> Quantizer:
    """`onnxruntime.quantization`'s MatMulNBitsQuantizer: round to nearest, asymmetric, 8-bit accumulation."""

    def quantize(source: Path, out: Path) -> None:
        import onnx  # noqa: PLC0415 (see above)
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer  # noqa: PLC0415 (see above)

        logging.getLogger().setLevel(logging.ERROR)
        logging.getLogger("onnxruntime.quantization.matmul_nbits_quantizer").setLevel(logging.ERROR)
        made = MatMulNBitsQuantizer(
            onnx.load(str(source)), bits=bits, block_size=block, is_symmetric=False, accuracy_level=4
        )
        made.process()
        made.model.save_model_to_file(str(out), use_external_data_format=False)

    return quantize


DYNAMIC: Mapping[str, Quantizer] = {"ONNX Runtime quantize_dynamic": onnxruntime_dynamic}
WEIGHTS: Mapping[str, Quantizer] = {
    f"ONNX Runtime MatMulNBits, {bits} bits, group {block}": onnxruntime_weights(bits, block)
    for bits, block in ((4, 32), (4, 64))
}
