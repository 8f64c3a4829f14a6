"""Where the time of the tests goes, as a table: ``python dev/durations.py FILE.xml…``.

The files are pytest's: ``python -m pytest -n 2 --junitxml FILE.xml``. Seconds are those of the processor (setup and child
processes included), so that the table means the same on a busy machine; the clock's are beside them.
"""

import collections
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

_SLOWEST = 15


def cases(files: list[str]) -> list[tuple[str, str, float, float]]:
    """Module, test, processor seconds and clock seconds of every test."""
    found = []
    for file in files:
        for case in ET.parse(file).iter("testcase"):  # noqa: S314 (our own file)
            cpu = next((float(p.get("value", 0)) for p in case.iter("property") if p.get("name") == "cpu_s"), 0.0)
            found.append((case.get("classname", ""), case.get("name", ""), cpu, float(case.get("time", 0))))
    return found


def room(module: str) -> str:
    """``tests.graph.test_cut`` is of ``graph``; doctests are of ``src``."""
    parts = module.split(".")
    return "src" if parts[0] == "src" else parts[1] if len(parts) > 2 else "tests"


def main(files: list[str]) -> None:
    """Print the rooms, then the slowest tests."""
    every = cases(files)
    rooms: dict[str, list[float]] = collections.defaultdict(lambda: [0, 0.0, 0.0])
    for module, _, cpu, clock in every:
        for at, value in enumerate((1, cpu, clock)):
            rooms[room(module)][at] += value
    print("| room | tests | processor s | clock s |\n| --- | ---: | ---: | ---: |")
    for name, (count, cpu, clock) in sorted(rooms.items(), key=lambda item: -item[1][1]):
        print(f"| {name} | {count} | {cpu:.0f} | {clock:.0f} |")
    print(f"| all | {len(every)} | {sum(c[2] for c in every):.0f} | {sum(c[3] for c in every):.0f} |\n")
    for module, name, cpu, clock in sorted(every, key=lambda case: -case[2])[:_SLOWEST]:
        print(f"{cpu:6.1f} s ({clock:.1f} s)  {Path(*module.split('.')).with_suffix('.py')}::{name}")


if __name__ == "__main__":
    main(sys.argv[1:])
