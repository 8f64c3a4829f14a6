"""Sparse weights as a transform: what is chosen, and what the zeros survive."""

import functools
import zlib

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import paredown
from paredown import architecture, prune, quantize, regularize, targets
from paredown.errors import InputError, RecipeError
from paredown.graph.fakequantize import fake_quantized
from paredown.graph.network import Network
from paredown.graph.sparsity import sparse_weights
from paredown.quantize.adaround import AdaRound
from paredown.quantize.bias_correction import BiasCorrection
from paredown.quantize.gptq import GPTQ
from paredown.recipe import SGD, AdamW, Evidence, Train
from paredown.recipe.order import check
from paredown.testing.zoo import captured

WEIGHTS = ["stem.weight", "one.weight", "two.weight", "head.weight"]


def zeros(network):
    return {name: network.get_parameter(name).detach() == 0 for name in WEIGHTS}


def same(one, two):
    return all(torch.equal(one[name], two[name]) for name in WEIGHTS)


@pytest.fixture
def sparse(network):
    return prune.Weights(prune.Unstructured(0.6)).on(network)


def test_the_smallest_weights_of_every_layer_go(network):
    child = prune.Weights(prune.Unstructured(0.3)).on(network)
    for name in WEIGHTS:
        before, after = (net.get_parameter(name).detach().flatten() for net in (network, child))
        gone = before.abs().argsort()[: round(0.3 * len(before))]
        wanted = before.clone()
        wanted[gone] = 0.0
        assert torch.equal(after, wanted)
    assert torch.equal(child.get_parameter("head.bias"), network.get_parameter("head.bias"))
    assert list(sparse_weights(child)) == WEIGHTS


def test_across_layers_one_threshold_holds(network):
    child = prune.Weights(prune.Unstructured(0.5), prune.Magnitude(across_layers=True)).on(network)
    every = torch.cat([network.get_parameter(name).detach().abs().flatten() for name in WEIGHTS])
    threshold = every.sort().values[round(0.5 * len(every))]
    for name in WEIGHTS:
        assert torch.equal(zeros(child)[name], network.get_parameter(name).detach().abs() < threshold)
    shares = {round(float(gone.float().mean()), 2) for gone in zeros(child).values()}
    assert len(shares) > 1


def neighbours(weight, m):
    """Weights that are not 0 of every m neighbouring inputs, one by one."""
    flat = weight.detach().flatten(2) if weight.ndim > 2 else weight.detach()[..., None]
    for output in flat:
        for place in range(flat.shape[2]):
            for start in range(0, flat.shape[1], m):
                yield int((output[start : start + m, place] != 0).sum())


@functools.cache
def grouped(seed, groups):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = nn.Conv2d(8, 6, (3, 2), groups=groups), nn.Flatten(), nn.Linear(6 * 6 * 7, 8), nn.Linear(8, 3)
        return paredown.capture(nn.Sequential(*layers), torch.randn(2, 8, 8, 8))


@given(st.sampled_from([(1, 2), (2, 4), (3, 4), (1, 4)]), st.integers(0, 2), st.sampled_from([1, 2]))
@settings(deadline=None)
def test_a_pattern_holds_for_every_output_and_place(pattern, seed, groups):
    n, m = pattern
    child = prune.Weights(prune.NM(n, m)).on(grouped(seed, groups))
    for name in ("0.weight", "2.weight", "3.weight"):
        assert set(neighbours(child.get_parameter(name), m)) == {n}


def test_layers_that_do_not_fit_a_pattern_stay_dense(network, evidence):
    plan = prune.Weights(prune.NM(2, 4)).plan(network, evidence)
    assert plan.decisions["weights"] == ["one.weight", "two.weight", "head.weight"]
    assert plan.decisions["dense"] == {"stem.weight": "its 3 inputs per group are no multiple of 4"}
    assert "(50.0%), 1 layers stay dense" in plan.reason


def test_where_is_by_module_path_or_weight(network):
    for where in (prune.Where(include=("one", "t*")), prune.Where(exclude=("stem.weight", "head"))):
        child = prune.Weights(where=where).on(network)
        assert list(sparse_weights(child)) == ["one.weight", "two.weight"]
        assert not zeros(child)["stem.weight"].any()


def test_a_weight_that_something_else_reads_stays_dense():
    network = captured("Text")
    plan = prune.Weights().plan(network, Evidence.empty())
    assert list(plan.decisions["dense"]) == ["words.weight"]
    assert "aten.embedding.default" in plan.decisions["dense"]["words.weight"]
    assert "mlp.0.weight" in plan.decisions["weights"]


