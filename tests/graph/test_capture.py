import hashlib
import re
import threading
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.utils.prune
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from paredown import prune
from paredown.errors import CaptureError, InputError
from paredown.graph.agreement import _distance
from paredown.graph.capture import capture
from paredown.graph.network import module_path
from paredown.graph.sparsity import sparse_weights

from . import traps


def digest(model):
    """Everything that can be seen of a model."""
    text = hashlib.sha256(str(model).encode())
    for name, tensor in model.state_dict().items():
        text.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        text.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    flags = [(m.training, len(m._forward_hooks)) for m in model.modules()]
    return text.hexdigest(), flags, [p.requires_grad for p in model.parameters()]


@pytest.mark.parametrize("training", [True, False])
def test_the_users_model_stays_bit_identical(training):
    model, x = traps.Residual().train(training), torch.randn(4, 3, 8, 8)
    model.conv1.weight.requires_grad_(False)
    before, state = digest(model), torch.random.get_rng_state()
    network = capture(model, x)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert digest(model) == before
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not network.get_parameter("conv1.weight").requires_grad
    assert network.get_parameter("conv2.weight").requires_grad


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_the_batch_is_free_whatever_the_example(batch):
    model = traps.Residual().eval()
    network = capture(model, torch.randn(batch, 3, 8, 8))
    assert network.inputs[0].name == "x"
    assert network.inputs[0].shape == ("batch", 3, 8, 8)
    assert network.example[0].shape[0] == 2
    for size in (1, 3, 7):
        x = torch.randn(size, 3, 8, 8)
        assert torch.allclose(network(x), model(x), atol=1e-6)


def test_nodes_know_the_users_modules_and_parameters():
    network = capture(traps.Residual(), torch.randn(2, 3, 8, 8))
    paths = {node.name: module_path(node) for node in network.nodes() if node.op == "call_function"}
    assert paths["conv2d"] == "conv1"
    assert paths["batch_norm_1"] == "bn2"
    assert paths["linear"] == "fc"
    assert {name for name, _ in network.named_parameters()} == {name for name, _ in traps.Residual().named_parameters()}
    assert set(network.state_dict()) == set(traps.Residual().state_dict())


def test_keyword_inputs_a_dict_inside_and_a_dataclass_out():
    model = traps.Structured().eval()
    ids, mask = torch.randint(0, 11, (2, 5)), torch.ones(2, 5)
    network = capture(model, input_ids=ids, extra={"mask": mask}, return_hidden=True)
    assert [spec.name for spec in network.inputs] == ["input_ids", "mask"]
    answer = network(input_ids=ids, extra={"mask": mask}, return_hidden=True)
    assert isinstance(answer, traps.Answer)
    assert torch.equal(answer.logits, model(input_ids=ids, extra={"mask": mask}).logits)
    assert answer.hidden[0].shape == (2, 5, 8)
    assert answer.loss is None


def test_a_constant_other_than_the_captured_one_is_refused():
    ids, mask = torch.randint(0, 11, (2, 5)), torch.ones(2, 5)
    network = capture(traps.Structured(), input_ids=ids, extra={"mask": mask}, scale=2.0)
    network(input_ids=ids, extra={"mask": mask})
    with pytest.raises(
        InputError, match=r"with scale=3.0; it was captured with scale=2.0.*capture it again with scale=3.0"
    ):
        network(input_ids=ids, extra={"mask": mask}, scale=3.0)


def test_several_inputs_and_a_scalar_without_batch():
    model = traps.TwoTowers()
    network = capture(model, torch.randn(3, 4), torch.randn(3, 5), torch.tensor(2.0))
    assert [spec.shape for spec in network.inputs] == [("batch", 4), ("batch", 5), ()]
    inputs = torch.randn(6, 4), torch.randn(6, 5), torch.tensor(0.7)
    got, expected = network(*inputs), model(*inputs)
    assert torch.allclose(got[0], expected[0])
    assert torch.allclose(got[1]["right"], expected[1]["right"])


