"""Small networks with the structure of well-known ones, for tests of whatever edits graphs.

Each takes ``[batch, 3, 16, 16]`` images unless it says otherwise and returns ``[batch, 5]`` scores unless it says so.
"""

# ruff: noqa: D102, D106  (forward and inner blocks need no words)
# mypy: disable-error-code="no-any-return,operator"

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "AudioNet",
    "Bottleneck",
    "ConvNeXt",
    "Dense",
    "Encoder",
    "GroupedQueries",
    "InvertedResidual",
    "Mixer",
    "PaddedResidual",
    "Recurrent",
    "RecurrentCells",
    "Shuffle",
    "SuperResolution",
    "Text",
    "UNet",
    "VisionTransformer",
    "Windows",
    "with_statistics",
]


def with_statistics(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give every batch norm random statistics, scales and shifts, and return the model in eval mode.

    Those of a fresh network are all alike, so that a wrong slice of them would go unnoticed.
    """
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for tensor in (module.running_mean, module.bias):
                if tensor is not None:
                    tensor.data.copy_(torch.randn(tensor.shape, generator=generator) * 0.2)
            for tensor in (module.running_var, module.weight):
                if tensor is not None:
                    tensor.data.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return model.eval()


def _conv(inside: int, outside: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


class PaddedResidual(nn.Module):
    """A CIFAR ResNet: strided shortcuts, padded with zero channels before and after (He et al., 2015, option A)."""

    class Block(nn.Module):
        def __init__(self, inside: int, outside: int, stride: int) -> None:
            super().__init__()
            self.one = _conv(inside, outside, stride=stride)
            self.two = nn.Conv2d(outside, outside, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(outside)
            self.stride, self.more = stride, outside - inside

        def forward(self, x: Tensor) -> Tensor:
            y = self.norm(self.two(self.one(x)))
            if self.more:
                left = self.more // 2
                x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, left, self.more - left))
            return F.relu(y + x)

    def __init__(self, widths: tuple[int, ...] = (8, 16, 32), blocks: int = 2, classes: int = 5) -> None:
        super().__init__()
        self.stem = _conv(3, widths[0])
        layers = []
        inside = widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                layers.append(self.Block(inside, width, 2 if stage and not block else 1))
                inside = width
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(inside, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.adaptive_avg_pool2d(self.layers(self.stem(x)), 1).flatten(1))


class Bottleneck(nn.Module):
    """ResNeXt: bottlenecks with grouped convolutions and projected shortcuts, max pooling, in-place additions."""

    class Block(nn.Module):
        def __init__(self, inside: int, width: int, outside: int, stride: int, groups: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                _conv(inside, width, 1),
                _conv(width, width, 3, stride, groups),
                nn.Conv2d(width, outside, 1, bias=False),
            )
            self.norm = nn.BatchNorm2d(outside)
            self.shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

        def forward(self, x: Tensor) -> Tensor:
            y = self.norm(self.body(x))
            y += self.shortcut(x)
            return F.relu(y, inplace=True)

    def __init__(self, groups: int = 4) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 8), nn.MaxPool2d(2))
        self.layers = nn.Sequential(self.Block(8, 8, 16, 1, groups), self.Block(16, 16, 24, 2, groups))
        self.head = nn.Linear(24, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(self.stem(x)).mean((2, 3)))


class InvertedResidual(nn.Module):
    """MobileNetV3: depthwise convolutions between expansions, squeeze-excite gates, hard swish, a flattened head."""

    class Block(nn.Module):
        def __init__(self, inside: int, wide: int, outside: int, stride: int) -> None:
            super().__init__()
            self.expand = nn.Sequential(nn.Conv2d(inside, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.Hardswish())
            self.depthwise = nn.Sequential(
                nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False),
                nn.BatchNorm2d(wide),
                nn.ReLU6(inplace=True),
            )
            self.reduce, self.gate = nn.Conv2d(wide, wide // 4, 1), nn.Conv2d(wide // 4, wide, 1)
            self.project = nn.Sequential(nn.Conv2d(wide, outside, 1, bias=False), nn.BatchNorm2d(outside))
            self.skip = stride == 1 and inside == outside

        def forward(self, x: Tensor) -> Tensor:
            y = self.depthwise(self.expand(x))
            y = y * F.hardsigmoid(self.gate(F.relu(self.reduce(y.mean((2, 3), keepdim=True)))))
            y = self.project(y)
            return x + y if self.skip else y

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(3, 8, stride=2)
        self.layers = nn.Sequential(self.Block(8, 16, 8, 1), self.Block(8, 24, 12, 2), self.Block(12, 24, 12, 1))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(12 * 16, 20), nn.Dropout(0.1), nn.ReLU(), nn.Linear(20, 5))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(self.stem(x)))


class Dense(nn.Module):
    """DenseNet: every layer sees all that came before, through concatenation and batch norm before the convolution."""

    def __init__(self, growth: int = 6, layers: int = 3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        widths = [8 + growth * i for i in range(layers + 1)]
        self.norms = nn.ModuleList(nn.BatchNorm2d(w) for w in widths)
        self.convs = nn.ModuleList(nn.Conv2d(w, growth, 3, padding=1, bias=False) for w in widths[:-1])
        self.transition = nn.Conv2d(widths[-1], 10, 1, bias=False)
        self.head = nn.Linear(10 * 16, 5)

    def forward(self, x: Tensor) -> Tensor:
        seen = [self.stem(x)]
        for norm, conv in zip(self.norms, self.convs, strict=False):
            seen.append(conv(F.relu(norm(torch.cat(seen, 1)))))
        y = F.avg_pool2d(self.transition(F.relu(self.norms[-1](torch.cat(seen, 1)))), 4)
        return self.head(y.reshape(y.shape[0], -1))


class Shuffle(nn.Module):
    """ShuffleNetV2: one half passes, the other is worked on, then the channels of both are shuffled."""

    class Block(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            half = width // 2
            self.body = nn.Sequential(
                _conv(half, half, 1),
                nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False),
                nn.BatchNorm2d(half),
                _conv(half, half, 1),
            )

        def forward(self, x: Tensor) -> Tensor:
            left, right = x.chunk(2, dim=1)
            y = torch.cat([left, self.body(right)], 1)
            batch, channels, height, width = y.shape
            y = y.view(batch, 2, channels // 2, height, width).transpose(1, 2).contiguous()
            return y.view(batch, -1, height, width)

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(3, 16, stride=2)
        self.layers = nn.Sequential(self.Block(16), self.Block(16))
        self.last = _conv(16, 20, 1)
        self.head = nn.Linear(20, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.last(self.layers(self.stem(x))).mean([2, 3]))


class _Attention(nn.Module):
    """Self-attention; `form` is one of ``unbind``, ``chunk``, ``split``, ``manual``."""

    def __init__(self, width: int, heads: int, form: str) -> None:
        super().__init__()
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads, self.form = heads, form

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        each = width // self.heads
        if self.form == "unbind":
            q, k, v = self.qkv(x).reshape(batch, length, 3, self.heads, each).permute(2, 0, 3, 1, 4).unbind(0)
        else:
            parts = self.qkv(x).chunk(3, -1) if self.form != "split" else self.qkv(x).split(width, dim=-1)
            q, k, v = (part.view(batch, -1, self.heads, each).transpose(1, 2) for part in parts)
        if self.form == "manual":
            y = ((q @ k.transpose(-2, -1)) * each**-0.5).softmax(-1) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v)
        return self.project(y.transpose(1, 2).reshape(batch, length, width))


class VisionTransformer(nn.Module):
    """ViT: patches, class token, positions, fused qkv, layer scale, GELU; `form` says how qkv is taken apart."""

    class Block(nn.Module):
        def __init__(self, width: int, heads: int, form: str) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.attention = _Attention(width, heads, form)
            self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
            self.scale1, self.scale2 = (nn.Parameter(torch.full((width,), 0.5)) for _ in range(2))

        def forward(self, x: Tensor) -> Tensor:
            x = x + self.scale1 * self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x)).mul(self.scale2)

    def __init__(self, width: int = 16, heads: int = 4, form: str = "unbind") -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, 17, width))
        self.layers = nn.Sequential(self.Block(width, heads, form), self.Block(width, heads, form))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.layers(x))[:, 0])


class Windows(nn.Module):
    """Swin: attention inside shifted windows merged into the batch, a table of relative positions, patch merging."""

    def __init__(self, width: int = 8, heads: int = 2, window: int = 4) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 2, 2)
        self.norm = nn.LayerNorm(width)
        self.attention = nn.ModuleDict({"qkv": nn.Linear(width, 3 * width), "project": nn.Linear(width, width)})
        self.table = nn.Parameter(torch.randn((2 * window - 1) ** 2, heads))
        grid = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
        offset = (grid[:, :, None] - grid[:, None]) + window - 1
        self.register_buffer("places", offset[0] * (2 * window - 1) + offset[1])
        self.merge = nn.Linear(4 * width, 2 * width, bias=False)
        self.head = nn.Linear(2 * width, 5)
        self.heads, self.window = heads, window

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).permute(0, 2, 3, 1)
        batch, height, width, channels = x.shape
        size = self.window
        y = torch.roll(self.norm(x), (-1, -1), (1, 2)).view(batch, height // size, size, width // size, size, channels)
        y = y.permute(0, 1, 3, 2, 4, 5).reshape(-1, size * size, channels)
        q, k, v = (
            self.attention["qkv"](y)
            .reshape(y.shape[0], -1, 3, self.heads, channels // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        bias = self.table[self.places.view(-1)].view(size**2, size**2, -1).permute(2, 0, 1)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias[None])
        y = self.attention["project"](y.transpose(1, 2).reshape(-1, size * size, channels))
        y = y.view(batch, height // size, width // size, size, size, channels).permute(0, 1, 3, 2, 4, 5)
        x = x + torch.roll(y.reshape(batch, height, width, channels), (1, 1), (1, 2))
        corners = [x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        return self.head(self.merge(torch.cat(corners, -1)).mean((1, 2)))


class UNet(nn.Module):
    """U-Net with transposed and nearest-neighbour upsampling; returns ``[batch, 2, 16, 16]``."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = _conv(3, 6), _conv(6, 10), _conv(10, 14)
        self.up = nn.ConvTranspose2d(14, 10, 2, 2)
        self.mix2, self.mix1 = _conv(20, 10), _conv(16, 6)
        self.last = nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.one(x)
        two = self.two(F.max_pool2d(one, 2))
        up = self.mix2(torch.cat([self.up(self.three(F.max_pool2d(two, 2))), two], 1))
        return self.last(self.mix1(torch.cat([F.interpolate(up, scale_factor=2.0), one], 1)))


class ConvNeXt(nn.Module):
    """ConvNeXt: depthwise convolution, layer norm over the last axis after a permutation, layer scale, group norm."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.stem, self.depthwise = nn.Conv2d(3, width, 2, 2), nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)
        self.scale = nn.Parameter(torch.rand(width))
        self.groups = nn.GroupNorm(3, width)
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.narrow(F.gelu(self.wide(self.norm(self.depthwise(x).permute(0, 2, 3, 1)))))
        x = x + (self.scale * y).permute(0, 3, 1, 2)
        return self.head(self.groups(x).amax((2, 3)))


class Mixer(nn.Module):
    """MLP-Mixer on flattened rows: linear layers over tokens and over channels, a gated unit, squeezes."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(48, 12)
        self.tokens = nn.Sequential(nn.Linear(16, 10), nn.GELU(), nn.Linear(10, 16))
        self.gated = nn.Linear(12, 28)
        self.back = nn.Linear(14, 12)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x.permute(0, 2, 1, 3).flatten(2))
        x = x + self.tokens(x.transpose(1, 2)).transpose(1, 2)
        x = x + self.back(F.glu(self.gated(x), -1))
        return self.head(F.adaptive_avg_pool1d(x.transpose(1, 2), 1).squeeze((1, 2)))


