import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown.errors import LoweringError
from paredown.graph.fakequantize import Grid, insert_after
from paredown.graph.formats import INT8, UINT4, IntFormat
from paredown.quantize import DynamicInt8, WeightOnly
from paredown.recipe import Evidence
from paredown.targets import OnnxRuntime
from paredown.targets.onnx import model as onnx_model
from paredown.targets.onnx import words
from paredown.targets.onnx.narrow import say_narrow
from paredown.targets.onnxruntime import look as onnx_look


class Words(nn.Module):
    """A table, causal attention without biases and a layer of two dimensions."""

    def __init__(self, width=32):
        super().__init__()
        self.table, self.mix, self.head = (
            nn.Embedding(9, width),
            nn.Linear(width, width, bias=False),
            nn.Linear(width, 3),
        )

    def forward(self, ids):
        x = self.table(ids)
        y, x = (part.unsqueeze(1) for part in (self.mix(x), x))
        return self.head(F.scaled_dot_product_attention(y, y, x, is_causal=True).mean((1, 2)))


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return paredown.capture(Words().eval(), torch.randint(0, 9, (2, 6)))


STEPS = {
    "asymmetric": WeightOnly(),
    "symmetric": WeightOnly(symmetric=True),
    "eight bits": WeightOnly(8, 16),
    "narrow table": WeightOnly(embedding_bits=4),
    "dynamic": DynamicInt8(),
}


def rounded(network, step):
    return step.on(network, Evidence.empty(OnnxRuntime().capabilities))


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_the_words_compute_what_the_rounded_network_computes(network, step):
    network, ids = rounded(network, step), torch.randint(0, 9, (4, 6))
    said = say_narrow(network)
    assert said is not network
    assert not any("fake_quantize" in str(node.target) for node in said.nodes())
    torch.testing.assert_close(said(ids), network(ids), rtol=1e-4, atol=1e-5)


def test_a_network_without_narrow_weights_is_left_as_it_is(network):
    assert say_narrow(network) is network


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_both_translators_find_the_same_kernels(network, step, tmp_path, monkeypatch):
    network, ids = rounded(network, step), torch.randint(0, 9, (4, 6))
    found = []
    for name in ("direct", "exporter"):
        artifact = OnnxRuntime().lower(network, tmp_path / f"{name}.onnx")
        found.append({k: v for k, v in artifact.lowering.operators.items() if "Mat" in k or "Quant" in k})
        with OnnxRuntime().open(artifact.path) as session:
            got = torch.from_numpy(session.run([ids.numpy()])[0])
        torch.testing.assert_close(got, network(ids).detach(), rtol=0.05, atol=0.02)
        monkeypatch.setattr(onnx_model, "translate", lambda _: None)
    assert found[0] == found[1]


@pytest.mark.parametrize(("bits", "width"), [(4, 6), (4, 5), (8, 5)])
def test_packing_is_undone(bits, width):
    stored = torch.randint(0, 1 << bits, (3, width))
    packed = words.pack(stored.float(), bits)
    assert packed.dtype == torch.uint8
    assert packed.shape[1] == (width * bits + 7) // 8
    scale, zero = torch.ones(3, 1), words.pack(torch.zeros(3, 1), bits)
    rows = words.gather_narrow(packed, torch.arange(3), scale, zero, bits, 16, width)
    assert torch.equal(rows, stored.float())


def test_operators_are_well_formed_for_tracing():
    x = torch.randn(2, 3, 32)
    weight, scale = torch.randint(0, 256, (5, 2, 8), dtype=torch.uint8), torch.rand(5, 2)
    ops = torch.ops.paredown
    torch.library.opcheck(ops.linear_narrow.default, (x, weight, scale, None, torch.randn(5), 4, 16, 5, 32))
    torch.library.opcheck(ops.gather_narrow.default, (weight.flatten(1), torch.tensor([1, 4]), scale, None, 4, 16, 32))
    torch.library.opcheck(ops.quantize_dynamic.default, (x,))
    stored, step, zero = ops.quantize_dynamic(x)
    matrix = torch.randint(-128, 128, (32, 5), dtype=torch.int8)
    torch.library.opcheck(ops.integer_linear.default, (stored, step, zero, matrix, torch.rand(5), None))


def by_hand(network, grid, *, dynamic=False):
    network = rounded(network, DynamicInt8(embeddings=False)) if dynamic else network.copy()
    for entry in list(network.nodes()):
        if dynamic and "fake_quantize" in str(entry.target):
            entry.replace_all_uses_with(entry.args[0])
            network.graph_module.graph.erase_node(entry)
    weight = next(node for node in network.nodes() if node.target == "head.weight")
    insert_after(network, weight, "by_hand", grid)
    return network.recompile()


@pytest.mark.parametrize(
    ("grid", "dynamic", "message"),
    [
        (
            Grid(torch.ones(3, 4), torch.zeros(3, 4), UINT4, axis=1),
            False,
            r"node 'head_weight' is rounded in groups of 8; .* take groups of 16, 32, 64, 128, 256. .*WeightOnly\(group=32",
        ),
        (
            Grid(torch.ones(3, 2), torch.zeros(3, 2), IntFormat(5, signed=False), axis=1),
            False,
            r"node 'head_weight' is rounded to 0 .. 31; ONNX Runtime stores such weights in 4 or 8 bits. .*WeightOnly\(bits=4",
        ),
        (
            Grid(torch.ones(3), torch.full((3,), 2.0), INT8, axis=0),
            True,
            r"node 'head_weight' is read by a layer that rounds while running; .* signed weights .*DynamicInt8\(\)",
        ),
    ],
)
def test_what_the_kernels_lack_is_refused(network, tmp_path, grid, dynamic, message):
    broken = by_hand(network, grid, dynamic=dynamic)
    with pytest.raises(LoweringError, match=message):
        OnnxRuntime().lower(broken, tmp_path / "network.onnx")
    assert not list(tmp_path.iterdir())


def test_an_integer_product_that_was_not_fused_is_reported(network, tmp_path):
    nodes = [onnx.helper.make_node("MatMulInteger", ["q", "w"], ["y"], name="mix.whole")]
    graph = onnx.helper.make_graph(nodes, "g", [], [])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "optimised.onnx")
    found = onnx_look.look(tmp_path / "optimised.onnx", network)
    assert found.unfused == ("MatMulInteger 'mix' is not fused with what rounds its input",)
    assert found.quantized == 1


def test_convolutions_take_no_groups(tmp_path):
    network = paredown.capture(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()), torch.randn(2, 3, 8, 8))
    weight = next(node for node in network.nodes() if node.target == "0.weight")
    insert_after(network, weight, "0.weight", Grid(torch.ones(4, 1, 1, 1), torch.zeros(4, 1, 1, 1), INT8, axis=1))
    with pytest.raises(
        LoweringError, match=r"node '.*weight' is rounded in groups; ONNX Runtime's 8-bit kernels take one sc"
    ):
        OnnxRuntime().lower(network.recompile(), tmp_path / "network.onnx")
