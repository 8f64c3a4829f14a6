"""The contract of everything that changes a network without training it."""

import abc
import dataclasses
from typing import TYPE_CHECKING

from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.recipe.ingredient import family, label
from paredown.recipe.plan import Plan

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Transform"]


@dataclasses.dataclass(frozen=True)
class Transform(abc.ABC):
    """Base of every technique that edits the graph. Settings are the dataclass fields.

    ``plan`` decides and touches nothing. ``apply`` acts, needs no data, and returns a new network that shares no
    storage with the one it was given. Subclasses are final frozen dataclasses.
    """

    @abc.abstractmethod
    def plan(self, network: Network, evidence: "Evidence") -> Plan:
        """Decide what to do to this network; the network is left bit-identical.

        A transform that searches reports to ``evidence.progress``, ends soon after ``evidence.over()``, and then says
        ``complete=False`` in its plan.
        """

    @abc.abstractmethod
    def apply(self, network: Network, plan: Plan) -> Network:
        """Carry a plan out on a copy of the network."""

    def check(self, state: frozenset[str]) -> str | None:  # noqa: ARG002 (for subclasses)
        """Why this step cannot follow steps that left the network in `state`; None where it can.

        ``state`` holds words such as ``quantized``; see `after`.
        """
        return None

    def after(self, state: frozenset[str]) -> frozenset[str]:
        """The state this step leaves, for example ``state | {"quantized"}``."""
        return state

    @property
    def word(self) -> str:
        """What legends call the step, with its size where it has one: ``int8``, ``prune 45%``."""
        return type(self).__name__.lower()

    @property
    def family(self) -> str:
        """Whose technique it is: ``prune``, ``quantize``, ``architecture``, or the name of a module of somebody else's."""
        return family(self)

    @property
    def families(self) -> tuple[str, ...]:
        """All that take part in the step."""
        return (self.family,)

    def on(self, network: Network, evidence: "Evidence | None" = None) -> Network:
        """Plan and apply in one call.

        Args:
            network: left bit-identical.
            evidence: needed only by criteria that look at data.

        Raises:
            RecipeError: no network was given, or the technique needs data and no evidence was given.

        """
        given: object = network
        if not isinstance(given, Network):
            call = f"{label(self)}(...).on"
            msg = (
                f"{call} was given a {type(given).__name__}; a transform changes a captured network. "
                f"Type {call}(paredown.capture(model, example))."
            )
            raise RecipeError(msg)
        from paredown.recipe.evidence import Evidence  # noqa: PLC0415 (evidence imports what transforms must not)

        return self.apply(network, self.plan(network, evidence or Evidence.empty()))