def test_a_sequence_length_that_varies():
    network = capture(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), torch.randn(2, 5, 8), dynamic={"src": {1: "sequence"}}
    )
    assert network.inputs[0].shape == ("batch", "sequence", 8)
    assert network(torch.randn(3, 9, 8)).shape == (3, 9, 8)


@pytest.mark.parametrize(
    ("dynamic", "words"),
    [
        ({"y": {1: "sequence"}}, r"dynamic names the input 'y'; Recurrent was given x.*Type for example dynamic={'x'"),
        ({"x": {0: "sequence"}}, r"its batch varies anyway. Name a dimension from 1 to 2"),
        ({"x": {1: "a sequence"}}, r"a dimension has a name of its own such as 'sequence'"),
        ({"x": {3: "batch"}}, r"x of Recurrent is \[2, 5, 4\]. Name a dimension from 0 to 2"),
        (
            {"x": {1: "batch"}},
            r"a recurrent layer \(\w+\) steps along dimension 1 of x, which was taken for the batch. .*{'x': {0: 'batch'}}",
        ),
        (
            {"x": {1: "sequence"}},
            r"a recurrent layer \((lstm|gru)\) fixes dimension 1 \('sequence'\) of x to 5.*pad to one length",
        ),
    ],
)
def test_a_dimension_that_cannot_vary(dynamic, words):
    with pytest.raises(CaptureError, match=words):
        capture(traps.Recurrent(), torch.randn(2, 5, 4), dynamic=dynamic)


def test_a_dimension_of_one_cannot_vary():
    with pytest.raises(
        CaptureError, match=r"size 1 in dimension 1 of x, which is to vary.*Show an example of 2 or more"
    ):
        capture(traps.Recurrent(), torch.randn(2, 1, 4), dynamic={"x": {1: "sequence"}})


def test_recurrent_layers_with_a_fixed_length():
    model = traps.Recurrent().eval()
    network = capture(model, torch.randn(2, 5, 4))
    x = torch.randn(4, 5, 4)
    assert torch.allclose(network(x), model(x), atol=1e-6)


