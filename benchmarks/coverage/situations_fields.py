"""Situations that fields of work bring: small versions of what is built there."""

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "AttentionDecoder",
    "Binary",
    "Capsules",
    "Codebook",
    "Conformer",
    "Decoder",
    "Deformable",
    "Detector",
    "Diffusion",
    "EarlyExit",
    "Experts",
    "FlatMessages",
    "Flow",
    "Fourier",
    "Hypernetwork",
    "Interactions",
    "Latents",
    "Llama",
    "Messages",
    "Mixer",
    "Modulated",
    "MultiTask",
    "Ode",
    "Patches",
    "Points",
    "Regions",
    "Scan",
    "Segmenter",
    "Siamese",
    "SpatialTransformer",
    "Spectrogram",
    "Spiking",
    "Tabular",
    "Transducer",
    "Upscaler",
    "Variational",
    "Viterbi",
    "WaveNet",
]


def _mlp(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for one, other in itertools.pairwise(widths):
        layers += [nn.Linear(one, other), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _convolution(one: int, other: int, **options: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(one, other, 3, padding=1, **options), nn.BatchNorm2d(other), nn.ReLU())


def _alone(boxes: Tensor, scores: Tensor) -> Tensor:
    """Which boxes no better one covers by half."""
    corner, end = torch.max(boxes[:, None, :2], boxes[None, :, :2]), torch.min(boxes[:, None, 2:], boxes[None, :, 2:])
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    shared = (end - corner).clamp(min=0).prod(2)
    covers = shared / (area[:, None] + area - shared) > 0.5
    return ~(covers & (scores[:, None] > scores)).any(0)


class Detector(nn.Module):
    """Scores and boxes per place; the best are picked, with or without suppressing their neighbours."""

    def __init__(self, *, suppress: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(_convolution(3, 8), _convolution(8, 16, stride=2))
        self.scores, self.boxes, self.suppress = nn.Conv2d(16, 2, 1), nn.Conv2d(16, 4, 1), suppress

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 3, 16, 16] to scores and boxes of the best five."""
        y = self.body(x)
        scores, boxes = self.scores(y).flatten(2).sigmoid().amax(1), self.boxes(y).flatten(2).transpose(1, 2)
        corner = boxes[..., :2]
        boxes = torch.cat([corner, corner + F.softplus(boxes[..., 2:])], -1)
        if self.suppress:
            kept = _alone(boxes[0], scores[0])
            return scores[:, kept], boxes[:, kept]
        best = scores.topk(5, 1)
        return best.values, boxes.gather(1, best.indices.unsqueeze(-1).expand(-1, -1, 4))


class Regions(nn.Module):
    """Features inside of given boxes."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = _convolution(3, 8), nn.Linear(8 * 9, 4)

    def forward(self, x: Tensor, boxes: Tensor) -> Tensor:
        """[batch, 3, 16, 16] and [batch, 3, 4] to [batch, 3, 4]."""
        corner, end = boxes.flatten(0, 1).div(8).sub(1).chunk(2, 1)
        places = torch.linspace(0, 1, 3)
        steps = corner[:, None] + (end - corner)[:, None] * places[:, None]
        grid = torch.stack([steps[:, None, :, 0].expand(-1, 3, -1), steps[:, :, None, 1].expand(-1, -1, 3)], -1)
        y = self.body(x).unsqueeze(1).expand(-1, 3, -1, -1, -1).flatten(0, 1)
        return self.head(F.grid_sample(y, grid, align_corners=False).flatten(1)).unflatten(0, (-1, 3))


class Diffusion(nn.Module):
    """A U-Net that knows the time: embedding, group norm, attention, a skip by concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.time, self.first = _mlp(8, 16, 16), nn.Conv2d(3, 16, 3, padding=1)
        self.norm, self.down = nn.GroupNorm(4, 16), nn.Conv2d(16, 16, 3, 2, padding=1)
        self.qkv, self.out = nn.Conv2d(16, 48, 1), nn.Conv2d(16, 16, 1)
        self.up, self.last = nn.ConvTranspose2d(16, 16, 4, 2, padding=1), nn.Conv2d(32, 3, 3, padding=1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """[batch, 3, 8, 8] and [batch] to [batch, 3, 8, 8]."""
        angles = time[:, None] * torch.exp(-math.log(1e4) * torch.arange(4) / 4)
        shift = self.time(torch.cat([angles.sin(), angles.cos()], 1))
        skip = F.silu(self.norm(self.first(x)) + shift[:, :, None, None])
        y = self.down(skip)
        q, k, v = self.qkv(y).flatten(2).transpose(1, 2).chunk(3, -1)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).unflatten(2, y.shape[2:])
        return self.last(torch.cat([self.up(F.silu(y + self.out(attended))), skip], 1))


class Conformer(nn.Module):
    """Half a feed-forward step, attention, a gated depthwise convolution, the other half."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = _mlp(8, 32, 8), _mlp(8, 32, 8)
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(5))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.gate, self.depth = nn.Conv1d(8, 16, 1), nn.Conv1d(8, 8, 5, padding=2, groups=8)
        self.norm, self.point = nn.BatchNorm1d(8), nn.Conv1d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, time, 8] to [batch, time, 8]."""
        x = x + 0.5 * self.before(self.norms[0](x))
        y = self.norms[1](x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        y = F.glu(self.gate(self.norms[2](x).transpose(1, 2)), 1)
        x = x + self.point(F.silu(self.norm(self.depth(y)))).transpose(1, 2)
        return self.norms[4](x + 0.5 * self.after(self.norms[3](x)))


class Transducer(nn.Module):
    """Every step of the encoder meets every step of the predictor."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.table = nn.LSTM(8, 16, batch_first=True), nn.Embedding(9, 12)
        self.predictor, self.left, self.right = nn.GRU(12, 16, batch_first=True), nn.Linear(16, 20), nn.Linear(16, 20)
        self.joiner = nn.Linear(20, 9)

    def forward(self, x: Tensor, said: Tensor) -> Tensor:
        """[batch, time, 8] and [batch, words] to [batch, time, words, 9]."""
        heard, spoken = self.left(self.encoder(x)[0]), self.right(self.predictor(self.table(said))[0])
        return self.joiner(torch.tanh(heard.unsqueeze(2) + spoken.unsqueeze(1)))


