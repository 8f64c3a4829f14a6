"""Criteria of activations against what forward hooks see."""

import torch

from paredown import prune
from paredown.graph.axes import analyse
from paredown.testing.zoo import captured

from .conftest import small
from .scoring import block, evidence_for, examples, inputs_of, score


def inputs(evidence):
    return torch.cat([batch[0] for batch in evidence.calibration()])


def norm(values):
    return values.double().square().sum((0, *range(2, values.ndim))).sqrt()


def mean(*parts):
    return sum(part / part.mean() for part in parts) / len(parts)


def test_the_norm_of_what_weights_read(network, evidence):
    given = inputs_of(small(), inputs(evidence), "one", "two", "head")
    torch.testing.assert_close(
        score(prune.ActivationNorm(), network, "one", evidence), mean(norm(given["two"])), rtol=1e-5, atol=1e-7
    )
    torch.testing.assert_close(
        score(prune.ActivationNorm(), network, "stem", evidence),
        mean(norm(given["one"]), norm(given["head"])),
        rtol=1e-5,
        atol=1e-7,
    )


def test_one_tensor_counts_once_however_many_weights_read_it():
    network, evidence = captured("AudioNet"), evidence_for("AudioNet")
    given = inputs_of(block("AudioNet"), examples("AudioNet"), "filter", "gate", "head")
    assert torch.equal(given["filter"], given["gate"])
    found = score(prune.ActivationNorm(over=prune.Sum()), network, "first", evidence)
    torch.testing.assert_close(found, norm(given["filter"]) + norm(given["head"]), rtol=1e-5, atol=1e-7)


def test_heads_and_their_dimensions():
    network, evidence = captured("VisionTransformer"), evidence_for("VisionTransformer")
    given = inputs_of(block("VisionTransformer"), examples("VisionTransformer"), "layers.0.attention.project")
    squares = given["layers.0.attention.project"].double().square().sum((0, 1)).view(4, 4)
    raw = prune.ActivationNorm(over=prune.Mean())
    found = score(raw, network, "layers.0.attention.qkv[head_dim]", evidence)
    torch.testing.assert_close(found, squares.sqrt(), rtol=1e-5, atol=1e-7)
    found = score(raw, network, "layers.0.attention.qkv[heads]", evidence)
    torch.testing.assert_close(found, squares.sum(1).sqrt(), rtol=1e-5, atol=1e-7)


def test_wanda_is_weights_times_norms(network, evidence):
    given = inputs_of(small(), inputs(evidence), "one", "two", "head")
    weights = {n: network.get_parameter(f"{n}.weight").detach().double().abs() for n in given}
    torch.testing.assert_close(
        score(prune.Wanda(), network, "one", evidence),
        mean(weights["two"].sum((0, 2, 3)) * norm(given["two"])),
        rtol=1e-5,
        atol=1e-7,
    )
    torch.testing.assert_close(
        score(prune.Wanda(), network, "stem", evidence),
        mean(weights["one"].sum((0, 2, 3)) * norm(given["one"]), weights["head"].sum(0) * norm(given["head"])),
        rtol=1e-5,
        atol=1e-7,
    )


def test_wanda_takes_values_alone_where_no_weight_reads_them():
    network, evidence = captured("GroupedQueries"), evidence_for("GroupedQueries")
    groups = [g for g in analyse(network).free if not any(carrier.role == "in" for carrier in g.carriers)]
    assert groups
    for group in groups:
        expected = score(prune.ActivationNorm(), network, group.name, evidence)
        torch.testing.assert_close(score(prune.Wanda(), network, group.name, evidence), expected)
