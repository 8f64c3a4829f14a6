"""What torch would run out of a ``.pt2`` archive never reaches torch."""

import builtins
import io
import struct
import zipfile

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paredown.errors import LoweringError, TrustError
from paredown.graph.archive import check_archive
from paredown.measure.subject import Subject
from paredown.targets import Torch

MODEL = "models/model.json"
SINK = "paredown_attack_ran"


class Bomb:
    """Unpickling this calls something."""

    def __reduce__(self):
        return (exec, (f"import builtins; builtins.{SINK} = True",))


def pickled(thing):
    stream = io.BytesIO()
    torch.save(thing, stream)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def nothing_ran():
    yield
    ran = hasattr(builtins, SINK)
    if ran:
        delattr(builtins, SINK)
    assert not ran


def refused(path, words):
    """Every door is shut: opening, measuring, and opening with the user's word for it."""
    for door in (lambda: Torch().open(path), lambda: Torch().open(path, trust=True), lambda: Subject.of(path, Torch())):
        with pytest.raises(TrustError, match=words):
            door()


def test_an_honest_archive_is_let_in(stored, forge):
    check_archive(stored)
    check_archive(forge())  # written anew by another writer
    with Torch().open(forge()) as session:
        assert len(session.run([torch.zeros(5, 3).numpy()])[0]) == 5


def test_the_bomb_goes_off_where_nobody_looks():
    """The attack is real: torch itself runs what is pickled."""
    torch.load(io.BytesIO(pickled((Bomb(),))), weights_only=False)
    assert getattr(builtins, SINK) is True
    delattr(builtins, SINK)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data/sample_inputs/model.pt": pickled((Bomb(),))}, "pickled sample inputs"),
        ({"data/weights/model.pt": pickled({"a": Bomb()})}, "the file 'data/weights/model.pt'"),
        ({"data/constants/model.pt": pickled({"a": Bomb()})}, "the file 'data/constants/model.pt'"),
        ({"data/constants/opaque_obj_0": b"cposix\nsystem\n"}, "the file 'data/constants/opaque_obj_0'"),
        ({"data/constants/custom_obj_0": b"x"}, "custom_obj_0"),
        ({"models/second.json": b"{}"}, "the file 'models/second.json'"),
        ({"extra/other.json": b"{}"}, "the file 'extra/other.json'"),
        ({"!network/../../escape": b"x"}, "which leads elsewhere"),
        ({"!version": b"8.1"}, "which leads elsewhere"),
        ({"!other/models/model.json": b"{}"}, "twice, or in a folder of its own"),
        ({MODEL: b"{"}, "that is not JSON"),
        ({MODEL: b"[" * 100_000}, "that is not JSON"),
        ({MODEL: None}, "no models/model.json"),
        ({"data/weights/weight_0": b"1"}, "1 bytes for the tensor"),
        ({"data/weights/weight_0": None}, "no tensor for"),
        (
            {
                "data/weights/model_weights_config.json": lambda old: old.replace(
                    b'"use_pickle": false', b'"use_pickle": true'
                )
            },
            "pickled tensors",
        ),
        (
            {"data/weights/model_weights_config.json": lambda old: old.replace(b'"weight_0"', b'"../../weight_0"')},
            "path_name '../../weight_0'",
        ),
        (
            {
                "data/weights/model_weights_config.json": lambda old: old.replace(
                    b'"as_int": 4', b'"as_int": 40000000000'
                )
            },
            "bytes for the tensor",
        ),
    ],
)
def test_files_that_do_not_belong_there(forge, changes, words):
    refused(forge(changes), words)


def node(description):
    return description["graph_module"]["graph"]["nodes"][0]


def graph(description):
    return description["graph_module"]["graph"]


def call(description):
    return description["graph_module"]["module_call_graph"][0]["signature"]


def rename(description, old, new):
    """The same name everywhere, as torch will use it in the source that it writes and runs."""
    for key, value in list(description.items()) if isinstance(description, dict) else list(enumerate(description)):
        if isinstance(value, dict | list):
            rename(value, old, new)
        elif value == old:
            description[key] = new
        if key == old:
            description[new] = description.pop(old)