@pytest.mark.parametrize(
    ("model", "example", "words"),
    [
        (traps.Branches(), (3, 4), r"Branches cannot be captured at .*traps.py:\d+ in forward `if x.sum\(\) > 0:`: .*values of tensors.*torch.where"),
        (traps.FixedBatch(), (3, 4), r"FixedBatch.forward fails|FixedBatch cannot be captured at .*traps.py:\d+ in forward `return x.view\(2, -1\)`: the batch size .*fixed to 2.*x.shape\[0\]"),
        (traps.UsesNumpy(), (3, 4), r"UsesNumpy cannot be captured at .*traps.py:\d+ in forward `return x \+ torch.from_numpy.*NumPy.*torch twin"),
        (traps.Mixes(), (3, 6), r"Mixes runs on the example but not on a batch of 1: .*batch statistics in eval mode \(track_running_stats=False\)"),
        (traps.Mean(), (3, 6), r"Mean gives one example another answer in another batch \(output 0 .*reduction over the batch \(dimension 0 of x\)"),
        (traps.Counts(), (3, 6), r"Counts updates 'calls' in forward, in eval mode too, .*Take it as an input and return its new value"),
        (traps.Residual(), (2, 5, 8, 8), r"Residual.forward fails on the example inputs at .*traps.py:\d+ in forward.*expected input.*Pass an example that"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)  # fmt: skip
def test_what_cannot_be_captured_is_explained(model, example, words, capsys):
    with pytest.raises(CaptureError, match=words):
        capture(model, torch.rand(example) + 0.1)
    assert capsys.readouterr() == ("", "")


def test_missing_keyword_inputs_are_named():
    with pytest.raises(
        CaptureError,
        match=r"missing a required argument: 'input_ids'.*Type paredown.capture\(model, input_ids=…, extra=…\)",
    ):
        capture(traps.Structured())


def test_no_example_at_all():
    with pytest.raises(CaptureError, match=r"was given no example tensor.*Type paredown.capture\(model, example\)"):
        capture(traps.Branches(), "text")
    with pytest.raises(CaptureError, match=r"are scalars. The first dimension of an input is the batch"):
        capture(traps.Branches(), torch.tensor(1.0))
    with pytest.raises(CaptureError, match=r"are empty: x\[0, 3\]"):
        capture(traps.Branches(), torch.zeros(0, 3))
    with pytest.raises(CaptureError, match=r"hold positional input 0 of type builtins:object.*Pass the tensors in it"):
        capture(traps.Branches(), object())
    with pytest.raises(CaptureError, match=r"A function was given to capture; a graph is made of an nn.Module"):
        capture(lambda x: x, torch.zeros(2))


class _NoTensor(nn.Module):
    def forward(self, x):
        return {"size": x.shape[0]}


class _CannotBeCopied(nn.Module):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()

    def forward(self, x):
        return x


def test_models_without_outputs_or_copies():
    with pytest.raises(CaptureError, match=r"_NoTensor returns no tensor.*Return a tensor"):
        capture(_NoTensor(), torch.zeros(2, 3))
    with pytest.raises(CaptureError, match=r"_CannotBeCopied cannot be copied.*no open files, no locks"):
        capture(_CannotBeCopied(), torch.zeros(2, 3))


def test_what_eval_mode_drops_is_listed():
    network = capture(traps.TrainsOtherwise(), torch.randn(2, 4, 8))
    text = "\n".join(network.lost)
    assert "stochastic depth (bernoulli in 'path', DropPath)" in text
    assert "dropout inside attention (dropout in 'attention', MultiheadAttention)" in text
    assert "module 'auxiliary' (Linear): only runs while training" in text
    assert "outputs: 2 tensors while training, 1 in eval mode" in text


def test_nothing_is_lost_where_nothing_is_dropped():
    assert capture(traps.Residual(), torch.randn(2, 3, 8, 8)).lost == ()
    assert capture(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), torch.randn(2, 5, 8)).lost == ()


class _Remembers(nn.Module):
    """Keeps a feature, and what it looked up, from its last pass."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 3)
        self.table, self.places = nn.Parameter(torch.randn(6)), torch.arange(5, -1, -1)
        self.kept, self.features = {}, []

    def train(self, mode=True):  # noqa: FBT002 (the signature of torch)
        self.kept = {} if mode else self.kept
        return super().train(mode)

    def forward(self, x):
        bias = self.table[self.places] if self.training else self.kept.setdefault("bias", self.table[self.places])
        self.features = [self.first(x) + bias]
        return self.second(self.features[0].relu())


def _masked():
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))
    torch.nn.utils.prune.l1_unstructured(model[0], "weight", 0.5)
    return model


def _weight_normed():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return nn.Sequential(torch.nn.utils.weight_norm(nn.Linear(6, 6)), nn.ReLU(), nn.Linear(6, 3))


@pytest.mark.parametrize("make", [_Remembers, _masked, _weight_normed])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_results_of_earlier_passes_are_copied_without_their_history(make, mode):
    model, x = make(), torch.randn(4, 6)
    getattr(model, mode)()(x)
    network = capture(model, x)
    torch.testing.assert_close(network(x), model.eval()(x))
    network(x).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


PARAMETRIZED = {
    "spectral norm": lambda: torch.nn.utils.parametrizations.spectral_norm(nn.Linear(6, 6)),
    "old spectral norm": lambda: torch.nn.utils.spectral_norm(nn.Linear(6, 6)),
    "weight norm": lambda: torch.nn.utils.parametrizations.weight_norm(nn.Linear(6, 6)),
    "orthogonal": lambda: torch.nn.utils.parametrizations.orthogonal(nn.Linear(6, 6)),
    "old weight norm": lambda: _weight_normed()[0],
}


@pytest.mark.parametrize("make", PARAMETRIZED.values(), ids=PARAMETRIZED)
def test_weights_that_modules_compute_become_plain_parameters(make):
    model, x = nn.Sequential(make(), nn.ReLU(), nn.Linear(6, 3)), torch.randn(4, 6)
    model(x)
    before = digest(model)
    network = capture(model, x)
    assert digest(model) == before
    torch.testing.assert_close(network(x), model.eval()(x))
    assert {name for name, _ in network.named_parameters()} == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert re.fullmatch(
        r"how '0.weight' is computed \(\w+\): .*; capture\(..., parametrized=True\) keeps .*", network.lost[0]
    )
    small = prune.Channels(keep=0.5).on(network)
    assert small.get_parameter("0.weight").shape == (3, 6)
    back = small.write_back(model)
    torch.testing.assert_close(back(x), small(x))


@pytest.mark.parametrize("make", PARAMETRIZED.values(), ids=PARAMETRIZED)
def test_what_weights_are_computed_from_can_be_trained_on_request(make):
    model, x = nn.Sequential(make(), nn.ReLU(), nn.Linear(6, 3)), torch.randn(4, 6)
    network = capture(model, x, parametrized=True)
    assert {name for name, _ in network.named_parameters()} == {name for name, _ in model.named_parameters()}
    assert all("only updated while training" in text for text in network.lost)  # the vectors of spectral norms
    torch.testing.assert_close(network.write_back(model)(x), network(x))


def test_the_zeros_of_a_mask_stay():
    model = _masked()
    network = capture(model, torch.randn(4, 6))
    assert list(sparse_weights(network)) == ["0.weight"]
    assert network.lost == ()


class _States(nn.Module):
    """A recurrent step with its states, whose first dimension are layers."""

    def __init__(self, kind):
        super().__init__()
        self.steps, self.head = kind(4, 6, 2, batch_first=True), nn.Linear(6, 3)

    def forward(self, x, *states):
        y, states = self.steps(x, states if len(states) > 1 else states[0])
        return self.head(y), states


class _TimeFirst(nn.Module):
    """Time comes first, the batch second."""

    def __init__(self, kind, *, pooled):
        super().__init__()
        self.body, self.head, self.pooled = kind, nn.Linear(8, 3), pooled

    def forward(self, x):
        y = self.body(x)
        y = y[0] if isinstance(y, tuple) else y
        return self.head(y.mean(0) if self.pooled else y)


def _attention():
    return nn.TransformerEncoderLayer(8, 2, 16)


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize(("kind", "states"), [(nn.LSTM, 2), (nn.GRU, 1)])
def test_states_hold_the_batch_behind_their_layers(kind, states, batch):
    model = _States(kind)
    given = [torch.randn(batch, 5, 4), *(torch.randn(2, batch, 6) for _ in range(states))]
    network = capture(model, *given)
    assert [spec.shape for spec in network.inputs] == [("batch", 5, 4), *[(2, "batch", 6)] * states]
    inputs = [torch.randn(7, 5, 4), *(torch.randn(2, 7, 6) for _ in range(states))]
    (y, got), (wanted, expected) = network(*inputs), model(*inputs)
    torch.testing.assert_close(y, wanted)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("batch", [1, 3, 5])
@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize(
    "kind", [lambda: nn.GRU(8, 8), lambda: nn.LSTM(8, 8), _attention], ids=["GRU", "LSTM", "attention"]
)
def test_time_may_come_first(kind, pooled, batch):
    model = _TimeFirst(kind(), pooled=pooled).eval()
    network = capture(model, torch.randn(5, batch, 8))
    assert network.inputs[0].shape == (5, "batch", 8)
    x = torch.randn(5, 7, 8)
    torch.testing.assert_close(network(x), model(x), rtol=1e-5, atol=1e-5)
    assert prune.Channels(keep=0.5).on(network)(x).shape == model(x).shape


def test_the_batch_can_be_said():
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU())  # treats every dimension alike
    assert capture(model, torch.randn(5, 3, 8)).inputs[0].shape == ("batch", 3, 8)
    network = capture(model, torch.randn(5, 3, 8), dynamic={"input": {1: "batch", 0: "time"}})
    assert network.inputs[0].shape == ("time", "batch", 8)
    assert network(torch.randn(2, 4, 8)).shape == (2, 4, 8)
    both = capture(_States(nn.GRU), torch.randn(2, 5, 4), torch.randn(2, 2, 6), dynamic={"states_0": {1: "batch"}})
    assert [spec.shape for spec in both.inputs] == [("batch", 5, 4), (2, "batch", 6)]


class _Observes(nn.Module):
    """Counts its calls, keeps a moving mean while training, and answers from neither."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 3)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x):
        self.calls += 1
        y = self.layer(x)
        if self.training:
            self.mean.lerp_(y.detach().mean(0), 0.1)
        return y


def test_what_is_only_kept_stands_still_and_is_listed():
    network = capture(_Observes(), torch.randn(4, 6))
    assert network.lost == (
        "'mean': only updated while training; in the network it stands still",
        "'calls': updated in forward; in the network it stands still",
    )
    assert [node.target for node in network.nodes() if node.op == "call_function"] == [torch.ops.aten.linear.default]


class _Streams(nn.Module):
    """Keeps its state from call to call in an attribute."""

    def __init__(self):
        super().__init__()
        self.cell, self.state = nn.GRUCell(6, 6), torch.zeros(1, 6)

    def forward(self, x):
        self.state = self.cell(x, self.state.expand(x.shape[0], -1))[:1]
        return self.state.expand(x.shape[0], -1)


def test_a_state_kept_between_calls_is_named():
    with pytest.raises(CaptureError, match=r"_Streams updates 'state' in forward"):
        capture(_Streams(), torch.randn(1, 6))


@pytest.mark.parametrize(
    ("make", "which"),
    [
        (lambda: torch.jit.script(nn.Linear(6, 3)), "it is"),
        (lambda: torch.jit.trace(nn.Linear(6, 3), torch.randn(2, 6)), "it is"),
        (lambda: nn.Sequential(nn.ReLU(), torch.jit.script(nn.Linear(6, 3))), "its module '1' is"),
    ],
)
def test_scripted_modules_are_refused(make, which):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        model = make()
    with pytest.raises(
        CaptureError, match=rf"cannot be captured: {which} scripted or traced .*Capture the Python module"
    ):
        capture(model, torch.randn(4, 6))


class _Pair(nn.Module):
    """Takes its two inputs as one tuple."""

    def forward(self, pair):
        return pair[0] + pair[1]


@pytest.mark.parametrize(
    "as_export",
    [lambda x: ((x,),), lambda x: ([x],), lambda x: ((x,), None), lambda x: ((x,), {}), lambda x: ((), {"input": x})],
)
def test_inputs_as_torch_export_takes_them(as_export):
    x, model = torch.randn(2, 3), nn.Linear(3, 2)
    plain, network = capture(model, x), capture(model, *as_export(x))
    assert network.inputs == plain.inputs
    assert torch.equal(network(x), plain(x))


def test_a_model_that_takes_a_tuple_is_given_one():
    pair = torch.randn(2, 3), torch.randn(2, 3)
    network = capture(_Pair(), pair)
    assert torch.equal(network(pair), pair[0] + pair[1])
    assert torch.equal(capture(_Pair(), (pair,))(pair), pair[0] + pair[1])


def test_the_error_is_about_the_inputs_in_the_tuple():
    with pytest.raises(
        CaptureError, match=r"Linear.forward fails on the example inputs: mat1 and mat2 shapes cannot be multiplied"
    ):
        capture(nn.Linear(4, 2), (torch.randn(2, 3),))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Linear, r"The class Linear was given to capture; .* Make one. Type capture\(Linear\(...\), example\)"),
        ("model.onnx", r"The str 'model.onnx' was given to capture; .* no module that can be changed or trained. Give the module"),
        (Path("m.pth"), r"Build the module in Python, then type model.load_state_dict\(torch.load\('m.pth'\)\)"),
        ("m.safetensors", r"then type model.load_state_dict\(safetensors.torch.load_file\('m.safetensors'\)\)"),
        ("m.pt2", r"type paredown.Network.load\('m.pt2'\)"),
        (nn.Linear(2, 2).state_dict(), r"An OrderedDict was given to capture; .* holds weights and no code.*load_state_dict\(weights\)"),
        (torch.zeros(2), r"A Tensor was given to capture; a graph is made of an nn.Module. Type capture\(model, example\)"),
        (SimpleNamespace(model=nn.Linear(2, 2)), r"Its model is a Linear. Type capture\(task.model, example\)"),
    ],
)  # fmt: skip
def test_what_is_no_module(model, words):
    with pytest.raises(CaptureError, match=words):
        capture(model, torch.zeros(2, 2))


