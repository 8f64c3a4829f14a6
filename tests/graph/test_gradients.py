"""Whether a network learns what the model learns."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

import paredown
from paredown import recipe
from paredown.errors import RecipeError
from paredown.graph.gradients import refuse_untrainable
from paredown.recipe.run import run


class Sign(torch.autograd.Function):
    """A sign with a straight-through gradient."""

    @staticmethod
    def forward(ctx, x):
        return x.sign()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Swish(torch.autograd.Function):
    """The gradient that autograd would find, with less memory."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x.sigmoid()

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        gate = x.sigmoid()
        return gradient * gate * (1 + x * (1 - gate))


class Between(nn.Module):
    """Two layers with a function between them."""

    def __init__(self, function):
        super().__init__()
        self.first, self.second, self.function = nn.Linear(6, 6), nn.Linear(6, 3), function

    def forward(self, x):
        return self.second(self.function(self.first(x)))


class Hooked(Between):
    """A hook that changes a gradient."""

    def __init__(self):
        super().__init__(nn.Identity())

    def forward(self, x):
        y = self.first(x)
        if y.requires_grad:
            y.register_hook(lambda gradient: -gradient)
        return self.second(y)


class Broken(nn.Module):
    """Cannot be differentiated: a root of 0, in place, of what is needed again."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 6)

    def forward(self, x):
        y = self.first(x).exp()
        y += 1
        return y


def network_of(model):
    return paredown.capture(model, torch.randn(4, 6))


def evidence():
    rows = torch.randn(8, 6), torch.zeros(8, dtype=torch.long)
    task = paredown.Task(
        nn.Identity(), paredown.Data(rows, rows, rows, rows), F.cross_entropy, paredown.scores.accuracy
    )
    return recipe.Evidence.of(task)


def test_a_function_with_a_gradient_of_its_own_is_lost_and_said():
    network = network_of(Between(Sign.apply))
    (text,) = network.lost
    assert text.startswith("the gradient of 'first.weight', 'first.bias': Sign (")
    assert "test_gradients.py:" in text
    assert "x + (f(x) - x).detach()" in text


@pytest.mark.parametrize("kept", [lambda network: network, lambda network: network.copy()], ids=["itself", "a copy"])
def test_training_through_it_is_refused_before_any_work(kept):
    network = kept(network_of(Between(Sign.apply)))
    words = r"cannot be trained: Sign \(.*test_gradients.py:\d+\) computes the gradient of 'first.weight', 'first.bias' .*requires_grad_\(False\)"
    with pytest.raises(RecipeError, match=words):
        paredown.Train(epochs=1).fit(network, evidence())
    with pytest.raises(RecipeError, match=words):
        run(network, [paredown.Train(epochs=1)], evidence())
    network.get_parameter("first.weight").requires_grad_(False)
    network.get_parameter("first.bias").requires_grad_(False)
    assert paredown.Train(epochs=1).fit(network, evidence()).network is not network


def test_it_is_still_refused_after_storing(tmp_path):
    network_of(Between(Sign.apply)).save(tmp_path / "network.pt2")
    with pytest.raises(RecipeError, match="cannot be trained"):
        refuse_untrainable(paredown.Network.load(tmp_path / "network.pt2"))


def test_a_hook_that_changes_a_gradient_is_noticed():
    assert network_of(Hooked()).lost[0].startswith("the gradient of 'first.weight', 'first.bias': a hook, or a value")


def test_a_model_without_a_backward_pass_says_so():
    (text,) = network_of(Broken()).lost
    assert text.startswith("gradients: the model's own backward pass fails in eval mode (one of the variables needed")


@pytest.mark.parametrize(
    "function",
    [
        Swish.apply,
        lambda x: x + (x.sign() - x).detach(),
        lambda x: checkpoint(torch.tanh, x, use_reentrant=False),
        torch.relu,
        torch.detach,
        lambda x: x.sign(),
    ],
    ids=["same gradient", "straight through", "checkpoint", "relu", "detached", "sign"],
)
def test_what_learns_alike_is_not_lost(function):
    network = network_of(Between(function))
    assert network.lost == ()
    refuse_untrainable(network)
