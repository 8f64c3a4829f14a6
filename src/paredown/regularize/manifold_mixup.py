"""Examples mixed inside the network."""

import dataclasses
from typing import Any, ClassVar

import numpy as np
import torch
from torch import fx, nn

from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.recipe import batch as nesting
from paredown.recipe.ingredient import Hook, Ingredient, Targets, TrainContext
from paredown.recipe.inserts import Insert, Inserts
from paredown.recipe.settings import above_zero, several
from paredown.regularize import places

__all__ = ["ManifoldMixup"]


@dataclasses.dataclass(frozen=True)
class ManifoldMixup(Ingredient):
    """Train on weighted means of two examples, at a random depth (Verma et al. 2019, arXiv:1806.05236, section 2).

    Per batch one place and one weight from Beta(alpha, alpha) are drawn; the values there are mixed with those of a
    shuffled batch, and the loss is the mean, with the same weight, of the losses for both targets. It is put into the
    captured graph and taken out when the training is over. What other ingredients run through the network beside the
    batch is not mixed. A teacher could not be shown what is mixed inside: it goes with `Mixup`.

    Attributes:
        alpha: above 0; 1 draws the weight uniformly, more mixes more evenly.
        at: module paths, globs or nodes; by default the input, sums and activation functions that everything has to
            pass which the outputs learn of the input.

    """

    mixes: ClassVar[bool] = True
    alpha: float = 2.0
    at: str | tuple[str, ...] = ()

    def __post_init__(self) -> None:
        several(self, "at")
        above_zero(self, "alpha")

    def start(self, context: TrainContext) -> Hook:
        """Put it into the graph.

        Raises:
            RecipeError: there is no such place.

        """
        network, inserts = context.network, Inserts(context.network)
        found = places.named(network, self.at) or places.bottlenecks(network)
        if not found:
            msg = (
                "regularize.ManifoldMixup mixes values that everything passes which the outputs learn of the inputs, "
                "and this network has none (several inputs, such as masks, go around them). Say where: `at=('path',)`, "
                "or leave it out of `using`."
            )
            raise RecipeError(msg)
        gate = _Gate()
        mixers = [_Mixer(gate) for _ in found]
        inserts.add(*(Insert(node, mixer, draws=False) for node, mixer in zip(found, mixers, strict=True)))
        inserts.add(Insert(_first(network), gate, draws=False))  # last, and so in front of what else stands there
        return _ManifoldHook(self.alpha, inserts, mixers, gate)


def _first(network: Network) -> fx.Node:
    """The first input that the network looks at."""
    return next(node for node in network.nodes() if node.op == "placeholder" and node.users)


class _Gate(nn.Module):
    """Sees what goes into the network: the batch, which comes first after `close`, or something else."""

    def __init__(self) -> None:
        super().__init__()
        self._batch: tuple[int, torch.Size] | None = None
        self.open = False

    def close(self) -> None:
        """The next input is the batch."""
        self._batch = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            seen = x.data_ptr(), x.shape
            self._batch = self._batch or seen
            self.open = seen == self._batch
        return x


class _Mixer(nn.Module):
    """Mixes rows with each other; set anew for every batch."""

    def __init__(self, gate: _Gate) -> None:
        super().__init__()
        self._gate = (gate,)  # no submodule: it is one of the graph's
        self.mix: tuple[float, torch.Tensor] | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.mix is None or not self._gate[0].open:
            return x
        share, order = self.mix
        return torch.lerp(x[order], x, share)


class _ManifoldHook(Hook):
    def __init__(self, alpha: float, inserts: Inserts, mixers: list[_Mixer], gate: _Gate) -> None:
        self._alpha = alpha
        self._gate = gate
        self._inserts = inserts
        self._mixers = mixers

    def batch(self, inputs: Any, targets: Targets, generator: torch.Generator) -> tuple[Any, Targets]:
        draw = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        share = float(draw.beta(self._alpha, self._alpha))
        order = torch.randperm(nesting.length(inputs), generator=generator)
        chosen = int(draw.integers(len(self._mixers)))
        self._gate.close()
        for at, mixer in enumerate(self._mixers):
            mixer.mix = (share, order) if at == chosen else None
        pairs = [
            ((weight * share, target), (weight * (1.0 - share), nesting.each(lambda tensor: tensor[order], target)))
            for weight, target in targets
        ]
        return inputs, tuple(target for pair in pairs for target in pair)

    def leave(self, network: Network) -> None:
        self._inserts.leave(network)
