import pytest
import torch
import torch.nn.functional as F
from torch import nn

from paredown.errors import RecipeError
from paredown.graph.fakequantize import Grid, insert_after
from paredown.graph.formats import IntFormat
from paredown.quantize import GPTQ, Int8
from paredown.quantize.gptq import _patches
from paredown.quantize.segment import layers

from .conftest import capture, evidence_of, pictures
from .test_int8 import decibel


def by_least_squares(weight, scale, hessian, limit):
    """One row, input by input; what is not rounded yet solves the least squares problem that is left."""
    order = hessian.diagonal().argsort(descending=True, stable=True)
    weight, hessian = weight[order].double(), hessian[order][:, order].double()
    fixed = torch.empty_like(weight)
    for j in range(len(weight)):
        rest = weight[j:]
        if j:
            pull = hessian[j:, :j] @ (fixed[:j] - weight[:j])
            rest = rest - torch.linalg.solve(hessian[j:, j:], pull)
        fixed[j] = (rest[0] / scale).round().clamp(-limit, limit - 1) * scale
    return torch.empty_like(fixed).scatter_(0, order, fixed)


def correlated(seed, width=8):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(256, width, generator=generator) @ torch.randn(width, width, generator=generator)


def test_it_is_rounding_with_the_rest_solved_anew_each_time():
    inputs = correlated(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = capture(nn.Linear(8, 5), 8)
    plan = Int8(weight_bits=4, refine=GPTQ(damping=0.02)).plan(network, evidence_of(inputs))
    name = plan.decisions["activations"][0]["shares"]
    scale, zero = plan.tensors[f"{name}.scale"], plan.tensors[f"{name}.zero_point"]
    rounded = ((((inputs / scale).round() + zero).clamp(0, 255) - zero) * scale).double()
    exact = 2.0 * rounded.T @ rounded
    damped = exact + 0.02 * exact.diagonal().mean() * torch.eye(8, dtype=torch.float64)
    weight, steps = network.get_parameter("weight").detach().double(), plan.tensors["weight.scale"].double()
    for row in range(5):
        wanted = by_least_squares(weight[row], steps[row], damped, 8)
        nearest = (weight[row] / steps[row]).round().clamp(-8, 7) * steps[row]
        errors = [(w - weight[row]) @ exact @ (w - weight[row]) for w in (wanted, nearest)]
        wanted = wanted if errors[0] < errors[1] else nearest
        assert torch.allclose(plan.tensors["weight.refined"][row].double(), wanted, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_the_error_on_correlated_inputs_is_less_than_that_of_nearest_rounding(seed):
    inputs = correlated(seed, 12)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = capture(nn.Linear(12, 6), 12)
    evidence = evidence_of(inputs)
    step = Int8(weight_bits=3, refine=GPTQ())
    plain, better = Int8(weight_bits=3).on(network, evidence), step.on(network, evidence)
    lost = [(network(inputs) - net(inputs)).square().mean().item() for net in (plain, better)]
    assert lost[1] < 0.7 * lost[0]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(4, 6, 3, stride=2, padding=1), (4, 9, 7)),
        (nn.Conv2d(4, 6, (3, 1), padding=(2, 0), dilation=(2, 1)), (4, 9, 7)),
        (nn.Conv2d(4, 8, 3, groups=2), (4, 6, 6)),
        (nn.Conv2d(4, 4, 3, padding=1, groups=4), (4, 6, 6)),
        (nn.Conv1d(4, 6, 5, stride=3, padding=2), (4, 20)),
        (nn.Linear(4, 6), (5, 4)),
    ],
    ids=["strided", "dilated", "grouped", "depthwise", "one dimension", "linear"],
)
def test_a_layer_is_a_product_with_patches(layer, shape):
    evidence = evidence_of(torch.randn(16, *shape, generator=torch.Generator().manual_seed(0)))
    network = capture(layer, *shape)
    capabilities = evidence.capabilities
    if isinstance(layer, nn.Conv2d) and layer.groups == 2:  # this target leaves it in float
        import dataclasses

        evidence = evidence_of(
            torch.randn(16, *shape, generator=torch.Generator().manual_seed(0)),
            dataclasses.replace(capabilities, int8_grouped_convolutions=True),
        )
    (found,) = layers(Int8().on(network, evidence))
    x = torch.randn(3, *shape, generator=torch.Generator().manual_seed(1))
    patches = _patches(found, x)
    groups = patches.shape[1]
    rows = found.weight.reshape(groups, found.weight.shape[0] // groups, -1)
    got = torch.einsum("pgi,gri->pgr", patches, rows).flatten(1)
    with torch.no_grad():
        if isinstance(layer, nn.Linear):
            wanted = F.linear(x, found.weight)
        else:
            how = (layer.stride, layer.padding, layer.dilation, layer.groups)
            function = F.conv1d if isinstance(layer, nn.Conv1d) else F.conv2d
            wanted = function(x, found.weight, None, *how).movedim(1, -1)
    assert torch.allclose(got, wanted.reshape(-1, wanted.shape[-1]), atol=1e-5)


def test_convolutions_come_out_closer(network, evidence):
    x, _ = pictures(50, 5)
    plain, better = (Int8(weight_bits=3, refine=refine).on(network, evidence) for refine in ((), GPTQ()))
    assert decibel(network(x), better(x)) > decibel(network(x), plain(x)) + 1


def test_groups_of_inputs_keep_their_own_scales():
    inputs = correlated(1)
    network = capture(nn.Linear(8, 5), 8)
    evidence = evidence_of(inputs)
    weight = network.get_parameter("weight").detach()
    scale = weight.reshape(5, 2, 4).abs().amax(2) / 7
    rounded = network.copy()
    (layer,) = [node for node in rounded.nodes() if str(node.target) == "aten.linear.default"]
    grid = Grid(scale, torch.zeros_like(scale), IntFormat(4, signed=True), axis=1)
    insert_after(rounded, layer.args[1], "weight", grid, users=[layer])
    found = GPTQ().refine(network.copy(), rounded.recompile(), evidence).values["weight"]
    steps = (found / scale.repeat_interleave(4, 1)).round()
    assert torch.allclose(found, steps * scale.repeat_interleave(4, 1), atol=1e-6)
    nearest = (weight / scale.repeat_interleave(4, 1)).round() * scale.repeat_interleave(4, 1)
    lost = [(inputs @ (w - weight).T).square().sum(0) for w in (found, nearest)]
    assert (lost[0] <= lost[1] * 1.0001).all()
    assert lost[0].sum() < 0.9 * lost[1].sum()


def test_inputs_that_are_always_zero_do_no_harm():
    inputs = correlated(0)
    inputs[:, 3] = 0.0
    network = capture(nn.Linear(8, 5), 8)
    plan = Int8(weight_bits=4, refine=GPTQ()).plan(network, evidence_of(inputs))
    weight, scale = network.get_parameter("weight").detach(), plan.tensors["weight.scale"]
    assert plan.tensors["weight.refined"].isfinite().all()
    assert torch.allclose(plan.tensors["weight.refined"][:, 3], (weight[:, 3] / scale).round() * scale)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GPTQ(damping=0), r"GPTQ\(damping=0\) was given; it is a share above 0 and up to 1. Type GPTQ\(damp"),
        (lambda: GPTQ(examples=0), r"GPTQ\(examples=0\) was given; it is 1 or more. Type GPTQ\(\)"),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(RecipeError, match=message):
        make()
