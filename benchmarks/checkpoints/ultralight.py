"""Ultra-Light face detector RFB-320: ``ultralight-face/version-RFB-320.pth``.

Linzaer, github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB; the block with dilated branches is from Liu,
Huang, Wang: "Receptive field block net for accurate and fast object detection", ECCV 2018.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.checkpoints import pictures

__all__ = ["HEIGHT", "WIDTH", "Detector", "load", "photos", "priors"]

WIDTH, HEIGHT = 320, 240
_BOXES = ((10, 16, 24), (32, 48), (64, 96), (128, 192, 256))
_MAPS = ((40, 30), (20, 15), (10, 8), (5, 4))
_CENTRE, _SIZE = 0.1, 0.2


class Convolution(nn.Module):
    """Convolution, batch norm, and a ReLU where asked for."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, dilation: int = 1, relu: bool = True) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.relu = relu

    def forward(self, values: Tensor) -> Tensor:
        values = self.bn(self.conv(values))
        return F.relu(values) if self.relu else values


class ReceptiveField(nn.Module):
    """Three branches of growing dilation, concatenated, and a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 8
        self.branch0 = self._branch(channels, [inner, 2 * inner], 2)
        self.branch1 = self._branch(channels, [inner, 2 * inner], 3)
        self.branch2 = self._branch(channels, [inner, 3 * inner // 2, 2 * inner], 5)
        self.ConvLinear = Convolution(6 * inner, channels, 1, relu=False)
        self.shortcut = Convolution(channels, channels, 1, relu=False)

    @staticmethod
    def _branch(channels: int, widths: Sequence[int], dilation: int) -> nn.Sequential:
        pairs = itertools.pairwise(widths)
        return nn.Sequential(
            Convolution(channels, widths[0], 1, relu=False),
            *(Convolution(narrow, wide, 3) for narrow, wide in pairs),
            Convolution(widths[-1], widths[-1], 3, dilation=dilation, relu=False),
        )

    def forward(self, values: Tensor) -> Tensor:
        joined = torch.cat([self.branch0(values), self.branch1(values), self.branch2(values)], dim=1)
        return F.relu(self.ConvLinear(joined) + self.shortcut(values))


class Detector(nn.Module):
    """Pictures ``[n, 3, 240, 320]``, (RGB - 127) / 128, to scores ``[n, 4420, 2]`` and boxes ``[n, 4420, 4]`` (corners)."""

    priors: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.base_net = nn.Sequential(
            _normal(3, 16, 2),
            *(_depthwise(*widths) for widths in ((16, 32, 1), (32, 32, 2), (32, 32, 1), (32, 64, 2))),
            *(_depthwise(64, 64, 1) for _ in range(2)),
            ReceptiveField(64),
            *(_depthwise(*widths) for widths in ((64, 128, 2), (128, 128, 1), (128, 128, 1), (128, 256, 2))),
            _depthwise(256, 256, 1),
        )
        further = nn.Sequential(nn.Conv2d(256, 64, 1), nn.ReLU(), _separable(64, 256, stride=2), nn.ReLU())
        self.extras = nn.ModuleList([further])
        self.classification_headers = self._headers(2)
        self.regression_headers = self._headers(4)
        self.register_buffer("priors", priors(), persistent=False)

    @staticmethod
    def _headers(numbers: int) -> nn.ModuleList:
        kinds = [len(boxes) * numbers for boxes in _BOXES]
        separable = [_separable(width, kind) for width, kind in zip((64, 128, 256), kinds, strict=False)]
        return nn.ModuleList([*separable, nn.Conv2d(256, kinds[3], 3, padding=1)])

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and boxes."""
        first = self.base_net[:8](pictures)
        second = self.base_net[8:11](first)
        third = self.base_net[11:](second)
        maps = [first, second, third, self.extras[0](third)]
        scores = _rows(self.classification_headers, maps, 2).softmax(dim=2)
        places = _rows(self.regression_headers, maps, 4)
        centres = places[..., :2] * _CENTRE * self.priors[:, 2:] + self.priors[:, :2]
        sizes = (places[..., 2:] * _SIZE).exp() * self.priors[:, 2:]
        return scores, torch.cat([centres - sizes / 2, centres + sizes / 2], dim=2)


def _rows(headers: nn.ModuleList, maps: Sequence[Tensor], numbers: int) -> Tensor:
    said = [header(values).permute(0, 2, 3, 1) for header, values in zip(headers, maps, strict=True)]
    return torch.cat([values.reshape(values.shape[0], -1, numbers) for values in said], dim=1)


def _normal(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def _depthwise(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _separable(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 1)
    )


def priors() -> Tensor:
    """Centres and sizes of the boxes that the outputs correct, ``[4420, 4]``, in shares of the picture."""
    rows = [
        ((column + 0.5) / columns, (line + 0.5) / lines, box / WIDTH, box / HEIGHT)
        for (columns, lines), boxes in zip(_MAPS, _BOXES, strict=True)
        for line in range(lines)
        for column in range(columns)
        for box in boxes
    ]
    return torch.tensor(rows).clamp(0.0, 1.0)


def load(data: Path) -> Detector:
    """The trained network in eval mode."""
    model = Detector()
    state = torch.load(data / "ultralight-face/version-RFB-320.pth", map_location="cpu", weights_only=True)
    model.load_state_dict(state)
    return model.eval()


def photos(data: Path, limit: int = 1000) -> Tensor:
    """Photos of ``imagenet-sample-1k`` as the network takes them."""
    return (pictures.imagenet(data, (WIDTH, HEIGHT), limit=limit)[0] - 127) / 128
