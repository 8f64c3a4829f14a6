"""The file and the network must give the same outputs, or the file is refused."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from paredown.errors import ParityError

if TYPE_CHECKING:
    import numpy.typing as npt

    from paredown.graph.network import Network
    from paredown.targets.target import Session

__all__ = ["check"]

FLOAT_DB = 80.0
QUANTIZED_DB = 20.0
TRAINED_DB = 10.0
_HALF_DB = 50.0  # of float16 values, which have three digits


def check(network: "Network", session: "Session", floor: float, where: str) -> None:
    """Compare the session with ``network.eval()`` at batch 1, 3 and the example's.

    The criterion is the ratio of signal to difference over each whole output, in decibels. Float networks must agree
    to 80 dB (four digits), outputs in float16 to 50. Where activations are rounded to 8 bits, a difference in the last bit of a float sum may flip
    a tie to the next step, which then spreads: most examples agree to the bit and single ones to about 26 dB
    (ResNet-20, 512 images), so 20 dB is asked for, which a swapped axis, a wrong zero point or a lost scale fails by
    far. Shapes, element types and the places of infinities must be equal.

    Args:
        network: the reference; left bit-identical.
        session: the opened file.
        floor: decibels that hold, `FLOAT_DB` or `QUANTIZED_DB`; `TRAINED_DB` for biases that are rounded on the way.
        where: the runtime's name for the message.

    Raises:
        ParityError: the first output that differs, with the numbers.

    """
    import torch  # noqa: PLC0415 (targets import without torch)

    reference = network.copy().cpu().eval()
    for label, feeds in _feeds(reference):
        with torch.no_grad():
            want = [tensor.numpy() for tensor in reference.graph_module(*feeds)]
        got = session.run([tensor.numpy() for tensor in feeds])
        for port, theirs, ours in zip(session.outputs, got, want, strict=True):
            problem = _difference(ours, theirs, min(floor, _HALF_DB) if ours.dtype == np.float16 else floor)
            if problem:
                msg = (
                    f"Output {port.name!r} of the file for {where} does not agree with the network on {label}: "
                    f"{problem}. The file was removed. {_remedy(floor, ours.dtype)}"
                )
                raise ParityError(msg)


def _remedy(floor: float, kind: "np.dtype[Any]") -> str:
    if kind == np.float16:
        return "Capture the model in float32, `model.float()`; `quantize.Half()` stores weights in 16 bits."
    if floor == FLOAT_DB:
        return "Please report the network: file and network have to compute the same."
    return (
        "Lower the network without quantization to see whether that is the cause, and report the network if it is not."
    )


def _feeds(network: "Network") -> Iterator[tuple[str, list[Any]]]:
    """Flat inputs of the example's batch, then of 1 and of 3; floats of these are drawn around the example's values."""
    import torch  # noqa: PLC0415 (targets import without torch)

    yield "the example inputs", list(network.example)
    generator = torch.Generator().manual_seed(0)
    for batch in (1, 3):
        feeds = []
        for spec, tensor in zip(network.inputs, network.example, strict=True):
            if spec.batch_dim is None:
                feeds.append(tensor)
                continue
            rows = spec.rows(tensor, [row % tensor.shape[spec.batch_dim] for row in range(batch)])
            if tensor.is_floating_point():
                spread = tensor.float().std(correction=0)
                rows += (0.5 * spread * torch.randn(rows.shape, generator=generator)).to(rows.dtype)
            feeds.append(rows)
        yield f"random inputs of batch {batch}", feeds


def _difference(ours: "npt.NDArray[Any]", theirs: "npt.NDArray[Any]", floor: float) -> str:
    """One clause about how the arrays differ; empty where they agree."""
    if ours.shape != theirs.shape:
        return f"shape {list(theirs.shape)} instead of {list(ours.shape)}"
    if ours.dtype != theirs.dtype:
        return f"element type {theirs.dtype} instead of {ours.dtype}"
    if not np.issubdtype(ours.dtype, np.floating):
        wrong = int(np.count_nonzero(ours != theirs))
        allowed = 0 if floor == FLOAT_DB else ours.size // 10
        return f"{wrong} of {ours.size} values differ" if wrong > allowed else ""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    if not np.array_equal(np.isfinite(ours), np.isfinite(theirs)):
        return "one of them is not finite where the other is"
    keep = np.isfinite(ours)
    noise = np.square(ours[keep] - theirs[keep]).sum()
    signal = np.square(ours[keep]).sum()
    decibel = 10 * np.log10(signal / noise) if noise > 0 and signal > 0 else np.inf
    largest = np.abs(ours[keep] - theirs[keep]).max(initial=0.0)
    if decibel >= floor or largest <= 1e-6:
        return ""
    return f"signal to difference is {decibel:.1f} dB, at least {floor:.0f} dB holds (largest difference {largest:.3g})"
