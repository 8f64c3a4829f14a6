"""Distillation on pictures that a generator makes."""

import dataclasses
import math
import types

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import paredown
from paredown import distill
from paredown.distill.generated import _GeneratedHook
from paredown.distill.generator import Generator
from paredown.distill.lesson import Lesson
from paredown.distill.statistics import Familiar
from paredown.errors import RecipeError
from paredown.recipe import AdamW, Evidence, Ingredient, Train

from .plain import columns, divergence, mean, probabilities


class Digits(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width)
        self.second, self.norm2 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.BatchNorm2d(2 * width)
        self.head = nn.Linear(2 * width * 16, 10)

    def forward(self, x):
        x = self.norm(self.first(x)).relu()
        return self.head(self.norm2(self.second(x)).relu().flatten(1))


@pytest.fixture(scope="module")
def digits():
    """A task of 1,400 handwritten digits whose model has learnt them, and the network and evidence of it."""
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32).view(-1, 1, 8, 8)
    images, labels = (images - images.mean()) / images.std(), torch.tensor(labels)
    torch.manual_seed(0)
    model = Digits(16)
    data = paredown.Data((images[:1400], labels[:1400]), judge=(images[1400:], labels[1400:]), batch_size=64)
    task = paredown.Task(model.eval(), data, nn.functional.cross_entropy, paredown.scores.accuracy)
    evidence = Evidence.of(task)
    network = paredown.capture(model, images[:2])
    taught = Train(epochs=6, optimizer=AdamW(lr=3e-3), early=None).fit(network, evidence).network
    assert _accuracy(taught, evidence) > 90
    return taught, evidence


def _accuracy(network, evidence):
    right = [(network(inputs).argmax(1) == target).float() for inputs, target in evidence.work.select.batches(200)]
    return 100 * float(torch.cat(right).mean())


def _student(width=8):
    torch.manual_seed(1)
    return paredown.capture(Digits(width).eval(), torch.randn(2, 1, 8, 8))


def test_a_student_learns_digits_that_it_never_saw(digits):
    teacher, evidence = digits
    assert _accuracy(_student(), evidence) < 30
    train = Train(epochs=12, using=(distill.Generated(),), optimizer=AdamW(lr=3e-3), early=None)
    assert _accuracy(train.fit(_student(), evidence, original=teacher).network, evidence) > 80


def test_the_generator_learns_what_the_teacher_knows(digits):
    """It becomes surer of the pictures, of which there are many classes."""
    teacher, evidence = digits
    made = []

    @dataclasses.dataclass(frozen=True)
    class Watch(Ingredient):
        def start(self, context):
            hook = distill.Generated(adversarial=0.0, one_hot=5.0).start(context)
            term = hook.term
            hook.term = lambda step: (term(step), made.append(hook._last[1][0]))[0]
            return hook

    Train(epochs=6, using=(Watch(),), early=None).fit(_student(), evidence, original=teacher)
    with torch.no_grad():
        sure = [float(teacher(pictures).softmax(1).amax(1).mean()) for pictures in (made[0], made[-1])]
    assert sure[1] > sure[0] + 0.05
    assert len(teacher(made[-1]).argmax(1).unique()) >= 6


def test_neither_example_nor_label_counts(digits):
    teacher, evidence = digits
    train = Train(epochs=0.2, using=(distill.Generated(),), early=None)
    result = train.fit(_student(), evidence, original=teacher)
    row = result.history[-1]
    assert row["loss"] == pytest.approx(row["distill.Generated"])


def test_the_generator_pays_for_what_the_papers_say():
    draw = torch.Generator().manual_seed(0)
    student, teacher = 2.0 * torch.randn(2, 6, 4, generator=draw)
    hook = object.__new__(_GeneratedHook)
    hook._settings = distill.Generated(one_hot=0.5, balance=2.0, adversarial=0.25, temperature=3.0)
    hook._familiar = None
    rows = [probabilities(row) for row in teacher.tolist()]
    sure = mean(-math.log(max(row)) for row in rows)
    uneven = sum(mean(column) * math.log(mean(column)) for column in columns(rows))
    soft = [[probabilities(row, 3.0) for row in values.tolist()] for values in (teacher, student)]
    apart = 9.0 * mean(divergence(t, s) for t, s in zip(*soft, strict=True))
    lesson = Lesson(teacher, {})
    assert hook._loss(lesson, student).item() == pytest.approx(0.5 * sure + 2.0 * uneven - 0.25 * apart, rel=1e-4)
    assert hook._loss(lesson, None).item() == pytest.approx(0.5 * sure + 2.0 * uneven, rel=1e-4)


