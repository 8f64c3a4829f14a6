"""Networks as people write them, small: kinds that tools stumble over, from trackers and from the fields they come from."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.coverage import situations_fields as fields
from benchmarks.coverage import situations_reported as reported

__all__ = ["SITUATIONS", "Situation"]


@dataclasses.dataclass(frozen=True)
class Situation:
    """A model and what it is run on.

    Attributes:
        what: a few words for the table.
        model: makes it.
        inputs: makes its positional inputs, a batch of four.

    """

    what: str
    model: Callable[[], nn.Module]
    inputs: Callable[[], tuple[Tensor, ...]]


def _normal(*shapes: tuple[int, ...]) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: tuple(torch.randn(shape) for shape in shapes)


def _ids(*shape: int, of: int = 20) -> Callable[[], tuple[Tensor, ...]]:
    return lambda: (torch.randint(0, of, shape),)


def _edges() -> tuple[Tensor, ...]:
    return torch.randn(4, 6, 8), torch.randint(0, 6, (4, 10)), torch.randint(0, 6, (4, 10))


def _boxes() -> tuple[Tensor, ...]:
    corner = torch.rand(4, 3, 2) * 6
    return torch.randn(4, 3, 16, 16), torch.cat([corner, corner + 4], -1)


def _cached() -> tuple[Tensor, ...]:
    return torch.randint(0, 20, (4, 1)), torch.randn(4, 2, 8, 8), torch.randn(4, 2, 8, 8), torch.ones(4, 8)


def _table() -> tuple[Tensor, ...]:
    return torch.randn(4, 5), torch.randint(0, 6, (4, 3))


def _scripted() -> nn.Module:
    return torch.jit.script(reported.Perceptron())


IMAGE = _normal((4, 3, 16, 16))
ROWS = _normal((4, 8))
SERIES = _normal((4, 12, 8))

_REPORTED: Mapping[str, tuple[str, Callable[[], nn.Module], Callable[[], tuple[Tensor, ...]]]] = {
    "function": ("straight-through sign as autograd.Function", reported.StraightThrough, ROWS),
    "lstm": ("LSTM before linear layers", lambda: reported.Recurrent(nn.LSTM), SERIES),
    "gru": ("GRU before linear layers", lambda: reported.Recurrent(nn.GRU), SERIES),
    "pad": ("F.pad without a value", reported.Padded, IMAGE),
    "bag": ("EmbeddingBag", reported.Bag, _ids(4, 5)),
    "conv1d": ("GPT-2's Conv1D, x @ W, einsum with a constant", reported.Products, SERIES),
    "states": ("LSTM states [layers, batch, hidden]", reported.States, _normal((4, 5, 8), (2, 4, 16), (2, 4, 16))),
    "time first": ("time-first GRU", lambda: reported.TimeFirst(nn.GRU(8, 16), 16), _normal((5, 4, 8))),
    "time-first attention": (
        "time-first transformer, pooled over time",
        lambda: reported.TimeFirst(nn.TransformerEncoderLayer(8, 2, 16), 8),
        _normal((5, 4, 8)),
    ),
    "constant": ("an activation that never changes", reported.Dead, ROWS),
    "float16": ("model.half()", lambda: reported.Perceptron().half(), lambda: (torch.randn(4, 8).half(),)),
    "bfloat16": ("model.bfloat16()", lambda: reported.Perceptron().bfloat16(), lambda: (torch.randn(4, 8).bfloat16(),)),
    "float64": (
        "model.double(), with ELU",
        lambda: reported.Perceptron().double(),
        lambda: (torch.randn(4, 8).double(),),
    ),
    "history": ("a cached feature with history", reported.remembering, ROWS),
    "mask": ("torch.nn.utils.prune masks after a pass", reported.masked, ROWS),
    "spectral": ("spectral_norm", reported.spectral, IMAGE),
    "weight norm": ("weight_norm parametrization", reported.weight_normed, SERIES),
    "scripted": ("scripted module", _scripted, ROWS),
    "conv3d": ("3-D convolutions", reported.Volumes, _normal((4, 1, 4, 8, 8))),
    "buffer": ("a buffer updated in forward, and read", reported.Counting, ROWS),
    "counter": ("a buffer updated in forward, not read", lambda: reported.Counting(read=False), ROWS),
    "compiled": ("torch.compile(model)", lambda: torch.compile(reported.Perceptron()), ROWS),
    "parallel": ("nn.DataParallel(model)", lambda: nn.DataParallel(reported.Perceptron()), ROWS),
    "adapter": ("low-rank adapters on frozen layers", reported.Adapted, ROWS),
    "hook": ("a forward hook that changes an output", reported.hooked, ROWS),
    "length": ("a batch size by len(x)", reported.Lengthy, ROWS),
    "lazy": ("a lazy module that never ran", lambda: nn.Sequential(nn.LazyLinear(4)), ROWS),
    "complex": ("complex weights", reported.Complex, ROWS),
    "stream": ("one step with its state", reported.Step, _normal((4, 8), (4, 16))),
}

_FIELDS: Mapping[str, tuple[str, Callable[[], nn.Module], Callable[[], tuple[Tensor, ...]]]] = {
    "detector": ("detection head, top-k post-processing", fields.Detector, IMAGE),
    "nms": ("detection head, non-maximum suppression", lambda: fields.Detector(suppress=True), IMAGE),
    "roi": ("RoI align on given boxes", fields.Regions, _boxes),
    "diffusion": ("diffusion U-Net with time embedding", fields.Diffusion, lambda: (torch.randn(4, 3, 8, 8), torch.rand(4))),
    "conformer": ("Conformer block", fields.Conformer, SERIES),
    "transducer": ("RNN-T: encoder, predictor, joiner", fields.Transducer, lambda: (torch.randn(4, 6, 8), torch.randint(0, 9, (4, 3)))),
    "graph": ("graph network, scatter over edges", fields.Messages, _edges),
    "graph, flat": ("graph network over one flat list of nodes", fields.FlatMessages, lambda: (torch.randn(6, 8), torch.randint(0, 6, (2, 10)))),
    "super-resolution": ("super-resolution, pixel shuffle and bicubic skip", fields.Upscaler, IMAGE),
    "points": ("point cloud, neighbours by distance", fields.Points, _normal((4, 12, 3))),
    "patches": ("time-series transformer, patches, reversible norm", fields.Patches, _normal((4, 16, 3))),
    "experts": ("mixture of experts, all computed", fields.Experts, SERIES),
    "experts, routed": ("mixture of experts, rows sent by index", lambda: fields.Experts(routed=True), SERIES),
    "decoder": ("decoder step with key-value cache", fields.Decoder, _cached),
    "tabular": ("tabular, an embedding for each column", fields.Tabular, _table),
    "spiking": ("spiking neurons, surrogate gradient", fields.Spiking, _normal((4, 5, 8))),
    "binary": ("binary weights, straight through by detach", fields.Binary, IMAGE),
    "codebook": ("VQ-VAE with codebook kept by averages", fields.Codebook, ROWS),
    "wavenet": ("WaveNet, causal dilated gates", fields.WaveNet, _normal((4, 1, 32))),
    "siamese": ("Siamese network, cosine similarity", fields.Siamese, _normal((4, 8), (4, 8))),
    "u-net": ("U-Net with odd sizes", fields.Segmenter, _normal((4, 3, 15, 15))),
    "transformer of space": ("spatial transformer, grid_sample", fields.SpatialTransformer, IMAGE),
    "ode": ("neural ODE, fixed steps", fields.Ode, ROWS),
    "llama": ("rotary, grouped queries, RMS norm", fields.Llama, _ids(4, 6)),
    "mixer": ("MLP-Mixer", fields.Mixer, IMAGE),
    "capsules": ("capsules, routing by agreement", fields.Capsules, IMAGE),
    "hypernetwork": ("weights made from the input", fields.Hypernetwork, _normal((4, 8), (4, 5))),
    "modulated": ("StyleGAN's modulated convolution", fields.Modulated, _normal((4, 4, 8, 8), (4, 6))),
    "flow": ("coupling flow with log-determinant", fields.Flow, ROWS),
    "spectrogram": ("STFT front end", fields.Spectrogram, _normal((4, 256))),
    "deformable": ("deformable convolution", fields.Deformable, IMAGE),
    "scan": ("selective state space, step by step", fields.Scan, SERIES),
    "latents": ("Perceiver, learned latents", fields.Latents, SERIES),
    "attention decoder": ("LSTMCell with attention, loop", fields.AttentionDecoder, SERIES),
    "fourier": ("Fourier mixing", fields.Fourier, SERIES),
    "interactions": ("DLRM: bags and dot products", fields.Interactions, lambda: (torch.randn(4, 5), torch.randint(0, 9, (4, 3, 2)))),
    "viterbi": ("CRF decoding, fixed length", fields.Viterbi, _normal((4, 6, 8))),
    "early exit": ("early exit by confidence", fields.EarlyExit, ROWS),
    "variational": ("variational autoencoder, random in eval mode", fields.Variational, ROWS),
    "multi-task": ("dict of outputs, one missing", fields.MultiTask, ROWS),
}  # fmt: skip


def _situations(*groups: Mapping[str, Any]) -> dict[str, Situation]:
    return {name: Situation(*entry) for group in groups for name, entry in group.items()}


SITUATIONS: Mapping[str, Situation] = _situations(_REPORTED, _FIELDS)
