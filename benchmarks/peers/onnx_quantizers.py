"""Other people's post-training quantization of an ONNX file: float file in, 8-bit file out, same calibration data."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["OVERFLOWING", "PEERS", "Quantizer"]

Batches = Sequence[Mapping[str, NDArray[Any]]]
Quantizer = Callable[[Path, Path, Batches], None]


def onnxruntime_static(source: Path, out: Path, batches: Batches, *, reduced: bool = False) -> None:
    """`onnxruntime.quantization.quantize_static` as its documentation advises for convolutions on a CPU.

    Args:
        source: the float file.
        out: the 8-bit file.
        batches: what it calibrates on.
        reduced: weights of 7 bits (`reduce_range`), which it advises where the processor has no VNNI.

    """
    from onnxruntime.quantization import (  # noqa: PLC0415 (imported where it is compared with)
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415 (see above)

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._rows: Iterator[Mapping[str, NDArray[Any]]] = iter(batches)

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            row = next(self._rows, None)
            return None if row is None else dict(row)

    prepared = out.with_suffix(".prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    logging.getLogger().setLevel(logging.ERROR)
    quantize_static(
        str(prepared),
        str(out),
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        reduce_range=reduced,
    )
    prepared.unlink()


def nncf_ptq(source: Path, out: Path, batches: Batches) -> None:
    """`nncf.quantize` on the ONNX model with its mixed preset (asymmetric activations)."""
    import nncf  # noqa: PLC0415 (see above)
    import onnx  # noqa: PLC0415 (see above)

    nncf.set_log_level(logging.ERROR)
    rows = [{name: np.asarray(array) for name, array in row.items()} for row in batches]
    count = sum(len(next(iter(row.values()))) for row in rows)
    model = nncf.quantize(
        onnx.load(str(source)), nncf.Dataset(rows), preset=nncf.QuantizationPreset.MIXED, subset_size=count
    )
    onnx.save(model, str(out))


PEERS: Mapping[str, Quantizer] = {"ONNX Runtime quantize_static": onnxruntime_static, "NNCF quantize": nncf_ptq}
OVERFLOWING: Mapping[str, Quantizer] = {
    "ONNX Runtime quantize_static, reduce_range": partial(onnxruntime_static, reduced=True)
}
"""Beside them where sums of 8-bit products overflow."""
