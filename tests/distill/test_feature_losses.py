"""Comparisons of values inside, against the papers' formulas."""

import math

import pytest
import torch
from torch.nn import functional

from paredown import codec, distill
from paredown.distill.feature_loss import places
from paredown.errors import RecipeError

from .plain import channels, divergence, dot, huber, mean, norm, probabilities, unit, vectors

PICTURE, TOKENS, VECTOR = (4, 6, 3, 2), (4, 6, 5), (4, 6)


def draw(shape, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return tuple(scale * torch.randn(2, *shape, generator=generator))


def each(student, teacher):
    return zip(student.flatten().tolist(), teacher.flatten().tolist(), strict=True)


def fitnets(student, teacher, loss):
    return mean((s - t) ** 2 for s, t in each(student, teacher))


def at(student, teacher, loss):
    def maps(value):
        return [unit([mean(abs(c[p]) ** loss.power for c in x) for p in range(len(x[0]))]) for x in channels(value)]

    s, t = maps(student), maps(teacher)
    return mean((a - b) ** 2 for x, y in zip(s, t, strict=True) for a, b in zip(x, y, strict=True))


def rkd(student, teacher, loss):
    def minus(a, b):
        return [x - y for x, y in zip(a, b, strict=True)]

    def distances(xs):
        d = [[norm(minus(a, b)) for b in xs] for a in xs]
        middle = mean(d[i][j] for i in range(len(xs)) for j in range(len(xs)) if i != j)
        return [value / middle for row in d for value in row]

    def angles(xs):
        triples = [(i, j, k) for j in range(len(xs)) for i in range(len(xs)) for k in range(len(xs))]
        return [
            dot(unit(minus(xs[i], xs[j])), unit(minus(xs[k], xs[j]))) if j not in {i, k} else 0.0 for i, j, k in triples
        ]

    parts = [
        mean(huber(a, b) for a, b in zip(of(vectors(student)), of(vectors(teacher)), strict=True))
        for of in (distances, angles)
    ]
    return loss.distance * parts[0] + loss.angle * parts[1]


def sp(student, teacher, loss):
    s, t = ([unit([dot(a, b) for b in vectors(v)]) for a in vectors(v)] for v in (student, teacher))
    n = len(s)
    return sum((s[i][j] - t[i][j]) ** 2 for i in range(n) for j in range(n)) / n**2


def cc(student, teacher, loss):
    def kernel(value):
        xs = [unit(x) for x in vectors(value)]
        return [
            [
                math.exp(-2 * loss.gamma)
                * sum((2 * loss.gamma) ** p / math.factorial(p) * dot(a, b) ** p for p in range(loss.order + 1))
                for b in xs
            ]
            for a in xs
        ]

    s, t = kernel(student), kernel(teacher)
    return sum((a - b) ** 2 for x, y in zip(s, t, strict=True) for a, b in zip(x, y, strict=True)) / len(s) ** 2


def nst(student, teacher, loss):
    def discrepancy(s, t):
        s, t = [unit(c) for c in s], [unit(c) for c in t]
        k = {
            name: mean(dot(a, b) ** 2 for a in x for b in y)
            for name, x, y in (("ss", s, s), ("tt", t, t), ("st", s, t))
        }
        return k["ss"] + k["tt"] - 2 * k["st"]

    return mean(discrepancy(s, t) for s, t in zip(channels(student), channels(teacher), strict=True))


def pkt(student, teacher, loss):
    def neighbours(value):
        xs = [unit(x) for x in vectors(value)]
        rows = [[(1 + dot(a, b)) / 2 for b in xs] for a in xs]
        return [[value / sum(row) for value in row] for row in rows]

    s, t = neighbours(student), neighbours(teacher)
    return mean(b * math.log(b / a) for x, y in zip(s, t, strict=True) for a, b in zip(x, y, strict=True))


def cosine(student, teacher, loss):
    def points(value):
        return [[c[p] for c in x] for x in channels(value) for p in range(len(x[0]))]

    return mean(1 - dot(unit(a), unit(b)) for a, b in zip(points(student), points(teacher), strict=True))


def cwd(student, teacher, loss):
    rows = [[c for x in channels(value) for c in x] for value in (student, teacher)]
    soft = [[probabilities(row, loss.temperature) for row in value] for value in rows]
    return loss.temperature**2 * mean(divergence(t, s) for s, t in zip(*soft, strict=True))


def ab(student, teacher, loss):
    return mean(max(0.0, loss.margin - s if t > 0 else loss.margin + s) ** 2 for s, t in each(student, teacher))


def ofd(student, teacher, loss):
    total, count = 0.0, 0
    for c in range(teacher.shape[1]):
        below = [t for x in channels(teacher) for t in x[c] if t < 0]
        margin = mean(below) if below else 0.0
        for x, y in zip(channels(student), channels(teacher), strict=True):
            for s, t in zip(x[c], y[c], strict=True):
                wanted = max(t, margin)
                total += 0.0 if s <= wanted <= 0 else (wanted - s) ** 2
                count += 1
    return total / count


def heads(value, parts, count):
    """``[part][example][head][token]``, each a list of numbers."""
    width = value.shape[1] // parts // count
    tokens = range(len(channels(value)[0][0]))
    return [
        [
            [
                [[x[(part * count + h) * width + d][token] for d in range(width)] for token in tokens]
                for h in range(count)
            ]
            for x in channels(value)
        ]
        for part in range(parts)
    ]


def scores(a, b):
    return [[dot(x, y) / math.sqrt(len(x)) for y in b] for x in a]


def minilm(student, teacher, loss):
    pairs = ((0, 0), (1, 1), (2, 2)) if loss.version == 2 else ((0, 1), (2, 2))
    s, t = heads(student, 3, loss.heads), heads(teacher, 3, loss.heads)

    def relation(parts, a, b, n, h):
        return [probabilities(row) for row in scores(parts[a][n][h], parts[b][n][h])]

    return sum(
        mean(
            divergence(q, p)
            for n in range(len(student))
            for h in range(loss.heads)
            for p, q in zip(relation(s, a, b, n, h), relation(t, a, b, n, h), strict=True)
        )
        for a, b in pairs
    )


def tinybert(student, teacher, loss):
    s, t = heads(student, loss.parts, loss.heads), heads(teacher, loss.parts, loss.heads)
    return mean(
        (a - b) ** 2
        for n in range(len(student))
        for h in range(loss.heads)
        for x, y in zip(scores(s[0][n][h], s[1][n][h]), scores(t[0][n][h], t[1][n][h]), strict=True)
        for a, b in zip(x, y, strict=True)
    )


PLAIN = [
    (distill.FitNets(), fitnets),
    (distill.AT(), at),
    (distill.AT(power=3.0), at),
    (distill.RKD(), rkd),
    (distill.RKD(distance=1.0, angle=0.0), rkd),
    (distill.SP(), sp),
    (distill.CC(), cc),
    (distill.CC(gamma=1.0, order=3), cc),
    (distill.NST(), nst),
    (distill.PKT(), pkt),
    (distill.Cosine(), cosine),
    (distill.CWD(), cwd),
    (distill.CWD(temperature=1.0), cwd),
    (distill.AB(), ab),
    (distill.AB(margin=0.1), ab),
    (distill.OFD(), ofd),
    (distill.MiniLM(heads=2), minilm),
    (distill.MiniLM(heads=1, version=1), minilm),
    (distill.TinyBERT(heads=1, parts=2), tinybert),
    (distill.TinyBERT(heads=2, parts=3), tinybert),
]
LOSSES = [pytest.param(loss, id=repr(loss)) for loss, _ in PLAIN]
ZERO_WHEN_EQUAL = [case for case in LOSSES if not isinstance(case.values[0], distill.AB)]
FREE_OF_SCALE = [
    distill.AT(),
    distill.RKD(),
    distill.SP(),
    distill.CC(),
    distill.NST(),
    distill.PKT(),
    distill.Cosine(),
]
BETWEEN_EXAMPLES = [distill.RKD(), distill.SP(), distill.CC(), distill.PKT()]


SHAPES = {"picture": PICTURE, "tokens": TOKENS, "vector": VECTOR}


@pytest.mark.parametrize(
    ("loss", "plain", "shape"),
    [
        pytest.param(loss, plain, shape, id=f"{loss!r} of a {name}")
        for loss, plain in PLAIN
        for name, shape in SHAPES.items()
        if len(shape) > 2 or not loss.needs_places
    ],
)
def test_it_is_the_formula(loss, plain, shape):
    for seed in range(3):
        student, teacher = draw(shape, seed)
        assert loss(student, teacher).item() == pytest.approx(plain(student, teacher, loss), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("loss", ZERO_WHEN_EQUAL)
def test_it_is_nothing_for_equal_values_and_something_for_others(loss):
    student, teacher = draw(PICTURE)
    assert loss(teacher, teacher).item() == pytest.approx(0.0, abs=1e-6)
    assert loss(student, teacher).item() > 1e-5


def test_angles_that_do_not_count_are_not_taken(monkeypatch):
    student, teacher = draw(VECTOR)
    expected = rkd(student, teacher, distill.RKD(angle=0.0))
    monkeypatch.delattr("paredown.distill.rkd._Relations.cosines")  # their memory grows with the third power
    assert distill.RKD(angle=0.0)(student, teacher).item() == pytest.approx(expected, rel=1e-4)


def test_boundaries_ask_for_a_side_and_a_margin():
    teacher = draw(PICTURE)[1]
    assert distill.AB(margin=1.0)(teacher.sign(), teacher) == 0
    assert distill.AB(margin=1.0)(5.0 * teacher.sign(), teacher) == 0
    assert distill.AB(margin=1.0)(-teacher.sign(), teacher) == 4


@pytest.mark.parametrize("make", ["others", "equal", "zeros", "one example", "twins"])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_reach_the_student_and_stay_finite(loss, make):
    student, teacher = draw(PICTURE)
    match make:
        case "equal":
            student = teacher.clone()
        case "zeros":
            student = torch.zeros_like(student)
        case "one example":
            student, teacher = student[:1], teacher[:1]
        case "twins":
            student, teacher = student[[0, 0, 1, 1]], teacher[[2, 2, 2, 2]]
    student.requires_grad_()
    value = loss(student, teacher)
    value.backward()
    assert value.isfinite()
    assert student.grad.isfinite().all()
    if make == "others":
        less = loss(student.detach() - 1e-3 * student.grad / student.grad.norm(), teacher)
        assert less < value


@pytest.mark.parametrize("loss", FREE_OF_SCALE, ids=repr)
def test_the_size_of_values_does_not_count(loss):
    student, teacher = draw(PICTURE)
    torch.testing.assert_close(loss(7.0 * student, 0.1 * teacher), loss(student, teacher), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("loss", BETWEEN_EXAMPLES, ids=repr)
def test_relations_between_examples_survive_a_rotation_and_take_any_shape(loss):
    student, teacher = draw(VECTOR)
    rotation = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(1)))[0]
    torch.testing.assert_close(loss(student @ rotation, teacher), loss(student, teacher), rtol=1e-3, atol=1e-5)
    assert loss(draw((4, 3, 2, 2))[0], teacher).isfinite()


@pytest.mark.parametrize("loss", [distill.AT(), distill.NST()], ids=repr)
def test_maps_take_any_number_of_channels_in_any_order(loss):
    student, teacher = draw(PICTURE)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    torch.testing.assert_close(loss(student[:, order], teacher), loss(student, teacher))
    torch.testing.assert_close(loss(torch.cat([student, student], 1), teacher), loss(student, teacher))


def test_attention_of_other_widths_is_compared():
    loss = distill.MiniLM(heads=2)
    assert loss(draw((4, 12, 5))[0], draw((4, 24, 5))[1]) > 0


@pytest.mark.parametrize("version", [1, 2])
def test_tokens_that_pad_are_not_attended_to_nor_counted(version):
    loss = distill.MiniLM(heads=2, version=version)
    student, teacher = draw((3, 12, 5))
    lengths = (5, 3, 2)
    mask = torch.stack([torch.arange(5) < length for length in lengths])[:, None]
    alone = [
        float(loss(student[i : i + 1, :, :length], teacher[i : i + 1, :, :length])) for i, length in enumerate(lengths)
    ]
    expected = sum(value * length for value, length in zip(alone, lengths, strict=True)) / sum(lengths)
    assert float(loss(student * mask, teacher * mask)) == pytest.approx(expected, rel=1e-4)


def test_a_prediction_is_scored_by_its_gaussian():
    torch.manual_seed(0)
    student, teacher = draw(PICTURE)
    predictor = distill.VID(variance=2.0).build(student.shape, teacher.shape)
    mu, v = predictor.mean(student), 2.0
    expected = mean(0.5 * ((t - m) ** 2 / v + math.log(v)) for m, t in each(mu, teacher))
    assert predictor(student, teacher).item() == pytest.approx(expected, rel=1e-4)
    best = mu.detach()
    assert predictor(student, best) < predictor(student, best + 0.1)
    assert predictor(student, best).item() == pytest.approx(0.5 * math.log(v), rel=1e-4)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_channel_is_scored_by_its_own_variance(shape):
    student, teacher = draw(shape)
    predictor = distill.VID().build(student.shape, teacher.shape)
    variances = [0.5 + c for c in range(6)]
    with torch.no_grad():
        predictor.scale.copy_(torch.tensor([math.log(math.expm1(v)) for v in variances]))
        mu = channels(predictor.mean(student))
    expected = mean(
        0.5 * ((t - m) ** 2 / v + math.log(v))
        for x, y in zip(mu, channels(teacher), strict=True)
        for c, (a, b) in enumerate(zip(x, y, strict=True))
        for v in [variances[c]]
        for m, t in zip(a, b, strict=True)
    )
    assert predictor(student, teacher).item() == pytest.approx(expected, rel=1e-3)


def test_the_prediction_takes_other_widths_and_learns_all_it_has():
    predictor = distill.VID().build(torch.Size((2, 3)), torch.Size((2, 5)))
    predictor(torch.randn(4, 3), torch.randn(4, 5)).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in predictor.parameters())


