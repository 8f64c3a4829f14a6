"""Queries, keys and values of one layer, taken apart again."""

import torch

from paredown.distill.feature_loss import places
from paredown.errors import RecipeError

__all__ = ["heads_of"]


def heads_of(value: torch.Tensor, parts: int, heads: int, who: str) -> tuple[torch.Tensor, ...]:
    """Parts of a value by head, each ``[n, heads, tokens, width per head]``.

    Args:
        value: ``[n, parts * width, tokens]``: queries, keys and so on side by side, as in a fused layer.
        parts: how many they are.
        heads: how many heads each is cut into.
        who: the loss that asks, for the message.

    Raises:
        RecipeError: the channels cannot be divided so.

    """
    n, channels = value.shape[:2]
    if channels % (parts * heads):
        msg = (
            f"{who}(heads={heads}) was given, for a value of {channels} channels that holds {parts} parts. Each part is "
            f"cut into heads, so the channels are a multiple of {parts} x {heads}. Join the taps of one layer, "
            "'layer.query+layer.key+layer.value', and choose heads that divide the width."
        )
        raise RecipeError(msg)
    return places(value).reshape(n, parts, heads, channels // parts // heads, -1).transpose(3, 4).unbind(1)