CODE = "x=__import__('os').system('id')"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: node(d).update(target="torch.os.system"), "target 'torch.os.system'"),
        (lambda d: node(d).update(target="torch.ops.load_library"), "target 'torch.ops.load_library'"),
        (lambda d: node(d).update(target="_operator.attrgetter.__call__"), "target '_operator.attrgetter"),
        (lambda d: node(d).update(target="#namespace:name"), "target '#namespace:name'"),
        (lambda d: node(d).update(target="torch.load"), "target 'torch.load'"),
        (lambda d: node(d).update(target="_operator.attrgetter"), "target '_operator.attrgetter'"),
        (lambda d: node(d).update(target="torch.ops.aten.from_file.default"), "target 'torch.ops.aten.from_file.default'"),
        (lambda d: node(d).update(target="torch.ops.paredown.fake_quantize.default"), "target 'torch.ops.paredown"),
        (lambda d: node(d).update(target="math.__loader__"), "target 'math.__loader__'"),
        (lambda d: node(d)["metadata"].update(nn_module_stack="a,b,torch.os.system"), "metadata"),
        (lambda d: node(d)["inputs"][0]["arg"].update(as_operator="torch.os.system"), "the field 'as_operator'"),
        (lambda d: node(d)["inputs"][0]["arg"].update(as_graph={}), "the field 'as_graph'"),
        (lambda d: node(d)["inputs"][0].update(name=CODE), 'name "x=__import__'),
        (lambda d: graph(d)["custom_obj_values"].update(a={}), "custom_obj_values"),
        (lambda d: rename(d, "input", CODE), "x=__import__"),
        (lambda d: rename(d, "p_0_weight", CODE), "x=__import__"),
        (lambda d: rename(d, "0.weight", '"), __import__("os"), ("'), "parameter_name"),
        (lambda d: call(d).update(forward_arg_names=[CODE]), "forward_arg_names"),
        (lambda d: call(d).update(in_spec='[1, {"type": "collections.defaultdict", "context": "{}", "children_spec": []}]'), "in_spec"),
        (lambda d: call(d).update(out_spec="[2, {}]"), "out_spec"),
        (lambda d: d.update(guards_code=[CODE]), "guards_code"),
        (lambda d: d.update(verifiers=["OTHER"]), "verifiers 'OTHER'"),
        (lambda d: d.update(surprise=1), "the field 'surprise'"),
        (lambda d: graph(d)["sym_int_values"].update({CODE: {"as_int": 1}}), "in sym_int_values"),
        (lambda d: graph(d)["sym_int_values"].update(a={"as_expr": {"expr_str": CODE}}), "expr_str"),
        (lambda d: graph(d)["sym_int_values"].update(a={"as_expr": {"expr_str": "__import__('os')"}}), "expr_str"),
        (lambda d: graph(d)["sym_int_values"].update(a={"as_expr": {"expr_str": "Symbol('a').func"}}), "expr_str"),
        (lambda d: graph(d)["sym_int_values"].update(a={"as_expr": {"expr_str": "Symbol('__import__(1)')"}}), "expr_str"),
        (lambda d: graph(d)["sym_int_values"].update(a={"as_expr": {"expr_str": "Integer(**{'a': 1})"}}), "expr_str"),
        (lambda d: graph(d)["sym_int_values"].update(a={"as_expr": {"expr_str": "lambda: 1"}}), "expr_str"),
    ],
)  # fmt: skip
def test_descriptions_that_torch_would_run(describe, change, words):
    refused(describe(change), words)


def test_an_archive_that_is_packed(forge):
    refused(forge(pack=zipfile.ZIP_DEFLATED), "packed or encrypted")


def test_an_archive_with_the_same_name_twice(stored, tmp_path):
    twice = tmp_path / "twice.pt2"
    twice.write_bytes(stored.read_bytes())
    with zipfile.ZipFile(twice, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(archive.namelist()[0], b"second")
    refused(twice, "twice")


def test_an_archive_that_two_readers_see_differently(forge):
    """One reader goes by the end of the file, another by its start."""
    whole = forge().read_bytes()
    for content in (b"PK\x03\x04" + whole, whole + b"trailing", whole + whole):
        path = forge(name="ambiguous.pt2")
        path.write_bytes(content)
        with pytest.raises((TrustError, LoweringError), match=r"before or after|two ends|cannot open|leads elsewhere"):
            Torch().open(path)
    moved = bytearray(whole)
    offset = struct.unpack_from("<L", moved, len(moved) - 6)[0]
    struct.pack_into("<L", moved, len(moved) - 6, offset - 1)
    path.write_bytes(moved)
    with pytest.raises((TrustError, LoweringError)):
        Torch().open(path)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_bytes_changed_anywhere_open_nothing_else(stored, tmp_path, data):
    """A changed archive is refused, or is one that the looks let through; it is never another error, and runs nothing."""
    content = bytearray(stored.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "changed.pt2"
    path.write_bytes(content)
    try:
        Torch().admit(path)
    except (TrustError, LoweringError):
        return
