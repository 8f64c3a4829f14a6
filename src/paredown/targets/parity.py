"""The file and the network must give the same outputs, or the file is refused."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from paredown.errors import ParityError
from paredown.targets.batches import AnyBatch, Batches
from paredown.targets.floors import Floor

if TYPE_CHECKING:
    import numpy.typing as npt

    from paredown.graph.network import InputSpec, Network
    from paredown.targets.target import Session

__all__ = ["check"]

_ANY = AnyBatch()


def check(network: "Network", session: "Session", floor: Floor, where: str, batches: Batches = _ANY) -> None:
    """Compare the session with ``network.eval()`` at the example's batch, and at those that `batches` tries.

    The criterion is the ratio of signal to difference over each whole output, in decibels. Shapes, element types and
    the places of infinities must be equal.

    Args:
        network: the reference; left bit-identical.
        session: the opened file.
        floor: what holds; see `paredown.targets.floors`.
        where: the runtime's name for the message.
        batches: what the file takes.

    Raises:
        ParityError: the first output that differs, with the numbers.

    """
    import torch  # noqa: PLC0415 (targets import without torch)

    reference = network.copy().cpu().eval()
    for label, feeds in _feeds(reference, batches):
        with torch.no_grad():
            want = [tensor.numpy() for tensor in reference.graph_module(*feeds)]
        got = session.run([tensor.numpy() for tensor in feeds])
        for port, theirs, ours in zip(session.outputs, got, want, strict=True):
            problem = _difference(ours, theirs, floor)
            if problem:
                msg = (
                    f"Output {port.name!r} of the file for {where} does not agree with the network on {label}: "
                    f"{problem}. The file is refused. {_remedy(floor, ours.dtype)}"
                )
                raise ParityError(msg)


def _remedy(floor: Floor, kind: "np.dtype[Any]") -> str:
    if kind == np.float16:
        return "Capture the model in float32, `model.float()`; `quantize.Half()` stores weights in 16 bits."
    if floor.exact:
        return "Please report the network: file and network have to compute the same."
    return (
        "Lower the network without quantization to see whether that is the cause, and report the network if it is not."
    )


def _feeds(network: "Network", batches: Batches) -> Iterator[tuple[str, list[Any]]]:
    """Flat inputs of the example's batch, then of others; floats of these are drawn around the example's values."""
    import torch  # noqa: PLC0415 (targets import without torch)

    examples = list(zip(network.inputs, network.example, strict=True))
    size = next((tensor.shape[spec.batch_dim] for spec, tensor in examples if spec.batch_dim is not None), 1)
    yield "the example inputs", [_rows(spec, tensor, batches.nearest(size)) for spec, tensor in examples]
    generator = torch.Generator().manual_seed(0)
    for batch in batches.tried:
        feeds = []
        for spec, tensor in examples:
            rows = _rows(spec, tensor, batch)
            if spec.batch_dim is not None and tensor.is_floating_point():
                spread = tensor.float().std(correction=0)
                rows = rows + (0.5 * spread * torch.randn(rows.shape, generator=generator)).to(rows.dtype)
            feeds.append(rows)
        yield f"random inputs of batch {batch}", feeds


def _rows(spec: "InputSpec", tensor: Any, batch: int) -> Any:
    """So many examples of a tensor, over and over; the tensor itself where it has them, or no batch."""
    there = None if spec.batch_dim is None else tensor.shape[spec.batch_dim]
    return tensor if there in (None, batch) else spec.rows(tensor, [row % there for row in range(batch)])


def _difference(ours: "npt.NDArray[Any]", theirs: "npt.NDArray[Any]", floor: Floor) -> str:
    """One clause about how the arrays differ; empty where they agree."""
    if ours.shape != theirs.shape:
        return f"shape {list(theirs.shape)} instead of {list(ours.shape)}"
    if ours.dtype != theirs.dtype:
        return f"element type {theirs.dtype} instead of {ours.dtype}"
    if not np.issubdtype(ours.dtype, np.floating):
        wrong = int(np.count_nonzero(ours != theirs))
        return f"{wrong} of {ours.size} values differ" if wrong > int(ours.size * floor.differing) else ""
    least = floor.of(ours.dtype.name)
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    if not np.array_equal(np.isfinite(ours), np.isfinite(theirs)):
        return "one of them is not finite where the other is"
    keep = np.isfinite(ours)
    noise = np.square(ours[keep] - theirs[keep]).sum()
    signal = np.square(ours[keep]).sum()
    decibel = 10 * np.log10(signal / noise) if noise > 0 and signal > 0 else np.inf
    largest = np.abs(ours[keep] - theirs[keep]).max(initial=0.0)
    if decibel >= least or largest <= 1e-6:
        return ""
    return f"signal to difference is {decibel:.1f} dB, at least {least:.0f} dB holds (largest difference {largest:.3g})"
