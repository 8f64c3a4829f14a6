"""Whether a captured network learns what the user's model learns: one backward pass of both, compared.

An export follows the forward pass. What a ``torch.autograd.Function`` or a hook makes of gradients is not in the graph,
and a straight-through sign would never train again without a word. So the parameters whose gradient differs are noted
on the nodes that read them, and training refuses them.
"""

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from paredown.errors import RecipeError
from paredown.graph.examples import Example
from paredown.graph.network import Network
from paredown.graph.structure import flatten

__all__ = ["compare_gradients", "refuse_untrainable"]

_NOTE = "paredown_gradient"
_CLOSE = 1e-2
_SMALL = 1e-4  # of the largest gradient in the network: noise


@dataclasses.dataclass(frozen=True)
class _Backward:
    """Gradients by parameter name, and what in the pass computes gradients itself."""

    gradients: Mapping[str, torch.Tensor]
    functions: tuple[str, ...]


def compare_gradients(model: nn.Module, network: Network, example: Example) -> tuple[str, ...]:
    """Note on the network which parameters have another gradient than in the model.

    Args:
        model: a copy of the user's model in eval mode; its gradients are used up.
        network: what was captured from it, in eval mode; notes are made on its nodes.
        example: what both are run on.

    Returns:
        A sentence where there are such parameters, or where the model has no gradients to compare.

    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    try:
        wanted = _model(model, example, parameters)
    except Exception as error:  # noqa: BLE001 (the user's backward may raise anything; it is told in `lost`)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return (f"gradients: the model's own backward pass fails in eval mode ({reason})",)
    twin = network.copy()
    for parameter in twin.parameters():
        parameter.requires_grad_(parameter.is_floating_point() or parameter.is_complex())
    have = _network(twin, example)
    names = tuple(_different(wanted.gradients, have))
    if not names:
        return ()
    why = ", ".join(wanted.functions) or "a hook, or a value the model keeps,"
    for node in network.nodes():
        if node.op == "get_attr" and str(node.target) in names:
            node.meta[_NOTE] = why
    text = (
        f"the gradient of {_listed(names)}: {why} computes it in a way of its own, and the graph holds forward passes "
        "only; write f(x) with a straight-through gradient as x + (f(x) - x).detach()"
    )
    return (text,)


def refuse_untrainable(network: Network) -> None:
    """Raise where training would follow other gradients than the user's model.

    Raises:
        RecipeError: a parameter that is to be trained has such a gradient.

    """
    noted = {
        str(node.target): str(node.meta[_NOTE])
        for node in network.nodes()
        if node.op == "get_attr" and node.meta.get(_NOTE)
    }
    trained = {name for name, parameter in network.named_parameters(remove_duplicate=False) if parameter.requires_grad}
    names = tuple(name for name in noted if name in trained)
    if names:
        msg = (
            f"The network cannot be trained: {noted[names[0]]} computes the gradient of {_listed(names)} in a way of its "
            "own, and the graph holds its forward pass only. Write f(x) with a straight-through gradient as "
            "x + (f(x) - x).detach() and capture again; or freeze these parameters: parameter.requires_grad_(False)."
        )
        raise RecipeError(msg)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(repr(name) for name in names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _model(model: nn.Module, example: Example, parameters: Mapping[str, nn.Parameter]) -> _Backward:
    for parameter in parameters.values():
        parameter.requires_grad_(parameter.is_floating_point() or parameter.is_complex())
    args, kwargs = example.structure.build([tensor.clone() for tensor in example.tensors])
    with torch.enable_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        outputs = flatten(model(*args, **kwargs))[0]
        functions = tuple(dict.fromkeys(_functions(outputs)))
        _backward(outputs)
    return _Backward(_gradients(parameters), functions)


def _network(network: Network, example: Example) -> dict[str, torch.Tensor]:
    with torch.enable_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _backward(list(network.graph_module(*(tensor.clone() for tensor in example.tensors))))
    return _gradients(dict(network.named_parameters(remove_duplicate=False)))


def _backward(outputs: list[torch.Tensor]) -> None:
    """Gradients of a fixed random sum of all outputs."""
    generator = torch.Generator().manual_seed(0)
    terms = []
    for output in outputs:
        if output.requires_grad and output.is_floating_point():
            finite = torch.where(output.isfinite(), output, torch.zeros_like(output))
            terms.append((finite * torch.randn(output.shape, generator=generator).to(output.dtype)).sum())
    if terms:
        torch.stack([term.double() for term in terms]).sum().backward()  # type: ignore[no-untyped-call]


def _gradients(parameters: Mapping[str, nn.Parameter]) -> dict[str, torch.Tensor]:
    return {
        name: _real(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.detach())
        for name, parameter in parameters.items()
    }


def _real(gradient: torch.Tensor) -> torch.Tensor:
    """Real and imaginary parts as numbers of their own."""
    return torch.view_as_real(gradient.resolve_conj()) if gradient.is_complex() else gradient


def _different(wanted: Mapping[str, torch.Tensor], have: Mapping[str, torch.Tensor]) -> Iterator[str]:
    finite = [gradient for gradient in wanted.values() if gradient.isfinite().all()]
    noise = _SMALL * max((float(gradient.abs().max()) for gradient in finite if gradient.numel()), default=0.0)
    for name, gradient in wanted.items():
        other = have.get(name)
        if other is None:
            other = torch.zeros_like(gradient)
        if not gradient.isfinite().all() or not other.isfinite().all() or not gradient.numel():
            continue
        far = float((gradient.double() - other.double()).norm())
        if far > _CLOSE * float(gradient.double().norm()) and float((gradient - other).abs().max()) > noise:
            yield name


def _functions(outputs: list[torch.Tensor]) -> Iterator[str]:
    """Every `torch.autograd.Function` behind some outputs, with the place where its class is written."""
    stack: list[Any] = [output.grad_fn for output in outputs if output.grad_fn is not None]
    seen: set[Any] = set(stack)
    while stack:
        node = stack.pop()
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            yield _place(node._forward_cls)  # type: ignore[attr-defined]
        for source, _ in node.next_functions:
            if source is not None and source not in seen:
                seen.add(source)
                stack.append(source)


def _place(cls: type) -> str:
    try:
        return f"{cls.__qualname__} ({inspect.getsourcefile(cls)}:{inspect.getsourcelines(cls)[1]})"
    except (OSError, TypeError):
        return cls.__qualname__
