import numpy as np
import pytest

from paredown.errors import ParityError
from paredown.targets import floors, parity
from paredown.targets.target import Port, Session


class Altered(Session):
    """The network itself as a session, with something done to its outputs."""

    def __init__(self, network, change):
        self.network, self.change = network, change
        self.inputs = (Port("image", "float32", (None, 3, 8, 8)),)
        self.outputs = (Port("output", "float32", (None, 2)),)
        self.batches = []

    def run(self, feeds):
        import torch

        self.batches.append(len(feeds[0]))
        with torch.no_grad():
            return [self.change(out.numpy()) for out in self.network.graph_module(*map(torch.from_numpy, feeds))]

    def close(self):
        self.network = None


def noise(decibel):
    def add(array):
        draw = np.random.default_rng(0).standard_normal(array.shape)
        draw *= np.linalg.norm(array) / np.linalg.norm(draw) * 10 ** (-decibel / 20)
        return array + draw.astype(array.dtype)

    return add


def test_agreement_is_asked_for_at_the_examples_batch_one_and_three(network):
    session = Altered(network, lambda array: array)
    parity.check(network, session, floors.FLOAT, "Test")
    assert session.batches == [2, 1, 3]


@pytest.mark.parametrize(
    ("floor", "passes", "fails"), [(floors.FLOAT, 90, 70), (floors.QUANTIZED, 25, 15)], ids=["float", "8 bits"]
)
def test_the_floor_is_where_it_is_said_to_be(network, floor, passes, fails):
    parity.check(network, Altered(network, noise(passes)), floor, "Test")
    with pytest.raises(
        ParityError, match=rf"signal to difference is {fails}.0 dB, at least {floor.decibels:.0f} dB holds"
    ):
        parity.check(network, Altered(network, noise(fails)), floor, "Test")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda array: array[:, :1], r"shape \[2, 1\] instead of \[2, 2\]"),
        (lambda array: array.astype(np.float64), "element type float64 instead of float32"),
        (lambda array: np.where(array == array.max(), np.nan, array), "not finite where the other is"),
        (lambda array: array[:, ::-1], "signal to difference is"),
    ],
    ids=["shape", "type", "nan", "swapped"],
)
def test_each_difference_is_told(network, change, problem):
    with pytest.raises(
        ParityError, match=rf"Output 'output' of the file for Test .* on the example inputs: .*{problem}"
    ):
        parity.check(network, Altered(network, change), floors.FLOAT, "Test")
