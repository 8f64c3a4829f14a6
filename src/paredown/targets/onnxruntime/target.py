"""ONNX Runtime on the CPU."""

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from paredown.errors import InputError, LoweringError
from paredown.targets.artifact import Lowering
from paredown.targets.floats import float_advice, refuse_bfloat16
from paredown.targets.option import option
from paredown.targets.target import Port, Session, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from paredown.graph.capabilities import Capabilities
    from paredown.graph.network import Network
    from paredown.targets.target import Inner

__all__ = ["OnnxRuntime"]

_INT8_OPERATORS = frozenset(
    {
        "aten.conv1d.default",
        "aten.conv2d.default",
        "aten.linear.default",
        "aten.add.Tensor",
        "aten.add_.Tensor",
        "aten.mul.Tensor",
        "aten.mul_.Tensor",
        "aten.avg_pool2d.default",
        "aten.adaptive_avg_pool2d.default",
        "aten.mean.dim",
        "aten.sigmoid.default",
        "aten.sigmoid_.default",
        "aten.leaky_relu.default",
        "aten.leaky_relu_.default",
        "aten.cat.default",
        "aten.max_pool2d.default",
    }
)
_WEIGHT_BITS = (7, 8)
_STORED = frozenset({"aten.linear.default", "aten.embedding.default"})


@dataclasses.dataclass(frozen=True)
class OnnxRuntime(Target):
    """ONNX Runtime, CPU execution provider.

    A session runs operators one after the other with ``threads`` threads inside an operator, so that a measurement
    does not depend on how many cores the machine happens to have. Threads of one session spin while they wait (the
    runtime's default); with one thread there is nobody to wait for.

    Attributes:
        threads: threads inside an operator.
        batch: examples per inference that latency is measured with.
        weight_bits: bits that weights take at most in 8-bit kernels. None: as many as sums have room for on this
            machine's processor. 7: no sum overflows on any processor, for a file that goes to an x86 one without VNNI.
            8: for a file that goes to one with VNNI, or to another kind. Where this machine itself has room for fewer,
            the parity check refuses files whose sums overflow so far that they do not agree with their network; what is
            measured of others is not what they give there (finding PD113).

    Raises:
        InputError: a setting out of range.

    """

    weight_bits: int | None = option(
        None,
        "Bits of weights in 8-bit kernels: 7 is safe on every processor (default: as this one wants).",
        least=7,
        most=8,
    )
    name: ClassVar[str] = "ONNX Runtime"
    suffix: ClassVar[str] = ".onnx"
    extra: ClassVar[str] = "onnx"
    packages: ClassVar[tuple[str, ...]] = ("onnxruntime", "onnx", "onnxscript")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight_bits is not None and (
            not isinstance(self.weight_bits, int) or self.weight_bits not in _WEIGHT_BITS
        ):
            msg = (
                f"weight_bits={self.weight_bits!r} was given; it is 7 for every processor, 8 where sums do not overflow, "
                "or None for as this machine's processor wants. Type weight_bits=7. Fewer bits are a setting of the step: "
                "`quantize.Int8(weight_bits=4)`."
            )
            raise InputError(msg)

    @property
    def words(self) -> str:
        """Name and settings as reports say them; see `Target.words`."""
        return super().words + (f", 8-bit weights within {self.weight_bits} bits" if self.weight_bits else "")

    @property
    def capabilities(self) -> "Capabilities":
        """What the CPU kernels do.

        Float kernels round channels up to blocks of 16 and 8-bit kernels to blocks of 8, so multiples of 16 suit both,
        and multiples of 8 lose little in 8 bits and nothing beyond the next block in float. Convolutions in groups of
        several channels have no fast 8-bit kernel. ``python -m benchmarks.shapes channels`` and ``groups`` measure both
        on the machine at hand. On an x86 processor without VNNI weights take 7 of their 8 bits, unless ``weight_bits``
        says otherwise; see `paredown.targets.saturation`.
        """
        from paredown.graph.capabilities import Capabilities, Int8Kernels  # noqa: PLC0415 (targets import without torch)
        from paredown.targets.saturation import weight_bits  # noqa: PLC0415 (reads the processor's flags)

        room = weight_bits()
        return Capabilities(
            name=self.name,
            int8=Int8Kernels(
                operators=_INT8_OPERATORS, weight_bits=self.weight_bits or room, sum_bits=room, grouped=False
            ),
            channel_multiple=8,
            formats=frozenset({"float32", "int8", "uint8"}),
            dynamic_operators=frozenset({"aten.linear.default", "aten.lstm.input"}),
            stored_formats=frozenset({"float16", "bfloat16"}),
            weight_operators=_STORED,
            weight_formats=frozenset({"int4", "uint4", "int8", "uint8"}),
            weight_groups=frozenset({16, 32, 64, 128, 256}),
        )

    def write(self, network: "Network", path: Path) -> Lowering:
        """Write an ``.onnx`` file; see `Target.write`."""
        self.require("onnx", "onnxscript", "onnxruntime")
        from paredown.targets import parity  # noqa: PLC0415 (NumPy, which not everybody with a target needs)
        from paredown.targets.onnx.model import onnx_model  # noqa: PLC0415 (targets import without torch)
        from paredown.targets.onnxruntime.look import look  # noqa: PLC0415 (targets import without torch)

        refuse_bfloat16(network, self.name, inside=True)
        model = onnx_model(network)
        path.write_bytes(model.data)
        optimised = path.with_suffix(".optimised.onnx")
        try:
            with _OnnxSession(path, self.threads, optimised) as session:
                if model.quantized:
                    parity.check(model.stored, session, self.floors.quantized, self.name, self.batches)
                floor = self.floors.trained if model.quantized else self.floors.float
                parity.check(network, session, floor, self.name, self.batches)
            return look(optimised, network)
        except LoweringError as error:
            if advice := float_advice(network):
                msg = f"{error}.{advice}"
                raise LoweringError(msg) from error
            raise
        finally:
            optimised.unlink(missing_ok=True)

    def within(self, weight_bits: int) -> str:
        """What to type for weights of fewer bits; see `Target.within`."""
        if weight_bits not in _WEIGHT_BITS:
            return super().within(weight_bits)
        return f"with `target=targets.OnnxRuntime(weight_bits={weight_bits})` (`--weight-bits {weight_bits}`)"

    def open(self, path: str | os.PathLike[str]) -> Session:
        """Open an ``.onnx`` file; imports onnxruntime and NumPy only."""
        self.require("onnxruntime")
        return _OnnxSession(Path(path), self.threads)

    def inner(self, path: str | os.PathLike[str]) -> "Inner":
        """Reads every value that is rounded, out of a copy of the file; see `Target.inner`."""
        self.require("onnx", "onnxruntime")
        from paredown.targets.onnx.inner import rounded_values  # noqa: PLC0415 (targets import without onnx)

        self.open(path).close()
        return rounded_values(Path(path), self.open)

    def files(self, path: str | os.PathLike[str]) -> tuple[Path, ...]:
        """The file and the weights that it keeps beside itself (external data); see `Target.files`."""
        own = Path(path)
        if not _may_read_others(own):
            return (own,)
        self.require("onnx")
        from paredown.targets.onnx.external import external_files  # noqa: PLC0415 (targets import without onnx)

        return (own, *external_files(own))


