"""Whether 8-bit kernels of this machine's processor overflow."""

from pathlib import Path

__all__ = ["EVERYWHERE", "weight_bits"]

EVERYWHERE = 7
"""Weights of so many bits overflow on no processor."""

_VECTORS = "avx2"
_WHOLE = frozenset({"avx512_vnni", "avx_vnni"})


def weight_bits(cpuinfo: Path = Path("/proc/cpuinfo")) -> int:
    """How many bits a weight may take beside 8-bit activations: 8, or 7 on x86 processors without VNNI.

    There, pairs of products of unsigned activations and signed weights are added in 16 bits (``vpmaddubsw``), which
    255 * 127 * 2 overflows and 255 * 63 * 2 does not; ONNX Runtime's own quantizer calls it ``reduce_range``. Where
    nothing is known of the processor, 8.
    """
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 8  # not Linux
    line = next((line for line in text.splitlines() if line.startswith("flags")), "")
    flags = set(line.partition(":")[2].split())
    return EVERYWHERE if _VECTORS in flags and not flags & _WHOLE else 8
