import importlib.metadata
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import paredown
from paredown import quantize
from paredown.errors import LoweringError, ParityError
from paredown.graph.fakequantize import Grid, insert_after
from paredown.graph.formats import INT8, UINT8, IntFormat
from paredown.targets import OnnxRuntime
from paredown.targets.onnx import model as onnx_model
from paredown.targets.onnx import rules as onnx_rules
from paredown.targets.onnxruntime import look as onnx_look


def lowered(network, path):
    artifact = OnnxRuntime().lower(network, path)
    with OnnxRuntime().open(path) as session:
        x = torch.randn(5, *network.example[0].shape[1:])
        got = session.run([x.numpy()])
    return artifact, x, [torch.from_numpy(array) for array in got]


def test_a_file_gives_the_networks_outputs_at_any_batch(network, tmp_path):
    before = network.fingerprint()
    artifact, x, (got,) = lowered(network, tmp_path / "network.onnx")
    torch.testing.assert_close(got, network(x), rtol=1e-5, atol=1e-5)
    assert artifact.lowering.operators["Conv"] == 1
    assert "BatchNormalization" not in {node.op_type for node in onnx.load(artifact.path).graph.node}
    assert network.fingerprint() == before


def test_inputs_and_outputs_carry_names_types_and_open_batches(network, tmp_path):
    OnnxRuntime().lower(network, tmp_path / "network.onnx")
    with OnnxRuntime().open(tmp_path / "network.onnx") as session:
        assert session.inputs == (("image", "float32", (None, 3, 8, 8)),)
        assert session.outputs == (("output", "float32", (None, 2)),)


@pytest.mark.parametrize("kind", ["network", "rounded"])
def test_the_same_network_gives_the_same_bytes(kind, request, tmp_path):
    network = request.getfixturevalue(kind)
    first = OnnxRuntime().lower(network, tmp_path / "first.onnx")
    second = OnnxRuntime().lower(network.copy(), tmp_path / "second.onnx")
    assert first.sha256 == second.sha256


def test_lowering_is_silent(network, tmp_path, capfd):
    OnnxRuntime().lower(network, tmp_path / "network.onnx")
    assert capfd.readouterr() == ("", "")


def test_a_network_in_training_is_lowered_in_eval(network, tmp_path):
    network.train()
    artifact, x, (got,) = lowered(network, tmp_path / "network.onnx")
    assert network.training
    torch.testing.assert_close(got, network.copy().eval()(x), rtol=1e-5, atol=1e-5)
    assert artifact.sha256 == OnnxRuntime().lower(network.copy().eval(), tmp_path / "eval.onnx").sha256


class Several(nn.Module):
    def forward(self, ids, *, scale):
        return {"sum": ids.float().sum(1) * scale, "ids": ids + 1, "same": scale}


def test_several_inputs_and_outputs_of_several_types(tmp_path):
    ids, scale = torch.randint(0, 9, (2, 4)), torch.rand(2)
    network = paredown.capture(Several(), ids, scale=scale)
    OnnxRuntime().lower(network, tmp_path / "network.onnx")
    with OnnxRuntime().open(tmp_path / "network.onnx") as session:
        assert [port.name for port in session.outputs] == ["output", "output_1", "output_2"]
        assert [port.dtype for port in session.inputs] == ["int64", "float32"]
        total, more, same = session.run([ids.numpy(), scale.numpy()])
    np.testing.assert_allclose(total, (ids.float().sum(1) * scale).numpy(), rtol=1e-6)
    np.testing.assert_array_equal(more, (ids + 1).numpy())
    np.testing.assert_array_equal(same, scale.numpy())


def test_rounded_weights_are_stored_in_eight_bits(rounded, tmp_path):
    artifact, x, (got,) = lowered(rounded, tmp_path / "network.onnx")
    stored = {tensor.name: tensor.data_type for tensor in onnx.load(artifact.path).graph.initializer}
    assert sorted(stored.values()).count(onnx.TensorProto.INT32) == 2  # the bias and its zero point
    assert "conv.weight" not in stored
    assert artifact.lowering.operators["QLinearConv"] == 1
    assert artifact.lowering.quantized >= 1
    pool = "GlobalAveragePool 'mean' gets 8-bit values but is computed in float: its result is not rounded"
    assert artifact.lowering.unfused == (pool,)
    torch.testing.assert_close(got, rounded(x), rtol=0.05, atol=0.01)


class Crossed(nn.Module):
    """Modules called as the nodes of each other: the node ``conv2d`` is the module ``conv2d_1``."""

    def __init__(self):
        super().__init__()
        self.conv2d, self.conv2d_1 = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, image):
        return self.conv2d(self.conv2d_1(image).relu()).relu()


