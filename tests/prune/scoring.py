"""Scores of one group, and data for the networks of the zoo."""

import torch

import paredown
from paredown.graph.axes import analyse
from paredown.recipe.evidence import Evidence
from paredown.testing import blocks
from paredown.testing.zoo import INPUTS


def score(importance, network, name, evidence=None):
    axes = analyse(network)
    return importance.score(network, axes, [axes.group(name)], evidence or Evidence.empty())[name]


def squared(outputs, target):
    return outputs.square().mean()


def block(name):
    """The very model that the zoo captures, in eval mode."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return blocks.with_statistics(getattr(blocks, name)())


def examples(name, batches=3):
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(1)
        return torch.cat([INPUTS.get(name, lambda: torch.randn(2, 3, 16, 16))() for _ in range(batches)])


def evidence_for(name):
    inputs = examples(name)
    split = inputs, torch.zeros(len(inputs), dtype=torch.long)
    data = paredown.Data(split, calibrate=split, select=split, judge=split, batch_size=4)
    task = paredown.Task(torch.nn.Identity(), data=data, loss=squared, score=paredown.scores.accuracy)
    return Evidence(task.data.work, task)


def inputs_of(model, inputs, *paths):
    """What some modules of a model are given, by path."""
    given = {}

    def keep(path):
        return lambda _, args: given.__setitem__(path, args[0].detach())

    handles = [model.get_submodule(path).register_forward_pre_hook(keep(path)) for path in paths]
    with torch.no_grad():
        model(inputs)
    for handle in handles:
        handle.remove()
    return given
