"""Makes ``benchmarks/README.md`` and the numbers of ``README.md`` from the newest JSON of every benchmark.

python -m benchmarks.tables [--pictures]     # pictures need matplotlib: pip install --group benchmarks
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import chapters, headline, record
from benchmarks.coverage import page as coverage
from benchmarks.coverage import situations_page as situations
from benchmarks.pages import (
    blocks,
    checkpoints,
    intervals,
    language,
    mixed,
    overhead,
    pairs,
    quantization,
    runs,
    shapes,
    step_speed,
    time_share,
)
from benchmarks.training import page as training
from benchmarks.training import picture

PAGE = Path(__file__).parent / "README.md"
HEAD = """# Benchmarks

Made by `python -m benchmarks.tables` from the JSON in `results/`; no number is typed by hand. Speed-ups are ratios of
interleaved fresh processes with a 95 % confidence interval between processes; drops are paired, example by example.
"""

Section = Callable[[Mapping[str, Any]], str]

EACH: Mapping[str, Section] = {
    "candidates": runs.section,
    "shapes": shapes.section,
    "blocks": blocks.section,
    "language": language.section,
    "mixed": mixed.section,
    "overhead": overhead.section,
    "step_speed": step_speed.section,
    "distillation_pairs": pairs.section,
    "coverage": coverage.section,
    "intervals": intervals.section,
    "situations": situations.section,
}
"""A section for every result that has such a key."""

TOGETHER = {
    "quantization": quantization.section,
    "pruned_checkpoint": checkpoints.section,
    "training": training.section,
    "time_share": time_share.section,
}
"""One section for all results that have such a key."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", action="store_true", help="draw the pictures anew, too")
    options = parser.parse_args()
    results = record.latest()
    for path, text in pages(results).items():
        path.write_text(text)
        print(path)
    if options.pictures:
        headline.picture(results[headline.RUN], headline.PICTURE)
        picture.draw([result for result in results.values() if "training" in result], picture.PICTURE)
        print(headline.PICTURE, picture.PICTURE, sep="\n")


def pages(results: Mapping[str, Mapping[str, Any]]) -> dict[Path, str]:
    """Every generated page by path."""
    made = {headline.README: headline.readme(results[headline.RUN])}
    sections = {name: make(result) for name, result in results.items() for key, make in EACH.items() if key in result}
    for key, section in TOGETHER.items():
        if found := {name: result for name, result in results.items() if key in result}:
            sections[next(iter(found))] = section(list(found.values()))
    for result in results.values():
        if "coverage" in result:
            made[coverage.PAGE] = coverage.models(result)
        if "situations" in result:
            made[situations.PAGE] = situations.page(result)
    return {**made, PAGE: "\n".join([HEAD, chapters.arrange(sections.items())])}


if __name__ == "__main__":
    main()
