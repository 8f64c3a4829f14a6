"""Tasks: outputs of every nesting, inputs of every form, and what check refuses before any work."""

import copy
import dataclasses
import functools
import hashlib
import os
import sys
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from paredown import scores
from paredown.data import Data
from paredown.errors import DataError, TaskError
from paredown.task import Objective, Task, arguments
from paredown.task.load import makes_tasks, origin


def split(n=40, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 4, generator=generator), torch.arange(n) % classes


def data(**splits):
    return Data(**({"train": split(), "judge": split(seed=1)} | splits))


def task(model=None, **settings):
    fields = {"data": data(), "loss": functional.cross_entropy, "score": scores.accuracy} | settings
    return Task(model or nn.Linear(4, 3), **fields)


@dataclasses.dataclass
class Result:
    logits: torch.Tensor
    hidden: torch.Tensor | None = None


class Model(nn.Module):
    """Returns what `form` makes of its logits; has buffers, dropout and batch norm to be disturbed."""

    def __init__(self, form=lambda x: x):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout())
        self.register_buffer("calls", torch.zeros(()))
        self.form = form

    def forward(self, x):
        self.calls += 1
        return self.form(self.layers(x))


def digest(model):
    state = [(name, tensor.numpy().tobytes()) for name, tensor in model.state_dict().items()]
    return hashlib.sha256(repr((state, [m.training for m in model.modules()])).encode()).hexdigest()


FORMS = {
    "tensor": (lambda x: x, None),
    "tuple of one": (lambda x: (x,), None),
    "dict with logits": (lambda x: {"logits": x, "hidden": x[:, :2]}, None),
    "dict with out": (lambda x: OrderedDict(out=x, aux=x), None),
    "dataclass with logits": (Result, None),
    "dataclass by name": (lambda x: Result(x * 0, x), "hidden"),
    "dict by name": (lambda x: {"a": x[:, :1], "b": x}, "b"),
    "tuple by position": (lambda x: (x[:, :1], x), 1),
    "by function": (lambda x: {"deep": (x, None)}, lambda raw: raw["deep"][0]),
}


@pytest.mark.parametrize("form", FORMS)
def test_outputs_are_picked_out_of_any_nesting(form):
    shape, logits = FORMS[form]
    made = task(Model(shape), logits=logits)
    made.check()
    x = torch.randn(5, 3)
    assert torch.equal(made.outputs(shape(x)), x)
    target = torch.tensor([0, 1, 2, 0, 1])
    assert torch.equal(made.loss_of(shape(x), target), functional.cross_entropy(x, target))


def test_outputs_of_a_file_may_be_arrays():
    made = task()
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    assert torch.equal(made.outputs([x]), torch.from_numpy(x))
    assert torch.equal(task(logits="b").outputs({"a": x, "b": x}), torch.from_numpy(x))
    assert torch.equal(task(logits=lambda raw: raw[1] + 1).outputs([x, x]), torch.from_numpy(x) + 1)


@pytest.mark.parametrize(
    ("raw", "logits", "words"),
    [
        (
            (torch.zeros(1), torch.zeros(1)),
            None,
            r"The model returned a tuple of 2. Say which of it is scored: Task\(logits=...\)",
        ),
        ({"a": torch.zeros(1), "b": torch.zeros(1)}, None, r"a dict with the keys a, b"),
        (Result(None, torch.zeros(1)), None, r"a Result with the fields logits, hidden"),
        ("text", None, r"returned a str"),
        ({"a": torch.zeros(1)}, "b", r"logits='b' is not in what the model returned: a dict with the keys a"),
        ((torch.zeros(1),), 3, r"logits=3 is not in what the model returned: a tuple of 1"),
        (Result(torch.zeros(1)), "nothing", r"logits='nothing' is not in what the model returned: a Result"),
    ],
)
def test_outputs_that_are_not_there(raw, logits, words):
    with pytest.raises(TaskError, match=words):
        task(logits=logits).outputs(raw)


def test_a_loss_is_one_number():
    made = task(loss=lambda outputs, target: functional.cross_entropy(outputs, target, reduction="none"))
    with pytest.raises(
        TaskError, match=r"The loss returned shape \[2\]; it has to be one number, as a tensor. Average it"
    ):
        made.loss_of(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))
    with pytest.raises(TaskError, match=r"The loss returned a float"):
        task(loss=lambda outputs, target: 1.0).loss_of(torch.zeros(2, 3), torch.zeros(2))


