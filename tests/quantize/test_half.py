import onnx
import pytest
import torch
from torch import nn

from paredown import Train, capture
from paredown.codec import decode, encode
from paredown.errors import RecipeError
from paredown.graph import analyse, total
from paredown.graph.half import half_format, round_float
from paredown.prune import Channels
from paredown.quantize import Half, Int8
from paredown.recipe import Evidence
from paredown.targets import OnnxRuntime, Torch
from paredown.testing import small_bench

from .language import reader, tokens
from .test_int8 import decibel


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 32, 3, groups=2))
        self.head = nn.Linear(32, 20)

    def forward(self, x):
        return self.head(torch.relu(self.body(x)).mean((2, 3)))


IMAGES = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return capture(Convolutions().eval(), IMAGES)


@pytest.fixture(scope="module")
def evidence():
    return Evidence.empty(OnnxRuntime().capabilities)


def test_weights_are_rounded_where_they_are_read(network, evidence):
    before = network.fingerprint()
    plan = Half().plan(network, evidence)
    assert network.fingerprint() == before
    assert plan.decisions["parameters"] == ["body.0.weight", "body.3.weight", "head.weight"]
    assert plan.reason == (
        "3 parameters are stored as float16: 14 kB become 7 kB; ONNX Runtime computes with them in float32, as fast as before."
    )
    rounded = Half().apply(network, plan)
    assert {half_format(node).name for node in rounded.nodes() if half_format(node)} == {"float16"}
    assert 60 < decibel(network(IMAGES), rounded(IMAGES)) < 90
    assert decode(encode(Half())).apply(network, plan).fingerprint() == rounded.fingerprint()
    assert total(rounded).bytes < 0.6 * total(network).bytes
    assert total(rounded).macs < 1.01 * total(network).macs


@pytest.mark.parametrize(("form", "kind"), [("float16", "FLOAT16"), ("bfloat16", "BFLOAT16")])
def test_the_file_is_half_and_its_kernels_are_those_of_float(network, evidence, tmp_path, form, kind):
    rounded = Half(form, least=32).on(network, evidence)
    whole, half = (OnnxRuntime().lower(net, tmp_path / f"{i}.onnx") for i, net in enumerate((network, rounded)))
    stored = {tensor.data_type for tensor in onnx.load(half.path).graph.initializer if len(tensor.dims) > 1}
    assert stored == {onnx.TensorProto.DataType.Value(kind)}
    assert half.path.stat().st_size < 0.65 * whole.path.stat().st_size
    assert half.lowering.operators == whole.lowering.operators  # the casts are gone when the file has been opened
    with OnnxRuntime().open(half.path) as session:
        got = torch.from_numpy(session.run([IMAGES.numpy()])[0])
    assert decibel(rounded(IMAGES).detach(), got) > 100


def test_a_tied_table_is_stored_once(evidence, tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(64, 16)
            self.head = nn.Linear(16, 64, bias=False)
            self.head.weight = self.table.weight

        def forward(self, ids):
            return self.head(self.table(ids))

    network = capture(Tied().eval(), torch.randint(0, 64, (2, 5)))
    artifact = OnnxRuntime().lower(Half().on(network, evidence), tmp_path / "tied.onnx")
    assert artifact.path.stat().st_size < 2 * 64 * 16 * 2 + 1500


def test_language(evidence, tmp_path):
    network = reader()
    rounded = Half().on(network, evidence)
    artifact = OnnxRuntime().lower(rounded, tmp_path / "reader.onnx")
    x = tokens(3, 5)
    with OnnxRuntime().open(artifact.path) as session:
        got = torch.from_numpy(session.run([x.numpy()])[0])
    assert decibel(rounded(x).detach(), got) > 90


def test_gradients_pass_and_small_ones_are_not_lost():
    weight = torch.tensor([1.0, 3.0], requires_grad=True)
    (round_float(weight, "float16") * torch.tensor([1e-9, 1.0])).sum().backward()
    assert weight.grad.tolist() == pytest.approx([1e-9, 1.0])


def test_training_goes_on_behind_the_rounding():
    bench = small_bench()
    evidence = Evidence.of(bench.task, OnnxRuntime().capabilities)
    rounded = Half("bfloat16", least=16).on(bench.network, evidence)
    trained = Train(epochs=1).fit(rounded, evidence).network
    names = [str(node.args[0].target) for node in trained.nodes() if half_format(node)]
    assert names
    assert not any(torch.equal(trained.get_parameter(name), rounded.get_parameter(name)) for name in names)


def test_what_is_rounded_can_be_cut(network, evidence):
    rounded = Half().on(network, evidence)
    assert {group.name for group in analyse(rounded).free} == {group.name for group in analyse(network).free}
    assert total(Channels(keep=0.5).on(rounded)).macs < 0.5 * total(rounded).macs


def test_parts_stay_in_float(network, evidence):
    assert Half(skip=("body",)).plan(network, evidence).decisions["parameters"] == ["head.weight"]
    assert Half(skip=("head.weight",)).plan(network, evidence).decisions["parameters"] == [
        "body.0.weight",
        "body.3.weight",
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"format": "float8"}, r"Half\(format='float8'\) was given. It is a 16-bit format, 'float16' or 'bfloat16'"),
        ({"least": 0}, r"Half\(least=0\) was given. It is a number of weights, 1 or more"),
    ],
)
def test_settings_out_of_range(settings, words):
    with pytest.raises(RecipeError, match=words):
        Half(**settings)


def test_what_cannot_be_rounded(network, evidence):
    with pytest.raises(
        RecipeError, match=r"Half\(format='float16'\) was given for .*hold no such numbers.*OnnxRuntime\(\)"
    ):
        Half().plan(network, Evidence.empty(Torch().capabilities))
    with pytest.raises(RecipeError, match=r"Half\(least=1000000\) was given a network without a float32 parameter"):
        Half(least=1_000_000).plan(network, evidence)
    bench = small_bench()
    given = Evidence.of(bench.task, OnnxRuntime().capabilities)
    eight = Int8().on(bench.network, given)
    with pytest.raises(RecipeError, match=r"Half\(\) was given a network that is quantized already"):
        Half(least=1).plan(eight, given)
    large = network.copy()
    with torch.no_grad():
        large.get_parameter("head.weight")[0, 0] = 70_000.0
    with pytest.raises(RecipeError, match=r"parameter 'head.weight' holds 7e\+04; float16 ends at 65504.*bfloat16"):
        Half().plan(large, evidence)
    assert Half("bfloat16").plan(large, evidence)
    with torch.no_grad():
        large.get_parameter("head.weight")[0, 0] = torch.nan
    with pytest.raises(RecipeError, match=r"'head.weight' holds values that are not finite"):
        Half("bfloat16").plan(large, evidence)
