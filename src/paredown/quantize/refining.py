"""What the techniques that round weights have in common: what they refuse, and how refinements come on top."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from paredown.errors import RecipeError
from paredown.graph.fakequantize import fake_quantized
from paredown.graph.network import Network
from paredown.graph.sparsity import sparse_weights
from paredown.quantize.refinement import Refinement
from paredown.recipe.plan import Plan
from paredown.recipe.settings import require
from paredown.recipe.title import title
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["check_weight_bits", "finite_weight", "refined", "refinements", "refuse_quantized", "write_refined"]

_REFINED = ".refined"


def check_weight_bits(settings: Any) -> None:
    """Refuse a `weight_bits` that is none of the 8 bits weights are stored in.

    Raises:
        RecipeError: it is not 2 to 8.

    """
    what = "how many of the 8 bits they are stored in weights take, 2 to 8"
    require(lambda bits: 2 <= bits <= 8 and bits == int(bits), settings, "weight_bits", what)


def refinements(given: Sequence[Refinement] | Refinement, owner: str, ranges: str) -> tuple[Refinement, ...]:
    """What was given as ``refine``, as a tuple.

    Args:
        given: one refinement or several.
        owner: name of the technique, for messages.
        ranges: the fields that ranges go into, for messages.

    Raises:
        RecipeError: something that refines nothing.

    """
    things = tuple(given) if isinstance(given, Sequence) else (given,)
    others: list[object] = [thing for thing in things if not isinstance(thing, Refinement)]
    for thing in others:
        what = f"{thing.__name__} (the class)" if isinstance(thing, type) else title(thing)
        msg = (
            f"{owner}(refine=...) was given {what}, which refines nothing. Refinements are objects such as "
            f"`AdaRound()` and `BiasCorrection()`; ranges such as `Mse()` go into {ranges}."
        )
        raise RecipeError(msg)
    return things


def refined(  # noqa: PLR0913, PLR0917 (a step's plan and what it is about)
    step: Transform,
    refine: Sequence[Refinement] | Refinement,
    network: Network,
    folded: Network,
    plan: Plan,
    evidence: "Evidence",
) -> Plan:
    """The plan of a step with what refinements find, one on top of the other; zeros that are to stay do so."""
    zeros = {name: weight.detach().cpu() == 0 for name, weight in sparse_weights(folded).items()}
    for refinement in refine if isinstance(refine, Sequence) else (refine,):
        rounded = step.apply(network, plan).to(evidence.device)
        found = refinement.refine(folded.copy().to(evidence.device), rounded, evidence)
        values = {f"{name}{_REFINED}": _sparse(value.cpu(), zeros.get(name)) for name, value in found.values.items()}
        plan = dataclasses.replace(
            plan,
            reason=f"{plan.reason} {found.reason}",
            tensors={**plan.tensors, **values},
            complete=plan.complete and found.complete,
        )
    return plan


def write_refined(network: Network, plan: Plan) -> None:
    """Give a network, batch norms folded, the weights and biases that refinements found."""
    with torch.no_grad():
        for name in plan.tensors:
            if name.endswith(_REFINED):
                network.get_parameter(name.removesuffix(_REFINED)).copy_(plan.tensors[name])


def refuse_quantized(network: Network, owner: str) -> None:
    """Raise where a network is quantized already.

    Raises:
        RecipeError: it holds rounded values.

    """
    if already := fake_quantized(network):
        msg = (
            f"{owner}() was given a network that is quantized already ({len(already)} rounded values, the first "
            f"{already[0].value.name!r}). A network is quantized once: leave one of the two steps out."
        )
        raise RecipeError(msg)


def finite_weight(network: Network, parameter: str) -> torch.Tensor:
    """A weight, detached.

    Raises:
        RecipeError: it holds NaN or infinity.

    """
    values = network.get_parameter(parameter).detach()
    if not values.isfinite().all():
        msg = (
            f"The weight {parameter!r} holds values that are not finite, so it has no range. "
            "Look at the training that made it; its loss was not finite either."
        )
        raise RecipeError(msg)
    return values


def _sparse(value: torch.Tensor, zeros: torch.Tensor | None) -> torch.Tensor:
    """A refined weight with the zeros that it had."""
    return value if zeros is None else value.masked_fill(zeros, 0.0)
