"""Scores against scikit-learn and scipy, and reductions over resamples against repeating rows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics
from torch.nn import functional

from paredown import scores
from paredown.codec import decode, encode
from paredown.errors import TaskError


def reduced(score, outputs, target):
    rows = score.rows(outputs, target)
    assert rows.shape[0] == len(outputs)
    assert rows.ndim == 2
    return score.reduce(rows.numpy())


def classification(seed, n=60, classes=4):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, classes, generator=generator), torch.randint(classes, (n,), generator=generator)


@given(st.integers(0, 1000), st.integers(3, 6))
@settings(max_examples=20, deadline=None)
def test_classes_agree_with_scikit_learn(seed, classes):
    logits, target = classification(seed, classes=classes)
    predicted, probabilities = logits.argmax(1).numpy(), logits.double().softmax(1).numpy()
    assert reduced(scores.accuracy, logits, target) == pytest.approx(100 * metrics.accuracy_score(target, predicted))
    assert reduced(scores.f1, logits, target) == pytest.approx(
        100 * metrics.f1_score(target, predicted, average="macro")
    )
    assert reduced(scores.top_accuracy(2), logits, target) == pytest.approx(
        100 * metrics.top_k_accuracy_score(target, probabilities, k=2, labels=range(classes))
    )
    if len(target.unique()) == classes:
        assert reduced(scores.auc, logits, target) == pytest.approx(
            100 * metrics.roc_auc_score(target, probabilities, multi_class="ovr")
        )


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=4, max_size=40))
@settings(max_examples=50, deadline=None)
def test_binary_auc_counts_ties_half(pairs):
    score = torch.tensor([float(s) for s, _ in pairs])
    label = torch.tensor([int(y) for _, y in pairs])
    got = reduced(scores.auc, score, label)
    if len(set(label.tolist())) < 2:
        assert np.isnan(got)
    else:
        assert got == pytest.approx(100 * metrics.roc_auc_score(label, score))
        both = torch.stack([torch.zeros_like(score), score], dim=1)
        assert reduced(scores.auc, both, label) == pytest.approx(got)


def test_one_logit_is_a_threshold_at_zero():
    logits, target = torch.tensor([[2.0], [-1.0], [3.0], [-4.0]]), torch.tensor([[1.0], [1.0], [1.0], [0.0]])
    assert reduced(scores.accuracy, logits, target) == 75.0
    assert reduced(scores.accuracy, logits[:, 0], target[:, 0]) == 75.0


def test_soft_labels_count_by_their_largest():
    logits = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
    assert reduced(scores.accuracy, logits, torch.tensor([[0.1, 0.9], [0.2, 0.8]])) == 50.0


def test_errors_of_numbers():
    outputs, target = torch.randn(30, 3), torch.randn(30, 3)
    assert reduced(scores.squared_error, outputs, target) == pytest.approx(
        float(functional.mse_loss(outputs, target)), rel=1e-5
    )
    assert reduced(scores.root_squared_error, outputs, target) == pytest.approx(
        float(functional.mse_loss(outputs, target)) ** 0.5, rel=1e-5
    )
    assert reduced(scores.absolute_error, outputs, target) == pytest.approx(
        float(functional.l1_loss(outputs, target)), rel=1e-5
    )


def test_a_column_is_never_broadcast_against_a_row():
    outputs, target = torch.arange(4.0)[:, None], torch.arange(4.0)
    assert reduced(scores.squared_error, outputs, target) == 0.0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=5, max_size=40))
@settings(max_examples=50, deadline=None)
def test_spearman_agrees_with_scipy(pairs):
    left, right = torch.tensor(pairs, dtype=torch.float32).T
    if len(set(left.tolist())) < 2 or len(set(right.tolist())) < 2:
        assert np.isnan(reduced(scores.spearman, left, right))
    else:
        assert reduced(scores.spearman, left, right) == pytest.approx(stats.spearmanr(left, right).statistic)


def test_perplexity_is_the_exponential_of_cross_entropy():
    logits, tokens = torch.randn(5, 7, 11), torch.randint(11, (5, 7))
    tokens[0, 3:] = -100
    want = float(functional.cross_entropy(logits.flatten(0, 1), tokens.flatten()).exp())
    assert reduced(scores.perplexity, logits, tokens) == pytest.approx(want, rel=1e-5)
    want = float(functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).exp())
    assert reduced(scores.causal_perplexity, logits, tokens) == pytest.approx(want, rel=1e-5)


def test_miou_sums_pixels_over_examples():
    logits, target = torch.randn(6, 3, 4, 5), torch.randint(3, (6, 4, 5))
    target[0, 0] = 255
    keep = target != 255
    want = 100 * metrics.jaccard_score(target[keep], logits.argmax(1)[keep], average="macro")
    assert reduced(scores.miou(3), logits, target) == pytest.approx(want)
    # a class that never occurs and is never predicted does not count
    padded = torch.cat([logits, torch.full((6, 1, 4, 5), -100.0)], dim=1)
    assert reduced(scores.miou(4), padded, target) == pytest.approx(want)


def test_outputs_of_a_runtime_may_be_arrays():
    logits, target = classification(0)
    assert reduced(scores.accuracy, logits.numpy(), target) == reduced(scores.accuracy, logits, target)


def _cases():
    logits, target = classification(3, n=40)
    yield scores.accuracy, logits, target
    yield scores.f1, logits, target
    yield scores.auc, logits, target
    yield scores.auc, logits[:, :2].round(), target > 1
    yield scores.squared_error, logits, logits.flip(0)
    yield scores.root_squared_error, logits, logits.flip(0)
    yield scores.absolute_error, logits, logits.flip(0)
    yield scores.spearman, logits[:, 0].round(), logits[:, 1].round()
    yield scores.perplexity, logits[:, None], target[:, None]
    yield scores.miou(4), logits[:, :, None].expand(40, 4, 3), target[:, None].expand(40, 3)
    yield scores.of(lambda outputs, target: outputs[:, 0] * target, name="mine"), logits, target


CASES = {f"{score.name}-{i}": (score, outputs, target) for i, (score, outputs, target) in enumerate(_cases())}


@pytest.mark.parametrize("case", CASES)
def test_resamples_equal_repeated_rows(case):
    score, outputs, target = CASES[case]
    rows = score.rows(outputs, target).numpy()
    weights = np.random.default_rng(0).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=20)
    want = [score.reduce(np.repeat(rows, w, axis=0)) for w in weights]
    np.testing.assert_allclose(scores.resampled(score, rows, weights), want, rtol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_every_score_keeps_its_promises(case):
    score, outputs, target = CASES[case]
    assert isinstance(score, scores.Score)
    assert score.name
    rows = score.rows(outputs, target).numpy()
    assert np.isclose(score.reduce(rows[::-1]), score.reduce(rows), rtol=1e-12)
    parts = np.concatenate(
        [score.rows(outputs[:17], target[:17]).numpy(), score.rows(outputs[17:], target[17:]).numpy()]
    )
    np.testing.assert_allclose(parts, rows)
    if score.binary:
        assert set(np.unique(rows)) <= {0.0, 1.0}
    if score.unit == "%":
        assert 0 <= score.reduce(rows) <= 100


@pytest.mark.parametrize("score", [scores.accuracy, scores.top_accuracy(5), scores.miou(7), scores.causal_perplexity])
def test_scores_survive_storage(score):
    assert decode(encode(score)) == score


def _per_batch(outputs, target):
    return (outputs.argmax(1) == target).float().mean()


def test_a_function_that_averages_is_asked_per_example():
    logits, target = classification(1)
    score = scores.of(_per_batch, unit="%")
    assert score.name == "_per_batch"
    assert score.rows(logits, target).shape == (60, 1)
    assert score.reduce(score.rows(logits, target).numpy()) == pytest.approx(
        reduced(scores.accuracy, logits, target) / 100
    )
    assert decode(encode(score)) == score


def test_a_function_may_see_nested_outputs_and_return_plain_numbers():
    score = scores.of(lambda outputs, target: float(outputs["a"][0][0] - target[0]), name="gap")
    rows = score.rows({"a": (torch.tensor([3.0, 5.0]),)}, torch.tensor([1.0, 1.0]))
    assert rows.tolist() == [[2.0], [4.0]]


class _PlainScore:
    name, unit, higher_is_better, binary = "median", "", True, False

    def rows(self, outputs, target):
        return (outputs - target)[:, None]

    def reduce(self, rows):
        return float(np.median(rows))


def test_a_score_without_reduce_many_is_resampled_by_repeating():
    rows = np.arange(5.0)[:, None]
    weights = np.array([[1, 1, 1, 1, 1], [0, 0, 0, 0, 5], [3, 2, 0, 0, 0]])
    assert isinstance(_PlainScore(), scores.Score)
    assert scores.resampled(_PlainScore(), rows, weights).tolist() == [2.0, 4.0, 0.0]


@pytest.mark.parametrize(
    ("score", "outputs", "target", "words"),
    [
        (
            scores.accuracy,
            (1, 2),
            torch.zeros(2),
            r"given a tuple as outputs; it takes a tensor. Say which one with Task\(logits=...\)",
        ),
        (scores.accuracy, torch.zeros(2, 3, 4), torch.zeros(2), r"shape \[2, 3, 4\]; it takes logits \[n, classes\]"),
        (
            scores.accuracy,
            torch.zeros(2, 3),
            torch.zeros(3),
            r"2 outputs and 3 targets; it takes one class per example",
        ),
        (scores.top_accuracy(5), torch.zeros(2, 3), torch.zeros(2), r"takes logits \[n, 5 or more\]"),
        (
            scores.squared_error,
            torch.zeros(2, 3),
            torch.zeros(2),
            r"outputs of shape \[2, 3\] and targets of shape \[2\]; they must have one shape",
        ),
        (scores.spearman, torch.zeros(2, 3), torch.zeros(2, 3), r"takes one number per example"),
        (scores.perplexity, torch.zeros(2, 3), torch.zeros(3), r"takes logits \[n, tokens, vocabulary\]"),
        (
            scores.miou(3),
            torch.zeros(2, 3, 4),
            torch.zeros(2, 5),
            r"mIoU over 3 classes was given outputs of shape \[2, 3, 4\]",
        ),
        (
            scores.miou(2),
            torch.zeros(1, 2, 4),
            torch.full((1, 4), 3),
            r"target class 3. Type scores.miou\(4\), or ignore=3",
        ),
        (
            scores.of(lambda o, t: o, name="f"),
            torch.zeros(2, 3),
            torch.zeros(2),
            r"f returned shape \[2, 3\] for 2 examples",
        ),
        (scores.of(lambda o, t: "x", name="f"), torch.zeros(2), torch.zeros(2), r"f returned a str"),
    ],
)
def test_what_does_not_fit_is_refused(score, outputs, target, words):
    with pytest.raises(TaskError, match=words):
        score.rows(outputs, target)


@pytest.mark.parametrize("score", [scores.accuracy, scores.f1, scores.auc, scores.spearman], ids=lambda s: s.name)
def test_a_thousand_resamples_of_a_thousand_rows_are_quick(score):
    import time

    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(1000, 1 if score is scores.spearman else 2, generator=generator)
    target = torch.randn(1000, 1, generator=generator) if score is scores.spearman else torch.arange(1000) % 2
    rows = score.rows(outputs, target).numpy()
    weights = np.random.default_rng(0).multinomial(1000, np.full(1000, 1e-3), size=1000)
    start = time.process_time()
    assert np.isfinite(scores.resampled(score, rows, weights)).all()
    assert time.process_time() - start < 2.0
