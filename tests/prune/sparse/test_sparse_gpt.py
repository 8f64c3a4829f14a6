"""SparseGPT, against inverting every Hessian that is left."""

import pytest
import torch
from torch import nn

from paredown import prune
from paredown.errors import RecipeError

from .conftest import correlated


def damped(inputs, damping):
    hessian = 2.0 * inputs.double().T @ inputs.double()
    return hessian + damping * hessian.diagonal().mean() * torch.eye(len(hessian), dtype=torch.float64)


def lowest(scores, pattern):
    """Places of the lowest scores ``[rows, columns]`` of a block, one by one."""
    gone = set()
    if isinstance(pattern, prune.NM):
        for row in range(scores.shape[0]):
            order = sorted(range(scores.shape[1]), key=lambda j: float(scores[row, j]))
            gone |= {(row, j) for j in order[: pattern.m - pattern.n]}
        return gone
    places = [(row, j) for row in range(scores.shape[0]) for j in range(scores.shape[1])]
    places.sort(key=lambda place: float(scores[place]))
    return set(places[: round(pattern.sparsity * len(places))])


def surgeon(weight, hessian, pattern, block):
    """Optimal brain surgeon on what is not settled yet, each inverse computed from scratch."""
    weight = weight.double().clone()
    columns = weight.shape[1]
    for start in range(0, columns, block):
        stop = min(start + block, columns)
        inverses = {j: torch.linalg.inv(hessian[j:, j:]) for j in range(start, stop)}
        scores = torch.stack([weight[:, j].square() / inverses[j][0, 0] for j in range(start, stop)], 1)
        gone = lowest(scores, pattern)
        for j in range(start, stop):
            for row in range(weight.shape[0]):
                if (row, j - start) in gone:
                    weight[row, j:] -= weight[row, j] / inverses[j][0, 0] * inverses[j][:, 0]
                    weight[row, j] = 0.0
    return weight


@pytest.mark.parametrize(
    ("pattern", "block"),
    [(prune.Unstructured(0.5), 5), (prune.Unstructured(0.7), 128), (prune.NM(2, 4), 4), (prune.NM(1, 3), 3)],
    ids=str,
)
def test_it_is_optimal_brain_surgeon_on_the_columns_that_are_left(posed, pattern, block):
    inputs = correlated(0, 12)
    network, evidence = posed(nn.Linear(12, 6), inputs)
    method = prune.SparseGPT(damping=0.02, block=block)
    found = prune.Weights(pattern, method).on(network, evidence).get_parameter("weight")
    wanted = surgeon(network.get_parameter("weight").detach(), damped(inputs, 0.02), pattern, block)
    assert torch.equal(found == 0, wanted == 0)
    torch.testing.assert_close(found.detach().double(), wanted, atol=1e-4, rtol=1e-4)


def test_what_is_left_solves_the_least_squares_problem_of_its_mask(posed):
    inputs = correlated(1, 10)
    network, evidence = posed(nn.Linear(10, 4), inputs)
    found = prune.Weights(method=prune.SparseGPT()).on(network, evidence).get_parameter("weight").detach().double()
    hessian, weight = damped(inputs, 0.01), network.get_parameter("weight").detach().double()
    for row in range(4):
        settled = torch.zeros(0, dtype=torch.float64)
        for j in range(10):
            rest = weight[row, j:]
            if j:
                rest = rest - torch.linalg.solve(hessian[j:, j:], hessian[j:, :j] @ (settled - weight[row, :j]))
            settled = torch.cat([settled, rest[:1] * (found[row, j] != 0)])
        torch.testing.assert_close(found[row], settled, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("pattern", [prune.Unstructured(0.5), prune.NM(2, 4)], ids=str)
def test_the_error_is_less_than_without_the_update(posed, pattern, seed):
    inputs = correlated(seed, 16)
    network, evidence = posed(nn.Linear(16, 8), inputs, seed)
    found = prune.Weights(pattern, prune.SparseGPT(block=4)).on(network, evidence).get_parameter("weight").detach()
    weight = network.get_parameter("weight").detach()
    updated, masked = (float((inputs @ (w - weight).T).square().sum()) for w in (found, weight * (found != 0)))
    assert updated < 0.8 * masked


def test_convolutions_in_groups_are_layers_of_their_own(posed):
    x = torch.randn(64, 8, 6, 6, generator=torch.Generator().manual_seed(0))
    network, evidence = posed(nn.Conv2d(8, 8, 3, groups=2, padding=1, bias=False), x)
    found = prune.Weights(prune.NM(2, 4), prune.SparseGPT()).on(network, evidence).get_parameter("weight").detach()
    weight = network.get_parameter("weight").detach()
    for half in (0, 1):
        part = x[:, 4 * half : 4 * half + 4]
        inputs = nn.functional.unfold(part, 3, padding=1).movedim(1, 2).reshape(-1, 4, 9).transpose(1, 2).flatten(1)
        rows = weight[4 * half : 4 * half + 4].flatten(2).transpose(1, 2).flatten(1)
        wanted = surgeon(rows, damped(inputs, 0.01), prune.NM(2, 4), 4)
        wanted = wanted.reshape(4, 9, 4).transpose(1, 2).reshape(4, 4, 3, 3)
        torch.testing.assert_close(found[4 * half : 4 * half + 4].double(), wanted, atol=1e-3, rtol=1e-3)


def test_inputs_that_are_always_zero_go_first(posed):
    inputs = correlated(0, 8)
    inputs[:, [1, 6]] = 0.0
    network, evidence = posed(nn.Linear(8, 4), inputs)
    found = prune.Weights(prune.Unstructured(0.25), prune.SparseGPT()).on(network, evidence).get_parameter("weight")
    assert (found[:, [1, 6]] == 0).all()
    assert found.isfinite().all()
    assert torch.equal(found[:, 0] != 0, torch.ones(4, dtype=torch.bool))


def test_a_layer_that_sees_only_zeros_does_no_harm(posed):
    network, evidence = posed(nn.Linear(8, 4), torch.zeros(64, 8))
    found = prune.Weights(method=prune.SparseGPT()).on(network, evidence).get_parameter("weight")
    assert int((found == 0).sum()) == 16
    torch.testing.assert_close(found[found != 0], network.get_parameter("weight")[found != 0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: prune.SparseGPT(damping=0.0),
            r"SparseGPT\(damping=0.0\) was given. It is a share above 0 and up to 1",
        ),
        (
            lambda: prune.SparseGPT(block=0),
            r"SparseGPT\(block=0\) was given. It is a whole number, 1 or more. Write `prune.SparseGPT\(block=128",
        ),
        (lambda: prune.SparseGPT(examples=0), r"SparseGPT\(examples=0\) was given.*SparseGPT\(examples=256\)"),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(RecipeError, match=message):
        make()