class Messages(nn.Module):
    """Messages along edges, added up at their ends."""

    def __init__(self) -> None:
        super().__init__()
        self.message, self.update, self.head = _mlp(16, 24, 8), _mlp(16, 24, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor, source: Tensor, end: Tensor) -> Tensor:
        """[batch, nodes, 8], and ends of edges [batch, edges], to [batch, 4]."""
        for _ in range(2):
            one = x.gather(1, source.unsqueeze(-1).expand(-1, -1, 8))
            other = x.gather(1, end.unsqueeze(-1).expand(-1, -1, 8))
            sent = self.message(torch.cat([one, other], -1))
            summed = torch.zeros_like(x).scatter_add(1, end.unsqueeze(-1).expand(-1, -1, 8), sent)
            x = x + self.update(torch.cat([x, summed], -1))
        return self.head(x.mean(1))


class FlatMessages(nn.Module):
    """All graphs of a batch in one list of nodes, as graph libraries have it."""

    def __init__(self) -> None:
        super().__init__()
        self.message, self.head = nn.Linear(8, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        """[nodes, 8] and [2, edges] to [nodes, 4]."""
        sent = self.message(x)[edges[0]]
        return self.head(x + torch.zeros_like(x).index_add(0, edges[1], sent))


class Upscaler(nn.Module):
    """Twice the size, on top of a bicubic picture."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.PReLU(16), nn.Conv2d(16, 12, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 3, h, w] to [batch, 3, 2 h, 2 w]."""
        return F.pixel_shuffle(self.body(x), 2) + F.interpolate(x, scale_factor=2.0, mode="bicubic")


class Points(nn.Module):
    """Differences to the nearest points, pooled by their maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.near, self.far, self.head = _mlp(6, 16, 16), _mlp(16, 24, 24), nn.Linear(24, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, points, 3] to [batch, 4]."""
        nearest = torch.cdist(x, x).topk(4, -1, largest=False).indices
        others = x.unsqueeze(1).expand(-1, x.shape[1], -1, -1).gather(2, nearest.unsqueeze(-1).expand(-1, -1, -1, 3))
        here = x.unsqueeze(2).expand(-1, -1, 4, -1)
        y = self.near(torch.cat([here, others - here], -1)).amax(2)
        return self.head(self.far(y).amax(1))


class Patches(nn.Module):
    """PatchTST: each channel by itself, in patches, normalised on the way in and back on the way out."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.places = nn.Linear(8, 16), nn.Parameter(torch.randn(3, 16) * 0.1)
        self.body = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = nn.Linear(48, 6)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 16, channels] to [batch, 6, channels]."""
        mean, scale = x.mean(1, keepdim=True), x.std(1, keepdim=True) + 1e-5
        patches = ((x - mean) / scale).transpose(1, 2).unfold(2, 8, 4)
        y = self.body((self.embed(patches) + self.places).flatten(0, 1))
        return self.head(y.flatten(1)).unflatten(0, (-1, 3)).transpose(1, 2) * scale + mean


class Experts(nn.Module):
    """A gate weighs experts; all are computed, or rows are sent to theirs by index."""

    def __init__(self, *, routed: bool = False) -> None:
        super().__init__()
        self.gate, self.routed = nn.Linear(8, 4), routed
        self.up, self.down = nn.Parameter(torch.randn(4, 8, 16) * 0.2), nn.Parameter(torch.randn(4, 16, 8) * 0.2)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, time, 8] to [batch, time, 8]."""
        weight, chosen = self.gate(x).softmax(-1).topk(2, -1)
        if not self.routed:
            hidden = torch.einsum("btd,edh->bteh", x, self.up).relu()
            every = torch.einsum("bteh,ehd->bted", hidden, self.down)
            return (every.gather(2, chosen.unsqueeze(-1).expand(-1, -1, -1, 8)) * weight.unsqueeze(-1)).sum(2)
        y = torch.zeros_like(x)
        for expert in range(4):
            batch, time, slot = torch.where(chosen == expert)
            sent = (x[batch, time] @ self.up[expert]).relu() @ self.down[expert]
            y = y.index_put((batch, time), sent * weight[batch, time, slot, None], accumulate=True)
        return y


class Decoder(nn.Module):
    """One token at a time, with keys and values of those before it."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.qkv, self.out = nn.Embedding(20, 16), nn.Linear(16, 48), nn.Linear(16, 16)
        self.forth, self.head = _mlp(16, 32, 16), nn.Linear(16, 20)

    def forward(self, token: Tensor, keys: Tensor, values: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[batch, 1], two [batch, 2, 8, 8] and a mask [batch, 8] to [batch, 20] and the next two."""
        x = self.table(token)
        q, k, v = (part.unflatten(-1, (2, 8)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        keys, values = torch.cat([keys[:, :, 1:], k], 2), torch.cat([values[:, :, 1:], v], 2)
        mask = torch.where(seen > 0, 0.0, -1e4)[:, None, None, :]
        y = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask).transpose(1, 2).flatten(2)
        x = x + self.out(y)
        return self.head(x + self.forth(x)).squeeze(1), keys, values


class Tabular(nn.Module):
    """Numbers normalised, words embedded, everything in one row."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.tables = nn.BatchNorm1d(5), nn.ModuleList(nn.Embedding(6, width) for width in (3, 4, 5))
        self.body = nn.Sequential(nn.Linear(17, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(0.1), nn.Linear(24, 2))

    def forward(self, numbers: Tensor, words: Tensor) -> Tensor:
        """[batch, 5] and [batch, 3] to [batch, 2]."""
        embedded = [table(words[:, column]) for column, table in enumerate(self.tables)]
        return self.body(torch.cat([self.norm(numbers), *embedded], 1))


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)  # type: ignore[attr-defined]
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return gradient / (1 + 10 * x.abs()) ** 2


class Spiking(nn.Module):
    """Leaky neurons that fire and are reset, over five steps."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 16), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 5, 8] to [batch, 4]."""
        charge, total = x.new_zeros(x.shape[0], 16), x.new_zeros(x.shape[0], 4)
        for step in range(5):
            charge = 0.9 * charge + self.first(x[:, step])
            fired: Tensor = _Spike.apply(charge - 1)  # type: ignore[no-untyped-call]
            charge = charge - fired
            total = total + self.second(fired)
        return total / 5


class _BinaryConvolution(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight.abs().mean((1, 2, 3), keepdim=True)
        signs = self.weight.sign() * scale
        return F.conv2d(x, self.weight + (signs - self.weight).detach(), self.bias, padding=self.padding)  # type: ignore[arg-type]


class Binary(nn.Module):
    """Weights of one bit and a scale, straight through."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = _BinaryConvolution(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.second, self.head = _BinaryConvolution(8, 8, 3, padding=1), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 3, h, w] to [batch, 4]."""
        return self.head(self.second(self.norm(self.first(x)).relu()).mean((2, 3)))


class Codebook(nn.Module):
    """The nearest code, straight through; codes follow by averages while training."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = _mlp(8, 16, 6), _mlp(6, 16, 8)
        self.register_buffer("codes", torch.randn(10, 6))
        self.codes: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 8] to [batch, 8]."""
        z = self.encoder(x)
        place = torch.cdist(z, self.codes).argmin(1)
        if self.training:
            ones = F.one_hot(place, 10).to(z.dtype)
            means = ones.T @ z.detach() / ones.sum(0).clamp(min=1)[:, None]
            self.codes.lerp_(torch.where(ones.sum(0)[:, None] > 0, means, self.codes), 0.1)
        return self.decoder(z + (self.codes[place] - z).detach())


class WaveNet(nn.Module):
    """Gates over ever longer pasts, and the sum of what every layer says."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv1d(1, 8, 1), nn.Conv1d(8, 4, 1)
        self.gates = nn.ModuleList(nn.Conv1d(8, 16, 2, dilation=2**level) for level in range(3))
        self.skips = nn.ModuleList(nn.Conv1d(8, 8, 1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 1, time] to [batch, 4, time]."""
        x, total = self.first(x), torch.zeros(())
        for level, (gate, skip) in enumerate(zip(self.gates, self.skips, strict=True)):
            value, open_ = gate(F.pad(x, (2**level, 0))).chunk(2, 1)
            said = skip(value.tanh() * open_.sigmoid())
            x, total = x + said, total + said
        return self.last(total.relu())


class Siamese(nn.Module):
    """One network for both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.body = _mlp(8, 24, 12)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Two [batch, 8] to [batch]."""
        return F.cosine_similarity(self.body(one), self.body(other))


class Segmenter(nn.Module):
    """Down and up again; odd sizes are padded to meet."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.low, self.up = _convolution(3, 8), _convolution(8, 16), _convolution(24, 8)
        self.head = nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 3, h, w] to [batch, 3, h, w]."""
        high = self.down(x)
        low = F.interpolate(self.low(F.max_pool2d(high, 2)), scale_factor=2.0, mode="bilinear", align_corners=True)
        low = F.pad(low, (0, high.shape[3] - low.shape[3], 0, high.shape[2] - low.shape[2]))
        return self.head(self.up(torch.cat([high, low], 1)))


class SpatialTransformer(nn.Module):
    """Looks where a small network tells it to."""

    def __init__(self) -> None:
        super().__init__()
        self.where, self.body, self.head = nn.Linear(3 * 16, 6), _convolution(3, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 3, 16, 16] to [batch, 4]."""
        pose = self.where(F.adaptive_avg_pool2d(x, 4).flatten(1)).view(-1, 2, 3)
        grid = F.affine_grid(pose, [x.shape[0], 3, 16, 16], align_corners=False)
        return self.head(self.body(F.grid_sample(x, grid, align_corners=False)).mean((2, 3)))


class Ode(nn.Module):
    """Four steps of Runge and Kutta."""

    def __init__(self) -> None:
        super().__init__()
        self.field, self.head = _mlp(8, 24, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 8] to [batch, 4]."""
        for _ in range(2):
            one = self.field(x)
            two = self.field(x + one / 8)
            three = self.field(x + two / 8)
            x = x + (one + 2 * two + 2 * three + self.field(x + three / 4)) / 24
        return self.head(x)


class Llama(nn.Module):
    """A block of today's language models."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(20, 16), nn.Linear(16, 20, bias=False)
        self.q, self.kv, self.out = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        self.norm, self.norm2 = nn.RMSNorm(16), nn.RMSNorm(16)
        self.gate, self.up, self.down = nn.Linear(16, 32), nn.Linear(16, 32), nn.Linear(32, 16)
        self.head.weight = self.table.weight

    def _turn(self, x: Tensor) -> Tensor:
        angles = torch.arange(x.shape[2])[:, None] * torch.tensor([1.0, 0.1])
        one, other = x.chunk(2, -1)
        return torch.cat([one * angles.cos() - other * angles.sin(), one * angles.sin() + other * angles.cos()], -1)

    def forward(self, ids: Tensor) -> Tensor:
        """[batch, time] to [batch, time, 20]."""
        x = self.table(ids)
        y = self.norm(x)
        q = self._turn(self.q(y).unflatten(-1, (4, 4)).transpose(1, 2))
        k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in self.kv(y).chunk(2, -1))
        attended = F.scaled_dot_product_attention(q, self._turn(k), v, is_causal=True, enable_gqa=True)
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        y = self.norm2(x)
        return self.head(x + self.down(F.silu(self.gate(y)) * self.up(y)))


class Mixer(nn.Module):
    """Linear layers over places and over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.norm, self.norm2 = nn.Conv2d(3, 12, 4, 4), nn.LayerNorm(12), nn.LayerNorm(12)
        self.places, self.channels, self.head = _mlp(16, 24, 16), _mlp(12, 32, 12), nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 3, 16, 16] to [batch, 4]."""
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = x + self.places(self.norm(x).transpose(1, 2)).transpose(1, 2)
        return self.head((x + self.channels(self.norm2(x))).mean(1))


class Capsules(nn.Module):
    """Votes that agree are heard more."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.votes = nn.Conv2d(3, 8, 4, 4), nn.Parameter(torch.randn(16, 5, 8, 6) * 0.2)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 3, 16, 16] to [batch, 5]."""
        votes = torch.einsum("bpi,poij->bpoj", self.body(x).flatten(2).transpose(1, 2), self.votes)
        logits = votes.new_zeros(votes.shape[0], 16, 5)
        for _ in range(2):
            out = (logits.softmax(2).unsqueeze(-1) * votes).sum(1)
            out = out / (1 + out.norm(dim=-1, keepdim=True))
            logits = logits + (votes * out.unsqueeze(1)).sum(-1)
        return out.norm(dim=-1)


class Hypernetwork(nn.Module):
    """One input makes the weights that the other meets."""

    def __init__(self) -> None:
        super().__init__()
        self.make, self.head = _mlp(8, 24, 30), nn.Linear(6, 4)

    def forward(self, condition: Tensor, x: Tensor) -> Tensor:
        """[batch, 8] and [batch, 5] to [batch, 4]."""
        weight = self.make(condition).view(-1, 6, 5)
        return self.head(torch.bmm(weight, x.unsqueeze(2)).squeeze(2).relu())


class Modulated(nn.Module):
    """StyleGAN 2: weights scaled by a style and normalised, one group for each example."""

    def __init__(self) -> None:
        super().__init__()
        self.style, self.weight = nn.Linear(6, 4), nn.Parameter(torch.randn(8, 4, 3, 3) * 0.2)
        self.last = nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """[batch, 4, h, w] and [batch, 6] to [batch, 3, h, w]."""
        weight = self.weight * (1 + self.style(style))[:, None, :, None, None]
        weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + 1e-8)
        batch, height, width = x.shape[0], x.shape[2], x.shape[3]
        y = F.conv2d(x.reshape(1, -1, height, width), weight.flatten(0, 1), padding=1, groups=batch)
        return self.last(F.leaky_relu(y.view(batch, 8, height, width), 0.2))


