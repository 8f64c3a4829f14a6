"""The processor's own energy counters (RAPL), where they can be read."""

import dataclasses
from pathlib import Path

__all__ = ["Meter"]


@dataclasses.dataclass(frozen=True)
class Meter:
    """Package counters: paths of ``energy_uj`` and where each wraps around (microjoules)."""

    counters: tuple[tuple[Path, int], ...] = ()

    @classmethod
    def find(cls, root: Path = Path("/sys/class/powercap")) -> "Meter":
        """Counters of whole processor packages that this user may read; none in most virtual machines."""
        found = []
        for zone in sorted(root.glob("intel-rapl:*")):
            if zone.name.count(":") != 1:
                continue  # a part of a package that is already counted
            try:
                int((zone / "energy_uj").read_text())
                found.append((zone / "energy_uj", int((zone / "max_energy_range_uj").read_text())))
            except (OSError, ValueError):
                continue  # not readable for this user: the caller falls back to a labelled estimate
        return cls(tuple(found))

    def read(self) -> tuple[int, ...]:
        """Microjoules per package; empty where there is no counter."""
        return tuple(int(path.read_text()) for path, _ in self.counters)

    def difference(self, before: tuple[int, ...], after: tuple[int, ...]) -> float:
        """Joules drawn between two readings; a counter that wrapped around is put right."""
        total = 0
        for (_, wrap), start, end in zip(self.counters, before, after, strict=True):
            total += end - start if end >= start else end + wrap - start
        return total / 1e6
