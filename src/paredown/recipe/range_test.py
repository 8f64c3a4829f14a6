"""Finding a learning rate by trying many for one step each."""

import math
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch

from paredown.graph.network import Network
from paredown.recipe import batch
from paredown.recipe.engine import pick_device
from paredown.recipe.evidence import Evidence
from paredown.recipe.layout import Layout
from paredown.recipe.optimizers import Auto, groups
from paredown.recipe.randomness import derive
from paredown.recipe.zeros import Zeros

if TYPE_CHECKING:
    from paredown.recipe.train import Train

__all__ = ["choose", "curve", "range_test"]

_BELOW_BEST = 4.0
_BELOW_BURST = (10.0, 3.0)
_SHORT, _LONG = 100, 3000
_BURST = 0.05
_LEARNING = 0.1


def range_test(settings: "Train", network: Network, evidence: Evidence) -> float:
    """A learning rate for this network, these data and this optimizer.

    The rate rises from step to step over the optimizer's span (Smith 2017, arXiv:1506.01186). What is looked at is
    the *difference* between the loss of the network that learns and of the same network left alone, on the same
    batch: without that pairing the differences between batches would hide those between rates.

    Args:
        settings: optimizer, batch size, device and seed.
        network: left bit-identical.
        evidence: data and loss; ingredients take no part.

    """
    rates, gains, level = curve(settings, network, evidence)
    return choose(rates, gains, level, settings.steps(evidence.work))


def curve(settings: "Train", network: Network, evidence: Evidence) -> tuple[list[float], list[float], float]:
    """Rates, what each had changed in the loss by then, and the level of the loss before."""
    device = pick_device(settings.device)
    still, moving = (network.copy().to(device).train() for _ in range(2))
    layouts = [Layout(twin, device, "32-true") for twin in (still, moving)]
    for layout in layouts:
        layout.begin()
    zeros = Zeros(moving)
    lowest, highest = settings.optimizer.span
    steps = settings.optimizer.lr.steps if isinstance(settings.optimizer.lr, Auto) else Auto().steps
    optimizer = settings.optimizer.build(groups(moving, settings.optimizer.weight_decay), fused=False)
    rates, gains, levels = [], [], []
    for number, (inputs, target) in enumerate(islice(_batches(settings, evidence, device), steps)):
        rate = lowest * (highest / lowest) ** (number / (steps - 1))
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        before, after = _pair(still, moving, evidence, batch.each(layouts[0].put, inputs), target)
        if not torch.isfinite(after):
            rates.append(rate)
            gains.append(math.inf)
            break
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(after)
        if settings.clip is not None:
            torch.nn.utils.clip_grad_norm_(moving.parameters(), settings.clip)
        optimizer.step()
        rates.append(rate)
        gains.append(float(after.detach() - before))
        levels.append(float(before))
    zeros.leave()
    return rates, gains, sum(levels) / max(1, len(levels))


def _pair(
    still: Network, moving: Network, evidence: Evidence, inputs: Any, target: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses of both networks on one batch, with the same random numbers (dropout)."""
    drawn = torch.get_rng_state()
    with torch.no_grad():
        before = evidence.objective.loss_of(batch.call(still, inputs), target)
    torch.set_rng_state(drawn)
    return before, evidence.objective.loss_of(batch.call(moving, inputs), target)


def _batches(settings: "Train", evidence: Evidence, device: torch.device) -> Iterator[tuple[Any, Any]]:
    """Full batches of the training data, in an order of their own, without end."""
    work, epoch = evidence.work, 0
    while True:
        seed = derive(settings.seed, "range test", epoch)
        found = work.train.batches(settings.size(work), shuffle_seed=seed)
        for inputs, target in islice(found, settings.steps_per_epoch(work)):
            yield batch.to(device, inputs), batch.to(device, target)
        epoch += 1


def choose(rates: list[float], gains: list[float], level: float, steps: int) -> float:
    """The rate to train with, given a range test.

    Where the loss fell clearly, a quarter of the rate at which it had fallen most. At a minimum already, where every
    rate only does harm at first, a part of the rate that first did: a tenth for a training of up to 100 steps, rising
    to a third for one of 3,000 and more, which has the time to repair it and to find a better minimum.

    Args:
        rates: rising.
        gains: change of the loss at each, negative where learning helped, infinite where it broke.
        level: the loss before.
        steps: of the training.

    """
    smooth = [sum(gains[max(0, i - 1) : i + 2]) / len(gains[max(0, i - 1) : i + 2]) for i in range(len(gains))]
    best = min(range(len(smooth)), key=smooth.__getitem__)
    burst = next((rate for rate, gain in zip(rates[best:], smooth[best:], strict=True) if gain > _BURST * level), None)
    by_burst = (burst or rates[-1]) / _below(steps)
    learning = smooth[best] < -_LEARNING * level
    if not learning:
        return by_burst
    return min(rates[best] / _BELOW_BEST, max(by_burst, rates[best] / _below(steps)))


def _below(steps: int) -> float:
    """By how much to stay below the rate that does harm, for a training of so many steps."""
    share = math.log(min(max(steps, _SHORT), _LONG) / _SHORT) / math.log(_LONG / _SHORT)
    short, long = _BELOW_BURST
    return float(short * (long / short) ** share)
