import pytest
import torch
from torch import nn

from paredown.errors import RecipeError
from paredown.graph.fakequantize import Grid, insert_after
from paredown.graph.formats import IntFormat
from paredown.quantize import GPTQ, Int8

from .conftest import capture, evidence_of, pictures
from .test_int8 import decibel


def by_least_squares(weight, scale, hessian, limit):
    """One row, input by input; what is not rounded yet solves the least squares problem that is left. 0 stays 0."""
    order = hessian.diagonal().argsort(descending=True, stable=True)
    weight, hessian = weight[order].double(), hessian[order][:, order].double()
    fixed = torch.empty_like(weight)
    for j in range(len(weight)):
        rest = weight[j:]
        if j:
            pull = hessian[j:, :j] @ (fixed[:j] - weight[:j])
            rest = rest - torch.linalg.solve(hessian[j:, j:], pull)
        fixed[j] = (rest[0] / scale).round().clamp(-limit, limit - 1) * scale * (weight[j] != 0)
    return torch.empty_like(fixed).scatter_(0, order, fixed)


def correlated(seed, width=8):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(256, width, generator=generator) @ torch.randn(width, width, generator=generator)


@pytest.mark.parametrize("zeros", [(), (0, 3, 6)], ids=["dense", "sparse"])
def test_it_is_rounding_with_the_rest_solved_anew_each_time(zeros):
    inputs = correlated(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = capture(nn.Linear(8, 5), 8)
    with torch.no_grad():
        network.get_parameter("weight")[:, zeros] = 0.0
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
        (
            lambda: GPTQ(damping=0),
            r"GPTQ\(damping=0\) was given. It is a share above 0 and up to 1. Write `quantize.GPTQ\(damp",
        ),
        (
            lambda: GPTQ(examples=0),
            r"GPTQ\(examples=0\) was given. It is a whole number, 1 or more. Write `quantize.GPTQ",
        ),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(RecipeError, match=message):
        make()