class Keywords(nn.Module):
    def forward(self, *, pixels, scale=None):
        return pixels[:, :3] * (1 if scale is None else scale)


class Two(nn.Module):
    def forward(self, a, b):
        return (a + b)[:, :3]


class Whole(nn.Module):
    def forward(self, batch):
        return batch["x"][:, :3]


class Anything(nn.Module):
    def forward(self, **inputs):
        return inputs["x"][:, :3]


def named(names, n=40):
    x, y = split(n)
    return dict.fromkeys(names, x), y


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (Keywords(), named(["pixels"])),
        (Two(), ((split()[0], split()[0]), split()[1])),
        (Two(), named(["a", "b"])),
        (Whole(), named(["x"])),
        (Anything(), named(["x"])),
        (Anything(), {"x": split()[0], "labels": split()[1]}),
    ],
    ids=["keyword-only", "tuple", "dict by name", "dict as one", "any keywords", "dict with labels"],
)
def test_inputs_reach_the_forward(model, given):
    Task(model, Data(given, judge=given), functional.cross_entropy, scores.accuracy).check()
    inputs, _ = next(Data(given, judge=given).work.train.batches(size=2))
    args, kwargs = arguments(model, inputs)
    assert model(*args, **kwargs).shape == (2, 3)


@pytest.mark.parametrize(
    ("model", "inputs", "words"),
    [
        (
            Keywords(),
            torch.zeros(2, 4),
            r"The data has one input, and Keywords.forward takes \(pixels, scale\). Give the inputs by name: \(\{'pixels': ...\}, target\)",
        ),
        (Two(), torch.zeros(2, 4), r"one input, and Two.forward takes \(a, b\)"),
        (Two(), (1, 2, 3), r"3 inputs, and Two.forward takes"),
        (Keywords(), {"image": 1}, r"a dict of image, and Keywords.forward takes \(pixels, scale\)"),
    ],
)
def test_inputs_that_the_forward_does_not_take(model, inputs, words):
    with pytest.raises(TaskError, match=words):
        arguments(model, inputs)


@pytest.mark.parametrize("training", [True, False])
def test_check_leaves_the_model_bit_identical(training):
    model = Model().train(training)
    before, state = digest(model), copy.deepcopy(torch.get_rng_state())
    task(model).check()
    assert digest(model) == before
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_plain_function_is_a_score():
    def hits(outputs, target):
        return outputs.argmax(1) == target

    made = task(score=hits, guards={"mine": hits})
    made.check()
    assert made.score.name == "hits"
    assert made.guards["mine"].higher_is_better


def test_the_objective_knows_nothing_of_data_and_model():
    objective = task(logits="logits").objective
    assert {field.name for field in dataclasses.fields(Objective)} == {"loss", "score", "logits", "guards"}
    assert torch.equal(objective.outputs({"logits": torch.ones(1)}), torch.ones(1))


class Twisted(nn.Module):
    """Cannot be copied."""

    def forward(self, x):
        return x[:, :3]

    def __deepcopy__(self, memo):
        msg = "holds a socket"
        raise TypeError(msg)


class _Rows:
    name, unit, higher_is_better, binary = "odd", "", True, False

    def __init__(self, rows, value=1.0, *, binary=False):
        self.made, self.value, self.binary = rows, value, binary

    def rows(self, outputs, target):
        return self.made

    def reduce(self, rows):
        return self.value


