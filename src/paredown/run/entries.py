"""What a run directory keeps under names: the settings, what was chosen, and every final number."""

from collections.abc import Mapping
from typing import Any

from paredown.measure.energy import Energy
from paredown.measure.latency import Latency
from paredown.measure.memory import Memory
from paredown.run.chosen import Chosen
from paredown.run.ledger.entries import Decision, Measurement, Setting
from paredown.run.summary import RoundingSummary
from paredown.verdict import Comparison, Measured, Verdict

__all__ = [
    "ARMS",
    "CHOSEN",
    "COMPARISON",
    "ENERGY",
    "FINAL",
    "FINDINGS",
    "FULL_LATENCY",
    "GROUPS",
    "JUDGED",
    "LATENCY",
    "MEMORY",
    "MILLISECONDS",
    "PROBE",
    "ROUNDING",
    "SECONDS_BY_PURPOSE",
    "SECONDS_USED",
    "SHORTLIST",
    "STATUS",
    "STRUCTURE",
    "VERDICT",
]

STATUS = Setting("status", str)
"""``running``, ``interrupted`` or ``finished``."""

SECONDS_USED = Setting("seconds_used", float)
"""By all processes of the run so far."""

SECONDS_BY_PURPOSE = Setting[dict[str, float]]("seconds_by_purpose", dict)
"""On what these were spent (`paredown.run.account`)."""

PROBE = Setting("probe", str)
"""Blob of the inputs that certificates are checked with."""

STRUCTURE = Setting[Mapping[str, Any]]("structure", Mapping)
"""How the outputs are nested, as JSON."""

SHORTLIST = Decision[tuple[str, ...]]("shortlist", tuple)
"""Trials that are measured fully, the original first."""

CHOSEN = Decision("chosen", Chosen)

ARMS = Measurement[dict[str, str]]("arms", dict)
"""Name of an arm or control to trial."""

GROUPS = Measurement[dict[str, str]]("groups", dict)
"""Trial to the label of the recipe that it repeats with another seed."""

LATENCY = Measurement("latency", Latency)
"""Of files of one layout, with an interval, while searching: ``LATENCY.of(layout)``."""

MILLISECONDS = Measurement[float]("ms", (int, float))
"""The same at a quick look, in the original's milliseconds."""

FULL_LATENCY = Measurement("full latency", Latency)
"""In the final rounds: ``FULL_LATENCY.of(trial)``, as all that follow."""

MEMORY = Measurement("memory", Memory)
ENERGY = Measurement("energy", Energy)

JUDGED = Measurement[dict[str, str]]("judge", dict)
"""Score's name to blob of its rows on judge."""

FINAL = Measurement("final", Measured)

VERDICT = Measurement("verdict", Verdict)

COMPARISON = Measurement("comparison", Comparison)

FINDINGS = Measurement[list[object]]("findings", (list, tuple))

ROUNDING = Measurement("rounding", RoundingSummary)