def test_biases_are_not_mixed_up_by_names_of_modules_and_nodes(tmp_path):
    torch.manual_seed(0)
    images = torch.randn(16, 3, 8, 8)
    data = paredown.Data(
        (images, torch.zeros(16)), calibrate=(images, torch.zeros(16)), judge=(images, torch.zeros(16))
    )
    task = paredown.Task(Crossed().eval(), data, nn.functional.mse_loss, paredown.scores.squared_error)
    nn.init.uniform_(task.model.conv2d.bias, 1.0, 2.0)
    network = paredown.capture(task.model, images[:2])
    assert [node.name for node in network.nodes() if "conv" in str(node.target) and node.op != "get_attr"] == [
        "conv2d",
        "conv2d_1",
    ]
    evidence = paredown.Evidence.of(task, OnnxRuntime().capabilities)
    step = quantize.Int8()
    artifact, x, (got,) = lowered(step.apply(network, step.plan(network, evidence)), tmp_path / "network.onnx")
    assert artifact.lowering.operators["QLinearConv"] == 2
    torch.testing.assert_close(got, task.model(x), rtol=0.1, atol=0.2)


def test_what_is_not_fused_is_named(network, tmp_path):
    nodes = {node.name: node for node in network.nodes()}
    weight = next(node for node in network.nodes() if node.target == "conv.weight")
    insert_after(network, nodes["image"], "image", Grid(torch.tensor(0.04), torch.tensor(0.0), INT8))
    insert_after(network, weight, "conv.weight", Grid(torch.full((4,), 0.002), torch.zeros(4), INT8, axis=0))
    lowering = OnnxRuntime().lower(network.recompile(), tmp_path / "network.onnx").lowering
    conv = "Conv 'conv2d' in 'conv' gets 8-bit values but is computed in float: its result is not rounded"
    assert lowering.unfused == (conv,)


def test_a_pool_whose_result_is_rounded_is_computed_in_eight_bits(rounded, tmp_path):
    pool = next(node for node in rounded.nodes() if node.name == "mean")
    insert_after(rounded, pool, "mean", Grid(torch.tensor(0.02), torch.tensor(0.0), UINT8))
    artifact, x, (got,) = lowered(rounded.recompile(), tmp_path / "network.onnx")
    assert artifact.lowering.unfused == ()
    assert artifact.lowering.operators["QLinearGlobalAveragePool"] == 1
    torch.testing.assert_close(got, rounded(x), rtol=0.05, atol=0.02)


@pytest.mark.parametrize(
    ("reader", "largest", "bits"),
    [
        ("QLinearConv", 64, 7),
        ("QGemm", 65, 8),
        ("DynamicQuantizeMatMul", -128, 8),
        ("MatMulIntegerToFloat", -7, 4),
        ("MatMulInteger", 0, 1),
        ("Gather", 127, None),  # picked, not added up
    ],
)
def test_bits_of_weights_that_are_added_up(network, tmp_path, reader, largest, bits):
    stored = [
        onnx.numpy_helper.from_array(np.array([[0], [largest]], np.int8), "weight"),
        onnx.numpy_helper.from_array(np.array(-128, np.int8), "zero"),
    ]
    node = onnx.helper.make_node(reader, ["x", "weight", "zero"], ["y"])
    graph = onnx.helper.make_graph([node], "sums", [], [], stored)
    onnx.save(onnx.helper.make_model(graph), tmp_path / "sums.onnx")
    assert onnx_look.look(tmp_path / "sums.onnx", network).weight_bits == bits


def test_what_the_runtime_leaves_is_told_apart(network, tmp_path):
    def pair(name, kind, source):
        return onnx.helper.make_node(kind, [source, "scale"], [name])

    nodes = [
        pair("x8", "QuantizeLinear", "x"),
        pair("x", "DequantizeLinear", "x8"),
        onnx.helper.make_node("Sigmoid", ["x"], ["y"], name="gate"),
        pair("y8", "QuantizeLinear", "y"),
    ]
    graph = onnx.helper.make_graph(nodes, "left", [], [])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "left.onnx")
    lowering = onnx_look.look(tmp_path / "left.onnx", network)
    told = "Sigmoid 'gate' gets 8-bit values but is computed in float: the runtime did not fuse it"
    assert lowering.unfused == (told,)


def test_kernels_of_narrow_weights_are_not_called_float(network, tmp_path):
    """One table says what computes in float, for findings as for the count of quantized nodes."""
    kinds = ["MatMulNBits", "GatherBlockQuantized", "QLinearConv", "Reshape", "QuantizeLinear", "Erf", "Erf"]
    nodes = [onnx.helper.make_node(kind, ["x"], [f"y{i}"]) for i, kind in enumerate(kinds)]

    def look(nodes):
        onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [], [])), tmp_path / "g.onnx")
        return onnx_look.look(tmp_path / "g.onnx", network)

    found = look(nodes)
    assert (found.floats, found.conversions, found.quantized) == ({"Erf": 2}, 1, 3)
    assert look(nodes[-2:]).floats == {}  # nothing is quantized, so nothing was left in float


