"""The tasks: networks and data of the examples, and a student of about a quarter of the cost for each."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F

import paredown
from benchmarks.training.case import Case, Using
from paredown import distill, regularize
from paredown.distill import Teacher
from paredown.recipe import AdamW, Train

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import california_table
import camvid_segmentation
import cmapss_series
import fashion_mnist
import fsdd_speech
import sst2_text

__all__ = ["CASES"]


def _classes(teacher: Teacher, *_: object) -> dict[str, Using]:
    return {
        "logits": (distill.Logits(teacher),),
        "logits, temperature 2": (distill.Logits(teacher, temperature=2.0),),
        "logits, standardized": (distill.Logits(teacher, temperature=2.0, standardize=True),),
        "DIST": (distill.Outputs(teacher=teacher, loss=distill.DIST()),),
    }


def _soft(teacher: Teacher, *_: object) -> dict[str, Using]:
    return {
        "logits": (distill.Logits(teacher),),
        "logits, half": (distill.Logits(teacher, temperature=2.0, alpha=0.5),),
        "DIST": (distill.Outputs(teacher=teacher, loss=distill.DIST()),),
    }


def _few(teacher: Teacher, data: Path, _: paredown.Task) -> dict[str, Using]:
    """Beside few labels, the pictures whose labels were taken away."""
    pictures, _ = fashion_mnist.read(data, "train")
    return {
        "logits": (distill.Logits(teacher),),
        "on unlabelled pictures": (distill.Unlabelled(pictures, teacher=teacher),),
    }


def _texts(teacher: Teacher, data: Path, _: paredown.Task) -> dict[str, Using]:
    """Beside a part of the phrases, the others without their labels."""
    phrases, _ = sst2_text.read(data, train=None)["train"]
    return {
        "logits": (distill.Logits(teacher, temperature=2.0),),
        "on unlabelled phrases": (distill.Unlabelled(phrases[sst2_text.TRAIN :], teacher, temperature=2.0),),
    }


def _numbers(teacher: Teacher, _: Path, task: paredown.Task) -> dict[str, Using]:
    """Beside the examples, ten of each that lie nearby: what changes is what takes more than two values."""
    inputs = torch.cat([inputs for inputs, _ in task.data.work.train.batches()])
    continuous = ((inputs != inputs.amin(0)) & (inputs != inputs.amax(0))).any(0)
    noise = NEARBY * torch.randn(10, *inputs.shape, generator=torch.Generator().manual_seed(0))
    return {
        "outputs": (distill.Logits(teacher),),
        "outputs, half": (distill.Logits(teacher, alpha=0.5),),
        "nearby": (distill.Unlabelled((inputs + noise * continuous).flatten(0, 1), teacher),),
    }


def _pixels(teacher: Teacher, *_: object) -> dict[str, Using]:
    return {
        "logits": (distill.Logits(teacher, temperature=1.0),),
        "channel-wise": (distill.Features(at=("fourth",), loss=distill.CWD()),),
    }


NEARBY = 0.1  # standard deviations
PICTURES = {
    "crop and flip": (regularize.Crop(padding=2), regularize.Flip()),
    "crop, flip and Cutout": (regularize.Crop(padding=2), regularize.Flip(), regularize.Cutout(size=8)),
    "Mixup and averaged weights": (regularize.Mixup(), regularize.EMA()),
    "CutMix, crop and flip": (regularize.CutMix(), regularize.Crop(padding=2), regularize.Flip()),
}
WRONG_LABELS = {
    "generalized cross-entropy": (regularize.GeneralizedCrossEntropy(),),
    "symmetric cross-entropy": (regularize.SymmetricCrossEntropy(),),
    "bootstrap": (regularize.Bootstrap(),),
    "Mixup, crop and flip": (regularize.Mixup(), regularize.Crop(padding=2), regularize.Flip()),
    "early learning": (regularize.EarlyLearning(),),
}

TOKEN_DROPOUT = (
    regularize.TokenDropout(replacement=sst2_text.UNKNOWN, keep=(sst2_text.PAD, sst2_text.START), name="tokens"),
)


def _train(epochs: float, rate: float, batch_size: int = 64, **more: object) -> Train:
    settings = {"early": None, **more}
    return Train(epochs=epochs, optimizer=AdamW(lr=rate), batch_size=batch_size, **settings)  # type: ignore[arg-type]


def _fashion(change: Callable[[paredown.Data], paredown.Data]) -> Callable[[Path], paredown.Task]:
    """Fashion-MNIST with changed training data and a fresh network."""

    def task(data: Path) -> paredown.Task:
        train, judge = fashion_mnist.read(data, "train"), fashion_mnist.read(data, "t10k")
        splits = change(paredown.Data(train=train, judge=judge, batch_size=128))
        network = fashion_mnist.network().eval()
        return paredown.Task(network, splits, F.cross_entropy, paredown.scores.accuracy, name="Fashion-MNIST")

    return task


def _phrases(data: Path) -> paredown.Task:
    """SST-2 with a fresh network."""
    splits = paredown.Data(**sst2_text.read(data), batch_size=64)
    network = sst2_text.Transformer().eval()
    return paredown.Task(network, splits, F.cross_entropy, paredown.scores.accuracy, name="SST-2")


def _scenes(data: Path) -> paredown.Task:
    """CamVid with a fresh network."""
    names = ("train", "select", "judge")
    parts = {
        name: camvid_segmentation.read(data / file)
        for name, file in zip(names, camvid_segmentation.NEEDED, strict=True)
    }
    return paredown.Task(
        camvid_segmentation.UNet().eval(),
        paredown.Data(**parts, batch_size=8),
        camvid_segmentation.loss,
        paredown.scores.miou(camvid_segmentation.CLASSES, ignore=camvid_segmentation.VOID),
        name="CamVid",
    )


CASES: Mapping[str, Case] = {
    "california": Case(
        "California housing: regression on a table",
        california_table.load,
        lambda: california_table.network(128),
        _train(20, 2e-3, 256),
        {
            "averaged weights": (regularize.EMA(),),
            "Mixup": (regularize.Mixup(),),
            "noise": (regularize.GaussianNoise(std=0.05),),
            "Dropout": (regularize.Dropout(probability=0.05),),
        },
        _numbers,
        teaching=_train(40, 2e-3, 256, using=(regularize.EMA(),)),
        teachers=5,
    ),
    "cmapss": Case(
        "C-MAPSS: regression on series",
        cmapss_series.load,
        lambda: cmapss_series.network(32),
        _train(5, 2e-3, 128),
        {
            "averaged weights": (regularize.EMA(),),
            "Mixup": (regularize.Mixup(),),
            "noise": (regularize.GaussianNoise(std=0.1),),
            "Dropout": (regularize.Dropout(probability=0.1),),
        },
        _numbers,
        teaching=_train(10, 2e-3, 128, using=(regularize.EMA(),)),
        teachers=4,
    ),
    "fsdd": Case(
        "Spoken digits: a depthwise-separable network",
        fsdd_speech.load,
        lambda: fsdd_speech.network(32),
        _train(30, 1e-2),
        {
            "SpecAugment": (regularize.SpecAugment(),),
            "Mixup": (regularize.Mixup(),),
            "label smoothing": (regularize.LabelSmoothing(),),
            "averaged weights": (regularize.EMA(),),
        },
        _classes,
    ),
    "fashion-1%": Case(
        "Fashion-MNIST, 1 % of the labels",
        _fashion(lambda data: data.subsample(0.01)),
        lambda: fashion_mnist.network(16),
        _train(150, 2e-3, 32),
        {name: PICTURES[name] for name in ("crop and flip", "crop, flip and Cutout")},
        _few,
        teaching=_train(200, 2e-3, 32, using=PICTURES["crop and flip"]),
    ),
    "fashion-wrong": Case(
        "Fashion-MNIST, a tenth of the images, 40 % of the labels wrong",
        _fashion(lambda data: data.subsample(0.1).corrupt_labels(0.4)),
        lambda: fashion_mnist.network(16),
        _train(25, 2e-3, 128),
        WRONG_LABELS,
        _classes,
        teaching=_train(25, 2e-3, 128, using=WRONG_LABELS["generalized cross-entropy"]),
    ),
    "fashion": Case(
        "Fashion-MNIST",
        _fashion(lambda data: data),
        lambda: fashion_mnist.network(16),
        _train(3, 2e-3, 128),
        {
            "crop and flip": PICTURES["crop and flip"],
            "averaged weights": (regularize.EMA(),),
            "label smoothing": (regularize.LabelSmoothing(),),
        },
        _soft,
        teaching=_train(5, 2e-3, 128, using=(regularize.EMA(),)),
    ),
    "sst2": Case(
        "SST-2, 20,000 labelled phrases: a small transformer",
        _phrases,
        lambda: sst2_text.Transformer(width=64),
        _train(3, 1e-3),
        {
            "Dropout": (regularize.Dropout(probability=0.1),),
            "token dropout": TOKEN_DROPOUT,
            "averaged weights": (regularize.EMA(),),
        },
        _texts,
        teaching=_train(4, 1e-3, using=TOKEN_DROPOUT),
        teachers=3,
    ),
    "camvid": Case(
        "CamVid: segmentation",
        _scenes,
        lambda: camvid_segmentation.UNet(12),
        _train(8, 2e-3, 8),
        {
            "averaged weights": (regularize.EMA(),),
            "ChannelDropout": (regularize.ChannelDropout(probability=0.05),),
        },
        _pixels,
        teaching=_train(12, 2e-3, 8, using=(regularize.EMA(),)),
    ),
}
