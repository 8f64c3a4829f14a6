import json
import pickletools
import subprocess
import sys
import zipfile

import pytest
import torch
from torch import nn

from paredown.errors import CorruptError, InputError
from paredown.graph.capture import capture
from paredown.graph.fakequantize import Grid, insert_after
from paredown.graph.formats import INT8, UINT8
from paredown.graph.network import Network, module_path
from paredown.graph.shapes import propagate

from . import traps

MODELS = {
    "residual": (traps.Residual, torch.randn(2, 3, 8, 8)),
    "constants": (traps.DeviceConstants, torch.randint(0, 11, (2, 6))),
    "tied": (traps.Tied, torch.randint(0, 11, (2, 5))),
    "recurrent": (traps.Recurrent, torch.randn(2, 5, 4)),
}


@pytest.fixture(params=MODELS, scope="module")
def captured(request):
    model, x = MODELS[request.param]
    return capture(model(), x)


@pytest.fixture
def network(captured):
    return captured.copy()


def quantized():
    network = capture(traps.Residual(), torch.randn(2, 3, 8, 8))
    nodes = {node.name: node for node in network.nodes()}
    insert_after(network, nodes["x"], "x", Grid(torch.tensor(0.02), torch.tensor(128.0), UINT8))
    convolution = nodes["conv2d"]
    scales = torch.rand(8) / 50 + 0.01
    insert_after(network, convolution.args[1], "conv1.weight", Grid(scales, torch.zeros(8), INT8, axis=0))
    return propagate(network.recompile())


def test_the_round_trip_is_exact(network, tmp_path):
    network.train()
    network.save(tmp_path / "net.pt2")
    again = Network.load(tmp_path / "net.pt2")
    assert again.fingerprint() == network.fingerprint()
    assert again.training
    assert again.lost == network.lost
    assert again.inputs == network.inputs
    assert set(again.state_dict()) == set(network.state_dict())
    assert [(n.name, module_path(n)) for n in again.nodes()] == [(n.name, module_path(n)) for n in network.nodes()]
    x = network.example[0]
    assert torch.equal(again.eval()(x), network.eval()(x))
    assert again.example[0].shape == x.shape
    again.save(tmp_path / "again.pt2")
    assert Network.load(tmp_path / "again.pt2").fingerprint() == again.fingerprint()
    assert [n.name for n in again.nodes() if "val" in n.meta] == [n.name for n in network.nodes() if "val" in n.meta]
    again.train()(x).float().sum().backward()
    assert all(p.grad is not None for p in again.parameters())


def test_saving_twice_gives_the_same_file_and_leaves_the_network_alone(network, tmp_path):
    before = network.train().fingerprint()
    network.save(tmp_path / "a.pt2")
    network.save(tmp_path / "b.pt2")
    assert network.fingerprint() == before
    assert (tmp_path / "a.pt2").read_bytes() == (tmp_path / "b.pt2").read_bytes()


def test_ties_and_frozen_parameters_are_kept(tmp_path):
    network = capture(traps.Tied(), torch.randint(0, 11, (2, 5)))
    network.embed.weight.requires_grad_(False)
    network.save(tmp_path / "net.pt2")
    again = Network.load(tmp_path / "net.pt2")
    assert again.embed.weight is again.head.weight
    assert not again.embed.weight.requires_grad


def test_nesting_comes_back_without_the_users_classes(tmp_path):
    model = traps.Structured().eval()
    ids, mask = torch.randint(0, 11, (2, 5)), torch.ones(2, 5)
    network = capture(model, input_ids=ids, extra={"mask": mask})
    network.save(tmp_path / "net.pt2")
    answer = Network.load(tmp_path / "net.pt2")(input_ids=ids, extra={"mask": mask})
    assert torch.equal(answer.logits, model(input_ids=ids, extra={"mask": mask}).logits)


def test_fake_quantize_nodes_come_back(tmp_path):
    network = quantized()
    network.save(tmp_path / "net.pt2")
    again = Network.load(tmp_path / "net.pt2")
    assert again.fingerprint() == network.fingerprint()
    assert sum("fake_quantize" in str(node.target) for node in again.nodes()) == 2
    program = torch.export.load(tmp_path / "net.pt2")
    assert not any("paredown" in str(node.target) for node in program.graph.nodes)
    x = torch.randn(5, 3, 8, 8)
    assert torch.allclose(program.module()(x)[0], network(x), atol=1e-5)


_ALONE = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "paredown":
            raise ImportError(name + " is not here")