def test_a_masked_value_is_restored_by_two_convolutions():
    torch.manual_seed(0)
    student, teacher = draw(PICTURE)
    generator = distill.MGD(masked=0.5).build(student.shape, teacher.shape)
    first, second = (layer for layer in generator.restore if hasattr(layer, "weight"))
    torch.manual_seed(1)
    kept = torch.rand(4, 1, 3, 2) >= 0.5
    inner = functional.conv2d(student * kept, first.weight, first.bias, padding=1).relu()
    restored = functional.conv2d(inner, second.weight, second.bias, padding=1)
    torch.manual_seed(1)
    expected = mean((a - b) ** 2 for a, b in each(restored, teacher))
    assert generator(student, teacher).item() == pytest.approx(expected, rel=1e-4)
    assert 0 < kept.sum() < kept.numel()


@pytest.mark.parametrize("shape", [(2, 6), (2, 6, 5), (2, 6, 3, 2), (2, 6, 2, 2, 2)])
def test_anything_can_be_masked_and_restored(shape):
    generator = distill.MGD().build(torch.Size(shape), torch.Size(shape))
    generator(torch.randn(shape), torch.randn(shape)).backward()
    assert all(p.grad is not None for p in generator.parameters())


def test_vectors_have_one_place():
    assert places(torch.zeros(2, 3)).shape == (2, 3, 1)
    assert places(torch.zeros(2, 3, 4, 5)).shape == (2, 3, 20)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: distill.AT(power=0.0), r"distill.AT\(power=0.0\).*above 0.*AT\(power=2.0\)"),
        (lambda: distill.RKD(angle=-1.0), r"distill.RKD\(angle=-1.0\).*0 or more.*RKD\(angle=50.0\)"),
        (lambda: distill.RKD(distance=math.nan), r"distill.RKD\(distance=nan\)"),
        (lambda: distill.CC(gamma=0.0), r"distill.CC\(gamma=0.0\).*above 0"),
        (lambda: distill.CC(order=0), r"distill.CC\(order=0\).*1 or more.*order=2"),
        (lambda: distill.VID(variance=0.0), r"distill.VID\(variance=0.0\).*above 0"),
        (lambda: distill.CWD(temperature=0.0), r"distill.CWD\(temperature=0.0\).*CWD\(temperature=4.0\)"),
        (lambda: distill.AB(margin=-1.0), r"distill.AB\(margin=-1.0\).*above 0"),
        (lambda: distill.MGD(masked=1.0), r"distill.MGD\(masked=1.0\).*above 0 and below 1.*masked=0.5"),
        (lambda: distill.MiniLM(heads=0), r"distill.MiniLM\(heads=0\).*1 or more"),
        (lambda: distill.MiniLM(version=3), r"distill.MiniLM\(version=3\).*1 or 2"),
        (lambda: distill.TinyBERT(heads=0), r"distill.TinyBERT\(heads=0\).*1 or more"),
        (lambda: distill.TinyBERT(parts=1), r"distill.TinyBERT\(parts=1\).*2 or 3"),
        (lambda: distill.MiniLM(heads=4)(*draw(TOKENS)), r"MiniLM\(heads=4\).*6 channels that holds 3 parts.*3 x 4"),
        (lambda: distill.TinyBERT(heads=4)(*draw(TOKENS)), r"TinyBERT\(heads=4\).*multiple of 2 x 4"),
    ],
)
def test_settings_out_of_range_say_what_to_type(make, words):
    with pytest.raises(RecipeError, match=words):
        make()


@pytest.mark.parametrize("loss", [case.values[0] for case in LOSSES] + [distill.VID(), distill.MGD()], ids=repr)
def test_settings_come_back_from_json(loss):
    ingredient = distill.Features(at=("a", "b.*"), to="c", loss=loss, weight=2.0, mask="m")
    assert codec.decode(codec.encode(ingredient)) == ingredient
