"""Networks after each step, so that shared beginnings of recipes are trained once."""

from paredown.errors import CorruptError
from paredown.graph.network import Network
from paredown.recipe.run import StepRecord
from paredown.run.ledger import Ledger, Note
from paredown.run.ledger.trouble import explained

__all__ = ["Steps"]


class Steps:
    """A `paredown.recipe.run.StepCache` kept in a ledger; it survives the process."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._latest: tuple[Network, str] | None = None

    def get(self, key: str) -> tuple[Network, StepRecord] | None:
        """The network and the record stored under a key; None where there are none, or the file was damaged."""
        entry = self._ledger.step(key)
        if entry is None:
            return None
        try:
            network = Network.load(self._ledger.blobs.open(entry[0]))
        except CorruptError as error:
            self._ledger.event(Note(f"made anew: {error}"))
            return None
        self._latest = (network, entry[0])
        return network, entry[1]

    def put(self, key: str, network: Network, record: StepRecord) -> None:
        """Store a network: the file first, then its row.

        Raises:
            LedgerError: the disk is full; nothing stored before is harmed.

        """
        self._ledger.add_step(key, self.store(network), record)

    def store(self, network: Network) -> str:
        """The network as a file, by its name; what was stored or loaded last is not stored again."""
        if self._latest is not None and self._latest[0] is network:
            return self._latest[1]
        aside = self._ledger.blobs.aside(".pt2")
        with explained(self._ledger.directory, aside):
            network.save(aside)
        name = self._ledger.blobs.adopt(aside)
        self._latest = (network, name)
        return name
