"""Say in the user's terms why a model cannot be captured: file and line, construct, and what to do."""

import linecache
import re
import sys
import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch._dispatch.python import enable_python_dispatcher
from torch.overrides import TorchFunctionMode

from paredown.errors import CaptureError
from paredown.graph.examples import Example
from paredown.graph.shapes import fake_inputs

__all__ = ["explain", "explain_forward", "explain_rows"]

_NOT_USERS = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), sysconfig.get_path("stdlib"), "<")

_BRANCH = (
    "the way through the model depends on the values of tensors (a Python `if`, `while`, `int()` or `.item()` on them)",
    "A graph has one way for all inputs. Use torch.where(condition, a, b), or settle the question before capturing",
)
_CONSTRUCTS: tuple[tuple[str, tuple[str, str]], ...] = (
    ("GuardOnDataDependent", _BRANCH),
    ("DataDependentOutput", _BRANCH),
    ("data-dependent", _BRANCH),
    (
        r"numpy\(\) is not supported|can't convert|Cannot convert.*numpy|numpy",
        (
            "tensors leave PyTorch (NumPy)",
            "A graph holds PyTorch operators only. Replace the NumPy call by its torch twin",
        ),
    ),
    (
        "UnsupportedOperator|no fake|meta kernel|fake impl",
        ("an operator has no rule for its output's shape", "Register one with torch.library.register_fake"),
    ),
    (
        "DynamicOutputShape|nonzero|unbacked|u[0-9]",
        (
            "the size of a result depends on the values of tensors (nonzero, boolean masks, unique)",
            "A graph needs sizes that follow from the input sizes. Use torch.where or a multiplication by the mask",
        ),
    ),
)


def explain_forward(model: nn.Module, error: Exception) -> CaptureError:
    """The error for a model whose forward fails on the user's own example."""
    name = type(model).__name__
    return CaptureError(
        f"{name}.forward fails on the example inputs{_place(error)}: {_first_line(error)}. "
        "Capturing runs the model on the example first, in eval mode on the CPU. "
        "Pass an example that model.eval()(...) accepts, with the batch as first dimension."
    )


def explain_rows(model: nn.Module, error: Exception, example: Example) -> CaptureError:
    """The error for a model that runs on the whole example and not on two of its examples."""
    taken = ", ".join(
        f"dimension {spec.batch_dim} of {spec.name}" for spec in example.specs if spec.batch_dim is not None
    )
    return CaptureError(
        f"{type(model).__name__}.forward runs on the example, but not on the first two along the batch ({taken})"
        f"{_place(error)}: {_first_line(error)}. A network answers each example by itself; where rows belong together (the "
        "nodes of a graph and their edges) they are one example. Give inputs with a batch in front, such as [batch, nodes, "
        "features], or say where the batch is: dynamic={name: {1: 'batch'}}."
    )


def explain(model: nn.Module, wrapper: nn.Module, example: Example, error: Exception) -> CaptureError:
    """The error for a model that runs on the example but cannot be turned into a graph."""
    name = type(model).__name__
    if fixed := re.search(r"L\['(?:tensors|args)'\]\[(\d+)\]\.size\(\)\[(\d+)\]", str(error)):
        return _explain_fixed(name, wrapper, example, int(fixed[1]), int(fixed[2]))
    text = f"{type(error).__name__} {error}"
    what, remedy = next(
        (reason for pattern, reason in _CONSTRUCTS if re.search(pattern, text)),
        (_first_line(error), "Rewrite this line with plain torch operators"),
    )
    detail = "" if what in {_first_line(error), _BRANCH[0]} else f" ({_first_line(error)})"
    return CaptureError(f"{name} cannot be captured{_place(error)}: {what}{detail}. {remedy}, then capture again.")


def _explain_fixed(name: str, wrapper: nn.Module, example: Example, index: int, dim: int) -> CaptureError:
    spec = example.specs[index]
    label = spec.shape[dim]
    place, operator = _locate(wrapper, example, str(label))
    size = example.tensors[index].shape[dim]
    if re.match(r"lstm|gru|rnn", operator) and label == "batch":
        return CaptureError(
            f"{name} cannot be captured{place}: a recurrent layer ({operator}) steps along dimension {dim} of {spec.name}, "
            f"which was taken for the batch. Say where the batch is: dynamic={{{spec.name!r}: {{{1 - min(dim, 1)}: 'batch'}}}}."
        )
    if re.match(r"lstm|gru|rnn", operator):
        return CaptureError(
            f"{name} cannot be captured{place}: a recurrent layer ({operator}) fixes dimension {dim} ('{label}') of "
            f"{spec.name} to {size}. A captured loop has as many steps as the example. "
            "Leave it out of dynamic=… and pad to one length, or capture one step with the state as input and output."
        )
    word = "batch size" if label == "batch" else f"'{label}' dimension"
    return CaptureError(
        f"{name} cannot be captured{place}: the {word} (dimension {dim} of {spec.name}) is fixed to {size}. "
        f"It has to stay free. Take the size from the tensor, x.shape[{dim}] or -1, instead of a number."
    )


class _Watch(TorchFunctionMode):
    """Notices the first call after which a symbol has become a number."""

    def __init__(self, symbol: Any) -> None:
        super().__init__()
        self.symbol = symbol
        self.found: tuple[str, str] | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        try:
            return func(*args, **(kwargs or {}))
        finally:
            if self.found is None and not self.symbol.node.expr.is_symbol:
                frame, users = sys._getframe(1), None
                while frame is not None and users is None:
                    users = frame if _is_users(frame.f_code.co_filename) else None
                    frame = frame.f_back  # type: ignore[assignment]
                place = _at(users.f_code.co_filename, users.f_lineno, users.f_code.co_name) if users else ""
                self.found = (place, getattr(func, "__name__", str(func)))


def _locate(wrapper: nn.Module, example: Example, label: str) -> tuple[str, str]:
    """Where a symbolic dimension becomes a number: `` at file:line``, and the operator; empty where unknown."""
    mode, inputs, symbols = fake_inputs(example.specs, example.tensors, batch=2)
    mode.allow_non_fake_inputs = True
    watch = _Watch(symbols[label])
    with torch.no_grad(), enable_python_dispatcher(), mode, watch:
        try:
            wrapper(*inputs)
        except Exception as error:  # noqa: BLE001 (the place is all that is asked; the error itself was already raised)
            return watch.found or (_place(error), "")
    return watch.found or ("", "")


def _is_users(filename: str) -> bool:
    return not filename.startswith(_NOT_USERS) or (
        "site-packages" in filename and not filename.startswith(_NOT_USERS[:2])
    )


def _at(filename: str, line: int, function: str) -> str:
    code = linecache.getline(filename, line).strip()
    return f" at {filename}:{line} in {function}" + (f" `{code}`" if code else "")


def _place(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    if frames and frames[-1].lineno is not None:
        last = frames[-1]
        return _at(last.filename, last.lineno or 0, last.name)
    if (named := re.findall(r'File "([^"]+)", line (\d+), in (\w+)', str(error))) and _is_users(named[-1][0]):
        return _at(named[-1][0], int(named[-1][1]), named[-1][2])
    return ""


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")