def _raise(*_):
    msg = "no such column"
    raise KeyError(msg)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": "resnet18"}, r"model is the str 'resnet18'; it has to be a torch.nn.Module. Type model=model"),
        ({"model": "net.onnx"}, r"it has to be a torch.nn.Module. It holds what a runtime computes"),
        ({"model": nn.Linear}, r"model is the class Linear; .* Make one. Type model=Linear\(\.\.\.\)"),
        ({"model": nn.Linear(2, 2).state_dict()}, r"model is an OrderedDict; .* It holds weights and no code"),
        ({"loss": "mse_loss"}, r"loss is 'mse_loss'; .* Type loss=torch.nn.functional.mse_loss\."),
        ({"loss": "hinges"}, r"loss is 'hinges'; .* Type loss=torch.nn.functional.cross_entropy\."),
        ({"data": split()}, r"data is a tuple. Type data=paredown.Data\(train, judge=test\)"),
        (
            {"loss": nn.CrossEntropyLoss},
            r"it has to be a function \(outputs, target\) -> scalar. Type loss=CrossEntropyLoss\(\)",
        ),
        ({"loss": None}, r"loss is None"),
        ({"score": "accuracy"}, r"score is 'accuracy'; it has to have rows\(outputs, target\) and reduce\(rows\)"),
        ({"guards": {"worst": 3}}, r"worst is 3; it has to have rows"),
        ({"logits": 1.5}, r"logits=1.5 has to be a name, a position or a function"),
        ({"model": Twisted()}, r"The model cannot be copied \(TypeError: holds a socket\)"),
        ({"model": Keywords()}, r"Give the inputs by name"),
        ({"model": nn.Linear(5, 3)}, r"The model cannot be run on a batch of \[8, 4\] float32 \(RuntimeError: "),
        ({"model": Model(lambda x: (x, x))}, r"Say which of it is scored"),
        (
            {"model": Model(lambda x: x / 0), "score": scores.squared_error, "loss": lambda o, t: o.sum()},
            r"The loss on the first batch of calibrate is (nan|inf|-inf)",
        ),
        (
            {"model": nn.Linear(4, 2)},
            r"select has class 2 at index \d+; the model's 2 outputs are classes 0 to 1|train has class 2 at index 2; the model's 2 outputs are classes 0 to 1",
        ),
        ({"loss": functional.mse_loss}, r"The loss cannot be computed of \[8, 3\] and \[8\]"),
        ({"loss": lambda o, t: functional.cross_entropy(o, t, reduction="none")}, r"The loss returned shape \[8\]"),
        (
            {"loss": lambda o, t: (o.argmax(1) == t).float().mean()},
            r"The loss has no gradient with respect to the outputs",
        ),
        ({"score": scores.miou(3)}, r"score: mIoU over 3 classes was given outputs of shape \[8, 3\]"),
        (
            {"score": _Rows(torch.zeros(3))},
            r"score gave rows of shape \[3\] for 8 examples; it has to be \[8\] or \[8, k\]",
        ),
        ({"score": _Rows(torch.zeros(8, 1, 1))}, r"score gave rows of shape \[8, 1, 1\]"),
        ({"score": _Rows(torch.zeros(8), float("inf"))}, r"score is not finite on the first batch"),
        ({"score": _Rows(torch.full((8,), float("nan")))}, r"score is not finite on the first batch"),
        (
            {"score": _Rows(torch.full((8, 1), 0.5), binary=True)},
            r"score says that its rows are 0 or 1 \(binary\), and they are not",
        ),
        (
            {"guards": {"worst": _raise}},
            r"worst cannot be computed of \[8, 3\] and \[8\] \(KeyError: 'no such column'\)",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_any_work(settings, words):
    settings = dict(settings)
    with pytest.raises(TaskError, match=words):
        task(settings.pop("model", None), **settings).check()


def test_a_collation_that_fails_is_told():
    def collate(examples):
        msg = "lengths differ"
        raise ValueError(msg)

    loader = torch.utils.data.DataLoader(list(zip(*split(), strict=True)), collate_fn=collate)
    with pytest.raises(
        TaskError, match=r"The first batch of calibrate cannot be put together \(ValueError: lengths differ\)"
    ):
        task(data=Data(loader, judge=split())).check()


def test_everything_is_told_at_once():
    x, y = split()
    x[3, 1] = float("nan")
    made = task(data=data(train=(x, y)), loss=functional.mse_loss, score=scores.miou(3))
    with pytest.raises(DataError) as caught:
        made.check()
    text = str(caught.value)
    assert "train: NaN in inputs at index 3" in text
    assert "The loss cannot be computed" in text
    assert "mIoU" in text


def test_an_empty_split_is_told_without_running_the_model():
    made = task(data=data(train=split(0), calibrate=split(0), select=split()))
    with pytest.raises(DataError, match="train is empty"):
        made.check()


MODULE = """
import torch
from paredown import scores
from paredown.data import Data
from paredown.task import Task

x, y = torch.randn(40, 4), torch.arange(40) % 2
digits = Task(torch.nn.Linear(4, 2), Data((x, y), judge=(x, y)), torch.nn.functional.cross_entropy, scores.accuracy)
number = 3

def make():
    return digits

def needs(size):
    return digits

def wrong():
    return 5

def broken():
    raise TypeError("inside")
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "task_app_for_test.py").write_text(MODULE)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "deep_for_test.py").write_text(MODULE)
    (tmp_path / "task_needs_more.py").write_text("import surely_not_installed_anywhere")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("task_app_for_test", None)


@pytest.mark.parametrize("name", ["digits", "make"])
def test_a_task_is_found_by_module_and_name(here, name):
    found = Task.load(f"task_app_for_test:{name}")
    found.check()
    assert found.reference == found.name == f"task_app_for_test:{name}"


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("task_app_for_test", r"does not point at a task. Type module:name, for example task_app_for_test:digits"),
        ("task_app_for_test.py", r"for example task_app_for_test:digits. task_app_for_test.py has digits, make, wrong"),
        ("qqqzzz.py", r"for example qqqzzz:task\.$"),
        ("task_app_for_test.py:digits", r"for example task_app_for_test:digits"),
        (":digits", r"Type module:name, for example app:digits"),
        ("", r"Type module:name, for example app:task"),
        ("./task_app_for_test.py:digits", r"for example task_app_for_test:digits"),
        ("/elsewhere/app.py:task", r"Type module:name where the file lies: cd /elsewhere and app:task"),
        ("../app.py", r"Type module:name where the file lies: cd .. and app:task"),
        ("deep_for_test:task", r"There is below/deep_for_test.py. Type below.deep_for_test:task"),
        (
            "model.onnx",
            r"'model.onnx' is a model's file, .* into app.py and type app:task. .* paredown bench model.onnx",
        ),
        ("weights.pth", r"is a model's file, .*load_state_dict\(torch.load\('weights.pth'\)\).* type app:task\.$"),
        ("m.safetensors", r"is a model's file, .*safetensors.torch.load_file\('m.safetensors'\)"),
        ("m.tflite", r"is a model's file, .* Give the module it was made from"),
        ("task_ap_for_test:digits", r"there is no module 'task_ap_for_test'. Did you mean task_app_for_test"),
        ("qqqzzz:digits", r"there is no module 'qqqzzz'. It is looked for in "),
        (
            "task_needs_more:task",
            r"importing task_needs_more failed, because there is no module 'surely_not_installed_anywhere'. Install it",
        ),
        ("task_app_for_test:digit", r"has no 'digit'. Did you mean task_app_for_test:digits\?"),
        (
            "task_app_for_test:qqq",
            r"has no 'qqq'. Did you mean task_app_for_test:broken or task_app_for_test:digits or",
        ),
        ("torch.version:task", r"module 'torch.version' has no 'task'. It holds no task"),
        ("json:task", r"json belongs to Python and holds no task. Type module:name of a module of your own, with a"),
        (".app:task", r"does not point at a task. Type module:name"),
        ("task_app_for_test:number", r"is a int. It has to be a paredown.Task, or a function without arguments"),
        ("task_app_for_test:wrong", r"is a int. It has to be a paredown.Task"),
        ("task_app_for_test:needs", r"is a function that needs arguments"),
        ("task_app_for_test:Task", r"is a type. It has to be a paredown.Task"),
    ],
)
def test_references_that_lead_nowhere(here, reference, words):
    with pytest.raises(TaskError, match=words):
        Task.load(reference)


def test_where_a_task_would_be_imported_from_is_told_without_importing(here):
    assert origin("task_app_for_test:digits") == str(here / "task_app_for_test.py")
    assert origin("qqqzzz.inner:digits") == str(here)
    assert "task_app_for_test" not in sys.modules
    Task.load("task_app_for_test:digits")
    assert origin("task_app_for_test:digits") == str(here / "task_app_for_test.py")


def test_only_functions_of_ones_own_make_tasks(here):
    assert makes_tasks(test_only_functions_of_ones_own_make_tasks)
    assert makes_tasks(functools.partial(functools.partial(test_only_functions_of_ones_own_make_tasks, 1), 2))
    for thing in (os.abort, os.getcwd, print, functools.partial(os.abort), Task, 3):
        assert not makes_tasks(thing)


def test_errors_of_the_users_function_are_the_users(here):
    with pytest.raises(TypeError, match="inside"):
        Task.load("task_app_for_test:broken")


def test_what_is_no_reference():
    with pytest.raises(TaskError, match=r"Task.load was given a Task; .* Type Task.load\('app:task'\)"):
        Task.load(task())