class Flow(nn.Module):
    """Half of the numbers scale and shift the others; invertible, with its log-determinant."""

    def __init__(self) -> None:
        super().__init__()
        self.nets = nn.ModuleList(_mlp(4, 16, 8) for _ in range(2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, 8] to [batch, 8] and [batch]."""
        one, other = x.chunk(2, 1)
        volume = x.new_zeros(x.shape[0])
        for net in self.nets:
            scale, shift = net(one).chunk(2, 1)
            scale = scale.tanh()
            one, other, volume = other * scale.exp() + shift, one, volume + scale.sum(1)
        return torch.cat([one, other], 1), volume


class Spectrogram(nn.Module):
    """From sound to its loudness by frequency."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(32))
        self.window: Tensor
        self.body, self.head = nn.Conv1d(17, 16, 3, padding=1), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, samples] to [batch, 4]."""
        spectrum = torch.stft(x, 32, 16, window=self.window, return_complex=True).abs().square()
        return self.head(self.body((spectrum + 1e-6).log()).relu().mean(2))


class Deformable(nn.Module):
    """A convolution that looks beside its places."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets, self.weight = nn.Conv2d(3, 18, 3, padding=1), nn.Linear(27, 8)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 3, h, w] to [batch, 4]."""
        height, width = x.shape[2:]
        moved = self.offsets(x).unflatten(1, (9, 2)).permute(0, 1, 3, 4, 2) * 0.1
        row, column = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
        grid = torch.stack([column, row], -1) + moved
        seen = F.grid_sample(x, grid.flatten(1, 2), align_corners=True).unflatten(2, (9, height))
        return self.head(self.weight(seen.permute(0, 3, 4, 1, 2).flatten(3)).relu().mean((1, 2)))