class AudioNet(nn.Module):
    """1-d convolutions with gates and dilation over ``[batch, 1, 64]`` sound."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(1, 8, 9, 4, 4)
        self.filter, self.gate = nn.Conv1d(8, 12, 3, padding=2, dilation=2), nn.Conv1d(8, 12, 3, padding=2, dilation=2)
        self.skip, self.norm = nn.Conv1d(12, 8, 1), nn.InstanceNorm1d(12, affine=True)
        self.slope = nn.PReLU(8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        y = self.norm(torch.tanh(self.filter(x)) * torch.sigmoid(self.gate(x)))
        return self.head(F.adaptive_max_pool1d(self.slope(x + self.skip(y)), 1).squeeze(-1))


class GroupedQueries(nn.Module):
    """A decoder layer over ``[batch, 7, 16]``: fewer key heads than query heads, rotary positions, causal, RMS norm."""

    def __init__(self, width: int = 16, heads: int = 4, keys: int = 2) -> None:
        super().__init__()
        each = width // heads
        self.norm = nn.RMSNorm(width)
        self.query, self.key, self.value = (
            nn.Linear(width, heads * each),
            nn.Linear(width, keys * each),
            nn.Linear(width, keys * each),
        )
        self.out, self.head = nn.Linear(heads * each, width), nn.Linear(width, 5)
        self.up, self.gate, self.down = nn.Linear(width, 24), nn.Linear(width, 24), nn.Linear(24, width)
        angles = torch.arange(7)[:, None] / 10.0 ** torch.linspace(0, 1, each // 2)
        self.register_buffer("cos", torch.cat([angles.cos()] * 2, -1))
        self.register_buffer("sin", torch.cat([angles.sin()] * 2, -1))
        self.shape = heads, keys, each

    def rotate(self, x: Tensor) -> Tensor:
        half = x.shape[-1] // 2
        return x * self.cos + torch.cat([-x[..., half:], x[..., :half]], -1) * self.sin

    def forward(self, x: Tensor) -> Tensor:
        heads, keys, each = self.shape
        y = self.norm(x)
        q = self.rotate(self.query(y).unflatten(-1, (heads, each)).transpose(1, 2))
        k = self.rotate(self.key(y).unflatten(-1, (keys, each)).transpose(1, 2))
        v = self.value(y).unflatten(-1, (keys, each)).transpose(1, 2)
        v = v[:, :, None].expand(-1, -1, heads // keys, -1, -1).reshape(v.shape[0], heads, -1, each)
        y = F.scaled_dot_product_attention(q, k.repeat_interleave(heads // keys, 1), v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).flatten(2))
        x = x + self.down(F.silu(self.gate(x)) * self.up(x))
        return self.head(x[:, -1])


class Encoder(nn.Module):
    """``nn.TransformerEncoderLayer`` over ``[batch, 6, 16]``, and ``nn.MultiheadAttention`` by a learned query."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, 4, 20, batch_first=True)
        self.query = nn.Parameter(torch.randn(1, 1, 16))
        self.pool = nn.MultiheadAttention(16, 2, batch_first=True)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(x)
        pooled, _ = self.pool(self.query.expand(x.shape[0], -1, -1), x, x, need_weights=False)
        return self.head(pooled.squeeze(1))


