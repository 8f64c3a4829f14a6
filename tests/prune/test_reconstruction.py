"""Greedy reconstruction errors against brute force."""

import pytest
import torch
import torch.nn.functional as F

from paredown import prune
from paredown.prune.reconstruction import _contributions, _greedy

from .conftest import small
from .scoring import inputs_of, score


def added(network, evidence):
    """What every channel adds to the random projections of the layer that reads them, one channel at a time."""
    generator = torch.Generator().manual_seed(evidence.seed)
    weight = network.get_parameter("two.weight").detach()
    rows = []
    for batch in evidence.calibration():
        values = inputs_of(small(), batch[0], "two")["two"]
        signs = torch.randint(0, 2, (len(values), 8, 6, 6), generator=generator) * 2.0 - 1
        alone = [F.conv2d(values[:, j : j + 1], weight[:, j : j + 1], padding=1) for j in range(12)]
        rows.append(torch.stack([(signs * part).sum((1, 2, 3)) for part in alone], 1))
    return torch.cat(rows).double()


def naive(rows):
    whole = float(rows.sum(1).square().sum())
    left, gone, errors, highest = set(range(rows.shape[1])), [], {}, 0.0
    while left:
        error, index = min((float(rows[:, [*gone, j]].sum(1).square().sum()) / whole, j) for j in left)
        highest = max(highest, error)
        errors[index] = highest
        left.remove(index)
        gone.append(index)
    return [errors[j] for j in sorted(errors)]


def test_it_is_the_error_at_which_an_index_goes(network, evidence):
    found = score(prune.Reconstruction(), network, "one", evidence)
    assert found.tolist() == pytest.approx(naive(added(network, evidence)), rel=1e-3)


def test_projections_give_the_products_of_contributions():
    generator = torch.Generator().manual_seed(0)
    values, weight = torch.randn(5, generator=generator), torch.randn(7, 5, generator=generator)
    rows = _contributions(values.expand(20_000, 5), lambda read: F.linear(read, weight, torch.ones(7)), generator)
    alone = values * weight  # what each value adds, [7, 5]
    torch.testing.assert_close(rows.T @ rows / len(rows), alone.T @ alone, rtol=0.05, atol=0.5)


def test_what_makes_up_for_each_other_goes_together():
    adds = torch.tensor([[3.0, 1.0, -3.1, 9.0]], dtype=torch.float64)
    errors = _greedy(adds.T @ adds)
    assert errors.argsort().tolist() == [1, 2, 0, 3]  # 1 alone, then -3.1, and with it 3, which is nearly for nothing
    assert errors.tolist() == pytest.approx([4.41, 1.0, 4.41, 98.01])


def test_errors_never_fall_in_the_order_of_going():
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(40, 9, generator=generator, dtype=torch.float64)
    errors = _greedy(rows.T @ rows / rows.sum(1).square().sum())
    assert len(set(errors.tolist())) == 9
    assert float(errors.max()) >= 1.0 - 1e-9  # without any index, everything is lost
    assert int(errors.argmin()) == int(rows.square().sum(0).argmin())


def test_another_seed_draws_other_projections(network, evidence):
    other = type(evidence)(evidence.work, evidence.objective, seed=evidence.seed + 1)
    one, two = (score(prune.Reconstruction(), network, "one", found) for found in (evidence, other))
    assert not torch.equal(one, two)
    assert torch.corrcoef(torch.stack([one, two]))[0, 1] > 0.5
