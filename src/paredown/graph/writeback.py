"""Weights of a network put back into the user's own class, so that everything written for that class keeps working."""

from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from paredown.errors import InputError
from paredown.graph.network import Network
from paredown.graph.parametrized import fold_parametrizations
from paredown.graph.structure import flatten
from paredown.task.copying import detached_copy

__all__ = ["write_back"]


def write_back(network: Network, model: nn.Module) -> nn.Module:
    """A copy of the user's model with the network's weights, sizes and removed blocks, proven by running both.

    Parameters and buffers are replaced by name, the sizes that torch's own layers remember (``out_channels``,
    ``num_features`` …) follow them, and modules of which nothing is left become ``nn.Identity``.

    Args:
        network: what the model became; left as it is.
        model: the model it was captured from; left bit-identical.

    Returns:
        A new module of the user's class on the CPU, in eval mode.

    Raises:
        InputError: the class has no place for what is in the network, or computes something else with these weights.

    """
    name = type(model).__name__
    twin = detached_copy(model).cpu().eval()
    network = network.copy().cpu().eval()
    fold_parametrizations(twin, keep=_tensors(network))
    _refuse_quantized(network, name)
    _drop_missing(network, twin)
    for parameter_name, tensor in _tensors(network).items():
        _put(twin, parameter_name, tensor, name, persistent=parameter_name in network.state_dict())
    _retie(network, twin)
    for path, module in twin.named_modules():
        _resize(module, path, network)
    _prove(network, twin, name)
    return twin


def _tensors(network: Network) -> dict[str, torch.Tensor]:
    parameters = network.named_parameters(remove_duplicate=False)
    return {**dict(parameters), **dict(network.named_buffers(remove_duplicate=False))}


def _refuse_quantized(network: Network, name: str) -> None:
    for node in network.nodes():
        if isinstance(node.target, torch._ops.OpOverload) and node.target.namespace == "paredown":
            msg = (
                f"The network is quantized (node {node.name}), and {name} has no place for rounding. "
                "Write back before quantize steps, or keep the network: network.save(path)."
            )
            raise InputError(msg)


def _drop_missing(network: Network, twin: nn.Module) -> None:
    """Replace the outermost modules of which no parameter is left by the identity."""
    left = set(_tensors(network))
    for path, module in list(twin.named_modules()):
        names = [name for name, _ in module.named_parameters(prefix=path, remove_duplicate=False)]
        if path and names and not left.intersection(names) and _holds(twin, path, module):
            owner, _, leaf = path.rpartition(".")
            setattr(twin.get_submodule(owner), leaf, nn.Identity())


def _holds(twin: nn.Module, path: str, module: nn.Module) -> bool:
    try:
        return twin.get_submodule(path) is module
    except AttributeError:  # an outer module was replaced already
        return False


def _put(twin: nn.Module, name: str, tensor: torch.Tensor, model_name: str, *, persistent: bool) -> None:
    path, _, leaf = name.rpartition(".")
    try:
        owner = twin.get_submodule(path)
    except AttributeError:
        owner = None
    known = owner is not None and (leaf in owner._parameters or leaf in owner._buffers)
    if owner is None or (not known and persistent):
        msg = (
            f"The network has {name} {list(tensor.shape)}, for which {model_name} has no place. "
            f"Write back only what was captured from a {model_name}, before steps that add parameters."
        )
        raise InputError(msg)
    if leaf in owner._parameters:
        old = owner._parameters[leaf]
        trainable = tensor.requires_grad if old is None else old.requires_grad
        owner.register_parameter(leaf, nn.Parameter(tensor.detach().clone(), requires_grad=trainable))
    elif leaf in owner._buffers:
        owner._buffers[leaf] = tensor.detach().clone()
    elif isinstance(getattr(owner, leaf, None), torch.Tensor):
        setattr(owner, leaf, tensor.detach().clone())


def _retie(network: Network, twin: nn.Module) -> None:
    """Give tied names one parameter again."""
    first: dict[int, str] = {}
    for name, tensor in network.named_parameters(remove_duplicate=False):
        tied = first.setdefault(id(tensor), name)
        if tied != name:
            owner, _, leaf = name.rpartition(".")
            twin.get_submodule(owner).register_parameter(leaf, twin.get_parameter(tied))


