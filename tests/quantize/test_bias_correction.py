import pytest
import torch
from torch import nn

from paredown.errors import RecipeError
from paredown.graph.fold import fold_batch_norm
from paredown.quantize import AdaRound, BiasCorrection, Int8

from .conftest import capture, evidence_of, pictures
from .test_segment import seen


def shifts(network, quantized, evidence):
    """Largest difference of a channel's mean, in units of the channel's deviation, for each layer."""
    original = fold_batch_norm(network)[0]
    found = []
    names = [name for name in (node.name for node in original.nodes()) if name.startswith(("conv", "linear"))]
    wanted, got = (seen(net, evidence, names) for net in (original, quantized))
    for name in names:
        one, two = (values[name].movedim(1, 0).flatten(1) for values in (wanted, got))
        found.append(float(((one.mean(1) - two.mean(1)) / one.std(1)).abs().max()))
    return found


def test_the_mean_of_every_channel_is_given_back(network, evidence):
    plain = shifts(network, Int8(weight_bits=3).on(network, evidence), evidence)
    step = Int8(weight_bits=3, refine=BiasCorrection())
    plan = step.plan(network, evidence)
    corrected = shifts(network, step.apply(network, plan), evidence)
    assert len(corrected) == 4
    assert max(plain) > 0.1
    assert max(corrected) < 2e-2  # biases are whole numbers of steps
    assert plan.reason.endswith("BiasCorrection gave 4 layers back the mean that rounding shifts.")


def test_nothing_is_left_before_biases_are_rounded(network, evidence):
    rounded = Int8(weight_bits=2).on(network, evidence)
    assert max(shifts(network, rounded, evidence)) > 0.3
    BiasCorrection().refine(fold_batch_norm(network)[0], rounded, evidence)
    assert max(shifts(network, rounded, evidence)) < 1e-4


def test_it_corrects_what_other_refinements_leave(network, evidence):
    step = Int8(weight_bits=3, refine=[AdaRound(iterations=20), BiasCorrection()])
    plan = step.plan(network, evidence)
    assert max(shifts(network, step.apply(network, plan), evidence)) < 2e-2
    assert plan.reason.index("AdaRound brought") < plan.reason.index("BiasCorrection gave")


def test_a_layer_without_a_bias_is_given_none():
    network = capture(nn.Sequential(nn.Linear(6, 8, bias=False), nn.ReLU(), nn.Linear(8, 4)), 6)
    evidence = evidence_of(torch.randn(64, 6, generator=torch.Generator().manual_seed(0)))
    step = Int8(weight_bits=3, refine=BiasCorrection())
    plan = step.plan(network, evidence)
    assert [name for name in plan.tensors if name.endswith(".refined")] == ["2.bias.refined"]
    quantized = step.apply(network, plan)
    assert "0.bias" not in dict(quantized.named_parameters())
    assert shifts(network, quantized, evidence)[1] < 2e-2


def test_a_bias_that_two_layers_read_is_left_alone():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Conv2d(3, 3, 1))
    model[2].bias = model[0].bias
    plan = Int8(refine=BiasCorrection()).plan(capture(model, 3, 8, 8), evidence_of(pictures(32, 0)[0]))
    assert plan.reason.endswith("BiasCorrection gave 0 layers back the mean that rounding shifts.")


def test_no_examples_are_refused():
    with pytest.raises(
        RecipeError, match=r"BiasCorrection\(examples=0\) was given. It is a whole number, 1 or more. Write"
    ):
        BiasCorrection(examples=0)