def test_programs_are_no_modules():
    x = torch.zeros(2, 2)
    with pytest.raises(
        CaptureError, match=r"An ExportedProgram was given .* Give the module that it was exported from"
    ):
        capture(torch.export.export(nn.Linear(2, 2), (x,)), x)


def test_loaders_and_arrays_are_no_examples():
    x = torch.randn(4, 3)
    with pytest.raises(CaptureError, match=r"inputs, _ = next\(iter\(loader\)\); paredown.capture\(model, inputs\)"):
        capture(traps.Branches(), DataLoader(TensorDataset(x, x)))
    with pytest.raises(CaptureError, match=r"Pass tensors: paredown.capture\(model, torch.from_numpy\(array\)\)"):
        capture(traps.Branches(), x.numpy())


class _Flat(nn.Module):
    """All nodes of a batch of graphs in one list, edges beside them."""

    def __init__(self):
        super().__init__()
        self.message = nn.Linear(3, 3)

    def forward(self, x, edges):
        return x + torch.zeros_like(x).index_add(0, edges[1], self.message(x)[edges[0]])


def test_rows_that_belong_together_are_explained():
    words = r"_Flat.forward runs on the example, but not on the first two along the batch \(dimension 0 of x\) at .*graph.*one example"
    with pytest.raises(CaptureError, match=words):
        capture(_Flat(), torch.randn(6, 3), torch.randint(4, 6, (2, 8)))


