import dataclasses

import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown.codec import decode, encode
from paredown.errors import RecipeError
from paredown.graph.cost import total
from paredown.graph.fakequantize import fake_quantized
from paredown.quantize import GPTQ, AdaRound, DynamicInt8, Int8, Mse, WeightOnly
from paredown.recipe import Evidence
from paredown.targets import OnnxRuntime, Torch

from .conftest import capture
from .language import evidence_of, reader, tokens
from .test_int8 import decibel


@pytest.fixture(scope="module")
def network():
    return reader()


@pytest.fixture(scope="module")
def evidence():
    return evidence_of()


def by_hand(weight, bits, group):
    """Each group from its own smallest to its own largest value, 0 included."""
    rows = weight.reshape(-1, group).double()
    low, high = rows.amin(1).clamp(max=0), rows.amax(1).clamp(min=0)
    step = ((high - low) / (2**bits - 1))[:, None]
    zero = (-low[:, None] / step).round()
    return (((rows / step).round() + zero).clamp(0, 2**bits - 1) - zero).mul(step).reshape(weight.shape)


@pytest.mark.parametrize(("bits", "group"), [(4, 32), (4, 16), (8, 16)])
def test_weights_are_rounded_in_groups_along_the_inputs(network, evidence, bits, group):
    before = network.fingerprint()
    rounded = WeightOnly(bits, group).on(network, evidence)
    assert network.fingerprint() == before
    seen = []
    entry = next(entry for entry in fake_quantized(rounded) if entry.value.target == "up.weight")
    evidence.observe(rounded, {entry.node.name: seen.append})
    wanted = by_hand(network.get_parameter("up.weight").detach(), bits, group)
    assert torch.allclose(seen[0].double(), wanted, atol=1e-6)


def test_the_plan_says_what_is_stored_and_replays(network, evidence):
    step = WeightOnly()
    plan = step.plan(network, evidence)
    assert plan.reason == (
        "The weights of 7 linear layers are stored in 4 bits and 1 embeddings in 8, in groups of 32: 36 kB become 6 kB; "
        "0 stay in float."
    )
    again = decode(encode(step)).apply(network, plan)
    assert again.fingerprint() == step.apply(network, plan).fingerprint()
    assert plan.tensors["up.weight.scale"].shape == (64, 1)
    rounded = total(step.apply(network, plan)).bytes
    assert rounded < 0.25 * total(network).bytes


def test_more_bits_and_smaller_groups_come_closer(network, evidence):
    weight, x = network.get_parameter("up.weight").detach(), tokens(1)
    stored = WeightOnly().places(network, evidence.capabilities).found
    stored = next(entry for entry in stored if entry.parameter == "up.weight")
    coarse, fine, eight = (WeightOnly(*size).rounded(weight, stored) for size in ((4, 32), (4, 16), (8, 32)))
    assert decibel(weight, fine) > decibel(weight, coarse) + 0.5
    assert decibel(weight, eight) > decibel(weight, coarse) + 20
    four, eight = (WeightOnly(bits).on(network, evidence)(x) for bits in (4, 8))
    assert decibel(network(x), eight) > decibel(network(x), four) + 15


@pytest.mark.parametrize("step", [WeightOnly(refine=GPTQ()), WeightOnly(refine=AdaRound(iterations=150))])
def test_refinements_round_in_the_same_groups(network, evidence, step):
    x = tokens(1)
    plain, better = WeightOnly(), step
    lost = [decibel(network(x), way.on(network, evidence)(x)) for way in (plain, better)]
    assert lost[1] > lost[0] + 2


def test_ranges_are_those_of_groups(network, evidence):
    plan = WeightOnly(group=16, weights=Mse(), symmetric=True).plan(network, evidence)
    whole = WeightOnly(group=16, symmetric=True).plan(network, evidence)
    assert not plan.tensors["up.weight.zero_point"].any()
    assert (plan.tensors["up.weight.scale"] <= whole.tensors["up.weight.scale"] * 1.0001).all()
    assert (plan.tensors["up.weight.scale"] < whole.tensors["up.weight.scale"]).any()


@pytest.mark.parametrize("step", [WeightOnly(), WeightOnly(8, 16), WeightOnly(symmetric=True), WeightOnly(4, 16)])
def test_the_file_holds_narrow_weights_and_the_kernels_that_read_them(network, evidence, step, tmp_path):
    rounded = step.on(network, evidence)
    artifact = OnnxRuntime().lower(rounded, tmp_path / "network.onnx")
    assert artifact.lowering.operators["MatMulNBits"] == 7
    assert artifact.lowering.operators["GatherBlockQuantized"] == 1
    assert not artifact.lowering.operators.keys() & {"Gemm", "FusedGemm", "Gather", "DequantizeLinear"}
    assert artifact.lowering.unfused == ()
    assert "MatMulNBits" not in artifact.lowering.floats
    floats = sum(t.dims[0] for t in onnx.load(artifact.path).graph.initializer if len(t.dims) == 2 and t.data_type == 1)
    assert floats <= 4 * 64 + 3 * 32 + 4 + 20  # rows of scales, no weights
    x = tokens(3, 5)
    with OnnxRuntime().open(artifact.path) as session:
        got = torch.from_numpy(session.run([x.numpy()])[0])
    assert decibel(rounded(x).detach(), got) > 30


