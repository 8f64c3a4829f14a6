import itertools

import torch
import torch.nn.functional as F
from torch import nn

from paredown.graph.capture import capture
from paredown.graph.mode import MODES

from . import traps


class ResNet18(nn.Module):
    """The layout of ResNet-18 at a tenth of its width, for small images."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 6, 3, 1, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.MaxPool2d(2)
        )
        widths = [6, 6, 6, 12, 12, 24, 24, 48, 48]
        self.blocks = nn.Sequential(*(Basic(a, b, 2 if a != b else 1) for a, b in itertools.pairwise(widths)))
        self.fc = nn.Linear(48, 10)

    def forward(self, x):
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1), 1))


class Basic(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b)
        self.conv2, self.bn2 = nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b)
        self.relu = nn.ReLU(inplace=True)
        self.down = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b)) if a != b else None

    def forward(self, x):
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += x if self.down is None else self.down(x)
        return self.relu(out)


def test_a_captured_resnet_trains_bit_for_bit_like_the_original():
    torch.manual_seed(0)
    model = ResNet18()
    network = capture(model, torch.randn(2, 3, 16, 16)).train()
    model.train()
    ours, theirs = torch.optim.SGD(network.parameters(), 0.1), torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(3):
        x, y = torch.randn(8, 3, 16, 16), torch.randint(0, 10, (8,))
        losses = []
        for thing, optimizer in ((network, ours), (model, theirs)):
            optimizer.zero_grad()
            losses.append(F.cross_entropy(thing(x), y))
            losses[-1].backward()
            optimizer.step()
        assert torch.equal(*losses)
        gradients = dict(network.named_parameters())
        for name, parameter in model.named_parameters():
            assert torch.equal(parameter.grad, gradients[name].grad), name
    state = network.state_dict()
    assert set(state) == set(model.state_dict())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, state[name]), name
    assert state["stem.1.num_batches_tracked"] == 3


def test_a_norm_that_is_used_twice_counts_twice():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.other = nn.BatchNorm1d(4), nn.BatchNorm1d(4)

        def forward(self, x):
            return self.other(self.norm(self.norm(x)))

    network = capture(Twice(), torch.randn(2, 4)).train()
    network(torch.randn(8, 4))
    network(torch.randn(8, 4))
    assert network.get_buffer("norm.num_batches_tracked") == 4
    assert network.get_buffer("other.num_batches_tracked") == 2
    network.eval()(torch.randn(8, 4))
    assert network.get_buffer("norm.num_batches_tracked") == 4


def test_dropout_draws_as_the_original_does():
    model = traps.Residual().train()
    network = capture(model, torch.randn(2, 3, 8, 8)).train()
    x = torch.randn(6, 3, 8, 8)
    torch.manual_seed(1)
    expected = model(x)
    torch.manual_seed(1)
    assert torch.equal(network(x), expected)
    assert torch.equal(network.eval()(x), model.eval()(x))


def test_every_operator_with_a_mode_follows():
    model = traps.EveryMode()
    network = capture(model, torch.randn(2, 3, 6, 6))
    assert len([node for node in network.nodes() if node.target in MODES]) == 8
    x = torch.randn(4, 3, 6, 6)
    for training in (True, False, True):
        torch.manual_seed(5)
        expected = model.train(training)(x)
        torch.manual_seed(5)
        assert torch.equal(network.train(training)(x), expected)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name]), name


def test_attention_dropout_is_given_back_while_training():
    model = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.25, batch_first=True)
    network = capture(model, torch.randn(2, 5, 8))
    (attention,) = [node for node in network.nodes() if "scaled_dot" in node.name]
    network.train()
    assert attention.args[4:] == (0.25,) or attention.kwargs["dropout_p"] == 0.25
    network.eval()
    assert (*attention.args[4:], *attention.kwargs.values()) == (0.0,)


def test_recurrent_layers_train():
    model = traps.Recurrent()
    network = capture(model, torch.randn(2, 5, 4)).train()
    model.train()
    x = torch.randn(3, 5, 4)
    torch.manual_seed(2)
    expected = model(x)
    torch.manual_seed(2)
    assert torch.allclose(network(x), expected, atol=1e-6)


def test_what_the_user_fixed_stays_fixed():
    network = capture(traps.FixedModes(), torch.randn(2, 6))
    flags = {}
    for training in (False, True):
        network.train(training)
        flags[training] = [node.args[MODES[node.target]] for node in network.nodes() if node.target in MODES]
    assert flags[False] == flags[True] == [False, True, False]


def test_a_network_starts_in_eval_mode_and_copies_keep_theirs():
    network = capture(traps.Residual().train(), torch.randn(2, 3, 8, 8))
    assert not network.training
    assert network.train().copy().training
    assert not network.eval().copy().training


def test_a_cumulative_average_is_listed_as_lost():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, momentum=None))
    (lost,) = capture(model, torch.randn(2, 3, 8, 8)).lost
    assert "running statistics of '1': momentum=None" in lost


class _FailsInTraining(nn.Module):
    def forward(self, x):
        if self.training:
            msg = "no labels"
            raise ValueError(msg)
        return x * 2


def test_a_model_that_cannot_run_in_train_mode_says_so():
    assert (
        "its forward fails in train mode on the example (no labels)"
        in capture(_FailsInTraining(), torch.randn(2, 3)).lost[0]
    )
