"""Operators that ONNX Runtime has in one piece and ATen has not: what a rounded layer becomes before it is translated.

They compute what the runtime's operators compute, so that a rewritten graph can still be run.
"""

from typing import Any

import torch

from paredown.graph.dynamic import dynamic_grid

__all__ = ["gather_narrow", "integer_linear", "linear_narrow", "lstm_narrow", "pack", "quantize_dynamic"]


def pack(stored: torch.Tensor, bits: int) -> torch.Tensor:
    """Whole numbers from 0 up as bytes along the last axis, the first of two in the low half of its byte."""
    stored = stored.to(torch.uint8)
    if bits == 8:
        return stored
    if stored.shape[-1] % 2:
        stored = torch.nn.functional.pad(stored, (0, 1))
    return stored[..., 0::2] | (stored[..., 1::2] << 4)


def _unpack(packed: torch.Tensor, bits: int, count: int) -> torch.Tensor:
    if bits == 8:
        return packed[..., :count].float()
    return torch.stack([packed & 15, packed >> 4], -1).flatten(-2)[..., :count].float()


def _dequantize(  # noqa: PLR0913, PLR0917 (what a matrix is stored as)
    packed: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor | None, bits: int, block: int, width: int
) -> torch.Tensor:
    rows, blocks = scale.shape
    stored = _unpack(packed.reshape(rows, -1), bits, width)
    zeros = torch.full_like(scale, 1 << (bits - 1)) if zero is None else _unpack(zero.reshape(rows, -1), bits, blocks)
    step, offset = (number.repeat_interleave(block, 1)[:, :width] for number in (scale, zeros))
    return (stored - offset) * step


@torch.library.custom_op("paredown::linear_narrow", mutates_args=())
def linear_narrow(  # noqa: PLR0913, PLR0917 (the signature of the operator)
    x: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor,
    zero_point: torch.Tensor | None,
    bias: torch.Tensor | None,
    bits: int,
    block: int,
    outputs: int,
    inputs: int,
) -> torch.Tensor:
    """A linear layer whose weight is stored in groups (com.microsoft MatMulNBits).

    Args:
        x: ``[..., inputs]``.
        weight: ``[outputs, blocks, block * bits / 8]``, bytes.
        scale: ``[outputs, blocks]``.
        zero_point: ``[outputs, bytes]``; the middle of the format without it.
        bias: ``[outputs]``.
        bits: 4 or 8.
        block: inputs that share a scale.
        outputs: rows of the weight.
        inputs: columns of the weight.

    """
    matrix = _dequantize(weight, scale, zero_point, bits, block, inputs)
    return torch.nn.functional.linear(x, matrix.reshape(outputs, inputs), bias)


@linear_narrow.register_fake
def _(x: Any, *rest: Any) -> torch.Tensor:
    result: torch.Tensor = x.new_empty((*x.shape[:-1], rest[-2]))
    return result


@torch.library.custom_op("paredown::gather_narrow", mutates_args=())
def gather_narrow(  # noqa: PLR0913, PLR0917 (the signature of the operator)
    table: torch.Tensor,
    index: torch.Tensor,
    scale: torch.Tensor,
    zero_point: torch.Tensor | None,
    bits: int,
    block: int,
    width: int,
) -> torch.Tensor:
    """Rows of a table that is stored in groups (com.microsoft GatherBlockQuantized).

    Args:
        table: ``[rows, width * bits / 8]``, bytes.
        index: whole numbers of any shape.
        scale: ``[rows, blocks]``.
        zero_point: ``[rows, bytes]``; the middle of the format without it.
        bits: 4 or 8.
        block: neighbours in a row that share a scale; the last block may be shorter.
        width: of a row.

    """
    return _dequantize(table, scale, zero_point, bits, block, width)[index]


@gather_narrow.register_fake
def _(table: Any, index: Any, scale: Any, *rest: Any) -> torch.Tensor:  # noqa: ARG001 (the signature of the operator)
    result: torch.Tensor = scale.new_empty((*index.shape, rest[-1]))
    return result


