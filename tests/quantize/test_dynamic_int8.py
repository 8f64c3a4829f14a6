import pytest
import torch
from torch import nn

from paredown.codec import decode, encode
from paredown.errors import RecipeError
from paredown.graph.dynamic import is_dynamic
from paredown.quantize import GPTQ, DynamicInt8, Mse, WeightOnly
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
    return Evidence.empty(OnnxRuntime().capabilities)


def test_it_needs_no_data_and_stays_close(network, evidence):
    before, x = network.fingerprint(), tokens(1)
    plan = DynamicInt8().plan(network, evidence)
    assert network.fingerprint() == before
    assert plan.reason == (
        "ONNX Runtime computes 7 linear layers in 8 bits with ranges found while running; 1 embeddings are stored in 8 bits."
    )
    rounded = DynamicInt8().apply(network, plan)
    assert decibel(network(x), rounded(x)) > 30
    assert decode(encode(DynamicInt8())).apply(network, plan).fingerprint() == rounded.fingerprint()


def test_layers_that_read_one_value_round_it_once(network, evidence):
    rounded = DynamicInt8().on(network, evidence)
    readers = sorted(len(node.users) for node in rounded.nodes() if is_dynamic(node))
    assert readers == [1, 1, 1, 1, 3]


def test_the_file_runs_in_fused_kernels(network, evidence, tmp_path):
    rounded = DynamicInt8().on(network, evidence)
    artifact = OnnxRuntime().lower(rounded, tmp_path / "network.onnx")
    operators = artifact.lowering.operators
    assert operators["DynamicQuantizeMatMul"] == 4
    assert operators["MatMulIntegerToFloat"] == 3  # they share what they read
    assert operators["DynamicQuantizeLinear"] == 1
    assert operators["GatherBlockQuantized"] == 1
    assert not operators.keys() & {"Gemm", "FusedGemm", "MatMulInteger", "Cast", "Gather"}
    assert artifact.lowering.unfused == ()
    x = tokens(3, 5)
    with OnnxRuntime().open(artifact.path) as session:
        got = torch.from_numpy(session.run([x.numpy()])[0])
    assert decibel(rounded(x).detach(), got) > 60


def test_a_refinement_comes_on_top(network):
    x, evidence = tokens(1), evidence_of()
    plain, better = (DynamicInt8(refine=refine).on(network, evidence) for refine in ((), GPTQ()))
    assert decibel(network(x), better(x)) > decibel(network(x), plain(x))


def test_training_after_it_reaches_weights_and_scales(network, evidence):
    student = DynamicInt8().on(network, evidence).train()
    student(tokens(0)).square().sum().backward()
    assert student.get_parameter("up.weight").grad.abs().sum() > 0
    assert student.get_parameter("up.weight_scale").grad.abs().sum() > 0


class Mixed(nn.Module):
    """A convolution, then a linear layer."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.conv(x).mean((2, 3)))


def test_convolutions_stay_in_float(evidence, tmp_path):
    network = capture(Mixed(), 3, 8, 8)
    plan = DynamicInt8().plan(network, evidence)
    assert "1 convolutions stay in float: they would be slower." in plan.reason
    lowering = OnnxRuntime().lower(DynamicInt8().apply(network, plan), tmp_path / "network.onnx").lowering
    assert lowering.operators["Conv"] == 1
    assert lowering.operators["DynamicQuantizeMatMul"] == 1


def test_tables_and_layers_can_stay_in_float(network, evidence):
    plan = DynamicInt8(embeddings=False, skip=("head",)).plan(network, evidence)
    assert "table.weight" not in {entry["parameter"] for entry in plan.decisions["stored"]}
    assert plan.decisions["float"] == {"linear_6": "it was asked to be left in float"}


def test_bits_of_weights_are_the_fewest_of_what_is_asked_for_and_what_sums_have_room_for(network, tmp_path):
    whole, narrow = (Evidence.empty(OnnxRuntime().capabilities.with_int8(weight_bits=bits)) for bits in (8, 7))
    for step, evidence in ((DynamicInt8(), narrow), (DynamicInt8(weight_bits=7), whole)):
        plan = step.plan(network, evidence)
        assert plan.decisions["weight_bits"] == 7
        artifact = OnnxRuntime().lower(step.apply(network, plan), tmp_path / "network.onnx")
        assert artifact.lowering.weight_bits == 7
    assert DynamicInt8(weight_bits=4).plan(network, narrow).decisions["weight_bits"] == 4
    assert DynamicInt8().plan(network, whole).decisions["weight_bits"] == 8


def test_what_is_refused(network, evidence):
    with pytest.raises(
        RecipeError, match=r"DynamicInt8\(weight_bits=9\) was given. .* weights take, 2 to 8. .*weight_bits=8"
    ):
        DynamicInt8(weight_bits=9)
    convolution = capture(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()), 3, 8, 8)
    with pytest.raises(
        RecipeError, match=r"DynamicInt8\(\) was given a network without a linear layer with a stored floa"
    ):
        DynamicInt8().plan(convolution, evidence)
    with pytest.raises(
        RecipeError, match=r"was given for PyTorch, which has no kernels that round while running. `targets"
    ):
        DynamicInt8().plan(network, Evidence.empty(Torch().capabilities))
    with pytest.raises(RecipeError, match=r"DynamicInt8\(refine=...\) was given quantize.Mse.* go into weights=...."):
        DynamicInt8(refine=Mse())
    with pytest.raises(RecipeError, match=r"DynamicInt8\(\) was given a network that is quantized already"):
        DynamicInt8().plan(WeightOnly().on(network, evidence), evidence)
    with pytest.raises(RecipeError, match=r"looks at data and was given none"):
        DynamicInt8(refine=GPTQ()).plan(network, evidence)
    broken = network.copy()
    with torch.no_grad():
        broken.get_parameter("up.weight")[0, 0] = float("inf")
    with pytest.raises(RecipeError, match=r"The weight 'up.weight' holds values that are not finite"):
        DynamicInt8().plan(broken, evidence)
    assert "quantized already" in DynamicInt8().check(DynamicInt8().after(frozenset()))