class Scan(nn.Module):
    """A state that its input opens and closes, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.grow, self.gate, self.out = nn.Linear(8, 12), nn.Linear(8, 12), nn.Linear(12, 8)
        self.decay = nn.Parameter(torch.rand(12, 4))
        self.write, self.read = nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, time, 8] to [batch, time, 8]."""
        step, value = F.softplus(self.gate(x)), self.grow(x)
        write, read = self.write(x), self.read(x)
        state, seen = x.new_zeros(x.shape[0], 12, 4), []
        for time in range(x.shape[1]):
            keep = torch.exp(-step[:, time, :, None] * self.decay)
            state = keep * state + (step[:, time] * value[:, time]).unsqueeze(2) * write[:, time].unsqueeze(1)
            seen.append((state * read[:, time].unsqueeze(1)).sum(2))
        return self.out(torch.stack(seen, 1))


class Latents(nn.Module):
    """A few learned questions to a long input."""

    def __init__(self) -> None:
        super().__init__()
        self.questions = nn.Parameter(torch.randn(3, 16) * 0.3)
        self.q, self.kv, self.head = nn.Linear(16, 16), nn.Linear(8, 32), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, time, 8] to [batch, 4]."""
        k, v = self.kv(x).chunk(2, -1)
        q = self.q(self.questions).expand(x.shape[0], -1, -1)
        return self.head(F.scaled_dot_product_attention(q, k, v).mean(1))


class AttentionDecoder(nn.Module):
    """A cell that looks at its input anew at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.ask, self.head = nn.LSTMCell(8, 16), nn.Linear(16, 8), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, time, 8] to [batch, 3, 4]."""
        h = c = x.new_zeros(x.shape[0], 16)
        said = []
        for _ in range(3):
            weight = torch.bmm(x, self.ask(h).unsqueeze(2)).softmax(1)
            h, c = self.cell((weight * x).sum(1), (h, c))
            said.append(self.head(h))
        return torch.stack(said, 1)


class Fourier(nn.Module):
    """Places mixed by a Fourier transform."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.body, self.head = nn.LayerNorm(8), _mlp(8, 24, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, time, 8] to [batch, 4]."""
        x = self.norm(x + torch.fft.fft(x, dim=1).real)
        return self.head((x + self.body(x)).mean(1))


