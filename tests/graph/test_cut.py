"""Cutting: what it refuses, what its proof catches, what it leaves alone."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from paredown.errors import CutError, FrozenError, InputError
from paredown.graph.axes import analyse
from paredown.graph.capture import capture
from paredown.graph.cut import cut, prove
from paredown.graph.cut.cutting import choose
from paredown.graph.cut.proof import _Batches
from paredown.testing.zoo import captured


def child_and_proof(name, group, kept):
    network = captured(name)
    axes = analyse(network)
    child = cut(network, {group: kept}, axes=axes)
    return child, lambda: prove(network, child, axes, choose(axes, {group: kept}))


def node_of(network, operator):
    return next(node for node in network.nodes() if operator in str(node.target))


# What it refuses.


def test_an_unknown_name_lists_the_nearest():
    with pytest.raises(InputError, match=r"no group 'stem'.*nearest names are .*'stem\.0'"):
        cut(captured("PaddedResidual"), {"stem": [0]})


def test_a_frozen_group_names_the_operator_that_holds_it():
    with pytest.raises(FrozenError, match=r"'head' \(5 indices\) cannot be cut: it is held by output"):
        cut(captured("PaddedResidual"), {"head": [0]})
    with pytest.raises(
        FrozenError, match=r"aten\.unbind\.int \(node unbind in layers\.0\.attention\) picks its indices"
    ):
        cut(captured("VisionTransformer"), {"layers.0.attention.qkv[0]": [0]})


@pytest.mark.parametrize("kept", [[], torch.zeros(4, 0, dtype=torch.long)])
def test_a_group_cannot_vanish(kept):
    with pytest.raises(InputError, match=r"no index to keep.*cannot vanish. Keep at least one of its 4 indices"):
        cut(captured("VisionTransformer"), {"layers.0.attention.qkv[head_dim]": kept})


@pytest.mark.parametrize("kept", [[1, 0], [0, 0], [-1, 2], [3, 8]])
def test_indices_are_ascending_and_exist(kept):
    with pytest.raises(InputError, match=r"it has 8, and they are given ascending and once. .* between 0 and 7"):
        cut(captured("PaddedResidual"), {"stem.0": kept})


def test_rows_are_for_groups_with_an_outer_axis():
    with pytest.raises(InputError, match=r"'stem.0' was given 2 rows of indices; it takes one row for all"):
        cut(captured("PaddedResidual"), {"stem.0": [[0, 1], [2, 3]]})
    with pytest.raises(InputError, match=r"was given 2 rows of indices; it takes rows for its 4 outer indices"):
        cut(captured("VisionTransformer"), {"layers.0.attention.qkv[head_dim]": [[0, 1], [2, 3]]})


# What its proof catches.


def test_a_wrong_slice_of_a_parameter():
    child, proof = child_and_proof("PaddedResidual", "stem.0", [0, 2, 5])
    with torch.no_grad():
        child.get_parameter("stem.1.weight").copy_(captured("PaddedResidual").get_parameter("stem.1.weight")[[0, 2, 6]])
    with pytest.raises(CutError, match=r"Parameter 'stem\.1\.weight' was cut to \[3\], which is not the part of \[8\]"):
        proof()


def test_a_wrong_slice_of_statistics_that_are_all_alike():
    torch.manual_seed(0)
    network = capture(
        nn.Sequential(nn.Conv2d(3, 6, 1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 2, 1)).eval(),
        torch.randn(2, 3, 4, 4),
    )
    axes = analyse(network)
    child = cut(network, {"0": [1, 4]}, axes=axes)
    mean = next(node for node in child.nodes() if node.target == "1.running_mean")
    var = next(node for node in child.nodes() if node.target == "1.running_var")
    norm = node_of(child, "batch_norm")
    norm.args = (*norm.args[:3], var, mean, *norm.args[5:])
    with pytest.raises(CutError, match=r"aten.batch_norm.default \(node batch_norm in 1\) computes other values"):
        prove(network, child.recompile(), axes, choose(axes, {"0": [1, 4]}))


def test_a_scale_that_was_not_pinned():
    child, proof = child_and_proof("VisionTransformer", "layers.0.attention.qkv[head_dim]", [0, 2])
    attention = node_of(child, "scaled_dot_product")
    assert attention.kwargs["scale"] == 0.5  # 1 / sqrt(4), the original's
    attention.kwargs = {}
    child.recompile()
    with pytest.raises(
        CutError, match=r"aten\.scaled_dot_product_attention\.default .*in layers\.0\.attention.* computes other values"
    ):
        proof()


def test_a_size_that_was_not_rewritten():
    child, proof = child_and_proof("VisionTransformer", "layers.0.attention.qkv[heads]", [0, 2])
    view = node_of(child, "aten.reshape")
    view.args = (view.args[0], [*view.args[1][:3], 4, 4])
    child.recompile()
    with pytest.raises(CutError, match=r"aten\.reshape\.default .* cannot run after the cut"):
        proof()


def test_a_shape_other_than_predicted():
    child, proof = child_and_proof("PaddedResidual", "layers.2.two[padding before]", [0])
    pad = node_of(child, "aten.pad")
    pad.args = (pad.args[0], [0, 0, 0, 0, 2, 4], *pad.args[2:])
    child.recompile()
    with pytest.raises(
        CutError, match=r"aten\.pad\.default .* gives \[2, 14, 8, 8\] after the cut; its axes say \[2, 13, 8, 8\]"
    ):
        proof()


def test_a_batch_written_as_a_number():
    child, proof = child_and_proof("ConvNeXt", "wide", [0, 1])
    mean = node_of(child, "aten.amax")
    with child.graph_module.graph.inserting_after(mean):
        fixed = child.graph_module.graph.call_function(torch.ops.aten.reshape.default, (mean, [2, 12]))
    mean.replace_all_uses_with(fixed, delete_user_cb=lambda user: user is not fixed)
    child.recompile()
    with pytest.raises(CutError, match=r"After the cut the network does not run at a batch of 3"):
        proof()


def test_an_output_of_another_shape():
    child, proof = child_and_proof("UNet", "one.0", [0, 1])
    output = node_of(child, "output")
    (result,) = output.args[0]
    with child.graph_module.graph.inserting_before(output):
        shorter = child.graph_module.graph.call_function(torch.ops.aten.slice.Tensor, (result, 1, 0, 1))
    output.args = ((shorter,),)
    child.recompile()
    with pytest.raises(
        CutError, match=r"Output 0 has the shape \[3, 1, 16, 16\] after the cut and had \[3, 2, 16, 16\] before"
    ):
        proof()


def test_examples_that_depend_on_one_another():
    network = captured("UNet")
    axes = analyse(network)
    child = cut(network, {"one.0": [0, 1]}, axes=axes)
    output = node_of(child, "output")
    (result,) = output.args[0]
    with child.graph_module.graph.inserting_before(output):
        mean = child.graph_module.graph.call_function(torch.ops.aten.mean.dim, (result, [0], True))
        mixed = child.graph_module.graph.call_function(torch.ops.aten.sub.Tensor, (result, mean))
    output.args = ((mixed,),)
    with pytest.raises(CutError, match=r"Output 0 of one example depends on the other examples after the cut"):
        _Batches(network, child.recompile(), axes).run()


# What it leaves alone, and what it keeps.


def test_parent_and_mode_are_left_alone():
    network = captured("PaddedResidual").copy().train()
    before = network.fingerprint()
    child = cut(network, {"stem.0": [0, 1]})
    assert network.fingerprint() == before
    assert network.training
    assert child.training
    storages = {tensor.untyped_storage().data_ptr() for tensor in network.state_dict().values()}
    assert storages.isdisjoint(t.untyped_storage().data_ptr() for t in child.state_dict().values() if t.numel())


def test_parameters_keep_whether_they_train():
    network = captured("UNet").copy()
    network.get_parameter("up.weight").requires_grad_(False)
    child = cut(network, {"up": [0, 1], "three.0": [3]})
    assert not child.get_parameter("up.weight").requires_grad
    assert child.get_parameter("one.0.weight").requires_grad
    assert child.get_parameter("up.weight").is_contiguous()


def test_a_cut_network_trains():
    network = cut(captured("InvertedResidual"), {"stem.0": [0, 3], "head.1": [1, 2, 4]}).train()
    loss = F.cross_entropy(network(torch.randn(4, 3, 16, 16)), torch.tensor([0, 1, 2, 3]))
    loss.backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in network.parameters())


def test_unequal_chunks_become_splits():
    child = cut(captured("VisionTransformer", form="chunk"), {"layers.0.attention.qkv[value_dim]": [0]})
    assert "split_with_sizes" in str(node_of(child, "split").target)
    assert node_of(child, "split").args[1] == [16, 16, 4]


def test_no_size_is_left_to_be_guessed():
    child = cut(captured("Shuffle"), {"last.0": [0, 1]})
    views = [node for node in child.nodes() if "aten.reshape" in str(node.target)]
    assert views
    assert all(-1 not in node.args[1] for node in views)


def test_names_stay_after_a_cut():
    network = captured("VisionTransformer")
    child = cut(network, {"layers.0.attention.qkv[heads]": [1, 3], "patches": [0, 1, 2]})
    assert [group.name for group in analyse(child).groups] == [group.name for group in analyse(network).groups]


def test_masking_is_no_equivalent_for_a_layer_norm_but_the_rest_is_checked():
    # The values after the norm go on in both, so a fault behind it is still seen.
    child, proof = child_and_proof("VisionTransformer", "patches", list(range(0, 16, 2)))
    proof()
    gelu = [node for node in child.nodes() if "aten.gelu" in str(node.target)][-1]
    gelu.target = torch.ops.aten.relu.default
    child.recompile()
    with pytest.raises(CutError, match=r"aten\.gelu\.default .* computes other values"):
        proof()


def test_a_varying_sequence_can_be_cut_too():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.wide, self.out = nn.Embedding(9, 6), nn.Linear(6, 8), nn.Linear(8, 3)

        def forward(self, words):
            x = F.relu(self.wide(self.words(words)))
            return self.out(x.view(-1, 2, 4).view(words.shape[0], words.shape[1], 8).mean(1))

    network = capture(Tokens().eval(), torch.randint(0, 9, (2, 5)), dynamic={"words": {1: "sequence"}})
    axes = analyse(network)
    assert {group.name: group.size for group in axes.free} == {"words": 6, "wide[0]": 2, "wide[1]": 4}
    child = cut(network, {"words": [0, 5], "wide[1]": [1, 2, 3]}, axes=axes)
    assert child(torch.randint(0, 9, (3, 7))).shape == (3, 3)
