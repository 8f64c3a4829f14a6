"""Starting again from where the run began."""

import dataclasses
import types

import pytest
import torch

from paredown import prune
from paredown.errors import RecipeError
from paredown.recipe import AdamW, Evidence
from paredown.regularize import Rewind


def started(network, original):
    student = network.copy().train()
    Rewind().start(types.SimpleNamespace(network=student, original=original))
    return student


def drifted(network):
    other = network.copy()
    with torch.no_grad():
        for tensor in [*other.parameters(), *other.buffers()]:
            tensor.add_(1)
    return other


def test_weights_and_statistics_are_those_of_the_original(setting):
    student = started(drifted(setting.network), setting.network)
    for name, tensor in setting.network.state_dict().items():
        assert torch.equal(student.state_dict()[name], tensor)


def test_zeros_stay(setting):
    sparse = prune.Weights().on(setting.network)
    student = started(sparse, setting.network)
    for name, weight in setting.network.named_parameters():
        gone = sparse.get_parameter(name) == 0 if name in ("0.weight", "4.weight") else torch.zeros_like(weight).bool()
        assert torch.equal(student.get_parameter(name), weight.masked_fill(gone, 0.0))
    assert (student.get_parameter("4.weight") == 0).any()


def test_training_goes_on_from_there(setting):
    train = dataclasses.replace(setting.train, using=[Rewind()], optimizer=AdamW(lr=1e-9, weight_decay=0.0))
    given = drifted(setting.network)
    trained = train.fit(given, setting.evidence, original=setting.network).network
    torch.testing.assert_close(trained.get_parameter("4.weight"), setting.network.get_parameter("4.weight"))


def test_a_cut_network_is_refused(setting):
    smaller = prune.Channels(keep=0.5).on(setting.network)
    with pytest.raises(RecipeError, match=r"'0.weight' was \[4, 2, 3, 3\] then and is \[2, 2, 3, 3\] now.*after a cut"):
        started(smaller, setting.network)


def test_a_weight_that_is_new_is_refused(setting):
    grown = setting.network.copy()
    grown.graph_module.register_parameter("extra", torch.nn.Parameter(torch.ones(2)))
    with pytest.raises(RecipeError, match=r"'extra' did not exist then and is \[2\] now"):
        started(grown, setting.network)


def test_a_quantized_network_is_refused(setting):
    from paredown.quantize import Int8
    from paredown.targets import OnnxRuntime

    evidence = Evidence.of(setting.task, OnnxRuntime().capabilities)
    rounded = Int8().on(setting.network, evidence)
    with pytest.raises(RecipeError, match=r"Rewind\(\) was given a quantized network.*before quantize steps"):
        started(rounded, setting.network)
