"""What single operators do to an axis between a layer that produces it and a layer that consumes it."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from paredown.graph.axes import analyse
from paredown.graph.capture import capture
from paredown.graph.cut import cut


class Between(nn.Module):
    """Many operators side by side, each between convolutions of its own: capturing once is quick."""

    def __init__(self, functions, channels=8):
        super().__init__()
        self.functions = functions
        self.before = nn.ModuleDict({name: nn.Conv2d(3, channels, 1) for name in functions})
        with torch.no_grad():
            widths = {name: f(self.before[name](torch.ones(2, 3, 4, 4))).shape[1] for name, f in functions.items()}
        self.after = nn.ModuleDict({name: nn.Conv2d(width, 2, 1) for name, width in widths.items()})

    def forward(self, x):
        return sum(self.after[n](f(self.before[n](x))).sum((2, 3)) for n, f in self.functions.items())


def assigned(x):
    y = x.clone()
    y[:, :, 1:] = x[:, :, :-1]
    y[:, :, [0, 2]] = 0.5
    return y


PASS = {
    # The axis comes through whole: one group of all channels.
    "add_constant": lambda x: (x + 1.5).mul_(2.0),
    "inplace": F.relu_,
    "masked": lambda x: x.masked_fill(x < 0, 0.0),
    "where": lambda x: torch.where(x > 0, x, x * 0.1),
    "clamp": lambda x: x.clamp(-1, 1).to(torch.float32),
    "dropout": lambda x: F.dropout(x, 0.1, training=False),
    "maxpool": lambda x: F.max_pool2d(x, 2),
    "average": lambda x: F.avg_pool2d(x, 3, 1, 1),
    "adaptive": lambda x: F.adaptive_max_pool2d(x, 2),
    "resize": lambda x: F.interpolate(x, size=(6, 6), mode="bilinear"),
    "reflect": lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "zero_border": lambda x: F.pad(x, (1, 1, 1, 1)),
    "permuted": lambda x: x.permute(2, 3, 0, 1).movedim((0, 1), (2, 3)).contiguous(),
    "swapped": lambda x: x.transpose(1, 3).transpose(3, 1),
    "flattened": lambda x: x.flatten(2).unsqueeze(-1),
    "unflattened": lambda x: x.flatten(2).unflatten(2, (4, 4)),
    "viewed": lambda x: x.view(x.shape[0], -1, 16).view(x.shape),
    "squeezed": lambda x: x.mean((2, 3), keepdim=True).squeeze(-1).squeeze((1, 2))[:, :, None, None],
    "summed": lambda x: x.sum(2).unsqueeze(2),
    "extreme": lambda x: x.amax(dim=(2, 3), keepdim=True),
    "largest": lambda x: x.flatten(2).max(dim=2)[0][:, :, None, None],
    "deviation": lambda x: x.std(dim=(2, 3), keepdim=True),
    "rolled": lambda x: torch.roll(x, 1, 3).flip(2),
    "normalised": lambda x: F.normalize(x, dim=1),
    "softened": lambda x: x.flatten(2).softmax(-1).view_as(x),
    "zeros": lambda x: x + torch.zeros(x.shape) + torch.ones_like(x),
    "gathered": lambda x: x[:, :, [0, 2]][..., [1, 3]],
    "chosen": lambda x: x.index_select(2, torch.tensor([0, 1])),
    "stacked": lambda x: torch.stack([x, x * 2], 2).mean(2),
    "unbound": lambda x: x.unbind(2)[1][:, :, None],
    "narrowed": lambda x: x.narrow(2, 1, 2),
    "broadcast": lambda x: x * x.mean((2, 3), keepdim=True).expand_as(x),
    "einsum": lambda x: torch.einsum("nchw,nchv->nchwv", x, x).sum(-1),
    "channels_matmul": lambda x: (x.flatten(2) @ x.flatten(2).transpose(1, 2) @ x.flatten(2)).view_as(x),
    "complement": lambda x: 1 - torch.sigmoid(x),
    "running_sum": lambda x: x.cumsum(3),
    "patches": lambda x: F.fold(F.unfold(x, 2, stride=2), (4, 4), 2, stride=2),
    "aliases": lambda x: torch.subtract(torch.multiply(x, 2.0), x).negative(),
    "windows": lambda x: x.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4).mean(-1),
    "assigned": assigned,
    "spectrum": lambda x: torch.fft.irfft2(torch.fft.rfft2(x) * 2.0, s=(4, 4)),
    "complex": lambda x: torch.view_as_real(torch.fft.fft(x, dim=2)).sum(-1),
    "ellipsis": lambda x: torch.einsum("...hw,...hw->...h", x, x)[..., None],
    "implicit_sum": lambda x: torch.einsum("abij,jk", x, torch.ones(4, 4)),
    "outer_product": lambda x: x * torch.outer(torch.arange(4.0), torch.arange(4.0)),
    "mesh": lambda x: x * torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing="ij")[0],
    "similar": lambda x: x * F.cosine_similarity(x, x.roll(1, 3), dim=3)[..., None],
    "one_hot": lambda x: x * F.one_hot(torch.arange(4), 4),
    "backwards": lambda x: x + torch.ones(4, 4).T,
    "scattered": lambda x: x.scatter(3, x.argmax(3, keepdim=True) * 0, 0.5),
    "broadcast_together": lambda x: sum(torch.broadcast_tensors(x, x.mean((2, 3), keepdim=True))),
    "ordered": lambda x: x + x.argsort(3) * 0,
    "sampled": lambda x: F.grid_sample(x, torch.zeros(1, 3, 3, 2).expand(x.shape[0], 3, 3, 2), align_corners=False),
}

PART = {
    # The axis is refined: the sizes of its free groups.
    "chunk": (lambda x: torch.cat(x.chunk(2, 1)[::-1], 1), [4, 4]),
    "uneven_chunk": (lambda x: torch.cat(x.chunk(3, 1), 1), [2, 3, 3]),
    "split": (lambda x: torch.cat(x.split([1, 5, 2], 1), 1), [2, 5]),
    "tensor_split": (lambda x: torch.cat(x.tensor_split([2, 5], 1), 1), [2, 3, 3]),
    "sliced": (lambda x: x[:, 2:-1], [2, 5]),
    "every_second": (lambda x: x[:, ::2], [4]),
    "padded": (lambda x: F.pad(x, (0, 0, 0, 0, 2, 3)), [2, 3, 8]),
    "padded_with_ones": (lambda x: F.pad(x, (0, 0, 0, 0, 0, 2), value=1.0), [2, 8]),
    "gated": (lambda x: F.glu(x, 1), [4]),
    "halves_multiplied": (lambda x: x[:, :4] * x[:, 4:], [4]),
    "repeated": (lambda x: x.repeat(1, 3, 1, 1), [3, 8]),
    "interleaved": (lambda x: x.repeat_interleave(3, 1), [3, 8]),
    "shuffled": (lambda x: F.channel_shuffle(x, 2), [2, 4]),
    "pixels_up": (lambda x: F.pixel_shuffle(x, 2), [2]),
    "pixels_down": (lambda x: F.pixel_unshuffle(x, 2), [8]),
    "groups": (lambda x: x.view(x.shape[0], 2, 4, 4, 4).sum(1), [2, 4]),
    "first_group": (lambda x: x.view(x.shape[0], 2, 4, 4, 4)[:, 0], [4]),
    "mixed": (lambda x: F.conv2d(x.transpose(1, 2), torch.ones(4, 4, 1, 1), padding=(0, 0)).transpose(1, 2), [8]),
    "whole_map": (lambda x: x.flatten(1)[:, :, None, None], [8]),
    "grid_last": (lambda x: x.permute(0, 2, 3, 1).flatten(1)[:, :, None, None], [8]),
}

FROZEN = {
    # The axis cannot be cut: the operator that says so.
    "probabilities": (lambda x: x.softmax(1), "aten.softmax.int"),
    "sorted": (lambda x: x.sort(1)[0], "aten.sort"),
    "best": (lambda x: x.topk(3, 1)[0], "aten.topk"),
    "place": (lambda x: (x == x.argmax(1, keepdim=True)) * x, "aten.argmax"),
    "mixed_neighbours": (
        lambda x: F.conv2d(x.transpose(1, 2), torch.ones(4, 4, 3, 1), padding=(1, 0)).transpose(1, 2),
        "aten.conv2d",
    ),
    "looked_up": (lambda x: x[:, [0, 3, 5]], "aten.index"),
    "slid_over": (lambda x: F.avg_pool2d(x.transpose(1, 2), (3, 1)).transpose(1, 2), "aten.avg_pool2d"),
    "not_nested": (lambda x: F.pad(x, (0, 0, 0, 0, 0, 1)).reshape(x.shape[0], 16, 9, 1), "does not nest"),
    "triangle": (lambda x: x.flatten(2).tril().view_as(x), "aten.tril"),
    "transformed": (lambda x: torch.fft.fft(x, dim=1).abs(), "aten.fft_fft"),
    "no_rule": (lambda x: x.kthvalue(3, 1, keepdim=True)[0], "aten.kthvalue.default (node kthvalue) has no axes rule"),
}


def groups_of(axes, name):
    held = {f"before.{name}.weight", f"after.{name}.weight"}
    return [g for g in axes.groups if any(c.name in held for c in g.carriers) and g.size > 1]


@pytest.fixture(scope="module")
def found():
    torch.manual_seed(0)
    functions = {**PASS, **{name: f for name, (f, _) in PART.items()}, **{name: f for name, (f, _) in FROZEN.items()}}
    network = capture(Between(functions).eval(), torch.randn(2, 3, 4, 4))
    return network, analyse(network)


@pytest.mark.parametrize("name", PASS)
def test_operators_that_let_an_axis_pass(found, name):
    assert sorted(g.size for g in groups_of(found[1], name) if g.free) == [8]


@pytest.mark.parametrize("name", PART)
def test_operators_that_take_an_axis_apart(found, name):
    free = [g for g in groups_of(found[1], name) if g.free]
    assert sorted(g.size for g in free) == PART[name][1]


@pytest.mark.parametrize("name", FROZEN)
def test_operators_that_hold_an_axis(found, name):
    produced = [g for g in groups_of(found[1], name) if f"before.{name}" in g.name and not g.name.endswith(":in")]
    assert produced
    assert all(FROZEN[name][1] in g.frozen_by for g in produced)


@pytest.mark.parametrize("keep", [slice(None, None, 2), slice(0, 1), slice(1, None)])
def test_all_of_them_can_be_cut_at_once(found, keep):
    network, axes = found
    kept = {group.name: list(range(group.size))[keep] for group in axes.free}
    assert cut(network, kept, axes=axes)(torch.randn(3, 3, 4, 4)).shape == (3, 2)
