"""Words that are not shown, and noise on those that are."""

import math

import pytest
import torch
from torch import nn

from paredown.errors import RecipeError
from paredown.regularize import EmbeddingNoise, TokenDropout


class Reader(nn.Module):
    """Words and their positions, with a mask."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20, 4)
        self.places = nn.Embedding(6, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, input_ids, attention_mask):
        x = self.words(input_ids) + self.places(torch.arange(input_ids.shape[1], device=input_ids.device))
        return self.head((x * attention_mask[:, :, None]).sum(1))


@pytest.fixture
def reading(made):
    """A task with token ids and a mask, called by name."""
    x = {"input_ids": torch.randint(1, 20, (16, 6)), "attention_mask": torch.ones(16, 6, dtype=torch.long)}
    return made(Reader(), x, torch.arange(16) % 2)


def batch(n=400):
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(0, 20, (n, 6), generator=generator)
    return {"input_ids": ids, "attention_mask": (ids > 0).long()}


def test_a_share_of_the_tokens_is_replaced(start, reading):
    hook, x = start(TokenDropout(share=0.3, replacement=7, keep=(0, 1)), *reading), batch()
    kept = {name: tensor.clone() for name, tensor in x.items()}
    changed, targets = hook.batch(x, ((1.0, None),), torch.Generator().manual_seed(0))
    assert targets == ((1.0, None),)
    assert all(torch.equal(x[name], kept[name]) for name in x)
    assert torch.equal(changed["attention_mask"], x["attention_mask"])
    before, after = x["input_ids"], changed["input_ids"]
    assert torch.equal(after[before <= 1], before[before <= 1])
    moved = before != after
    assert set(after[moved].tolist()) == {7}
    free = (before > 1) & (before != 7)
    assert float(moved[free].float().mean()) == pytest.approx(0.3, abs=0.03)


def test_the_only_token_ids_need_no_name(start, words):
    ids = torch.arange(40).reshape(10, 4) % 10 + 1
    changed, _ = start(TokenDropout(share=0.5), *words).batch(ids, (), torch.Generator().manual_seed(0))
    assert set(changed[changed != ids].tolist()) == {0}


def test_unclear_token_ids_are_listed(start, reading):
    with pytest.raises(
        RecipeError, match=r"name='tokens'.*input_ids int64 \[2, 6\], attention_mask int64 \[2, 6\].*`name=\.\.\.`"
    ):
        start(TokenDropout(name="tokens"), *reading)


def test_pictures_have_no_tokens(start):
    with pytest.raises(RecipeError, match=r"TokenDropout.*replaces token ids.*float32 \[2, 2, 6, 8\].*leave it out"):
        start(TokenDropout())


def test_noise_reaches_as_far_as_the_paper_says(reading):
    from paredown.regularize.embedding_noise import _embeddings, _Uniform

    network = reading[1]
    (node,) = _embeddings(network)
    assert "words" in str(node.args[0].target)
    noise = _Uniform(3.0).train()(torch.zeros(200, 6, 4))
    reach = 3.0 / math.sqrt(6 * 4)
    assert 0.95 * reach < float(noise.abs().max()) <= reach
    assert float(noise.var()) == pytest.approx(reach**2 / 3, rel=0.05)


def test_networks_without_words_get_no_such_noise(start):
    with pytest.raises(RecipeError, match=r"EmbeddingNoise.*embeds none of its inputs.*GaussianNoise\(\)"):
        start(EmbeddingNoise())