class Recurrent(nn.Module):
    """A bidirectional LSTM, then a GRU, over ``[batch, 6, 8]``."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 10)
        self.lstm = nn.LSTM(10, 6, 2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(12, 7, batch_first=True)
        self.head = nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.lstm(torch.relu(self.first(x)))
        _, last = self.gru(y)
        return self.head(last[-1])


class RecurrentCells(nn.Module):
    """An LSTM cell and a GRU cell, called step by step, over ``[batch, 6, 8]``."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 10)
        self.lstm = nn.LSTMCell(10, 6)
        self.gru = nn.GRUCell(6, 7, bias=False)
        self.head = nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        y, states, last = torch.relu(self.first(x)), None, None
        for step in range(3):
            states = self.lstm(y[:, step], states)
            last = self.gru(states[0], last)
        return self.head(last)


class SuperResolution(nn.Module):
    """Pixel shuffle up and down; returns ``[batch, 3, 32, 32]``."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.up = nn.Conv2d(8, 24, 3, padding=1)
        self.down = nn.Conv2d(24, 8, 1)
        self.last = nn.Conv2d(6, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x))
        x = x + self.down(F.pixel_unshuffle(F.pixel_shuffle(self.up(x), 2), 2))
        return self.last(F.pixel_shuffle(self.up(x), 2))


class Text(nn.Module):
    """Token embeddings tied to the output layer; takes ``[batch, 6]`` indices, returns ``[batch, 6, 11]`` scores."""

    def __init__(self, words: int = 11, width: int = 12) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.places = nn.Embedding(6, width)
        self.attention = _Attention(width, 3, "chunk")
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 20), nn.SiLU(), nn.Linear(20, width))
        self.out = nn.Linear(width, words, bias=False)
        self.out.weight = self.words.weight
        self.scale = math.sqrt(width)

    def forward(self, words: Tensor) -> Tensor:
        x = self.words(words) * self.scale + self.places(torch.arange(words.shape[1], device=words.device))
        x = x + self.attention(self.norm(x))
        return self.out(x + self.mlp(x))
