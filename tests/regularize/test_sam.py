"""Steps from the worst place nearby."""

import dataclasses

import pytest
import torch
from torch.nn import functional

from paredown.recipe import SGD, Constant
from paredown.regularize import ASAM, SAM
from paredown.regularize.sam import _Adaptive, _movable


def ball(weights, gradients, radius):
    length = sum(float((g**2).sum()) for g in gradients) ** 0.5
    return [radius * g / length for g in gradients]


def adaptive(weights, gradients, radius, offset):
    scaled = [(w.abs() + offset) * g for w, g in zip(weights, gradients, strict=True)]
    length = sum(float((s**2).sum()) for s in scaled) ** 0.5
    return [radius * (w.abs() + offset) ** 2 * g / length for w, g in zip(weights, gradients, strict=True)]


WAYS = {
    "sam": (SAM(radius=0.2), lambda w, g: ball(w, g, 0.2)),
    "asam": (ASAM(radius=0.4, offset=0.1), lambda w, g: adaptive(w, g, 0.4, 0.1)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("clip", [None, 0.05])
def test_a_step_is_the_one_of_the_paper(setting, way, clip):
    ingredient, ascent = WAYS[way]
    plain = dataclasses.replace(
        setting.train,
        batch_size=128,
        optimizer=SGD(lr=0.1, momentum=0.0, weight_decay=0.0),
        schedule=Constant(),
        clip=clip,
    )
    result = dataclasses.replace(plain, using=[ingredient]).fit(setting.network, setting.evidence)
    twin = setting.network.copy().train()
    inputs, target = next(setting.evidence.work.train.batches(128))
    weights = list(twin.parameters())
    at_w = torch.autograd.grad(functional.cross_entropy(twin(inputs), target), weights)
    statistics = twin.get_buffer("1.running_mean").clone()
    before = [w.detach().clone() for w in weights]
    with torch.no_grad():
        for w, by in zip(weights, ascent(before, at_w), strict=True):
            w.add_(by)
    there = torch.autograd.grad(functional.cross_entropy(twin(inputs), target), weights)
    length = torch.stack([g.norm() for g in there]).norm()
    factor = 1.0 if clip is None else min(1.0, clip / float(length))
    for w, start, g in zip(result.network.parameters(), before, there, strict=True):
        torch.testing.assert_close(w.detach(), start - 0.1 * factor * g, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(result.network.get_buffer("1.running_mean"), statistics)
    assert int(result.network.get_buffer("1.num_batches_tracked")) == 1
    other = plain.fit(setting.network, setting.evidence).network
    assert not torch.allclose(other.get_parameter("0.weight"), result.network.get_parameter("0.weight"), atol=1e-6)


def test_the_adaptive_ball_does_not_see_the_scale_of_a_layer():
    generator = torch.Generator().manual_seed(0)
    one, two, g1, g2 = torch.randn(4, 3, 3, generator=generator)
    plain = _Adaptive(0.5, 0.0).ascent([one, two], [g1, g2])
    scaled = _Adaptive(0.5, 0.0).ascent([one * 8, two / 8], [g1 / 8, g2 * 8])
    torch.testing.assert_close(scaled[0] / 8, plain[0])
    torch.testing.assert_close(scaled[1] * 8, plain[1])


def test_a_gradient_of_0_stays_where_it_is(setting):
    from paredown.recipe import Evidence

    flat = dataclasses.replace(setting.task.objective, loss=lambda outputs, _: (outputs * 0.0).sum())
    train = dataclasses.replace(setting.train, optimizer=SGD(lr=0.1, weight_decay=0.0), using=[SAM(), ASAM()])
    network = train.fit(setting.network, Evidence(setting.task.data.work, flat)).network
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, setting.network.get_parameter(name))


def test_scales_of_quantizers_stay(setting):
    from paredown.graph.fakequantize import Grid, insert_after
    from paredown.graph.formats import UINT8

    node = next(node for node in setting.network.nodes() if node.name == "relu")
    insert_after(setting.network, node, "1.out", Grid(torch.tensor(0.01), torch.tensor(0.0), UINT8))
    setting.network.recompile()
    movable = _movable(setting.network)
    assert all(p is not setting.network.get_parameter("1.out_scale") for p in movable)
    assert len(movable) == len(list(setting.network.parameters())) - 1