def _may_read_others(path: Path) -> bool:
    """Whether the word is in a file without which it reads no others: they are looked for without the package onnx."""
    return path.is_file() and b"location" in path.read_bytes()


class _OnnxSession(Session):
    def __init__(self, path: Path, threads: int, optimised: Path | None = None) -> None:
        import onnxruntime  # noqa: PLC0415 (an extra)

        if not path.is_file():
            msg = f"{path} was given to ONNX Runtime; there is no such file. Lower the network to it first."
            raise LoweringError(msg)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        if optimised is not None:
            options.optimized_model_filepath = str(optimised)
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            msg = f"ONNX Runtime {onnxruntime.__version__} cannot open {path}: {error}"
            raise LoweringError(msg) from error
        self.inputs = tuple(_port(value) for value in self._session.get_inputs())
        self.outputs = tuple(_port(value) for value in self._session.get_outputs())

    def run(self, feeds: "Sequence[npt.NDArray[Any]]") -> "list[np.ndarray[Any, Any]]":
        named = {port.name: array for port, array in zip(self.inputs, feeds, strict=True)}
        results: list[np.ndarray[Any, Any]] = self._session.run(None, named)
        return results

    def close(self) -> None:
        self._session = None


_DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
}


def _port(value: Any) -> Port:
    kind = str(value.type)
    dtype = _DTYPES.get(kind, kind.removeprefix("tensor(").removesuffix(")"))
    return Port(value.name, dtype, tuple(dim if isinstance(dim, int) else None for dim in value.shape))
