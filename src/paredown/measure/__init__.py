"""Numbers with intervals, taken from files in fresh processes. Importing this imports neither torch nor a runtime."""

from paredown.measure.energy import ASSUMED_WATTS, Energy, energy
from paredown.measure.exclusive import exclusive
from paredown.measure.interval import Interval
from paredown.measure.latency import Latency, latency
from paredown.measure.memory import Memory, memory
from paredown.measure.predict import predict
from paredown.measure.probe import probe
from paredown.measure.processor import Processor, processor, versions
from paredown.measure.quality import Quality, quality
from paredown.measure.size import Size, files_of, size
from paredown.measure.streaming import Streaming, streaming

__all__ = [
    "ASSUMED_WATTS",
    "Energy",
    "Interval",
    "Latency",
    "Memory",
    "Processor",
    "Quality",
    "Size",
    "Streaming",
    "energy",
    "exclusive",
    "files_of",
    "latency",
    "memory",
    "predict",
    "probe",
    "processor",
    "quality",
    "size",
    "streaming",
    "versions",
]
