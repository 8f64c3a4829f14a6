"""Networks after each step, so that shared beginnings of recipes are trained once."""

import errno
from typing import Any

from paredown.graph.network import Network
from paredown.search.ledger.ledger import Ledger
from paredown.search.ledger.trouble import explained

__all__ = ["Steps"]


class Steps:
    """A `paredown.recipe` step cache kept in a ledger; it survives the process."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def get(self, key: str) -> tuple[Network, Any] | None:
        """The network and the record stored under a key, or None.

        Raises:
            CorruptError: the stored file is not what was written.

        """
        entry = self._ledger.step(key)
        if entry is None or not self._ledger.blobs.has(entry[0]):
            return None
        return Network.load(self._ledger.blobs.open(entry[0])), entry[1]

    def put(self, key: str, network: Network, record: Any) -> None:
        """Store a network: the file first, then its row.

        Raises:
            LedgerError: the disk is full; nothing stored before is harmed.

        """
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
        self._ledger.add_step(key, self._ledger.blobs.adopt(aside), record)
