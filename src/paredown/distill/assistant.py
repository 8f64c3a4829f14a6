"""Making a teacher that stands between teacher and student."""

import time
from typing import TYPE_CHECKING

from paredown import codec
from paredown.distill.original import Assistant
from paredown.errors import InputError
from paredown.graph.network import Network
from paredown.recipe.run import run
from paredown.recipe.train import Train

if TYPE_CHECKING:
    from paredown.recipe.ingredient import TrainContext

__all__ = ["assist"]


def assist(assistant: Assistant, begin: Network, context: "TrainContext") -> Network:
    """Carry out an assistant's recipe, or find what it gave before."""

    def make() -> Network:
        deadline = _share(assistant, context)
        return run(begin, assistant.steps, context.evidence, original=context.original, deadline=deadline).network

    try:
        steps = codec.fingerprint([codec.encode(step) for step in assistant.steps])
    except InputError:  # a module among the settings: there is nothing to find it by
        return context.once(("assistant", id(assistant)), make)
    return context.evidence.once(("assistant", steps, begin.fingerprint(), context.original.fingerprint()), make)


def _share(assistant: Assistant, context: "TrainContext") -> float | None:
    """When the assistant has to be done, so that the training it teaches in gets its part."""
    if context.deadline is None:
        return None
    own = sum(step.epochs for step in assistant.steps if isinstance(step, Train))
    epochs = context.steps / context.steps_per_epoch
    now = time.monotonic()
    return now + (context.deadline - now) * own / (own + epochs)
