"""Sentiment of film reviews: a small transformer for a server, of any length of text, in half of its time.

    python examples/sst2_text.py DATA --time "6 min"

``DATA`` holds ``sst2/{train,dev,test}.tsv.gz``.
"""

import collections
import csv
import gzip
from pathlib import Path

import torch
import torch.nn.functional as F
from command import main, need
from torch import Tensor, nn

import paredown

NEEDED = ("sst2/train.tsv.gz", "sst2/dev.tsv.gz", "sst2/test.tsv.gz")
LENGTH, WORDS, TRAIN = 32, 8000, 20_000  # tokens of a text; words that are known; phrases to train on
PAD, UNKNOWN, START = 0, 1, 2


class Layer(nn.Module):
    """Attention and a feed-forward network, each behind a layer norm and beside a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, length, width = x.shape
        shape = (batch, length, 3, self.heads, width // self.heads)
        q, k, v = self.qkv(self.norms[0](x)).view(shape).permute(2, 0, 3, 1, 4)
        read = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(read.transpose(1, 2).reshape(batch, length, width))
        return x + self.feed(self.norms[1](x))


class Transformer(nn.Module):
    """Tokens ``[n, 32]`` (0 is padding) to two classes, read off the first token."""

    def __init__(self, width: int = 128, heads: int = 4, layers: int = 3) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, width)
        self.places = nn.Embedding(LENGTH, width)
        self.layers = nn.ModuleList([Layer(width, heads) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens) + self.places(torch.arange(tokens.shape[1], device=tokens.device))
        mask = (tokens != PAD)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(self.norm(x[:, 0]))


def texts(path: Path) -> tuple[list[list[str]], Tensor]:
    """Words and labels of a split."""
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row["sentence"].split() for row in rows], torch.tensor([int(row["label"]) for row in rows])


def read(data: Path, train: int | None = TRAIN) -> dict[str, tuple[Tensor, Tensor]]:
    """Token numbers ``[n, 32]`` and labels: so many of train (None: all), dev to choose, test to judge."""
    words, labels = texts(data / NEEDED[0])
    chosen = torch.randperm(len(words), generator=torch.Generator().manual_seed(0))[:train].tolist()
    counts = collections.Counter(word for sentence in words for word in sentence)
    number = {word: index + 3 for index, (word, _) in enumerate(counts.most_common(WORDS - 3))}

    def tokens(sentences: list[list[str]]) -> Tensor:
        rows = [[START, *(number.get(word, UNKNOWN) for word in sentence[: LENGTH - 1])] for sentence in sentences]
        return torch.tensor([row + [PAD] * (LENGTH - len(row)) for row in rows])

    parts = {"train": (tokens([words[i] for i in chosen]), labels[chosen])}
    for name, file in (("select", NEEDED[1]), ("judge", NEEDED[2])):
        sentences, truth = texts(data / file)
        parts[name] = (tokens(sentences), truth)
    return parts


def load(data: Path) -> paredown.Task:
    """The task: a network trained with Paredown's own loop, cross-entropy, accuracy."""
    need(data, NEEDED)
    parts = read(data)
    torch.manual_seed(0)
    task = paredown.Task(
        Transformer().eval(),
        data=paredown.Data(**parts, batch_size=64),
        loss=F.cross_entropy,
        score=paredown.scores.accuracy,
        name="SST-2",
    )
    network = paredown.capture(task.model, parts["train"][0][:2])
    trained = paredown.Train(epochs=3).fit(network, paredown.Evidence.of(task)).network
    task.model.load_state_dict(trained.state_dict())
    return task


if __name__ == "__main__":
    main(__doc__, load, time="6 min", latency="50%", drop="1 pt")