sys.meta_path.insert(0, Blocked())
import torch
module = torch.export.load(sys.argv[1]).module()
x = torch.load(sys.argv[2], weights_only=True)
for size in (1, 2, 5):
    torch.testing.assert_close(module(x["in"][:size])[0], x["out"][:size])
assert not {"paredown", "lightning_fabric", "onnx", "optuna", "safetensors"} & set(sys.modules)
print("alone")
"""


def test_torch_alone_loads_it(tmp_path):
    network = quantized()
    network.save(tmp_path / "net.pt2")
    x = torch.randn(5, 3, 8, 8)
    torch.save({"in": x, "out": network(x).detach()}, tmp_path / "x.pt")
    command = [sys.executable, "-c", _ALONE, str(tmp_path / "net.pt2"), str(tmp_path / "x.pt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.strip() == "alone", done.stderr


def test_there_is_no_pickle_and_no_sample_input_inside(network, tmp_path):
    network.save(tmp_path / "net.pt2")
    with zipfile.ZipFile(tmp_path / "net.pt2") as archive:
        for name in archive.namelist():
            content = archive.read(name)
            assert not (content.startswith(b"\x80") and content.endswith(b".") and _is_pickle(content)), name
            if "sample_inputs" in name:
                assert content == b""
        text = archive.read("archive/extra/paredown.json").decode()
        configs = [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith("_config.json")]
    assert not any(entry["use_pickle"] for config in configs for entry in config["config"].values())
    assert "/" + "graph/traps.py" not in text


def _is_pickle(content):
    try:
        list(pickletools.genops(content))
    except ValueError:
        return False
    return True


def test_a_changed_file_is_noticed(tmp_path):
    path = tmp_path / "net.pt2"
    capture(traps.Residual(), torch.randn(2, 3, 8, 8)).save(path)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("archive/data/weights/weight_0")
    content[entry.header_offset + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptError, match=r"net.pt2 .*(Save it again|Save the network again)"):
        Network.load(path)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text.pt2").write_text("hello")
    with pytest.raises(CorruptError, match=r"text.pt2 is not a stored network.*network.save\(path\)"):
        Network.load(tmp_path / "text.pt2")
    program = torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),))
    torch.export.save(program, tmp_path / "other.pt2")
    with pytest.raises(
        CorruptError, match=r"is a .pt2 archive, but not one of Paredown. Load it with torch.export.load"
    ):
        Network.load(tmp_path / "other.pt2")


def test_a_format_of_another_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("paredown.graph.storage._FORMAT", 99)
    capture(nn.Linear(3, 2), torch.randn(2, 3)).save(tmp_path / "net.pt2")
    monkeypatch.undo()
    with pytest.raises(CorruptError, match=r"has format 99; this version reads 1. Use the version that wrote it"):
        Network.load(tmp_path / "net.pt2")


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    network = capture(nn.Linear(3, 2), torch.randn(2, 3))
    network.save(tmp_path / "net.pt2")
    before = (tmp_path / "net.pt2").read_bytes()

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        network.save(tmp_path / "net.pt2")
    assert (tmp_path / "net.pt2").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_what_cannot_be_stored_is_refused(tmp_path):
    network = capture(nn.Linear(3, 2), torch.randn(2, 3))
    output = next(reversed(network.graph_module.graph.nodes))
    with network.graph_module.graph.inserting_before(output):
        node = network.graph_module.graph.call_function(print, (output.args[0][0],))
    node.meta["val"] = None
    with pytest.raises(
        InputError, match=r"Node print_1 calls <built-in function print>, which has no stored form.*torch.ops.aten"
    ):
        network.save(tmp_path / "net.pt2")


def test_shapes_are_made_anew_for_a_network_that_was_cut_by_hand(tmp_path):
    network = capture(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)), torch.randn(2, 4))
    for name, tensor in (
        ("0.weight", network.get_parameter("0.weight")[:3]),
        ("0.bias", network.get_parameter("0.bias")[:3]),
        ("2.weight", network.get_parameter("2.weight")[:, :3]),
    ):
        owner, _, leaf = name.rpartition(".")
        network.get_submodule(owner).register_parameter(leaf, nn.Parameter(tensor.detach()))
    network.save(tmp_path / "net.pt2")
    x = torch.randn(3, 4)
    assert torch.allclose(torch.export.load(tmp_path / "net.pt2").module()(x)[0], network(x))
    assert torch.equal(Network.load(tmp_path / "net.pt2")(x), network(x))
