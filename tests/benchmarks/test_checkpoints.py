"""The checkpoint networks against what their makers report, where the data are; see the data folder's MANIFEST.md."""

import os
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from benchmarks.checkpoints import (
    anomaly,
    padding,
    person,
    pictures,
    resnet8,
    silero,
    squeezenet,
    ultralight,
    wakeword,
)

DATA = Path(os.environ.get("PAREDOWN_DATA", Path(__file__).parents[3] / "shared/data"))


@pytest.fixture
def data():
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is not here; set PAREDOWN_DATA to the folder that holds silero-vad/ and the others")
    with torch.no_grad():
        yield DATA


def numbers(model):
    stored = model.state_dict().items()
    return sum(tensor.numel() for name, tensor in stored if not name.endswith("num_batches_tracked"))


def test_same_pads_what_is_odd_below_and_right():
    ones = torch.ones(1, 1, 4, 4)
    assert torch.equal(padding.same(ones, 3, 2), F.pad(ones, (0, 1, 0, 1)))
    assert torch.equal(padding.Same(3, 1)(ones), F.pad(ones, (1, 1, 1, 1)))
    assert padding.same(ones, 1, 2).shape == (1, 1, 4, 4)


def test_mel_filters_have_area_one():
    filters = anomaly._mel_filters()
    wide = filters[64:]  # narrower ones fall between the bins
    assert (filters >= 0).all()
    assert torch.allclose(wide.sum(1) * (8000 / 512), torch.ones(64), atol=0.1)


def test_silero_says_what_its_makers_network_says(data):
    model = silero.load(data)
    assert numbers(model) == 309_633
    samples, probabilities = silero.audio(data)
    steps = 200
    (read, hidden, _), said = silero.stream(model, samples[: steps * silero.NEW])
    assert read.shape == (steps, silero.SAVED + silero.NEW)
    assert hidden.shape == (steps, silero.STATE)
    assert torch.allclose(said[:, 0], probabilities[:steps], atol=2e-6)
    assert 0.1 < float((said > 0.5).float().mean()) < 0.99  # speech and silence


def test_the_detector_finds_the_faces_that_are_reported(data):
    model = ultralight.load(data)
    assert numbers(model) == 281_135 - 35  # less the counters of batches
    scores, boxes = model(ultralight.photos(data, limit=60))
    assert scores.shape == (60, 4420, 2)
    found = scores[..., 1].amax(1) > 0.7
    assert 5 < int(found.sum()) < 30  # 222 of all 1,000
    best = boxes[found, scores[found][..., 1].argmax(1)]
    assert (best[:, :2] < best[:, 2:]).all()
    assert best.min() > -0.3
    assert best.max() < 1.3


def test_priors_lie_on_four_grids():
    boxes = ultralight.priors()
    assert boxes.shape == (4420, 4)
    assert boxes[0].tolist() == pytest.approx([0.5 / 40, 0.5 / 30, 10 / 320, 10 / 240])
    assert boxes[-1].tolist() == pytest.approx([4.5 / 5, 3.5 / 4, 256 / 320, 1.0])


def test_resnet8_scores_what_is_reported(data):
    import pyarrow.parquet

    model = resnet8.load(data)
    assert numbers(model) == 78_666
    images = pictures.squares(data / "cifar10-jpeg/test.parquet", 32, limit=1000)
    labels = torch.from_numpy(pyarrow.parquet.read_table(data / "cifar10-jpeg/test.parquet")["label"].to_numpy()[:1000])
    right = float((model(images).argmax(1) == labels).float().mean())
    assert right == pytest.approx(0.7548, abs=0.03)


def test_nobody_is_seen_in_blood_cells(data):
    model = person.load(data)
    assert numbers(model) == 221_794
    assert int(model(pictures.squares(data / "bccd/test.parquet", person.SIZE) / 255).argmax(1).sum()) == 0
    seen = model(person.photos(data, limit=100)).argmax(1)
    assert 0 < int(seen.sum()) < 50


def test_the_wake_word_is_heard_as_often_as_reported(data):
    model = wakeword.load(data)
    assert numbers(model) == 47_707
    spectra, labels = wakeword.windows(data)
    assert int((model(spectra).argmax(1) == labels).sum()) == 41


def test_the_autoencoder_loads_and_reads_spectra(data):
    model = anomaly.load(data)
    assert numbers(model) == 269_992
    vectors = anomaly.spectra(data)
    assert vectors.shape == (1872, 640)
    assert model(vectors[:8]).shape == (8, 640)
    # speech is no machine, and is still nearer to its own reconstruction than to that of another moment
    own = (model(vectors) - vectors).square().mean()
    assert own < (model(vectors).roll(300, 0) - vectors).square().mean()


def test_squeezenet_scores_what_is_reported(data):
    model = squeezenet.load(data)
    assert numbers(model) == 1_248_424
    weights = torch.cat([parameter.flatten() for parameter in model.parameters() if parameter.ndim > 1])
    assert float((weights != 0).float().mean()) == pytest.approx(0.33, abs=0.01)
    images, labels = squeezenet.photos(data, limit=48)
    assert 0.45 < float((model(images).argmax(1) == labels).float().mean()) < 0.85  # 60.0 % of all 1,000