def test_the_file_is_a_fraction_of_the_float_one(tmp_path):
    network = capture(nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 64)), 128)
    evidence = evidence_of(torch.zeros(8, 128))
    sizes = [
        OnnxRuntime().lower(net, tmp_path / f"{index}.onnx").size_bytes
        for index, net in enumerate((network, WeightOnly(8).on(network, evidence), WeightOnly(4).on(network, evidence)))
    ]
    assert sizes[1] < 0.35 * sizes[0]
    assert sizes[2] < 0.22 * sizes[0]


def test_training_after_it_moves_scales_and_lowers_the_loss(network, evidence):
    student = WeightOnly(group=16).on(network, evidence).train()
    scale = student.get_parameter("up.weight_scale")
    before, ids = scale.detach().clone(), tokens(0)
    optimizer = torch.optim.Adam(student.parameters(), 1e-3)
    losses = []
    for _ in range(10):
        loss = F.cross_entropy(student(ids), ids[:, 0] % 4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert scale.shape == (64, 2)
    assert not torch.equal(scale.detach(), before)


def test_the_torch_target_runs_the_same_graph(network, evidence, tmp_path):
    rounded = WeightOnly().on(network, evidence)
    Torch().lower(rounded, tmp_path / "network.pt2")
    with Torch().open(tmp_path / "network.pt2") as session:
        got = torch.from_numpy(session.run([tokens(3, 5).numpy()])[0])
    torch.testing.assert_close(got, rounded(tokens(3, 5)))


def test_what_the_group_does_not_divide_stays_in_float_and_says_so(evidence, tmp_path):
    network = capture(nn.Sequential(nn.Linear(40, 32), nn.ReLU(), nn.Linear(32, 5)), 40)
    plan = WeightOnly().plan(network, evidence)
    assert plan.decisions["float"] == {"linear": "32 does not divide its width, 40"}
    lowering = OnnxRuntime().lower(WeightOnly().apply(network, plan), tmp_path / "network.onnx").lowering
    assert lowering.operators["MatMulNBits"] == 1


def test_layers_that_are_skipped_and_tables_that_stay(network, evidence):
    plan = WeightOnly(embedding_bits=None, skip=("head",)).plan(network, evidence)
    assert plan.decisions["float"] == {"linear_6": "it was asked to be left in float"}
    assert "table.weight" not in {entry["parameter"] for entry in plan.decisions["stored"]}


class Tied(nn.Module):
    """A table that is the head's weight too."""

    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(20, 32), nn.Linear(32, 20, bias=False)
        self.head.weight = self.table.weight

    def forward(self, ids):
        return self.head(self.table(ids).mean(1))


def test_a_tied_table_is_rounded_for_each_use(evidence, tmp_path):
    network = paredown.capture(Tied().eval(), tokens(0, 2))
    rounded = WeightOnly(refine=GPTQ()).on(network, evidence)
    assert len(fake_quantized(rounded)) == 2
    lowering = OnnxRuntime().lower(rounded, tmp_path / "network.onnx").lowering
    assert (lowering.operators["MatMulNBits"], lowering.operators["GatherBlockQuantized"]) == (1, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: WeightOnly(bits=5),
            r"WeightOnly\(bits=5\) was given. It is how many bits weights are stored in, 4 or 8. Wri",
        ),
        (
            lambda: WeightOnly(embedding_bits=2),
            r"WeightOnly\(embedding_bits=2\) was given. It is how many bits .* 4 or 8",
        ),
        (
            lambda: WeightOnly(group=1),
            r"WeightOnly\(group=1\) was given. It is how many inputs a group holds, 2 or more. Write",
        ),
        (lambda: WeightOnly(refine=Mse()), r"WeightOnly\(refine=...\) was given quantize.Mse.*go into weights=...."),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(RecipeError, match=message):
        make()


def test_groups_that_the_target_lacks(network, evidence):
    with pytest.raises(
        RecipeError,
        match=r"WeightOnly\(bits=4, group=24\) was given for ONNX Runtime, which stores weights as int4, int8, uint4, uint8 "
        r"in groups of 16, 32, 64, 128, 256. Type WeightOnly\(group=(16|32)\).",
    ):
        WeightOnly(group=24).plan(network, evidence)
    with pytest.raises(
        RecipeError, match=r"was given for PyTorch, which has no kernels .* `targets.OnnxRuntime\(\)` can"
    ):
        WeightOnly().plan(network, evidence_of(capabilities=Torch().capabilities))


def test_a_group_that_divides_no_width(evidence):
    network = capture(nn.Sequential(nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 4)), 48)
    with pytest.raises(
        RecipeError,
        match=r"WeightOnly\(group=32\) was given a network whose linear layers read 48 inputs; the group divides none of "
        r"these. Type WeightOnly\(group=16\).",
    ):
        WeightOnly().plan(network, evidence)


