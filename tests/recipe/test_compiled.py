"""A compiled training."""

import dataclasses

import pytest
import torch
from torch import nn
from torch._dynamo.exc import TorchDynamoException

import paredown
from paredown import distill, regularize
from paredown.errors import RecipeError
from paredown.recipe import AdamW, Train

SHORT = Train(epochs=0.4, optimizer=AdamW(lr=1e-3), early=None, device="cpu", compiled=True)


def weights(network):
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")  # torch's own compiler loads it
def test_a_compiled_training_ends_at_the_same_weights(model, evidence):
    """With a teacher, a tap and averaged weights; without dropout, which draws other numbers when it is compiled."""
    model.dropout = nn.Identity()
    network = paredown.capture(model, torch.randn(2, 1, 6, 6))
    using = (distill.Features(at="body.0"), distill.Logits(), regularize.EMA())
    before = weights(network)
    plain, compiled = (
        dataclasses.replace(SHORT, using=using, compiled=how).fit(network, evidence).network for how in (False, True)
    )
    way = (weights(plain) - before).norm()
    assert way > 0.01
    assert (weights(compiled) - weights(plain)).norm() < 0.01 * way  # sums are taken in another order
    assert [int(b) for name, b in compiled.named_buffers() if "num_batches" in name] == [4]


def test_where_there_is_no_compiler_it_says_so(monkeypatch, network, evidence):
    def broken(*_, **__):
        def run(*_):
            msg = "InvalidCxxCompiler: No working C++ compiler found\n\nSet TORCHDYNAMO_VERBOSE=1"
            raise TorchDynamoException(msg)

        return run

    monkeypatch.setattr(torch, "compile", broken)
    words = r"torch.compile cannot make a step of .* InvalidCxxCompiler: No .* found Leave `compiled` out\.$"
    with pytest.raises(RecipeError, match=words):
        SHORT.fit(network, evidence)


def test_what_fails_in_the_backward_pass_is_told_alike(monkeypatch, network, evidence):
    class Failing(torch.autograd.Function):
        @staticmethod
        def forward(_, x):
            return x.clone()

        @staticmethod
        def backward(*_):
            msg = "InductorError: no kernel for this gradient"
            raise TorchDynamoException(msg)

    monkeypatch.setattr(torch, "compile", lambda run, **_: lambda *given: [Failing.apply(made) for made in run(*given)])
    with pytest.raises(RecipeError, match=r"torch.compile cannot make a step of .* no kernel for this gradient Leave"):
        SHORT.fit(network, evidence)
