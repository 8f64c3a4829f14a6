import dataclasses

import numpy as np
import pytest
import torch

from paredown.errors import InputError, ParityError
from paredown.targets import AnyBatch, Fixed, Port, Session, UpTo, floors, parity
from paredown.testing import EdgeTarget, MockTarget


class Counting(Session):
    """The network itself; notes the batches it gets, and may give too few rows."""

    def __init__(self, network, rows=None):
        self.network, self.rows = network, rows
        self.inputs, self.outputs = (
            (Port("image", "float32", (None, 3, 8, 8)),),
            (Port("output", "float32", (None, 2)),),
        )
        self.batches = []

    def run(self, feeds):
        self.batches.append(len(feeds[0]))
        with torch.no_grad():
            return [out.numpy()[: self.rows] for out in self.network.graph_module(torch.from_numpy(feeds[0]))]

    def close(self):
        self.network = None


@pytest.mark.parametrize(
    ("batches", "asked"),
    [(AnyBatch(), [2, 1, 3]), (UpTo(16), [2, 1, 3, 16]), (UpTo(1), [1, 1]), (Fixed(4), [4, 4]), (Fixed(1), [1, 1])],
    ids=str,
)
def test_parity_tries_the_batches_that_files_take(network, batches, asked):
    session = Counting(network)
    parity.check(network, session, floors.FLOAT, "Test", batches)
    assert session.batches == asked


def test_a_file_that_gives_one_row_for_several_is_refused(network):
    with pytest.raises(ParityError, match=r"on the example inputs: shape \[1, 2\] instead of \[2, 2\]"):
        parity.check(network.copy(), Counting(network, rows=1), floors.FLOAT, "Test", UpTo(3))


def test_a_target_refuses_a_batch_that_its_files_do_not_take():
    @dataclasses.dataclass(frozen=True)
    class Bounded(MockTarget):
        @property
        def batches(self):
            return UpTo(16)

    assert Bounded(batch=16).batch == 16
    with pytest.raises(InputError, match=r"batch=17 was given; files for Mock take batches of up to 16. Type batch=16"):
        Bounded(batch=17)
    assert EdgeTarget(batch=17).batches == Fixed(17)


@pytest.mark.parametrize("kind", [Fixed, UpTo])
def test_a_batch_holds_an_example(kind):
    with pytest.raises(
        InputError, match=rf"{kind.__name__}\(0\) was given; a batch holds one.* Type {kind.__name__}\(1\)"
    ):
        kind(0)


def test_batches_in_words():
    assert [batches.words for batches in (AnyBatch(), UpTo(4), Fixed(2))] == [
        "any batch",
        "batches of up to 4",
        "batches of 2",
    ]
    assert [batches.largest for batches in (AnyBatch(), UpTo(4), Fixed(2))] == [None, 4, 2]
    assert [batches.nearest(3) for batches in (AnyBatch(), UpTo(2), Fixed(4))] == [3, 2, 4]


def test_less_is_asked_of_half_precision_and_of_whole_numbers():
    assert floors.FLOAT.of("float32") == 80
    assert floors.FLOAT.of("float16") == 50
    assert floors.QUANTIZED.of("float16") == 20
    ours = np.arange(20)
    theirs = np.where(ours == 3, 4, ours)
    assert parity._difference(ours, theirs, floors.FLOAT) == "1 of 20 values differ"
    assert parity._difference(ours, theirs, floors.QUANTIZED) == ""
    half = (np.random.default_rng(0).standard_normal(1000) + 1).astype(np.float32)
    near = (half * (1 + 2e-3 * np.random.default_rng(1).standard_normal(1000))).astype(np.float32)
    assert "at least 80 dB" in parity._difference(half, near, floors.FLOAT)
    assert parity._difference(half.astype(np.float16), near.astype(np.float16), floors.FLOAT) == ""
