"""Search over widths and depth of the user's own network, with the weights it has."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import torch

from paredown.architecture.evolution import Evolution
from paredown.architecture.problem import Problem, Solution, solve
from paredown.architecture.space import Candidate, Depth, Space, Width, best, ranked
from paredown.errors import RecipeError
from paredown.graph.bypass import Block, bypass, remove
from paredown.graph.cut import cut
from paredown.graph.cut.weights import mean_of_members
from paredown.graph.network import Network
from paredown.graph.statistics import reestimate, write_statistics
from paredown.recipe.evidence import Evidence
from paredown.recipe.plan import Plan
from paredown.recipe.settings import part, whole
from paredown.recipe.strategy import Strategy
from paredown.recipe.transform import Transform

__all__ = ["Slim"]

_FINALISTS = 3


@dataclasses.dataclass(frozen=True)
class Slim(Transform):
    """Choose the width of every coupled group and the residual blocks that stay, for least loss within a limit.

    Every candidate inherits the trained weights: in each group the indices of largest norm stay (mean over the group's
    weights, as `prune.L2`), left out blocks are bypassed, and the statistics of batch norms are re-estimated, so that
    candidates can be ranked without training them: Li et al., "EagleEye", ECCV 2020, arXiv:2007.02491; subnetworks of
    one trained network as in Cai et al., "Once for all", ICLR 2020, arXiv:1908.09791; evolution under a budget of
    multiply-accumulates as in Real et al., AAAI 2019, arXiv:1802.01548. Train afterwards.

    With L widths for each of G groups and B blocks the space has L^G x 2^B networks: 14 groups and 7 blocks, 4 x 10^14, for a
    ResNet-20. Guided strategies start from equal shares everywhere, with all blocks and without those whose removal hurts
    least (each is tried alone first), as far as half of the evaluations go. The loss is taken on `examples` of the
    select split (a seeded, stratified draw); the three best candidates are compared again on all of it.

    Attributes:
        macs: share of the multiply-accumulates that may remain; 0.5 where no limit is given at all.
        parameters: share of the parameters that may remain; None for no limit.
        strategy: `Evolution`, `LocalSearch` or the control `RandomSearch`.
        width: which widths there are; None leaves widths alone.
        depth: how many blocks may go; None keeps all.
        evaluations: how many candidates are evaluated; this bounds the time.
        examples: how many examples of select (and of calibrate, for batch norms) each evaluation sees.

    Raises:
        RecipeError: a setting is out of range.

    """

    macs: float | None = None
    parameters: float | None = None
    strategy: Strategy = dataclasses.field(default_factory=Evolution)
    width: Width | None = dataclasses.field(default_factory=Width)
    depth: Depth | None = dataclasses.field(default_factory=Depth)
    evaluations: int = 150
    examples: int = 512

    def __post_init__(self) -> None:
        if self.macs is None and self.parameters is None:
            object.__setattr__(self, "macs", 0.5)
        for name in ("macs", "parameters"):
            if getattr(self, name) is not None:
                what = "the share that may remain, above 0 and up to 1"
                part(self, name, what=what, instead=f"Write `architecture.Slim({name}=0.5)`.")
        whole(self, "evaluations", "examples")
        if self.width is None and self.depth is None:
            msg = "Slim(width=None, depth=None) leaves nothing to choose. Give one of them: Slim(depth=Depth())."
            raise RecipeError(msg)

    @property
    def word(self) -> str:
        """See `Transform.word`: ``slim 60%`` of the multiplications, or ``shallow 60%`` where only blocks go."""
        name = "slim" if self.width is not None else "shallow"
        return name if self.macs is None else f"{name} {100 * self.macs:.0f}%"

    def check(self, state: frozenset[str]) -> str | None:
        """The network must not be quantized (ranges are for the widths it has) or sparse in a pattern of neighbours."""
        if "quantized" in state:
            return "the network is quantized already, for the widths and blocks it has"
        return "a cut would break up the pattern that weights were made sparse in" if "patterned" in state else None

    def levels(self, network: Network) -> tuple[float, ...]:
        """Shares of the multiply-accumulates that remain when only blocks go: without one, without two, and so on.

        For each number of blocks the largest share that leaves so many out, rounded up to three digits; empty where no
        block can go. Between two levels a limit names the same network.
        """
        try:
            space = Space(network, None, self.depth, 1)
        except RecipeError:
            return ()
        problem = Problem(space, {}, 1)
        dropped = space.whole.dropped
        found: list[float] = []
        while sum(dropped) < space.most:
            one_more = [(*dropped[:i], True, *dropped[i + 1 :]) for i, gone in enumerate(dropped) if not gone]
            dropped = max(one_more, key=lambda choice: space.macs(Candidate((), choice)))
            found.append(math.ceil(1000 * problem.share("macs", Candidate((), dropped))) / 1000)
        return tuple(found)

    def plan(self, network: Network, evidence: Evidence) -> Plan:
        """Search until all evaluations are used or ``evidence.over()``; every one is reported to ``evidence.progress``.

        Raises:
            RecipeError: there is nothing to choose, the limit cannot be reached (the message names the smallest share
                that can), or the evidence has no data.

        """
        trial = _Trial(network, evidence, self)
        limits = {"macs": self.macs, "parameters": self.parameters}
        limited = {name: share for name, share in limits.items() if share is not None}
        problem = Problem(trial.space, limited, self.evaluations)
        found = solve(problem, self.strategy, trial.loss, evidence.seed, evidence.over)
        winner = trial.final(found.ranking()[:_FINALISTS])
        return Plan(
            "architecture.Slim",
            _reason(self.strategy, problem, found, winner),
            {
                "kept": {name: indices.tolist() for name, indices in trial.kept(winner).items()},
                "dropped": [dataclasses.asdict(block) for block in trial.space.dropped(winner)],
                "tried": len(found.losses),
                "loss": found.losses[winner],
                "macs": problem.share("macs", winner),
                "parameters": problem.share("parameters", winner),
            },
            trial.statistics(winner),
            complete=found.complete,
        )

    def apply(self, network: Network, plan: Plan) -> Network:
        """Cut the widths and bypass the blocks of a copy; both are proven by running them.

        Raises:
            InputError: the plan was made for another network.
            CutError: the result does not compute what it must.

        """
        small = cut(network, plan.decisions["kept"]) if plan.decisions["kept"] else network.copy()
        dropped = [Block(**block) for block in plan.decisions["dropped"]]
        if dropped:
            small = bypass(small, dropped)
        return write_statistics(small, plan.tensors)


class _Trial:
    """Builds candidates of one network and takes their loss."""

    def __init__(self, network: Network, evidence: Evidence, settings: Slim) -> None:
        self.network = network
        self.evidence = evidence
        self.space = Space(network, settings.width, settings.depth, evidence.capabilities.channel_multiple)
        self.order = ranked(
            {
                group.name: mean_of_members(
                    network, self.space.axes, group, lambda _, weight: weight.double().square(), torch.sqrt
                )
                for group in self.space.groups
            }
        )
        self.some = evidence.sampled(settings.examples)
        self.partial = len(self.some.work.select) < len(evidence.work.select)
        self.most, self.least_loss, self.taken = settings.evaluations, math.inf, 0
        self.batches = list(evidence.calibration(settings.examples, network))

    def kept(self, candidate: Candidate) -> dict[str, torch.Tensor]:
        """Kept indices of every group that is still there."""
        alive = {self.space.groups[i].name for i in self.space.alive(candidate)}
        counts = self.space.kept(candidate)
        return {name: best(self.order[name], count) for name, count in counts.items() if name in alive}

    def build(self, candidate: Candidate) -> Network:
        """The candidate with inherited weights, unproven."""
        kept = self.kept(candidate)
        axes = self.space.axes
        small = cut(self.network, kept, axes=axes, proof=False, shapes=False) if kept else self.network.copy()
        dropped = self.space.dropped(candidate)
        if dropped:
            remove(small, dropped)
        return small.eval().to(self.evidence.device)

    def recovered(self, candidate: Candidate) -> Network:
        """The candidate with batch norms that fit it."""
        small = self.build(candidate)
        return write_statistics(small, reestimate(small, self.batches))

    def loss(self, candidate: Candidate) -> float:
        """Loss on some of the select split."""
        loss = self.some.loss(self.recovered(candidate))
        self.taken, self.least_loss = self.taken + 1, min(self.least_loss, loss)
        self.evidence.progress.update(f"trying networks, least loss {self.least_loss:.3g}", self.taken, self.most)
        return loss

    def final(self, finalists: Sequence[Candidate]) -> Candidate:
        """The best of the best on the whole select split."""
        if not self.partial or len(finalists) == 1 or self.evidence.over():
            return finalists[0]
        return min(finalists, key=lambda candidate: self.evidence.loss(self.recovered(candidate)))

    def statistics(self, candidate: Candidate) -> Mapping[str, torch.Tensor]:
        """Batch norm statistics from the whole calibration split."""
        small = self.build(candidate)
        found = reestimate(small, self.evidence.calibration(None, small))
        return {name: tensor.cpu() for name, tensor in found.items()}


def _reason(strategy: Strategy, problem: Problem, found: Solution, winner: Candidate) -> str:
    space = problem.space
    names = [block.name for block in space.dropped(winner)]
    gone = f"without {', '.join(names)}" if names else "with all blocks"
    narrow = len(space.kept(winner))
    return (
        f"{type(strategy).__name__} tried {len(found.losses)} of {space.size():.1e} networks: {narrow} of "
        f"{len(space.groups)} groups narrower, {gone}, {problem.share('macs', winner):.1%} of the multiply-accumulates, "
        f"{problem.share('parameters', winner):.1%} of the parameters, loss {found.losses[winner]:.4g} before training"
        f"{'.' if found.complete else '; the time was up before all evaluations were used.'}"
    )