def test_statistics_of_batch_norms_are_those_of_the_sparse_network(network, evidence):
    child = prune.Weights().on(network, evidence)
    inputs = torch.cat([batch[0] for batch in evidence.calibration()])
    stem = nn.functional.conv2d(inputs, child.get_parameter("stem.weight"), padding=1)
    torch.testing.assert_close(child.get_buffer("norm.running_mean"), stem.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)


OPTIMIZERS = {
    "adam": AdamW(lr=1e-2, weight_decay=0.1),
    "momentum": SGD(lr=1e-2, momentum=0.9, weight_decay=0.1),
    "auto": AdamW(),
}
INGREDIENTS = {
    "none": (),
    "averages": (regularize.EMA(), regularize.SAM()),
    "noise": (regularize.ShrinkPerturb(), regularize.WeightNoise()),
    "penalties": (regularize.GroupLasso(), regularize.L1(), regularize.MaxNorm(limit=0.5)),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_zeros_survive_every_optimizer(sparse, evidence, optimizer):
    trained = Train(epochs=1, optimizer=optimizer, device="cpu").fit(sparse, evidence).network
    assert same(zeros(trained), zeros(sparse))
    assert not torch.equal(trained.get_parameter("one.weight"), sparse.get_parameter("one.weight"))
    assert list(sparse_weights(trained)) == WEIGHTS


@pytest.mark.parametrize("using", INGREDIENTS.values(), ids=INGREDIENTS)
def test_zeros_survive_what_else_takes_part(sparse, evidence, using):
    settings = Train(epochs=1, using=using, optimizer=AdamW(lr=1e-2), device="cpu", early=None)
    trained = settings.fit(sparse, evidence).network
    for name, gone in zeros(sparse).items():
        assert (trained.get_parameter(name)[gone] == 0).all()
    assert not same(zeros(trained), dict.fromkeys(WEIGHTS, torch.tensor(True)))


def test_zeros_survive_storing_and_training_after_it(sparse, evidence, tmp_path):
    sparse.save(tmp_path / "sparse.pt2")
    loaded = Network.load(tmp_path / "sparse.pt2")
    trained = Train(epochs=0.5, optimizer=AdamW(lr=1e-2), device="cpu").fit(loaded, evidence).network
    assert same(zeros(trained), zeros(sparse))


def eight_bits(evidence):
    return Evidence(evidence.work, evidence.objective, targets.OnnxRuntime().capabilities)


def rounded_weights(network):
    """What layers of a quantized network multiply by, by name of the weight."""
    values = {}
    tensors = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    for entry in fake_quantized(network):
        if entry.value.op == "get_attr":
            name = str(entry.value.target)
            values[name] = torch.ops.paredown.fake_quantize(
                tensors[name],
                tensors[entry.scale],
                tensors[entry.zero_point],
                entry.axis,
                entry.quant_min,
                entry.quant_max,
            )
    return values


REFINEMENTS = {"none": (), "GPTQ": GPTQ(), "AdaRound": (AdaRound(iterations=20), BiasCorrection())}


@pytest.mark.parametrize("refine", REFINEMENTS.values(), ids=REFINEMENTS)
def test_zeros_survive_rounding_and_training_after_it(sparse, evidence, refine):
    rounded = quantize.Int8(refine=refine).on(sparse, eight_bits(evidence))
    trained = Train(epochs=0.5, optimizer=AdamW(lr=1e-3), device="cpu").fit(rounded, evidence).network
    for network in (rounded, trained):
        values = rounded_weights(network)
        assert set(values) == set(WEIGHTS)
        for name, gone in zeros(sparse).items():
            assert (values[name][gone] == 0).all()


def test_zeros_survive_a_cut(sparse):
    child = prune.Channels(keep=0.5, where=prune.Where(include=("one",))).on(sparse)
    assert list(sparse_weights(child)) == WEIGHTS
    assert 0.3 < float((child.get_parameter("one.weight") == 0).float().mean()) < 0.8


def test_zeros_go_back_into_the_model_of_the_user():
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    child = prune.Weights(prune.Unstructured(0.75)).on(paredown.capture(model, torch.randn(2, 6)))
    back = child.write_back(model)
    for name in ("0.weight", "2.weight"):
        assert torch.equal(back.get_parameter(name), child.get_parameter(name))
        assert int((back.get_parameter(name) == 0).sum()) == round(0.75 * model.get_parameter(name).numel())


def test_a_second_choice_only_adds(sparse, evidence):
    trained = Train(epochs=0.5, optimizer=AdamW(lr=1e-2), device="cpu").fit(sparse, evidence).network
    for method in (prune.Magnitude(), prune.WandaWeights(), prune.SparseGPT(block=7)):
        more = prune.Weights(prune.Unstructured(0.8), method).on(trained, evidence)
        fewer = prune.Weights(prune.Unstructured(0.1), method).on(trained, evidence)
        for name, gone in zeros(sparse).items():
            assert zeros(more)[name][gone].all()
            assert zeros(fewer)[name][gone].all()
            assert int(zeros(more)[name].sum()) >= round(0.8 * gone.numel()) - 4
        assert same(zeros(prune.Weights(prune.Unstructured(0.6)).on(trained)), zeros(sparse))


def test_the_file_holds_the_zeros_gives_the_same_answers_and_compresses(network, sparse, tmp_path):
    target = targets.OnnxRuntime()
    files = [target.lower(net, tmp_path / f"{i}.onnx").path for i, net in enumerate((network, sparse))]
    stored = [
        onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(files[1]).graph.initializer if len(tensor.dims) > 1
    ]
    wanted = sum(int(gone.sum()) for gone in zeros(sparse).values())
    assert sum(int((array == 0).sum()) for array in stored) == wanted
    x = torch.randn(3, 3, 6, 6, generator=torch.Generator().manual_seed(9))
    with target.open(files[1]) as session:
        (found,) = session.run([x.numpy()])
    np.testing.assert_allclose(found, sparse(x).detach().numpy(), rtol=1e-4, atol=1e-5)
    sizes = [path.stat().st_size for path in files]
    packed = [len(zlib.compress(path.read_bytes())) for path in files]
    assert abs(sizes[0] - sizes[1]) < 0.01 * sizes[0]
    assert packed[1] < 0.85 * packed[0]


def test_a_network_is_made_sparse_before_it_is_rounded(network, evidence):
    rounded = quantize.Int8().on(network, eight_bits(evidence))
    with pytest.raises(
        RecipeError, match=r"Weights\(\) was given a network that is quantized already.*before quantize"
    ):
        prune.Weights().on(rounded)
    assert prune.Weights().check(frozenset({"quantized"})) == "weights are made sparse before they are rounded"
    assert prune.Weights().check(frozenset()) is None


@pytest.mark.parametrize("cut", [prune.Channels(), architecture.Slim()], ids=lambda step: type(step).__name__)
def test_a_pattern_comes_after_every_cut(cut):
    patterned, anywhere = prune.Weights(prune.NM(2, 4)), prune.Weights()
    with pytest.raises(
        RecipeError, match=r"Step 2, .*cannot stand there: a cut would break up the pattern that weights"
    ):
        check([patterned, cut])
    check([cut, patterned, quantize.Int8()])
    check([anywhere, cut])


def test_a_plan_is_for_its_network(network):
    plan = prune.Weights().plan(network, Evidence.empty())
    with pytest.raises(
        InputError, match=r"mask for 'stem.weight' of shape \[8, 3, 3, 3\], and that weight is not in th"
    ):
        prune.Weights().apply(captured("Text"), plan)
    smaller = prune.Channels(keep=0.5).on(network)
    with pytest.raises(InputError, match=r"that weight is \[4, 3, 3, 3\] here. A plan is for the network it was made"):
        prune.Weights().apply(smaller, plan)


def test_what_leaves_nothing_is_refused(network):
    with pytest.raises(
        RecipeError, match=r"No weight of a conv.* meets the pattern 'stm'.*the nearest are 'stem.weight'"
    ):
        prune.Weights(where=prune.Where(include=("stm",))).on(network)
    with pytest.raises(RecipeError, match=r"the pattern leave no weight to make sparse \('stem.weight': its 3 inputs"):
        prune.Weights(prune.NM(2, 7)).on(network)
    bare = paredown.capture(nn.ReLU(), torch.randn(2, 3))
    with pytest.raises(RecipeError, match=r"This network has no convolution or linear layer with a stored weight"):
        prune.Weights().on(bare)


def test_values_that_are_not_finite_are_refused(network):
    spoiled = network.copy()
    with torch.no_grad():
        spoiled.get_parameter("one.weight")[0, 0, 0, 0] = torch.nan
    with pytest.raises(RecipeError, match=r"The weight 'one.weight' holds values that are not finite"):
        prune.Weights().on(spoiled)
