"""In which order the sections of the page stand, and what leads to them."""

import re
from collections.abc import Iterable, Mapping

__all__ = ["CHAPTERS", "arrange"]

CHAPTERS: Mapping[str, Mapping[str, str]] = {
    "Which technique, and together with which": {
        "cifar10-compress": "ResNet-20, CIFAR-10: `compress` to 40 % of the time",
        "cifar10-compare": "ResNet-20, CIFAR-10: `compare` the five families",
        "time-share": "",
    },
    "Pruning": {
        "pruning-resnet20-latency": "ResNet-20, half of the multiply-adds: blocks and channels by latency, beside Torch-Pruning",
        "pruning-resnet20": "ResNet-20, half of the multiply-adds: by what channels are ranked",
        "pruned-": "",
        "coverage": "",
    },
    "Quantization": {
        "quantization": "",
        "mixed-": "",
        "qat-": "ResNet-20 with 4-bit weights, trained with and without its teacher",
        "language-": "",
    },
    "Distillation and regularization": {
        "training-": "",
        "distillation-pairs": "",
        "train-overhead": "",
        "step-speed": "",
    },
    "Networks as people write them": {"situations": ""},
    "What the processor likes": {"shapes-": "", "blocks": ""},
    "How sure the numbers are": {"intervals": ""},
}
"""Beginnings of the names of results by chapter, in order, with a heading where the section's own would not do."""


def arrange(sections: Iterable[tuple[str, str]]) -> str:
    """Contents, then chapter by chapter.

    Args:
        sections: name of a result and its section, which begins with a heading of the second level.

    Raises:
        LookupError: a result belongs to no chapter.

    """
    rest, contents, parts = dict(sections), [], []
    for chapter, names in CHAPTERS.items():
        contents.append(f"- {chapter}")
        parts.append(f"## {chapter}\n")
        for name, heading in names.items():
            for found in [given for given in rest if given.startswith(name)]:
                own, _, text = rest.pop(found).partition("\n")
                title = heading or own.removeprefix("## ")
                contents.append(f"  - [{title}](#{_anchor(title)})")
                parts.append(_deeper(f"## {title}\n{text}"))
    if rest:
        msg = f"{', '.join(rest)}: in no chapter of the page. Name it in `benchmarks/chapters.py`."
        raise LookupError(msg)
    return "\n".join([*contents, "", *parts])


def _deeper(text: str) -> str:
    """The same with every heading one level down."""
    return re.sub(r"^#", "##", text, flags=re.MULTILINE)


def _anchor(title: str) -> str:
    """What GitHub calls a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