def test_the_general_exporter_gives_the_same_numbers(rounded, tmp_path, monkeypatch):
    direct, x, (one,) = lowered(rounded, tmp_path / "direct.onnx")
    monkeypatch.setattr(onnx_model, "translate", lambda _: None)
    general = OnnxRuntime().lower(rounded, tmp_path / "general.onnx")
    with OnnxRuntime().open(general.path) as session:
        (two,) = session.run([x.numpy()])
    np.testing.assert_allclose(one.numpy(), two, rtol=1e-4, atol=1e-5)
    assert general.lowering.operators["QLinearConv"] == 1
    assert general.lowering.quantized == direct.lowering.quantized
    again = OnnxRuntime().lower(rounded, tmp_path / "again.onnx")
    assert again.sha256 == general.sha256


def test_an_operator_without_words_is_named_with_its_module(tmp_path):
    class Odd(nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x).real

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.odd = Odd()

        def forward(self, x):
            return self.odd(x @ x.transpose(1, 2))

    network = paredown.capture(Model(), torch.randn(2, 4, 4))
    with pytest.raises(
        LoweringError,
        match=r"no words for operator aten.linalg_eigvals.default \(node 'linalg_eigvals', module 'odd'\).*targets.Torch",
    ):
        OnnxRuntime().lower(network, tmp_path / "network.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_translation_is_refused_and_leaves_no_file(network, tmp_path, monkeypatch):
    relu = torch.ops.aten.relu.default

    def wrong(builder, node):
        builder.emit("Neg", [builder.value(node.args[0])], node)

    monkeypatch.setitem(onnx_rules.RULES, relu, wrong)
    with pytest.raises(ParityError, match=r"Output 'output' of the file for ONNX Runtime does not agree .*dB holds"):
        OnnxRuntime().lower(network, tmp_path / "network.onnx")
    assert list(tmp_path.iterdir()) == []


def test_formats_that_the_kernels_lack_are_refused(network, tmp_path):
    nodes = {node.name: node for node in network.nodes()}
    narrow = network.copy()
    insert_after(
        narrow,
        next(node for node in narrow.nodes() if node.name == "relu"),
        "relu",
        Grid(torch.tensor(0.1), torch.tensor(0.0), IntFormat(4, signed=False)),
    )
    with pytest.raises(LoweringError, match=r"node 'relu' is rounded to 0 .. 15; .* store 8 bits.*quantize.Int8"):
        OnnxRuntime().lower(narrow.recompile(), tmp_path / "network.onnx")
    weight = next(node for node in nodes.values() if node.target == "head.weight")
    insert_after(network, weight, "head.weight", Grid(torch.full((2, 2), 0.01), torch.zeros(2, 2), INT8, axis=1))
    with pytest.raises(LoweringError, match=r"rounded in groups"):
        OnnxRuntime().lower(network.recompile(), tmp_path / "network.onnx")


def test_narrow_weights_are_stored_in_eight_bits(network, tmp_path):
    weight = next(node for node in network.nodes() if node.target == "head.weight")
    grid = Grid(torch.full((2,), 0.1), torch.zeros(2), IntFormat(4, signed=True), axis=0)
    insert_after(network, weight, "head.weight", grid)
    _, x, (got,) = lowered(network.recompile(), tmp_path / "network.onnx")
    torch.testing.assert_close(got, network(x), rtol=1e-4, atol=1e-5)


def test_opening_imports_the_runtime_alone(network, tmp_path):
    OnnxRuntime().lower(network, tmp_path / "network.onnx")
    code = (
        "import sys; from paredown.targets import OnnxRuntime; import numpy\n"
        f"session = OnnxRuntime().open({str(tmp_path / 'network.onnx')!r})\n"
        "session.run([numpy.zeros((1, 3, 8, 8), 'float32')])\n"
        "print([name for name in ('torch', 'onnx', 'scipy', 'optuna') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(LoweringError, match=r"nothing.onnx was given to ONNX Runtime; there is no such file"):
        OnnxRuntime().open(tmp_path / "nothing.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"this is no model")
    with pytest.raises(LoweringError, match=r"ONNX Runtime [\d.]+ cannot open .*broken.onnx"):
        OnnxRuntime().open(tmp_path / "broken.onnx")


def test_a_missing_package_names_the_extra(network, tmp_path, monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(
        LoweringError,
        match=r"needs the package 'onnx', which is not installed here. Install it with `pip install 'paredown\[onnx\]'`",
    ):
        OnnxRuntime().lower(network, tmp_path / "network.onnx")


def test_version_and_capabilities():
    assert OnnxRuntime().version() == f"onnxruntime {importlib.metadata.version('onnxruntime')}"
    capabilities = OnnxRuntime().capabilities
    assert "aten.conv2d.default" in capabilities.int8.operators
    assert capabilities.formats == {"float32", "int8", "uint8"}
    assert capabilities.channel_multiple == 8
