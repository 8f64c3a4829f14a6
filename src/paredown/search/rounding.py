"""What rounding does inside of the best file, for the report."""

import dataclasses
from typing import TYPE_CHECKING

from paredown.errors import LoweringError, RecipeError
from paredown.graph.network import Network
from paredown.quantize import NodeError, analyse
from paredown.run import entries
from paredown.run.ledger import Note, TrialRecord
from paredown.run.summary import RoundedSummary, RoundingSummary
from paredown.trial.bench import Bench

if TYPE_CHECKING:
    from paredown.run.results import TrialResult

__all__ = ["look_inside"]

_FIELDS = tuple(field.name for field in dataclasses.fields(RoundedSummary))


def look_inside(bench: Bench, record: TrialRecord) -> None:
    """Compare the best network with and without its rounding, and with its file; the ledger keeps what was found.

    Nothing is done for a network that computes in float. What cannot be compared is noted in the diary.
    """
    result: TrialResult = record.result
    if not result.lowering.quantized or entries.ROUNDING.read(bench.ledger) is not None:
        return
    bench.progress.begin("looking at the rounding")
    try:
        network = Network.load(bench.ledger.blobs.open(result.network))
        found = analyse(network, bench.evidence, inner=bench.target.inner(bench.ledger.blobs.open(result.file)))
    except (LoweringError, RecipeError) as error:
        bench.ledger.event(Note(f"{record.label}: the rounding was not analysed: {error}"))
        return
    nodes = tuple(_node(node) for node in found.nodes)
    summary = RoundingSummary(record.label, found.examples, nodes, found.first, found.first_in_file)
    entries.ROUNDING.write(bench.ledger, summary)


def _node(node: NodeError) -> RoundedSummary:
    return RoundedSummary(**{name: getattr(node, name) for name in _FIELDS})
