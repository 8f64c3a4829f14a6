"""10,000 changed graphs and stored values: each is read or refused in our own words, and nothing else runs."""

import ast
import contextlib
import dataclasses
import importlib
import json
import math
import os

import pytest
import torch
from torch import fx, nn

from paredown import architecture, codec, distill, names, prune, quantize, regularize, targets
from paredown.budget import Budget
from paredown.errors import ParedownError
from paredown.graph import graphjson, operators
from paredown.graph.capture import capture
from paredown.measure import Interval, Size
from paredown.recipe import SGD, Auto, Train
from paredown.run.settings import Settings
from paredown.verdict import Outcome, Verdict

from .mutating import NAMES, mutated
from .watch import watched

SEED = 13
VALUES = GRAPHS = 5000


def _settings():
    recipe = codec.encode((prune.Channels(importance=prune.Taylor()), quantize.Int8()))
    return Settings(
        "apply",
        Budget(latency="50%"),
        targets.OnnxRuntime(),
        1.0,
        0,
        ("prune",),
        {"recipe": recipe},
        reference="app:task",
    )


def _values():
    training = Train(
        epochs=2,
        using=[distill.Logits(), regularize.Mixup(), regularize.GroupLasso()],
        optimizer=SGD(lr=Auto(steps=30)),
    )
    recipe = (
        prune.Channels(keep=0.5, importance=prune.Taylor(), allocation=prune.Global(macs=0.5)),
        training,
        architecture.Slim(macs=0.5),
        quantize.Int8(activations=quantize.Percentile()),
    )
    plain = (math.inf, None, frozenset({1, 2}), {"a": 1})
    things = [recipe, _settings(), Size(3, 2, 1), Interval(1.0, 0.5, 1.5, 0.95), list(Outcome), plain]
    return [json.dumps(codec.encode(thing)) for thing in things]


class _Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)

    def forward(self, x, scale):
        y = torch.relu(self.norm(self.conv(x))).to(torch.float64).float()
        a, b = y.mean((2, 3)).view(x.shape[0], -1).chunk(2, 1)
        return self.head(torch.cat([a * scale, b, torch.zeros(x.shape[0], 0)], 1))


@pytest.fixture(scope="module")
def graph():
    network = capture(_Small().eval(), torch.randn(2, 1, 6, 6), torch.ones(2, 2))
    return json.dumps(graphjson.to_json(network.graph_module.graph)), tuple(network.state_dict())


def _is_of_the_table(thing):
    """Whether nothing is in a decoded value but plain values and types that have a stored name."""
    if isinstance(thing, (list, tuple, frozenset)):
        return all(map(_is_of_the_table, thing))
    if isinstance(thing, dict):
        return all(map(_is_of_the_table, thing.values()))
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        own = names.type_of(names.name_of(type(thing))) is type(thing)
        return own and all(_is_of_the_table(getattr(thing, f.name)) for f in dataclasses.fields(thing) if f.init)
    return thing is None or isinstance(thing, (bool, int, float, str, Outcome))


def _read(decode, given):
    """What a decoder makes of something; None where it refuses it in words of ours."""
    with contextlib.suppress(ParedownError):  # any other error is a failure
        return decode(given)


def _all_read(decode, given):
    """What a decoder makes of each; fails at the first for which anything else runs."""
    with watched() as seen:
        for data in given:
            yield _read(decode, data)
            assert not seen, (seen, data)


def test_changed_values_call_nothing():
    texts = _values()
    for name in (*NAMES, *texts):
        _read(codec.decode, json.loads(name) if name in texts else {"type": name})  # rooms are imported once
    given = list(mutated(texts, VALUES, SEED))
    values = [value for value in _all_read(codec.decode, given) if value is not None]
    assert all(map(_is_of_the_table, values))
    assert VALUES / 20 < len(values) < VALUES * 19 / 20


def test_changed_graphs_call_nothing(graph):
    text, tensors = graph
    given = list(mutated([text], GRAPHS, SEED))
    graphs = [
        made for made in _all_read(lambda entries: graphjson.from_json(entries, tensors), given) if made is not None
    ]
    for node in (node for made in graphs for node in made.nodes):
        assert node.op in {"placeholder", "get_attr", "call_function", "output"}
        assert node.op != "call_function" or operators.name_of(node.target) is not None
        assert node.op != "get_attr" or node.target in tensors
    assert GRAPHS / 20 < len(graphs) < GRAPHS * 19 / 20


def test_the_python_that_torch_writes_for_changed_graphs_names_nothing_else(graph):
    text, tensors = graph
    written = 0
    for data in list(mutated([text], 500, SEED + 1)):
        made = _read(lambda entries: graphjson.from_json(entries, tensors), data)
        with contextlib.suppress(AssertionError, LookupError, SyntaxError):  # these `Network.load` refuses
            tree = made and ast.parse(made.python_code("self").src)
            written += _names_only(tree, made) if tree else 0
    assert written > 50


def _names_only(tree, graph):
    """That code holds calls of operators on values, and no word that is neither torch's nor a node's."""
    known = {"self", "torch", "device", "inf", "nan", "float", "slice", "dtype", "cpu"} | {"abs", "round", "operator"}
    own = known | {node.name for node in graph.nodes} | {str(node.target) for node in graph.nodes}
    plain = {word.rstrip("_0123456789") for word in own}
    for part in ast.walk(tree):
        unwanted = (ast.Import, ast.ImportFrom, ast.Lambda, ast.ClassDef, ast.Global, ast.With, ast.Await)
        if isinstance(part, unwanted) or (isinstance(part, ast.Name) and part.id.rstrip("_0123456789") not in plain):
            pytest.fail(ast.dump(part))
    return 1


def _open_decoder(data):
    """As version 0.1 read stored values: the data names a module and an attribute."""
    module, _, name = data["ref"].partition(":")
    thing = importlib.import_module(module)
    for part in name.split("."):
        thing = getattr(thing, part)
    return thing


def test_the_watch_sees_an_open_decoder(tmp_path, monkeypatch):
    (tmp_path / "open_evil.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    with watched(bait=False) as seen:
        assert _open_decoder({"ref": "open_evil:x"}) == 1
    assert any(event.startswith("open") and "open_evil" in event for event in seen)
    assert any(event.startswith("exec") for event in seen)
    with watched() as seen, pytest.raises(AttributeError):
        _open_decoder({"ref": "os:system"})
    assert "called importlib.import_module" in seen


def test_the_watch_sees_calls():
    with watched() as seen:
        os.system("true")  # noqa: S605
        eval("1 + 1")  # noqa: S307
    assert seen[0] == "called os.system"
    assert any(event.startswith(("exec", "compile")) for event in seen)


def test_the_walk_sees_what_is_not_of_the_table():
    assert _is_of_the_table((prune.Channels(),))
    assert not _is_of_the_table((len,))
    assert not _is_of_the_table({"a": fx.Graph()})
    assert not _is_of_the_table(Verdict)
