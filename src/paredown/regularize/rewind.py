"""A start from the weights that the run began with."""

import dataclasses

import torch

from paredown.errors import RecipeError
from paredown.graph.fakequantize import fake_quantized
from paredown.graph.sparsity import sparse_weights
from paredown.recipe.ingredient import Hook, Ingredient, TrainContext

__all__ = ["Rewind"]


@dataclasses.dataclass(frozen=True)
class Rewind(Ingredient):
    """Before training, put the weights back to those that the run began with; zeros of sparse weights stay.

    In ``prune.iterative(prune.Weights(...), Train(using=[Rewind()]))`` every round trains the weights that are
    left anew from the same start: weight rewinding. Without it they go on from where they are, and as each training
    goes through its whole learning rate schedule, that is learning rate rewinding. Buffers (statistics) go back too.

    Frankle, Carbin: "The lottery ticket hypothesis", ICLR 2019, arXiv:1803.03635; Renda, Frankle, Carbin: "Comparing
    rewinding and fine-tuning in neural network pruning", ICLR 2020, arXiv:2003.02389.
    """

    @torch.no_grad()
    def start(self, context: TrainContext) -> Hook:
        """Change the weights of the copy that is trained.

        Raises:
            RecipeError: the network is quantized, or a weight has another shape than it began with.

        """
        network, original = context.network, context.original
        if fake_quantized(network):
            msg = (
                "regularize.Rewind() was given a quantized network, whose weights are not those that the run began with. "
                "Train with it before quantize steps."
            )
            raise RecipeError(msg)
        zeros = {name: weight == 0 for name, weight in sparse_weights(network).items()}
        began = {**dict(original.named_parameters()), **dict(original.named_buffers())}
        for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
            if name not in began or began[name].shape != tensor.shape:
                raise RecipeError(_changed(name, tensor, began.get(name)))
            tensor.copy_(began[name])
            if name in zeros:
                tensor.masked_fill_(zeros[name], 0.0)
        return Hook()


def _changed(name: str, tensor: torch.Tensor, began: torch.Tensor | None) -> str:
    before = "did not exist" if began is None else f"was {list(began.shape)}"
    return (
        f"regularize.Rewind() puts weights back to those that the run began with, and {name!r} {before} then and is "
        f"{list(tensor.shape)} now. It goes with prune.Weights, which changes no shapes; leave it out after a cut."
    )
