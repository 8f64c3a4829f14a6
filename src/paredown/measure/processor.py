"""Which machine a number belongs to."""

import dataclasses
import os
import platform
import sys
from pathlib import Path

__all__ = ["Processor", "processor", "versions"]

_TELLING = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm", "sve")


@dataclasses.dataclass(frozen=True)
class Processor:
    """A processor by its own name, the number of logical cores and the instruction sets that matter here."""

    model: str
    cores: int
    features: tuple[str, ...] = ()

    def __str__(self) -> str:
        features = f" ({', '.join(self.features)})" if self.features else ""
        return f"{self.model}, {self.cores} cores{features}"


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Processor:
    """Describe this machine's processor."""
    fields: dict[str, str] = {}
    try:
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    except OSError:
        fields = {}  # not Linux: the platform's own words have to do
    flags = set((fields.get("flags") or fields.get("Features") or "").split())
    model = fields.get("model name") or fields.get("Model") or platform.processor() or platform.machine()
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else (os.cpu_count() or 1)
    return Processor(model, usable, tuple(name for name in _TELLING if name in flags))


def versions(*names: str) -> dict[str, str]:
    """Versions of Python and of installed distributions, those that are missing left out."""
    from importlib import metadata  # noqa: PLC0415 (slow, and a measuring process has no need of it)

    found = {"python": platform.python_version()}
    for name in ("paredown", *names):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