@torch.library.custom_op("paredown::quantize_dynamic", mutates_args=())
def quantize_dynamic(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Stored numbers, scale and zero point (DynamicQuantizeLinear)."""
    scale, zero = dynamic_grid(x, 0, 255)
    stored = ((x.float() / scale).round() + zero).clamp(0, 255)
    return stored.to(torch.uint8), scale, zero.to(torch.uint8)


@quantize_dynamic.register_fake
def _(x: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.empty_like(x, dtype=torch.uint8), x.new_empty(()), x.new_empty((), dtype=torch.uint8)


@torch.library.custom_op("paredown::integer_linear", mutates_args=())
def integer_linear(  # noqa: PLR0913, PLR0917 (the signature of the operator)
    stored: torch.Tensor,
    scale: torch.Tensor,
    zero_point: torch.Tensor,
    weight: torch.Tensor,
    weight_scale: torch.Tensor,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    """A linear layer on stored numbers (MatMulInteger, and what brings its result back to float).

    Args:
        stored: ``[..., inputs]``, unsigned bytes.
        scale: of them.
        zero_point: of them.
        weight: ``[inputs, outputs]``, signed bytes.
        weight_scale: ``[outputs]``.
        bias: ``[outputs]``.

    """
    whole = (stored.double() - zero_point.double()) @ weight.double()
    result = whole.float() * (scale * weight_scale)
    return result if bias is None else result + bias


@integer_linear.register_fake
def _(stored: Any, scale: Any, zero_point: Any, weight: Any, weight_scale: Any, bias: Any) -> torch.Tensor:  # noqa: ARG001, PLR0913, PLR0917
    result: torch.Tensor = scale.new_empty((*stored.shape[:-1], weight.shape[1]))
    return result


@torch.library.custom_op("paredown::lstm_narrow", mutates_args=())
def lstm_narrow(  # noqa: PLR0913, PLR0917 (the signature of the operator)
    x: torch.Tensor,
    weight: torch.Tensor,
    recurrent: torch.Tensor,
    bias: torch.Tensor,
    hidden: torch.Tensor,
    cell: torch.Tensor,
    weight_scale: torch.Tensor,
    weight_zero: torch.Tensor,
    recurrent_scale: torch.Tensor,
    recurrent_zero: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One layer of an LSTM with stored weights (com.microsoft DynamicQuantizeLSTM); gates are in, out, forget, cell.

    Args:
        x: ``[time, batch, inputs]``.
        weight: ``[directions, inputs, 4 * hidden]``, signed bytes.
        recurrent: ``[directions, hidden, 4 * hidden]``, signed bytes.
        bias: ``[directions, 8 * hidden]``, of inputs and of the state.
        hidden: ``[directions, batch, hidden]``.
        cell: likewise.
        weight_scale: ``[directions, 4 * hidden]``.
        weight_zero: likewise, signed bytes.
        recurrent_scale: as `weight_scale`.
        recurrent_zero: as `weight_zero`.

    Returns:
        ``[time, directions, batch, hidden]``, and the last state and cell.

    """
    inside = (weight.float() - weight_zero.float()[:, None]) * weight_scale[:, None]
    around = (recurrent.float() - recurrent_zero.float()[:, None]) * recurrent_scale[:, None]
    of_input, of_state = bias.chunk(2, 1)
    ends, said = [], []
    for direction in range(len(weight)):
        h, c, steps = hidden[direction], cell[direction], []
        for step in x.flip(0) if direction else x:
            gates = step @ inside[direction] + of_input[direction] + h @ around[direction] + of_state[direction]
            enter, leave, keep, new = gates.chunk(4, 1)
            c = keep.sigmoid() * c + enter.sigmoid() * new.tanh()
            h = leave.sigmoid() * c.tanh()
            steps.append(h)
        said.append(torch.stack(steps[::-1] if direction else steps))
        ends.append((h, c))
    return torch.stack(said, 1), torch.stack([h for h, _ in ends]), torch.stack([c for _, c in ends])


@lstm_narrow.register_fake
def _(x: Any, weight: Any, recurrent: Any, bias: Any, hidden: Any, cell: Any, *rest: Any) -> tuple[Any, Any, Any]:  # noqa: ARG001, PLR0913, PLR0917
    every = x.new_empty((x.shape[0], hidden.shape[0], x.shape[1], hidden.shape[2]))
    return every, torch.empty_like(hidden), torch.empty_like(cell)
