"""Fisher information of gates against gradients of weights, example by example."""

import torch
import torch.nn.functional as F

import paredown
from paredown import prune
from paredown.recipe.evidence import Evidence

from .conftest import pictures, small
from .scoring import score


def gates(model, evidence, consumers):
    """A gate before a linear layer changes the loss as its weights do: ``sum w dL/dw`` over what reads the index."""
    rows = []
    for inputs, target in evidence.work.calibrate.batches(1):
        model.zero_grad()
        F.cross_entropy(model(inputs), target).backward()
        parts = []
        for name in consumers:
            weight = model.get_parameter(f"{name}.weight")
            product = (weight * weight.grad).double()
            parts.append(product.sum([axis for axis in range(product.ndim) if axis != 1]))
        rows.append(sum(parts))
    return torch.stack(rows).detach()


def test_it_is_half_the_mean_square_of_the_gates_derivatives(network, evidence):
    for name, consumers in (("one", ["two"]), ("stem", ["one", "head"])):
        expected = gates(small(), evidence, consumers).square().mean(0) / 2
        torch.testing.assert_close(score(prune.Fisher(), network, name, evidence), expected, rtol=1e-3, atol=1e-10)


def test_the_size_of_batches_does_not_count(network, evidence):
    split = pictures(48, 2)
    data = paredown.Data(split, calibrate=split, select=split, judge=split, batch_size=7)
    other = Evidence(data.work, evidence.objective)
    torch.testing.assert_close(
        score(prune.Fisher(), network, "one", other), score(prune.Fisher(), network, "one", evidence)
    )
