import pytest
import torch

from paredown.errors import RecipeError
from paredown.graph.formats import INT8, UINT8
from paredown.quantize import Entropy, MinMax, MovingAverage, Mse, Percentile
from paredown.quantize.observed import Observed
from paredown.testing import small_bench

ALGORITHMS = (MinMax(), MovingAverage(), Percentile(99.0), Mse(), Entropy())


class Batches:
    """Stands for evidence: every node has the same values, batch by batch."""

    def __init__(self, *batches):
        self.batches, self.passes = batches, []

    def observe(self, _network, observers):
        self.passes.append(sorted(observers))
        for batch in self.batches:
            for observer in observers.values():
                observer(batch)


@pytest.mark.parametrize("form", [UINT8, INT8])
def test_several_algorithms_find_together_what_each_finds_alone(form):
    torch.manual_seed(0)
    batches = [torch.randn(400), 3 * torch.randn(400)]
    evidence = Batches(*batches)
    observed = Observed(ALGORITHMS)
    for algorithm in ALGORITHMS:
        alone = algorithm.collector(form, symmetric=form.signed)
        for batch in batches:
            alone.add(batch)
        found = observed.ends(algorithm, ["conv"], None, evidence, form, symmetric=form.signed)
        assert found == {"conv": alone.ends()}
    assert evidence.passes == [["conv"]]


def test_only_what_is_new_is_observed():
    evidence = Batches(torch.tensor([-1.0, 2.0]))
    observed = Observed([MinMax()])
    observed.ends(MinMax(), ["a"], None, evidence, UINT8)
    assert observed.ends(MinMax(), ["a", "b"], None, evidence, UINT8) == {"a": (-1.0, 2.0), "b": (-1.0, 2.0)}
    assert evidence.passes == [["a"], ["b"]]


def test_a_value_that_is_not_finite_is_refused_and_forgotten():
    observed = Observed([Mse()])
    with pytest.raises(
        RecipeError, match="value of node 'a' is not finite on the calibration data, so it has no range"
    ):
        observed.ends(Mse(), ["a"], None, Batches(torch.tensor([1.0, float("nan")])), UINT8)
    low, high = observed.ends(Mse(), ["a"], None, Batches(torch.tensor([0.0, 1.0])), UINT8)["a"]
    assert (low, high) == pytest.approx((0.0, 1.0), abs=0.01)


def test_nodes_of_a_network_are_seen_on_the_calibration_split():
    bench = small_bench()
    node = next(node.name for node in bench.network.nodes() if node.op == "call_function")
    found = Observed([MinMax()]).ends(MinMax(), [node], bench.network, bench.evidence(), UINT8)
    assert found[node][0] < found[node][1]
