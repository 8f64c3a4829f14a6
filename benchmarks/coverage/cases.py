"""The models: where they come from, how they are made, what they take."""

import dataclasses
import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.coverage import traps
from benchmarks.coverage.transformers_models import MODELS, make
from paredown.testing import blocks, zoo

__all__ = ["TIMM", "Case", "cases", "enliven", "load_torchvision"]

TIMM = Path(__file__).parent / "timm.json"
"""The smallest model of every timm family; made by ``python -m benchmarks.coverage list``."""

_VISION = {
    "alexnet": (3, 224, 224),
    "densenet121": (3, 224, 224),
    "googlenet": (3, 224, 224),
    "inception_v3": (3, 299, 299),
    "maxvit_t": (3, 224, 224),
    "mnasnet0_5": (3, 224, 224),
    "shufflenet_v2_x0_5": (3, 224, 224),
    "squeezenet1_1": (3, 224, 224),
    "swin_v2_t": (3, 256, 256),
    "vgg11_bn": (3, 224, 224),
    "lraspp_mobilenet_v3_large": (3, 128, 128),
    "r3d_18": (3, 8, 64, 64),
}
"""Models of torchvision and the shape of one example."""

Made = tuple[nn.Module, torch.Tensor]


@dataclasses.dataclass(frozen=True)
class Case:
    """One model.

    Attributes:
        name: unique.
        source: ``timm``, ``transformers``, ``torchvision`` or ``traps``.
        family: what it stands for.
        make: builds it with random weights, and an example batch of two; told whether attention may be one fused
            operator, or has to be written out (which suits tools that follow gradients).

    """

    name: str
    source: str
    family: str
    make: Callable[[bool], Made]


def cases() -> dict[str, Case]:
    """Every case by name."""
    entries = json.loads(TIMM.read_text())["families"] if TIMM.is_file() else []
    entries.sort(key=lambda entry: int(entry["parameters"]))
    found = [Case(f"timm/{e['model']}", "timm", e["family"], _timm(e["model"])) for e in entries]
    found += [Case(f"transformers/{name}", "transformers", name, _transformers(name)) for name in MODELS]
    found += [Case(f"torchvision/{name}", "torchvision", name, _torchvision(name, _VISION[name])) for name in _VISION]
    own: Mapping[str, Any] = {name: getattr(blocks, name) for name in zoo.NAMES} | traps.MODELS
    found += [Case(f"traps/{name}", "traps", name, _trap(name, build)) for name, build in own.items()]
    return {case.name: case for case in found}


def enliven(model: nn.Module) -> nn.Module:
    """Give what is constant in a fresh network (norms, layer scales, biases, statistics) random values.

    Equal channels hide a wrong slice, and a last norm scaled by zero hides everything before it.
    """
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        tensors = [*module.parameters(recurse=False)]
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            tensors += [t for t in (module.running_mean, module.running_var) if t is not None]
        for tensor in tensors:
            if tensor.numel() > 1 and tensor.is_floating_point() and bool((tensor == tensor.flatten()[0]).all()):
                noise = torch.rand(tensor.shape, generator=generator).to(tensor)
                tensor.data.mul_(0.75 + 0.5 * noise).add_(0.05 * torch.rand(tensor.shape, generator=generator))
    return model.eval()


def _timm(name: str) -> Callable[[bool], Made]:
    def build(fused: bool) -> Made:  # noqa: FBT001 (a setting passed through)
        load_torchvision()
        timm = importlib.import_module("timm")
        timm.layers.set_fused_attn(fused)
        classes = timm.get_pretrained_cfg(name).num_classes or 1000  # what only extracts features gets a classifier
        model = timm.create_model(name, pretrained=False, num_classes=classes)
        return enliven(model), torch.randn(2, *model.default_cfg["input_size"])

    return build


def _transformers(name: str) -> Callable[[bool], Made]:
    def build(fused: bool) -> Made:  # noqa: FBT001
        load_torchvision()
        model, example = make(name, fused=fused)
        return enliven(model), example

    return build


def _torchvision(name: str, shape: tuple[int, ...]) -> Callable[[bool], Made]:
    def build(fused: bool) -> Made:  # noqa: ARG001, FBT001
        load_torchvision()
        models = importlib.import_module("torchvision.models")
        more = {"weights_backbone": None} if name.startswith("lraspp") else {}
        more |= {"init_weights": True, "aux_logits": False} if name in {"googlenet", "inception_v3"} else {}
        model = models.get_model(name, weights=None, **more)
        return enliven(traps.FirstOutput(model) if name.startswith("lraspp") else model), torch.randn(2, *shape)

    return build


def _trap(name: str, build_model: Callable[[], nn.Module]) -> Callable[[bool], Made]:
    def build(fused: bool) -> Made:  # noqa: ARG001, FBT001
        example = (traps.INPUTS | dict(zoo.INPUTS)).get(name, lambda: torch.randn(2, 3, 16, 16))()
        return enliven(build_model()), example

    return build


def load_torchvision() -> None:
    """Let torchvision be imported where its compiled operators do not fit this torch.

    The wheel for CUDA does not load them beside a CPU build, and then refuses to be imported because ``nms`` is missing.
    """
    if torch.version.cuda is None and not hasattr(torch.ops.torchvision, "nms"):
        library = torch.library.Library("torchvision", "FRAGMENT")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)
    importlib.import_module("torchvision")


_LIBRARIES: list[torch.library.Library] = []
"""A library that is forgotten takes its operators along."""