class Interactions(nn.Module):
    """Numbers and bags of words meet in dot products."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers, self.bags = _mlp(5, 16, 8), nn.ModuleList(nn.EmbeddingBag(9, 8, mode="sum") for _ in range(3))
        self.top = _mlp(14, 16, 1)

    def forward(self, numbers: Tensor, words: Tensor) -> Tensor:
        """[batch, 5] and [batch, 3, 2] to [batch, 1]."""
        first = self.numbers(numbers)
        parts = torch.stack([first, *(bag(words[:, at]) for at, bag in enumerate(self.bags))], 1)
        products = torch.bmm(parts, parts.transpose(1, 2))
        row, column = torch.tril_indices(4, 4, -1)
        return self.top(torch.cat([first, products[:, row, column]], 1))


class Viterbi(nn.Module):
    """The best path through six steps."""

    def __init__(self) -> None:
        super().__init__()
        self.scores, self.moves = nn.Linear(8, 4), nn.Parameter(torch.randn(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 6, 8] to [batch, 6], whole numbers."""
        scores = self.scores(x)
        best, back = scores[:, 0], []
        for step in range(1, 6):
            best, place = (best.unsqueeze(2) + self.moves).max(1)
            best = best + scores[:, step]
            back.append(place)
        path = [best.argmax(1)]
        for place in reversed(back):
            path.append(place.gather(1, path[-1].unsqueeze(1)).squeeze(1))
        return torch.stack(path[::-1], 1)