def test_familiar_is_what_has_the_stored_mean_and_deviation():
    """The paper compares what goes into a batch norm with what it stored, here by the stored deviation."""
    torch.manual_seed(0)
    norm, x = nn.BatchNorm2d(3).eval(), 2.0 + 3.0 * torch.randn(5, 3, 4, 2)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([0.5, -2.0, 1.0]))
        norm.bias.copy_(torch.tensor([0.3, -0.7, 0.0]))
    norm.running_mean.copy_(torch.tensor([0.0, 1.0, -1.0]))
    norm.running_var.copy_(torch.tensor([4.0, 0.25, 1.0]))
    familiar = Familiar(nn.ModuleDict({"norm": norm}), types.SimpleNamespace(tap=lambda path: (path,)), x.device)
    given, found = x.transpose(0, 1).flatten(1), []
    for values, m, v in zip(given, norm.running_mean, norm.running_var, strict=True):
        deviation = math.sqrt(float(v) + norm.eps)
        found.append(((float(values.mean() - m)) / deviation) ** 2 + (float(values.std()) / deviation - 1.0) ** 2)
    assert familiar.distance({"norm": norm(x)}).item() == pytest.approx(mean(found), rel=1e-4)


def test_one_score_is_refused(digits):
    _, evidence = digits
    one = dataclasses.replace(evidence.objective, logits=lambda raw: raw[:, :1])
    train = Train(epochs=0.1, using=(distill.Generated(),), optimizer=AdamW(lr=1e-3), early=None)
    with pytest.raises(
        RecipeError, match=r"Generated compares probabilities of classes.*\[2, 1\]: one score.*Unlabelled"
    ):
        train.fit(_student(), Evidence(evidence.work, one))


def test_pictures_are_standard_in_every_channel():
    generator = Generator(8, 3, 10, 7)
    pictures = generator(torch.randn(64, 8))
    assert pictures.shape == (64, 3, 10, 7)
    assert torch.allclose(pictures.mean((0, 2, 3)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(pictures.std((0, 2, 3)), torch.ones(3), atol=1e-2)


@pytest.mark.parametrize(
    "teacher",
    [Digits(8).eval(), nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval()],
    ids=["module", "no batch norm"],
)
def test_teachers_of_other_kinds(digits, teacher):
    _, evidence = digits
    train = Train(epochs=0.1, using=(distill.Generated(teacher=teacher),), early=None)
    assert train.fit(_student(), evidence).history[-1]["distill.Generated"] > 0


def test_an_ensemble_teaches_where_nobody_looks_inside(digits):
    teacher, evidence = digits
    both = distill.Ensemble((teacher, Digits(8).eval()))
    Train(epochs=0.1, using=(distill.Generated(both, familiar=0.0),), early=None).fit(_student(), evidence)
    with pytest.raises(
        RecipeError, match=r"batch norms of one teacher, and a distill.Ensemble of 2 was given.*familiar=0.0"
    ):
        Train(epochs=0.1, using=(distill.Generated(both),), early=None).fit(_student(), evidence)


def test_answers_on_disk_have_no_gradients(digits, tmp_path):
    teacher, evidence = digits
    using = distill.Generated(distill.Cached(str(tmp_path), teacher), familiar=0.0)
    with pytest.raises(RecipeError, match=r"asked how its answers change with its inputs.*distill.Original"):
        Train(epochs=0.1, using=(using,), early=None).fit(_student(), evidence)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"temperature": 0.0}, r"Generated\(temperature=0.0\).*above 0"),
        ({"deviation": 0.0}, r"Generated\(deviation=0.0\).*above 0"),
        ({"noise": 0}, r"Generated\(noise=0\).*1 or more"),
        ({"lr": 0.0}, r"Generated\(lr=0.0\).*above 0"),
        ({"balance": -1.0}, r"Generated\(balance=-1.0\).*0 or more"),
        ({"batch_size": 1}, r"Generated\(batch_size=1\).*2 or more: batch norms need several"),
    ],
)
def test_settings_out_of_range(settings, words):
    with pytest.raises(RecipeError, match=words):
        distill.Generated(**settings)


def test_inputs_that_are_no_pictures():
    rows = torch.randn(60, 4), torch.arange(60) % 3
    model = nn.Linear(4, 3)
    task = paredown.Task(model, paredown.Data(rows, judge=rows), nn.functional.cross_entropy, paredown.scores.accuracy)
    network = paredown.capture(model, rows[0][:2])
    with pytest.raises(RecipeError, match=r"makes pictures.*torch.float32 \[\d+, 4\].*distill.Unlabelled"):
        Train(epochs=0.1, using=(distill.Generated(),)).fit(network, Evidence.of(task))
