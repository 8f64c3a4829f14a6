"""One situation from capture to file: what works, what is refused before any work, what breaks."""

import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import paredown
from benchmarks.coverage.outcomes import STAGES
from benchmarks.coverage.paredown_arm import last_line
from benchmarks.coverage.situations import SITUATIONS, Situation
from paredown import prune, quantize, targets
from paredown.errors import CaptureError, InputError, LoweringError, ParityError
from paredown.graph.gradients import refuse_untrainable
from paredown.graph.network import Network
from paredown.graph.structure import flatten
from paredown.recipe.evidence import Evidence

__all__ = ["pass_through", "run"]

_ROOT = Path(__file__).parents[2]
_REFUSED = (InputError, CaptureError, LoweringError)

Outcome = Mapping[str, Any]


def run(names: list[str], tell: Callable[[str], None]) -> dict[str, Any]:
    """Every situation, or those named, one after the other."""
    results = {}
    for name, situation in SITUATIONS.items():
        if not names or name in names:
            start = time.process_time()
            outcomes = pass_through(situation)
            results[name] = {"what": situation.what, "stages": outcomes, "seconds": time.process_time() - start}
            tell(f"{name}: " + ", ".join(f"{stage} {outcome['outcome']}" for stage, outcome in outcomes.items()))
    return results


def pass_through(situation: Situation) -> dict[str, Outcome]:
    """Outcome of every stage: ``works``, ``refused`` with its words, ``broken`` with the error, or nothing to do it on."""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        passage = _Passage(situation, Path(folder))
        return {stage: passage.stage(stage) for stage in STAGES}


class _Passage:
    def __init__(self, situation: Situation, folder: Path) -> None:
        self.model, self.inputs, self.folder = situation.model(), situation.inputs(), folder
        self.network: Network | None = None
        self.small: Network | None = None
        self.rounded: Network | None = None

    def stage(self, stage: str) -> Outcome:
        """Carry a stage out on what came of the ones before."""
        todo: dict[str, Callable[[], Mapping[str, Any] | None]] = {
            "capture": self._capture,
            "cut": self._cut,
            "lower": lambda: self._lower(self.small or self.network),
            "round": self._round,
            "lower rounded": lambda: self._lower(self.rounded),
            "train": self._train,
        }
        try:
            found = todo[stage]()
        except ParityError as error:
            return {"outcome": "broken", "words": _without_places(str(error))}
        except _REFUSED as error:
            return {"outcome": "refused", "words": _without_places(str(error))}
        except Exception as error:  # noqa: BLE001 (the failure is the result)
            return {"outcome": "broken", "words": _without_places(last_line(error))}
        return {"outcome": "–"} if found is None else {"outcome": "works", **found}

    def _capture(self) -> Mapping[str, Any]:
        self.network = paredown.capture(self.model, *self.inputs)
        shapes = {spec.name: list(spec.shape) for spec in self.network.inputs}
        return {"inputs": shapes, "lost": [_without_places(text) for text in self.network.lost]}

    def _cut(self) -> Mapping[str, Any] | None:
        if self.network is None:
            return None
        self.small = prune.Channels(keep=0.5).on(self.network)
        before, after = (sum(p.numel() for p in one.parameters()) for one in (self.network, self.small))
        return {"parameters": [before, after]}

    def _lower(self, network: Network | None) -> Mapping[str, Any] | None:
        if network is None:
            return None
        artifact = targets.OnnxRuntime().lower(network, self.folder / "network.onnx")
        return {"quantized": artifact.lowering.quantized, "unfused": list(artifact.lowering.unfused)}

    def _round(self) -> Mapping[str, Any] | None:
        if self.network is None:
            return None
        step = quantize.Int8()
        plan = step.plan(self.network, _evidence(self.network, self.inputs))
        self.rounded = step.apply(self.network, plan)
        return {"weights": len(plan.decisions["weights"]), "float": dict(plan.decisions["float"])}

    def _train(self) -> Mapping[str, Any] | None:
        if self.network is None:
            return None
        refuse_untrainable(self.network)
        twin = self.network.copy().train()
        optimizer = torch.optim.SGD(twin.parameters(), lr=1e-3)
        outputs = [out for out in flatten(twin(*self.inputs))[0] if out.requires_grad]
        if not outputs:
            msg = "No output of the network has a gradient: it gives whole numbers. Train it before they are taken."
            raise InputError(msg)
        loss = torch.stack([out.float().square().mean() for out in outputs]).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        without = [name for name, parameter in twin.named_parameters() if parameter.grad is None]
        finite = all(bool(parameter.isfinite().all()) for parameter in twin.parameters())
        if not finite:
            msg = "a step of training gives weights that are not finite"
            raise ArithmeticError(msg)
        return {"without gradient": without}


def _without_places(text: str) -> str:
    """Paths in this repository begin at its root; temporary ones are their file."""
    return re.sub(rf"{re.escape(tempfile.gettempdir())}/[^\s:]*/", "", text.replace(f"{_ROOT}/", ""))


class _Rows(torch.utils.data.Dataset[Any]):
    def __init__(self, network: Network, inputs: tuple[Tensor, ...]) -> None:
        self.network, self.inputs = network, inputs

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[tuple[Tensor, ...], Tensor]:
        rows = (spec.rows(tensor, [index]) for spec, tensor in zip(self.network.inputs, self.inputs, strict=True))
        return tuple(rows), torch.zeros(())


class _Together:
    """Puts examples together along the dimension that holds the batch of each input."""

    def __init__(self, network: Network) -> None:
        self.dims = [spec.batch_dim for spec in network.inputs]

    def __call__(self, rows: list[Any]) -> Any:
        columns: Iterator[Any] = zip(*(inputs for inputs, _ in rows), strict=True)
        inputs = tuple(
            parts[0] if dim is None else torch.cat(parts, dim) for parts, dim in zip(columns, self.dims, strict=True)
        )
        return (inputs if len(inputs) > 1 else inputs[0]), torch.stack([target for _, target in rows])


def _evidence(network: Network, inputs: tuple[Tensor, ...]) -> Evidence:
    loader = torch.utils.data.DataLoader(_Rows(network, inputs), batch_size=4, collate_fn=_Together(network))
    data = paredown.Data(loader, loader, loader, loader)
    task = paredown.Task(nn.Identity(), data, lambda outputs, _: outputs.mean(), paredown.scores.accuracy)
    return Evidence(data.work, task.objective, targets.OnnxRuntime().capabilities)
