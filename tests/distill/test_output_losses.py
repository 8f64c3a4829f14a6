"""Comparisons of outputs against the papers' formulas."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paredown import codec, distill
from paredown.distill.mlkd import _products_apart
from paredown.distill.standardize import standardized
from paredown.errors import RecipeError

from .plain import columns, correlation, divergence, dot, mean, probabilities


def dkd(student, teacher, labels, loss):
    total = 0.0
    for s, t, y in zip(student, teacher, labels, strict=True):
        p, q = probabilities(s, loss.temperature), probabilities(t, loss.temperature)
        true = divergence([q[y], 1 - q[y]], [p[y], 1 - p[y]])
        others = [[value / (1 - row[y]) for k, value in enumerate(row) if k != y] for row in (q, p)]
        total += loss.alpha * true + loss.beta * divergence(*others)
    return loss.temperature**2 * total / len(student)


def dist(student, teacher, labels, loss):
    p, q = ([probabilities(row, loss.temperature) for row in rows] for rows in (student, teacher))
    within = mean(1 - correlation(a, b) for a, b in zip(p, q, strict=True))
    across = mean(1 - correlation(a, b) for a, b in zip(columns(p), columns(q), strict=True))
    return loss.temperature**2 * (loss.beta * within + loss.gamma * across)


def squares(student, teacher, labels, loss):
    return mean((a - b) ** 2 for s, t in zip(student, teacher, strict=True) for a, b in zip(s, t, strict=True))


def wsld(student, teacher, labels, loss):
    total = 0.0
    for s, t, y in zip(student, teacher, labels, strict=True):
        weight = 1 - math.exp(math.log(probabilities(s)[y]) / -math.log(probabilities(t)[y]))
        total += weight * divergence(probabilities(t, loss.temperature), probabilities(s, loss.temperature))
    return loss.temperature**2 * total / len(student)


def mlkd(student, teacher, labels, loss):
    def level(temperature):
        p, q = ([probabilities(row, temperature) for row in rows] for rows in (student, teacher))
        single = temperature**2 * mean(divergence(b, a) for a, b in zip(p, q, strict=True))
        rows = sum((dot(p[i], p[j]) - dot(q[i], q[j])) ** 2 for i in range(len(p)) for j in range(len(p)))
        a, b = columns(p), columns(q)
        classes = sum((dot(a[i], a[j]) - dot(b[i], b[j])) ** 2 for i in range(len(a)) for j in range(len(a)))
        return single + rows / len(p) + classes / len(a)

    return mean(level(temperature) for temperature in loss.temperatures)


CASES = [
    pytest.param(distill.DKD(), dkd, id="DKD"),
    pytest.param(distill.DKD(alpha=0.5, beta=2.0, temperature=1.0), dkd, id="DKD with settings"),
    pytest.param(distill.DIST(), dist, id="DIST"),
    pytest.param(distill.DIST(beta=2.0, gamma=0.5, temperature=4.0), dist, id="DIST with settings"),
    pytest.param(distill.Squares(), squares, id="Squares"),
    pytest.param(distill.WSLD(), wsld, id="WSLD"),
    pytest.param(distill.WSLD(temperature=1.0), wsld, id="WSLD with settings"),
    pytest.param(distill.MLKD(), mlkd, id="MLKD"),
    pytest.param(distill.MLKD(temperatures=(1.0,)), mlkd, id="MLKD with settings"),
]
LOSSES = [pytest.param(case.values[0], id=case.id) for case in CASES]


def draw(seed, rows, classes):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = 2.0 * torch.randn(2, rows, classes, generator=generator)
    return student, teacher, torch.randint(classes, (rows,), generator=generator)


@pytest.mark.parametrize(("loss", "plain"), CASES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), rows=st.integers(2, 5), classes=st.integers(3, 5))
def test_it_is_the_formula(loss, plain, seed, rows, classes):
    student, teacher, labels = draw(seed, rows, classes)
    expected = plain(student.tolist(), teacher.tolist(), labels.tolist(), loss)
    assert loss(student, teacher, labels).item() == pytest.approx(expected, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_it_is_nothing_for_equal_outputs_and_something_for_others(loss):
    student, teacher, labels = draw(0, 6, 4)
    assert loss(teacher, teacher, labels).item() == pytest.approx(0.0, abs=1e-5)
    assert loss(student, teacher, labels).item() > 0.01


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("make", [draw, lambda *_: (torch.zeros(4, 3), torch.zeros(4, 3), torch.zeros(4).long())])
def test_gradients_reach_the_student_and_stay_finite(loss, make):
    student, teacher, labels = make(1, 4, 3)
    student = student.clone().requires_grad_()
    loss(student, teacher, labels).backward()
    assert student.grad.isfinite().all()
    if make is draw:
        assert student.grad.abs().sum() > 0
        step = loss(student.detach() - 1e-3 * student.grad / student.grad.norm(), teacher, labels)
        assert step < loss(student, teacher, labels)


@pytest.mark.parametrize("loss", LOSSES)
def test_scores_of_any_size_are_taken(loss):
    student, teacher, labels = draw(2, 4, 3)
    student.mul_(1e4).requires_grad_()
    value = loss(student, 1e4 * teacher, labels)
    value.backward()
    assert value.isfinite()
    assert student.grad.isfinite().all()


def test_decoupled_parts_make_up_hintons_loss():
    student, teacher, labels = draw(3, 1, 4)
    sure = probabilities(teacher[0].tolist(), 4.0)[labels[0]]
    whole = divergence(probabilities(teacher[0].tolist(), 4.0), probabilities(student[0].tolist(), 4.0)) * 16
    loss = distill.DKD(alpha=1.0, beta=1.0 - sure, temperature=4.0)
    assert loss(student, teacher, labels).item() == pytest.approx(whole, rel=1e-4)


def test_two_classes_have_no_others_among_themselves():
    student, teacher, labels = draw(4, 5, 2)
    with_others, without = distill.DKD(beta=8.0), distill.DKD(beta=0.0)
    assert with_others(student, teacher, labels) == without(student, teacher, labels)


@pytest.mark.parametrize("shape", [(300, 4), (4, 300), (5, 5)])
def test_products_are_exact_also_where_little_is_apart(shape):
    p = draw(5, *shape)[0].softmax(1)
    q = (p + 1e-4 * draw(6, *shape)[0]).clamp_min(0.0)
    a, b = p.double().numpy(), q.double().numpy()
    assert _products_apart(p, q).item() == pytest.approx(((a @ a.T - b @ b.T) ** 2).sum(), rel=1e-2)


def test_products_of_a_hundred_thousand_rows_fit_into_memory():
    student, teacher, labels = draw(6, 100_000, 3)
    assert distill.MLKD()(student, teacher, labels).isfinite()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), factor=st.floats(0.5, 20), offset=st.floats(-5, 5))
def test_standardized_rows_have_mean_0_and_deviation_1_whatever_their_scale(seed, factor, offset):
    logits = draw(seed, 4, 6)[0]
    rows = standardized(logits, 1)
    torch.testing.assert_close(rows.mean(1), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(rows.std(1, correction=0), torch.ones(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(standardized(factor * logits + offset, 1), rows, atol=1e-3, rtol=1e-3)


def test_rows_without_differences_stay_finite_when_standardized():
    logits = torch.ones(2, 3, requires_grad=True)
    standardized(logits, 1).square().sum().backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: distill.DKD(temperature=0.0), r"distill.DKD\(temperature=0.0\).*above 0.*DKD\(temperature=4.0\)"),
        (lambda: distill.DKD(alpha=-1.0), r"distill.DKD\(alpha=-1.0\).*0 or more.*DKD\(alpha=1.0\)"),
        (lambda: distill.DKD(beta=math.nan), r"distill.DKD\(beta=nan\)"),
        (lambda: distill.DIST(temperature=-1.0), r"distill.DIST\(temperature=-1.0\).*above 0"),
        (lambda: distill.DIST(gamma=-1.0), r"distill.DIST\(gamma=-1.0\).*0 or more"),
        (lambda: distill.WSLD(temperature=math.inf), r"distill.WSLD\(temperature=inf\).*WSLD\(temperature=2.0\)"),
        (lambda: distill.MLKD(temperatures=()), r"distill.MLKD\(temperatures=\(\)\).*one or more"),
        (lambda: distill.MLKD(temperatures=(1.0, 0.0)), r"temperatures=\(1.0, 0.0\).*above 0"),
    ],
)
def test_settings_out_of_range_say_what_to_type(make, words):
    with pytest.raises(RecipeError, match=words):
        make()


@pytest.mark.parametrize("loss", LOSSES)
def test_settings_come_back_from_json(loss):
    ingredient = distill.Outputs(loss=loss, weight=2.0, standardize=True)
    assert codec.decode(codec.encode(ingredient)) == ingredient