class EarlyExit(nn.Module):
    """Stops where the first head is sure."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.exit, self.second, self.head = (
            nn.Linear(8, 16),
            nn.Linear(16, 4),
            nn.Linear(16, 16),
            nn.Linear(16, 4),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 8] to [batch, 4]."""
        x = self.first(x).relu()
        early = self.exit(x)
        if early.softmax(1).amax() > 0.9:
            return early
        return self.head(self.second(x).relu())


class Variational(nn.Module):
    """Draws a code also when it is used."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = _mlp(8, 16, 12), _mlp(6, 16, 8)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 8] to [batch, 8]."""
        mean, spread = self.encoder(x).chunk(2, 1)
        return self.decoder(mean + spread.exp() * torch.randn_like(mean))


class MultiTask(nn.Module):
    """Two answers by name, and one that is only there while training."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.one, self.two, self.third = (
            _mlp(8, 16, 16),
            nn.Linear(16, 3),
            nn.Linear(16, 1),
            nn.Linear(16, 2),
        )

    def forward(self, x: Tensor) -> dict[str, Tensor | None]:
        """[batch, 8] to [batch, 3] and [batch, 1]."""
        y = self.body(x).relu()
        return {"class": self.one(y), "value": self.two(y), "auxiliary": self.third(y) if self.training else None}