def test_networks_without_anything_to_store(network, evidence):
    convolution = capture(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()), 3, 8, 8)
    with pytest.raises(
        RecipeError, match=r"a network without linear layers; they alone have kernels .*quantize.Int8\(\)"
    ):
        WeightOnly().plan(convolution, evidence)
    every = ("query", "key", "value", "out", "up", "down", "head")
    with pytest.raises(RecipeError, match=r"without a linear layer that it may round \(.*asked to be left in float\)"):
        WeightOnly(skip=every).plan(network, evidence)


def test_a_quantized_network_is_refused(network, evidence):
    rounded = WeightOnly().on(network, evidence)
    with pytest.raises(RecipeError, match=r"WeightOnly\(\) was given a network that is quantized already \(8 rounded"):
        WeightOnly().plan(rounded, evidence)
    with pytest.raises(RecipeError, match=r"Int8\(\) was given a network that is quantized already"):
        Int8().plan(rounded, evidence)
    assert "quantized already" in WeightOnly().check(WeightOnly().after(frozenset()))


def test_weights_that_are_not_finite_are_named(network, evidence):
    broken = network.copy()
    with torch.no_grad():
        broken.get_parameter("up.weight")[0, 0] = float("nan")
    with pytest.raises(RecipeError, match=r"The weight 'up.weight' holds values that are not finite"):
        WeightOnly().plan(broken, evidence)


def test_refinements_without_data_say_what_to_pass(network):
    empty = Evidence.empty(OnnxRuntime().capabilities)
    assert WeightOnly().plan(network, empty).tensors
    with pytest.raises(RecipeError, match=r"looks at data and was given none.*Pass evidence"):
        WeightOnly(refine=GPTQ()).plan(network, empty)


def test_zeros_stay(network, evidence):
    from paredown import prune

    sparse = prune.Weights(pattern=prune.Unstructured(0.5)).on(network, evidence)
    rounded = WeightOnly(refine=GPTQ()).on(sparse, evidence)
    entry = next(entry for entry in fake_quantized(rounded) if entry.value.target == "up.weight")
    seen = []
    evidence.observe(rounded, {entry.node.name: seen.append})
    assert not seen[0][sparse.get_parameter("up.weight") == 0].any()


def test_settings_are_data():
    step = dataclasses.replace(WeightOnly(), refine=[GPTQ()])
    assert decode(encode(step)) == step
    assert step.refine == (GPTQ(),)


class Products(nn.Module):
    """GPT-2's `Conv1D`, ``x @ W`` and an einsum with a constant; a stack of matrices, which is no linear layer."""

    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(32, 64) * 0.2), nn.Parameter(torch.randn(64))
        self.down = nn.Parameter(torch.randn(64, 32) * 0.2)
        self.out = nn.Parameter(torch.randn(2, 16, 8) * 0.2)
        self.stack = nn.Parameter(torch.randn(6, 8, 8) * 0.2)

    def forward(self, x):
        x = torch.addmm(self.bias, x.reshape(-1, 32), self.weight).reshape(x.shape[0], 6, 64)
        x = F.gelu(x) @ self.down
        x = torch.einsum("bshk,hkd->bsd", x.unflatten(2, (2, 16)), self.out)
        return torch.einsum("bsd,sdk->bsk", x, self.stack)


@pytest.mark.parametrize("step", [Int8(), DynamicInt8(), WeightOnly()], ids=str)
def test_products_with_stored_matrices_are_rounded_and_others_named(step, tmp_path):
    torch.manual_seed(0)
    rows = torch.randn(8, 6, 32)
    network = paredown.capture(Products(), rows[:2])
    data = paredown.Data(*[(rows, torch.zeros(8))] * 4, batch_size=4)
    task = paredown.Task(nn.Identity(), data, lambda outputs, _: outputs.square().mean(), paredown.scores.accuracy)
    evidence = Evidence(data.work, task.objective, OnnxRuntime().capabilities)
    plan = step.plan(network, evidence)
    artifact = OnnxRuntime().lower(step.apply(network, plan), tmp_path / "network.onnx")
    assert plan.decisions["float"] == {"einsum_1": "its product with a stored tensor is no linear layer"}
    assert artifact.lowering.quantized >= 3
