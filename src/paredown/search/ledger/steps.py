"""Networks after each step, so that shared beginnings of recipes are trained once."""

import errno

from paredown.graph.network import Network
from paredown.recipe.run import StepRecord
from paredown.search.ledger.ledger import Ledger
from paredown.search.ledger.trouble import explained

__all__ = ["Steps"]


class Steps:
    """A `paredown.recipe.run.StepCache` kept in a ledger; it survives the process."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._latest: tuple[Network, str] | None = None

    def get(self, key: str) -> tuple[Network, StepRecord] | None:
        """The network and the record stored under a key, or None.

        Raises:
            CorruptError: the stored file is not what was written.

        """
        entry = self._ledger.step(key)
        if entry is None or not self._ledger.blobs.has(entry[0]):
            return None
        network = Network.load(self._ledger.blobs.open(entry[0]))
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
            try:
                network.save(aside)
            except RuntimeError as error:  # how torch's archive writer reports what the disk refused
                aside.unlink(missing_ok=True)
                raise OSError(errno.ENOSPC, str(error)) from error
            except BaseException:
                aside.unlink(missing_ok=True)
                raise
        name = self._ledger.blobs.adopt(aside)
        self._latest = (network, name)
        return name
