"""Files of one network: the float one, ours, and those that other people's quantizers make of it."""

import dataclasses
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import paredown
from benchmarks.peers.onnx_language import DYNAMIC
from benchmarks.peers.onnx_quantizers import OVERFLOWING, PEERS
from benchmarks.peers.torchao_pt2e import converted, exported
from benchmarks.quantization.cases import CALIBRATION, OURS, TARGET, Case
from paredown.graph.network import Network
from paredown.recipe import Evidence, Plan, Transform
from paredown.targets import Artifact

__all__ = ["TORCHAO", "Made", "make"]

TORCHAO = "torchao PT2E, exported"


@dataclasses.dataclass(frozen=True)
class Made:
    """What one quantizer made.

    Attributes:
        label: for people.
        ours: made by Paredown.
        seconds: that it took; None for the float file.
        path: the file; None where there is none.
        failure: why there is none.
        plan: of ours, what was decided.
        artifact: of ours, the file with what the runtime made of it.
        module: of a peer that works in PyTorch, what it made before it was exported.

    """

    label: str
    ours: bool
    seconds: float | None = None
    path: Path | None = None
    failure: str = ""
    plan: Plan | None = None
    artifact: Artifact | None = None
    module: Callable[..., object] | None = None


def make(case: Case, task: paredown.Task, network: Network, folder: Path) -> list[Made]:
    """Lower the float network and ours, and let the peers quantize the float file or the module."""
    evidence = Evidence.of(task, TARGET.capabilities)
    whole = TARGET.lower(network, folder / "float.onnx")
    found = [Made("float", ours=True, path=whole.path, artifact=whole)]
    tensors = list(evidence.calibration(CALIBRATION, network))
    names = [spec.name for spec in network.inputs]
    batches = [dict(zip(names, (part.numpy() for part in batch), strict=True)) for batch in tensors]
    attempts: dict[str, Callable[[str, Path], Made]] = {
        label: partial(_ours, step, network, evidence) for label, step in {**OURS, **case.more}.items()
    }
    peers = {**PEERS, **(OVERFLOWING if TARGET.capabilities.int8.weight_bits < 8 else {})}
    attempts |= {label: partial(_peer, partial(peer, batches=batches), whole.path) for label, peer in peers.items()}
    attempts |= {label: partial(_peer, peer, whole.path) for label, peer in DYNAMIC.items()}
    for label, attempt in attempts.items():
        start, path = time.monotonic(), folder / f"file-{len(found)}.onnx"
        try:
            made = attempt(label, path)
            _runs(path, tensors[0])
        except Exception as error:  # noqa: BLE001 (a failure is a result)
            made = Made(label, ours=label in OURS or label in case.more, failure=_told(error))
        found.append(dataclasses.replace(made, seconds=time.monotonic() - start))
        print(found[-1].label, f"{found[-1].seconds:.1f} s", found[-1].failure, flush=True)
    return [*found, _torchao(task, network, tensors, folder / f"file-{len(found)}.onnx")]


def _ours(step: Transform, network: Network, evidence: Evidence, label: str, out: Path) -> Made:
    plan = step.plan(network, evidence)
    artifact = TARGET.lower(step.apply(network, plan), out)
    return Made(label, ours=True, path=out, plan=plan, artifact=artifact)


def _peer(quantizer: Callable[..., None], source: Path, label: str, out: Path) -> Made:
    quantizer(source, out=out)
    return Made(label, ours=False, path=out)


def _torchao(task: paredown.Task, network: Network, tensors: list[tuple[object, ...]], out: Path) -> Made:
    """What it made is kept where it cannot be exported: it has a score then, in PyTorch."""
    start, module = time.monotonic(), None
    try:
        module = converted(task.model, network.example, tensors)
        exported(module, network.example, out)
        _runs(out, tensors[0])
    except Exception as error:  # noqa: BLE001 (a failure is a result)
        return Made(TORCHAO, ours=False, seconds=time.monotonic() - start, failure=_told(error), module=module)
    return Made(TORCHAO, ours=False, seconds=time.monotonic() - start, path=out, module=module)


def _runs(path: Path, batch: tuple[object, ...]) -> None:
    with TARGET.open(path) as session:
        session.run([part.numpy() for part in batch])


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]
