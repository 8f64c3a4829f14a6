"""Knowledge distillation from a teacher's outputs."""

import dataclasses
import types

import pytest
import torch
from torch.nn import functional

import paredown
from paredown import codec, distill, regularize
from paredown.errors import RecipeError
from paredown.recipe import Evidence, Hook, Ingredient


def big():
    """A teacher that a run directory can name."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))


@dataclasses.dataclass(frozen=True)
class Look(Ingredient):
    """Keeps what the student put out, and on what."""

    kept: list = dataclasses.field(default_factory=list, compare=False)

    def start(self, context):
        kept = self.kept

        class Keep(Hook):
            def term(self, step):
                kept.append((step.inputs, step.targets, step.outputs.detach().clone()))

        return Keep()


def first_row(s, logits, *others):
    """History of a training of one step, and what that step saw."""
    look = Look()
    size = len(s.task.data.work.train)
    train = dataclasses.replace(s.train, batch_size=size, using=[*others, logits, look])
    row = train.fit(s.student, s.evidence, original=s.teacher).history[0]
    return row, look.kept[0]


@pytest.mark.parametrize(("temperature", "alpha"), [(4.0, 0.9), (1.0, 0.5), (2.0, 1.0), (3.0, 0.0)])
def test_the_loss_is_hintons(setting, temperature, alpha):
    s = setting()
    row, (inputs, ((_, target),), outputs) = first_row(s, distill.Logits(temperature=temperature, alpha=alpha))
    p = torch.softmax(s.teacher(inputs) / temperature, 1)
    q = torch.softmax(outputs / temperature, 1)
    divergence = (p * (p / q).log()).sum(1).mean() * temperature**2
    task = functional.cross_entropy(outputs, target)
    assert row["distill.Logits"] == pytest.approx(alpha * divergence.item(), rel=1e-4, abs=1e-6)
    assert row["loss"] == pytest.approx(((1 - alpha) * task + alpha * divergence).item(), rel=1e-4)


def test_dense_outputs_are_matched_place_by_place_without_padding(setting):
    s = setting("dense")
    row, (inputs, ((_, target),), outputs) = first_row(s, distill.Logits(temperature=2.0, alpha=1.0))
    counted = target.flatten() >= 0
    p = (s.teacher(inputs) / 2.0).flatten(0, 1)[counted].log_softmax(1)
    q = (outputs / 2.0).flatten(0, 1)[counted].log_softmax(1)
    divergence = functional.kl_div(q, p, reduction="batchmean", log_target=True) * 4.0
    assert 0 < counted.sum() < target.numel()
    assert row["distill.Logits"] == pytest.approx(divergence.item(), rel=1e-4)


def test_numbers_are_matched_by_squared_error(setting):
    s = setting("numbers")
    row, (inputs, _, outputs) = first_row(s, distill.Logits(alpha=0.5))
    error = functional.mse_loss(outputs, s.teacher(inputs))
    assert row["distill.Logits"] == pytest.approx(0.5 * error.item(), rel=1e-4)


def alone(s, loss):
    """The same setting with the first output alone, as in a task of yes and no."""
    objective = dataclasses.replace(s.task.objective, loss=loss, logits=lambda raw: raw[:, :1])
    return types.SimpleNamespace(**{**vars(s), "evidence": Evidence(s.task.data.work, objective)})


def test_a_yes_or_no_is_matched_by_squared_error(setting):
    """A softmax over one class would say 1 of student and teacher, and teach nothing."""
    s = alone(setting(), lambda o, y: functional.binary_cross_entropy_with_logits(o[:, 0], y.clamp_max(1).float()))
    row, (inputs, _, outputs) = first_row(s, distill.Logits(alpha=0.5))
    assert outputs.shape[1] == 1
    error = (outputs - s.teacher(inputs)[:, :1]).square().mean()
    assert row["distill.Logits"] == pytest.approx(0.5 * error.item(), rel=1e-4)


def test_negative_numbers_as_targets_are_no_padding(setting):
    s = setting()
    objective = dataclasses.replace(s.task.objective, loss=lambda o, y: (o[:, 0] - y).square().mean())
    work = s.task.data.work
    x, _ = next(work.train.batches(len(work.train)))
    task = paredown.Task(
        s.task.model, paredown.Data(*[(x, x[:, 0])] * 4, batch_size=32), objective.loss, s.task.objective.score
    )
    s.evidence, s.task = Evidence.of(task), task
    row, (inputs, ((_, target),), outputs) = first_row(s, distill.Logits(alpha=1.0, temperature=1.0, axis=1))
    p, q = s.teacher(inputs).log_softmax(1), outputs.log_softmax(1)
    expected = (p.exp() * (p - q)).sum(1).mean()
    assert (target < 0).any()
    assert row["distill.Logits"] == pytest.approx(expected.item(), rel=1e-4)


def test_scores_can_be_standardized(setting):
    s = setting()
    row, (inputs, _, outputs) = first_row(s, distill.Logits(temperature=2.0, alpha=1.0, standardize=True))
    scores = [
        (z - z.mean(1, keepdim=True)) / z.std(1, correction=0, keepdim=True) for z in (s.teacher(inputs), outputs)
    ]
    p, q = (torch.softmax(z / 2.0, 1) for z in scores)
    assert row["distill.Logits"] == pytest.approx(((p * (p / q).log()).sum(1).mean() * 4.0).item(), rel=1e-3)


def test_numbers_are_not_standardized(setting):
    s = setting("numbers")
    with pytest.raises(RecipeError, match=r"standardize=True\).*\[2, 3\].*`axis=1`"):
        first_row(s, distill.Logits(standardize=True))


def test_the_axis_can_be_said(setting):
    s = setting("numbers")
    row, (inputs, _, outputs) = first_row(s, distill.Logits(alpha=1.0, temperature=1.0, axis=-1))
    p, q = s.teacher(inputs).log_softmax(-1), outputs.log_softmax(-1)
    assert row["distill.Logits"] == pytest.approx(
        functional.kl_div(q, p, reduction="batchmean", log_target=True).item(), rel=1e-4
    )


def test_the_teacher_sees_the_mixed_batch(setting):
    s = setting()
    row, (inputs, targets, outputs) = first_row(
        s, distill.Logits(temperature=1.0, alpha=1.0), regularize.Mixup(alpha=1.0)
    )
    assert len(targets) == 2
    assert not any(torch.equal(inputs[:1], x[None]) for x in s.task.data.work.train.batches(256).__next__()[0])
    p, q = s.teacher(inputs).log_softmax(1), outputs.log_softmax(1)
    expected = functional.kl_div(q, p, reduction="batchmean", log_target=True)
    assert row["distill.Logits"] == pytest.approx(expected.item(), rel=1e-4)


def test_a_student_comes_to_agree_with_its_teacher(setting):
    s = setting()
    inputs = next(s.task.data.work.select.batches(64))[0]

    def distance(network):
        return functional.mse_loss(network(inputs).log_softmax(1), s.teacher(inputs).log_softmax(1)).item()

    plain = dataclasses.replace(s.train, epochs=10).fit(s.student, s.evidence)
    taught = dataclasses.replace(s.train, epochs=10, using=[distill.Logits(teacher=s.teacher)]).fit(
        s.student, s.evidence
    )
    assert distance(taught.network) < 0.3 * distance(plain.network)


@pytest.mark.parametrize("form", ["original", "network", "module", "function"])
def test_a_teacher_comes_in_four_forms_and_stays_as_it_was(setting, form):
    s = setting()
    module = big().train()
    teachers = {"original": distill.Original(), "network": s.teacher, "module": module, "function": big}
    train = dataclasses.replace(s.train, using=[distill.Logits(teacher=teachers[form])])
    before = s.teacher.fingerprint(), [p.detach().clone() for p in module.parameters()]
    result = train.fit(s.student, s.evidence, original=s.teacher)
    same = dataclasses.replace(s.train, using=[distill.Logits()]).fit(s.student, s.evidence, original=s.teacher)
    assert result.network.fingerprint() == same.network.fingerprint()
    assert s.teacher.fingerprint() == before[0]
    assert module.training
    assert all(torch.equal(a, b) and a.requires_grad for a, b in zip(module.parameters(), before[1], strict=True))


def test_without_an_original_the_student_teaches_itself(setting):
    s = setting()
    row = dataclasses.replace(s.train, batch_size=256, using=[distill.Logits()]).fit(s.student, s.evidence).history[0]
    assert row["distill.Logits"] == pytest.approx(0.0, abs=1e-5)


def test_it_works_in_mixed_precision(setting):
    s = setting()
    train = dataclasses.replace(s.train, precision="bf16-mixed", using=[distill.Logits()])
    row = train.fit(s.student, s.evidence, original=s.teacher).history[0]
    exact = dataclasses.replace(train, precision="32-true").fit(s.student, s.evidence, original=s.teacher).history[0]
    assert row["distill.Logits"] == pytest.approx(exact["distill.Logits"], rel=0.05)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: distill.Logits(temperature=0.0), r"temperature=0.0\).*above 0.*temperature=4.0"),
        (lambda: distill.Logits(temperature=-1.0), r"temperature=-1.0\).*above 0"),
        (lambda: distill.Logits(temperature=float("nan")), r"temperature=nan\).*above 0"),
        (lambda: distill.Logits(alpha=1.5), r"alpha=1.5\).*from 0 to 1.*alpha=0.9"),
        (lambda: distill.Logits(alpha=-0.1), r"alpha=-0.1\)"),
    ],
)
def test_settings_out_of_range_say_what_to_type(make, words):
    with pytest.raises(RecipeError, match=words):
        make()


def test_a_teacher_with_other_classes_is_refused(setting):
    s = setting()
    train = dataclasses.replace(s.train, using=[distill.Logits(teacher=torch.nn.Linear(4, 5))])
    with pytest.raises(RecipeError, match=r"teacher gives \[2, 5\] and the student \[2, 3\].*distill.Original\(\)"):
        train.fit(s.student, s.evidence)


@pytest.mark.parametrize("teacher", [3, "resnet"])
def test_what_is_no_teacher_is_refused(setting, teacher):
    s = setting()
    train = dataclasses.replace(s.train, using=[distill.Logits(teacher=teacher)])
    with pytest.raises(RecipeError, match=r"teacher=.* was given. A teacher is `distill.Original\(\)`, a module"):
        train.fit(s.student, s.evidence)


def test_an_axis_that_is_not_there_is_refused(setting):
    s = setting()
    for axis in (0, 2, -2):
        train = dataclasses.replace(s.train, using=[distill.Logits(axis=axis)])
        with pytest.raises(
            RecipeError, match=rf"axis={axis}\) was given for outputs of shape \[2, 3\].*Leave axis out"
        ):
            train.fit(s.student, s.evidence)


def test_an_axis_of_one_number_is_refused(setting):
    s = setting()
    objective = dataclasses.replace(s.task.objective, logits=lambda raw: raw[:, :1], loss=lambda o, _: o.mean())
    train = dataclasses.replace(s.train, using=[distill.Logits(axis=1)])
    words = r"axis=1\) was given for outputs of shape \[2, 1\]: one number along it is no choice.*Leave axis out"
    with pytest.raises(RecipeError, match=words):
        train.fit(s.student, Evidence(s.evidence.work, objective))


def test_several_outputs_need_to_be_told_apart(setting):
    s = setting()
    objective = dataclasses.replace(
        s.task.objective, logits=lambda raw: (raw, raw), loss=lambda outputs, _: outputs[0].sum()
    )
    train = dataclasses.replace(s.train, using=[distill.Logits()])
    with pytest.raises(RecipeError, match=r"student gives tuple of 2 tensors.*logits='logits'"):
        train.fit(s.student, Evidence(s.task.data.work, objective))


def test_settings_come_back_from_json():
    for logits in (distill.Logits(), distill.Logits(teacher=big, temperature=2.0, alpha=0.5, axis=1, standardize=True)):
        assert codec.decode(codec.encode(logits)) == logits
    assert paredown.distill.Logits is distill.Logits
