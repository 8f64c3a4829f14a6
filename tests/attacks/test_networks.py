"""Stored networks that were made to run something: each is refused by the name of what it wanted."""

import json
import re
import zipfile

import pytest
import torch
from torch import nn

from paredown.errors import CorruptError, InputError
from paredown.graph import graphjson, operators
from paredown.graph.capture import capture
from paredown.graph.network import Network

from .watch import watched

_FIRST = 2  # the entry of the first node that computes: after the input and a parameter


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "net.pt2"
    capture(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), torch.randn(2, 3)).save(path)
    return path


def rewritten(stored, path, change):
    """A copy of a stored network whose description was changed."""
    with zipfile.ZipFile(stored) as before, zipfile.ZipFile(path, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            if name.endswith("paredown.json"):
                description = json.loads(content)
                change(description)
                content = json.dumps(description).encode()
            after.writestr(name, content)
    return path


def _calls(target, *args, name="taken"):
    return {
        "op": "call_function",
        "name": name,
        "target": target,
        "args": {"tuple": list(args)},
        "kwargs": {"dict": {}},
        "notes": {},
    }


def _chain(command):
    """The graph that reached `torch.os.system` in version 0.1."""
    return [
        _calls("torch:no_grad", name="a"),
        _calls("operator:attrgetter", "__init__.__globals__", name="b"),
        _calls("operator:call", {"node": "b"}, {"node": "a"}, name="c"),
        _calls("operator:getitem", {"node": "c"}, "torch", name="d"),
        _calls("operator:attrgetter", "os.system", name="e"),
        _calls("operator:call", {"node": "e"}, {"node": "d"}, name="f"),
        _calls("operator:call", {"node": "f"}, command, name="g"),
    ]


def test_the_chain_to_a_shell_is_refused(stored, tmp_path):
    ran = tmp_path / "ran"

    def change(description):
        description["graph"][_FIRST:_FIRST] = _chain(f"touch {ran}")

    path = rewritten(stored, tmp_path / "evil.pt2", change)
    Network.load(rewritten(stored, tmp_path / "good.pt2", lambda _: None))  # imports whatever reading an archive takes
    with (
        watched() as seen,
        pytest.raises(CorruptError, match=r"evil.pt2: The stored graph holds a call of 'torch:no_grad'"),
    ):
        Network.load(path)
    assert not [event for event in seen if event.startswith(("called", "exec", "os.", "subprocess"))]
    assert not ran.exists()


CALLS = [
    "torch:no_grad", "torch:load", "torch:compile", "torch:os", "operator:attrgetter", "operator:call",
    "operator:methodcaller", "operator:itemgetter", "operator:setitem", "math:factorial", "builtins:eval", "os:system",
    "aten::save.default", "aten::from_file.default", "aten::set_.source_Storage", "aten::set_data.default",
    "aten::record_stream.default", "aten::resize_.default", "aten::fbgemm_linear_fp16_weight.default",
    "aten::relu.__class__", "aten::relu.default.__call__", "aten::relu.default ", "aten::relu", "aten::__class__.default",
    "prim::Print.default", "torchvision::write_file.default", "image::write_file.default", "higher_order::wrap.default",
    "paredown::__class__.default", "paredown::other.default", "inductor::resize_storage_bytes_.default", "", ":", "::",
    None, 3, ["aten::relu.default"],
]  # fmt: skip


@pytest.mark.parametrize("target", CALLS)
def test_a_call_outside_of_the_table_is_refused_by_name(target):
    told = re.escape(repr(target))
    with pytest.raises(
        CorruptError, match=rf"holds a call of {told}, which no stored network may hold.*leave it alone"
    ):
        graphjson.from_json([_calls(target)], ())


ENTRIES = {
    "call_method": {"op": "call_method", "target": "__class__"},
    "call_module": {"op": "call_module", "target": "weight"},
    "attribute": {"op": "get_attr", "target": "forward.__globals__"},
    "attribute of a class": {"op": "get_attr", "target": "__class__.__init__"},
    "attribute that is text": {"op": "get_attr", "target": ["weight"]},
    "node's name": {"name": "x; import os; os.system('true')"},
    "keyword": {"name": "lambda"},
    "name in other letters": {"name": "ｅｖａｌ"},
    "input": {"op": "placeholder", "target": "x=__import__('os').system('true')", "args": {"tuple": []}},
    "default of an input": {"op": "placeholder", "target": "x", "args": {"tuple": [1]}},
    "keyword argument": {"kwargs": {"dict": {"x=__import__('os').system('true'), y": 1}}},
    "arguments": {"args": 3},
    "dtype": {"args": {"tuple": [{"torch": "os"}]}},
    "dtype that is a function": {"args": {"tuple": [{"torch": "load"}]}},
    "form": {"args": {"tuple": [{"module": "os"}]}},
    "slice": {"args": {"tuple": [{"slice": [1, 2]}]}},
    "node that is not there": {"args": {"tuple": [{"node": "later"}]}},
    "note": {"notes": {"is_wrapped": True}},
}


@pytest.mark.parametrize("change", ENTRIES.values(), ids=ENTRIES)
def test_what_would_be_written_into_python_is_refused(change):
    with pytest.raises(CorruptError, match=r"The stored graph holds .*which no stored network may hold"):
        graphjson.from_json([_calls("aten::relu.default") | change], ("weight",))


BROKEN = {
    "no name": lambda entry: entry.pop("name"),
    "device": lambda entry: entry.update(args={"tuple": [{"device": "os:system"}]}),
    "float": lambda entry: entry.update(args={"tuple": [{"float": "one"}]}),
    "notes": lambda entry: entry.update(notes=3),
    "name": lambda entry: entry.update(name=[]),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_an_entry_that_is_none_is_told(change):
    entry = _calls("aten::relu.default")
    change(entry)
    with pytest.raises(CorruptError, match=r"holds the node .* which cannot be read|holds a node named \[\]"):
        graphjson.from_json([entry], ())


def test_nodes_of_one_name_and_what_is_no_list_are_refused():
    with pytest.raises(CorruptError, match="holds the name 'taken' twice"):
        graphjson.from_json([_calls("aten::relu.default"), _calls("aten::relu.default")], ())
    with pytest.raises(CorruptError, match="in place of nodes"):
        graphjson.from_json({}, ())


def _renamed(description):
    name = 'a", __import__("os").system("true"), "'
    description["tensors"][name] = description["tensors"]["0.weight"]
    for entry in description["graph"]:
        if entry["op"] == "get_attr":
            entry["target"] = name


def _set(*path, value):
    def change(description):
        owner = description
        for key in path[:-1]:
            owner = owner[key]
        owner[path[-1]] = value

    return change


DESCRIPTIONS = {
    "name of a tensor": (_renamed, "holds a tensor named"),
    "tensor's dtype": (_set("tensors", "0.weight", "dtype", value="os"), "'os' is stored as a type of numbers"),
    "input's dtype": (_set("inputs", 0, "dtype", value="load"), "'load' is stored as a type of numbers"),
    "no graph": (lambda description: description.pop("graph"), "no network that can be put together"),
    "shape": (_set("tensors", "0.weight", "shape", value=[10**9, 10**9]), "holds 48 bytes"),
    "structure": (_set("in_structure", value=3), "no network that can be put together"),
    "another network": (_set("fingerprint", value="0"), "does not hold the network that was saved in it"),
}


@pytest.mark.parametrize(("change", "words"), DESCRIPTIONS.values(), ids=DESCRIPTIONS)
def test_a_changed_description_is_refused(stored, tmp_path, change, words):
    path = rewritten(stored, tmp_path / "evil.pt2", change)
    with watched() as seen, pytest.raises(CorruptError, match=words):
        Network.load(path)
    assert not any(event.startswith(("called", "os.system", "subprocess", "import")) for event in seen)


def test_a_tensor_whose_name_is_code_is_refused():
    name = 'a", __import__("os").system("true"), "'
    entry = {"op": "get_attr", "name": "w", "target": name, "args": {"tuple": []}, "kwargs": {"dict": {}}, "notes": {}}
    with pytest.raises(CorruptError, match="holds a tensor named"):
        graphjson.from_json([entry], (name,))


def test_every_operator_of_the_table_is_found_again_and_is_known_to_torch():
    for packet in operators._ATEN:
        overloads = [
            getattr(getattr(torch.ops.aten, packet), overload)
            for overload in getattr(torch.ops.aten, packet).overloads()
        ]
        stored = [operators.name_of(overload) for overload in overloads]
        found = []
        for name in stored:
            try:
                found.append(operators.target_of(name))
            except operators.Unknown:
                continue
        assert found, packet
        assert set(found) <= set(overloads)
    for name, function in operators._FUNCTIONS.items():
        assert operators.target_of(name) is function
        assert operators.name_of(function) == name


def test_no_operator_of_the_table_takes_storages_streams_or_file_names():
    for schema in torch._C._jit_get_all_schemas():
        if schema.name.removeprefix("aten::") in operators._ATEN and schema.name.startswith("aten::"):
            full = f"{schema.name}{schema.overload_name and '.'}{schema.overload_name}"
            if torch._C._dispatch_has_kernel(full):
                kinds = {str(argument.type) for argument in schema.arguments}
                assert not kinds & {"Storage", "Stream"}, full
                assert not any("__torch__" in kind for kind in kinds), full
                assert "filename" not in {argument.name for argument in schema.arguments}, full


def test_an_operator_that_this_torch_does_not_have_is_told():
    for overload in ("other", "op"):
        words = rf"calls aten::relu.{overload}, which is not known here. Load it with the versions"
        with pytest.raises(CorruptError, match=words):
            graphjson.from_json([_calls(f"aten::relu.{overload}")], ())


def test_a_network_with_an_operator_outside_of_the_table_is_not_stored(tmp_path):
    network = capture(nn.Linear(3, 2), torch.randn(2, 3))
    graph = network.graph_module.graph
    output = next(reversed(graph.nodes))
    with graph.inserting_before(output):
        graph.call_function(torch.ops.aten.set_.source_Tensor, (output.args[0][0], output.args[0][0]))
    with pytest.raises(
        InputError, match=r"Node set_.* calls aten.set_.source_Tensor, which has no stored form.*torch.ops.aten"
    ):
        network.save(tmp_path / "net.pt2")
    assert not (tmp_path / "net.pt2").exists()