def _convolution(module: Any, groups: int) -> None:
    module.groups = groups
    module.out_channels, module.in_channels = module.weight.shape[0], module.weight.shape[1] * groups


def _transposed(module: Any, groups: int) -> None:
    module.groups = groups
    module.in_channels, module.out_channels = module.weight.shape[0], module.weight.shape[1] * groups


def _linear(module: Any, _groups: int) -> None:
    module.out_features, module.in_features = module.weight.shape


def _bilinear(module: Any, _groups: int) -> None:
    module.out_features, module.in1_features, module.in2_features = module.weight.shape


def _batch_norm(module: Any, _groups: int) -> None:
    known = module.running_mean if module.running_mean is not None else module.weight
    if known is not None:
        module.num_features = known.shape[0]


def _layer_norm(module: Any, _groups: int) -> None:
    if module.weight is not None:
        module.normalized_shape = tuple(module.weight.shape)


def _group_norm(module: Any, groups: int) -> None:
    if module.weight is not None:
        module.num_channels, module.num_groups = module.weight.shape[0], groups


def _embedding(module: Any, _groups: int) -> None:
    module.num_embeddings, module.embedding_dim = module.weight.shape


def _prelu(module: Any, _groups: int) -> None:
    module.num_parameters = module.weight.shape[0]


def _recurrent(module: Any, _groups: int) -> None:
    module.hidden_size, module.input_size = module.weight_hh_l0.shape[1], module.weight_ih_l0.shape[1]
    module.flatten_parameters()


_RESIZE: tuple[tuple[tuple[type[nn.Module], ...], Callable[[Any, int], None]], ...] = (
    ((nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), _transposed),
    ((nn.Conv1d, nn.Conv2d, nn.Conv3d), _convolution),
    ((nn.Bilinear,), _bilinear),
    ((nn.Linear,), _linear),
    ((nn.modules.batchnorm._NormBase,), _batch_norm),
    ((nn.LayerNorm, nn.RMSNorm), _layer_norm),
    ((nn.GroupNorm,), _group_norm),
    ((nn.Embedding, nn.EmbeddingBag), _embedding),
    ((nn.PReLU,), _prelu),
    ((nn.RNNBase,), _recurrent),
)


def _resize(module: nn.Module, path: str, network: Network) -> None:
    for classes, rule in _RESIZE:
        if isinstance(module, classes):
            rule(module, _groups(module, path, network))
            return


def _groups(module: nn.Module, path: str, network: Network) -> int:
    """The number of groups the graph uses with this module's weight; what the module says where it is not used."""
    weight = f"{path}.weight" if path else "weight"
    for node in network.nodes():
        if not isinstance(node.target, torch._ops.OpOverload):
            continue
        if any(source.op == "get_attr" and str(source.target) == weight for source in node.all_input_nodes):
            for at, argument in enumerate(node.target._schema.arguments):
                if argument.name in {"groups", "num_groups"}:
                    return int(_argument(node, at, argument.name, argument.default_value))
    return int(getattr(module, "groups", getattr(module, "num_groups", 1)))


def _argument(node: fx.Node, at: int, name: str, default: Any) -> Any:
    return node.args[at] if len(node.args) > at else node.kwargs.get(name, default)


def _prove(network: Network, twin: nn.Module, name: str) -> None:
    args, kwargs = network.in_structure.build([tensor.clone() for tensor in network.example])
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        expected = network.graph_module(*[tensor.clone() for tensor in network.example])
        torch.manual_seed(0)
        try:
            found, _ = flatten(twin(*args, **kwargs))
        except Exception as error:
            msg = (
                f"{name} does not run with the network's weights: {str(error).splitlines()[0]}. Its forward uses a size that "
                "was written when it was built (heads, width). Keep such axes when cutting, or keep the network itself."
            )
            raise InputError(msg) from error
    for index, (want, have) in enumerate(zip(expected, found, strict=True)):
        if want.shape != have.shape or not torch.allclose(want, have, rtol=1e-3, atol=1e-4, equal_nan=True):
            msg = (
                f"{name} computes something else with the network's weights (output {index}). Its forward depends on a size or "
                "a step that changed in the graph. Keep such axes when cutting, or keep the network itself."
            )
            raise InputError(msg)