class _Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.LazyLinear(3)

    def forward(self, x):
        return self.layer(x)


def _rounded_by_torch():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(6, 3)), {nn.Linear})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            _rounded_by_torch,
            r"Sequential cannot be captured: its module '0' is quantized by torch.ao.*Capture the float model",
        ),
        (_Lazy, r"_Lazy cannot be captured: its module 'layer' is lazy and was never run.*`model\(example\)`"),
        (lambda: nn.Linear(6, 3).to("meta"), r"Linear cannot be captured: it is on the device meta.*load_state_dict"),
    ],
)
def test_models_without_weights_in_sight_are_refused(make, words):
    with pytest.raises(CaptureError, match=words):
        capture(make(), torch.randn(4, 6))


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel])
def test_wrapped_models_are_captured(wrap):
    model, x = nn.Sequential(nn.Linear(6, 3), nn.ReLU()), torch.randn(4, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch.compile imports what torch deprecates
        network = capture(wrap(model), x)
    torch.testing.assert_close(network(x), model(x))


class _Turns(nn.Module):
    """A complex answer whose imaginary part depends on the call."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 3, dtype=torch.cfloat))

    def forward(self, x):
        return x.to(torch.cfloat) @ self.weight


def test_complex_answers_are_compared_whole():
    model, x = _Turns(), torch.randn(4, 6)
    network = capture(model, x)
    torch.testing.assert_close(network(x), model(x))
    assert network.lost == ()
    wrong = model(x).conj().resolve_conj()
    assert _distance(model(x), wrong) > 0.1


def test_a_lazy_model_that_ran_is_captured():
    model, x = _Lazy(), torch.randn(4, 6)
    model(x)
    torch.testing.assert_close(capture(model, x)(x), model(x))
