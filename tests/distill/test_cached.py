"""A teacher's outputs, kept on disk."""

import dataclasses

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from paredown import codec, distill, regularize
from paredown.errors import CorruptError, RecipeError

from .test_logits import big, first_row


def taught(s, folder, *others, **settings):
    teacher = distill.Cached(str(folder), s.teacher)
    train = dataclasses.replace(s.train, epochs=2, using=[*others, distill.Logits(teacher=teacher, **settings)])
    return train.fit(s.student, s.evidence)


def test_it_teaches_what_the_teacher_would(setting, tmp_path):
    s = setting()
    cached = distill.Cached(str(tmp_path), s.teacher)
    rows = [first_row(s, distill.Logits(teacher=teacher))[0]["distill.Logits"] for teacher in (s.teacher, cached)]
    assert rows[1] == pytest.approx(rows[0], rel=1e-5)
    (file,) = tmp_path.iterdir()
    inputs = next(s.task.data.work.train.batches(256))[0]
    torch.testing.assert_close(load_file(file)["outputs"], s.teacher(inputs).detach())


def test_weights_are_the_same_whether_the_file_was_there_or_not(setting, tmp_path):
    s = setting()
    first = taught(s, tmp_path)
    (file,) = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    other = dataclasses.replace(
        s.train, seed=5, using=[distill.Logits(teacher=distill.Cached(str(tmp_path), s.teacher))]
    )
    other.fit(s.student, s.evidence)
    again, elsewhere = taught(s, tmp_path), taught(s, tmp_path / "new")
    assert first.network.fingerprint() == again.network.fingerprint() == elsewhere.network.fingerprint()
    assert file.stat().st_mtime_ns == written


def test_what_is_in_the_file_is_what_is_taught(setting, tmp_path):
    s = setting()
    first = taught(s, tmp_path, alpha=1.0)
    (file,) = tmp_path.iterdir()
    save_file({"outputs": load_file(file)["outputs"].flip(1).contiguous()}, file)
    assert taught(s, tmp_path, alpha=1.0).network.fingerprint() != first.network.fingerprint()


def test_mixed_examples_are_not_looked_up(setting, tmp_path):
    s = setting()
    mixed = taught(s, tmp_path, regularize.Mixup(alpha=1.0))
    direct = dataclasses.replace(
        s.train, epochs=2, using=[regularize.Mixup(alpha=1.0), distill.Logits(teacher=s.teacher)]
    )
    assert mixed.network.fingerprint() == direct.fit(s.student, s.evidence).network.fingerprint()
    assert list(tmp_path.iterdir()) == []


def test_every_teacher_and_data_have_a_file_of_their_own(setting, tmp_path):
    s = setting()
    taught(s, tmp_path)
    first_row(s, distill.Logits(teacher=distill.Cached(str(tmp_path))))  # the original is the same network
    assert len(list(tmp_path.iterdir())) == 1
    first_row(s, distill.Logits(teacher=distill.Cached(str(tmp_path), s.student)))
    assert len(list(tmp_path.iterdir())) == 2
    taught(setting("numbers"), tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_several_teachers_are_kept_as_their_mean(setting, tmp_path):
    s = setting()
    several = distill.Ensemble((s.teacher, s.student), weights=(3.0, 1.0))
    cached = distill.Cached(str(tmp_path), several)
    rows = [first_row(s, distill.Logits(teacher=teacher))[0]["distill.Logits"] for teacher in (several, cached)]
    assert rows[1] == pytest.approx(rows[0], rel=1e-5)
    (file,) = tmp_path.iterdir()
    inputs = next(s.task.data.work.train.batches(256))[0]
    mean = 0.75 * s.teacher(inputs) + 0.25 * s.student(inputs)
    torch.testing.assert_close(load_file(file)["outputs"], mean.detach())
    other = distill.Ensemble((s.teacher, s.student), weights=(1.0, 3.0))
    first_row(s, distill.Logits(teacher=distill.Cached(str(tmp_path), other)))
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", ["half", "other name", "other length"])
def test_a_damaged_file_is_not_believed(setting, tmp_path, damage):
    s = setting()
    taught(s, tmp_path)
    (file,) = tmp_path.iterdir()
    outputs = load_file(file)["outputs"]
    match damage:
        case "half":
            file.write_bytes(file.read_bytes()[: len(file.read_bytes()) // 2])
        case "other name":
            save_file({"inputs": outputs}, file)
        case "other length":
            save_file({"outputs": outputs[:5].contiguous()}, file)
    words = "holds 5 outputs.*256 training" if damage == "other length" else "does not hold what distill.Cached wrote"
    with pytest.raises(CorruptError, match=rf"{words}.*Delete it"):
        taught(s, tmp_path)


def test_only_outputs_of_a_captured_network_are_kept(setting, tmp_path):
    s = setting()
    with pytest.raises(RecipeError, match=r"Cached was given a Sequential.*paredown.capture\(model, example\)"):
        first_row(s, distill.Logits(teacher=distill.Cached(str(tmp_path), big)))
    with pytest.raises(RecipeError, match=r"'0' of a distill.Cached teacher was asked for.*Original"):
        first_row(s, distill.Features(at="0", teacher=distill.Cached(str(tmp_path))))


def test_a_folder_that_cannot_be_is_refused(setting, tmp_path):
    s = setting()
    (tmp_path / "file").write_text("")
    with pytest.raises(RecipeError, match=r"cannot keep anything in '.*file'.*can be written"):
        first_row(s, distill.Logits(teacher=distill.Cached(str(tmp_path / "file"))))
    for folder in ("", nn.Identity()):
        with pytest.raises(RecipeError, match=r"Cached\(folder=.*Write `distill.Cached\('teachers'\)`"):
            distill.Cached(folder)


def test_settings_come_back_from_json():
    logits = distill.Logits(teacher=distill.Cached("teachers", big))
    assert codec.decode(codec.encode(logits)) == logits
