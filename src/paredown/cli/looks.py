"""Commands that look and change nothing: profile, bench, verify, targets."""

import dataclasses
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paredown import targets
from paredown.cli import exits, named, progress, tasks
from paredown.errors import InputError
from paredown.report import numbers
from paredown.report.plain import finite
from paredown.trust import in_json

if TYPE_CHECKING:
    from rich.table import Table

    from paredown.cli.place import Place
    from paredown.graph.network import Network
    from paredown.measure import Latency
    from paredown.targets import Artifact, Target
    from paredown.verdict import Verified

__all__ = ["Given", "bench", "list_targets", "profile", "verify"]


def profile(reference: str, place: "Place", *, top: int, as_json: bool) -> int:
    """``paredown profile``: cost by operator, what can be cut, and the latency of the original."""
    from paredown.graph.axes import analyse  # noqa: PLC0415 (torch is heavy)
    from paredown.graph.cost import costs, total  # noqa: PLC0415

    runtime = place.build()
    network = _captured(reference)
    whole = total(network)
    nodes = sorted((node for node in costs(network) if node.macs or node.parameters), key=lambda node: -node.macs)
    groups = analyse(network).groups
    with tempfile.TemporaryDirectory() as folder, progress.shown("measuring the original") as bar:
        artifact = runtime.lower(network, Path(folder) / f"original{runtime.suffix}")
        timed = _latency({"original": artifact}, runtime, bar=bar, pairs=(5, 5), time_limit=60.0)["original"]
        size = artifact.size_bytes
    if as_json:
        found = {
            "total": dataclasses.asdict(whole),
            "nodes": [dataclasses.asdict(node) for node in nodes],
            "groups": [dataclasses.asdict(group) for group in groups],
            "file_bytes": size,
            "latency": dataclasses.asdict(timed),
            "target": runtime.words,
        }
        _print_json(found)
        return exits.OK
    _print_profile(nodes[:top], groups, whole, top)
    progress.stdout().print(
        f"\nThe original as a file: {numbers.quantity(size, 'bytes').text}, p50 "
        f"{_plain(numbers.interval(timed.p50, 'ms').full)} on {runtime.version()}, {place.threads} "
        f"thread{'s' if place.threads > 1 else ''}, batch {place.batch} ({timed.pairs} fresh processes)."
    )
    return exits.OK


def _captured(reference: str) -> "Network":
    from paredown.graph.capture import capture  # noqa: PLC0415

    task = tasks.load(reference)
    task.check()
    inputs, _ = next(iter(task.data.work.calibrate.batches(2)))
    args, kwargs = task.arguments(inputs)
    return capture(task.model, *args, **kwargs)


def _latency(files: Mapping[str, Any], runtime: Any, *, bar: progress.Shown, **effort: Any) -> "dict[str, Latency]":
    from paredown.measure import latency  # noqa: PLC0415

    return latency(files, target=runtime, progress=bar.update, **effort)


def _print_profile(nodes: Sequence[Any], groups: Sequence[Any], whole: Any, top: int) -> None:
    console = progress.stdout()
    console.print(
        f"{numbers.count(whole.macs)} multiply-accumulates and {numbers.count(whole.parameters)} parameters "
        f"({numbers.quantity(whole.bytes, 'bytes').text}) for one example.\n"
    )
    table = _grid("operator", "module", "MACs", "share", "parameters")
    for node in nodes:
        share = f"{100 * node.macs / whole.macs:.1f} %" if whole.macs else numbers.MISSING
        name = node.operator.removeprefix("aten.").removesuffix(".default")
        table.add_row(name, _plain(node.path), numbers.count(node.macs), share, numbers.count(node.parameters))
    console.print(table)
    groups = [group for group in groups if not str(group.frozen_by).endswith("as its kernel")]
    free = [group for group in groups if group.free]
    console.print(f"\n{len(free)} of {len(groups)} groups of coupled channels can be cut:\n")
    table = _grid("group", "size", "carried by")
    for group in sorted(free, key=lambda group: -group.size)[:top]:
        table.add_row(_plain(group.name), str(group.size), f"{len(group.carriers)} axes")
    console.print(table)
    for group in groups:
        if not group.free:
            console.print(f"held: {_plain(group.name)} ({group.size}), by {_plain(str(group.frozen_by))}", style="dim")


def _grid(*columns: str) -> "Table":
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for i, name in enumerate(columns):
        words = name in ("operator", "module", "group", "file", "carried by", "target", "what", "95 %")
        table.add_column(name, justify="left" if words or not i else "right")
    return table


def _plain(text: str) -> str:
    return text.replace("[", "\\[")


def bench(  # noqa: PLR0913 (what can be typed)
    files: Sequence[Path], *, threads: int, batch: int, time: str, as_json: bool, trust: bool = False
) -> int:
    """``paredown bench``: latency of files against the first one."""
    from paredown.budget import duration  # noqa: PLC0415

    seconds = duration(time)
    missing = [str(file) for file in files if not file.exists()]
    if missing:
        msg = f"There is no file {', '.join(missing)}. Give the paths of lowered files, the one to compare with first."
        raise InputError(msg)
    names = _names(files)
    runtime = _runtime(files, threads, batch)
    with progress.shown("measuring") as bar:
        named_files = {name: _artifact(file, runtime) for name, file in zip(names, files, strict=True)}
        found = _latency(named_files, None, bar=bar, time_limit=seconds, trust=trust)
    if as_json:
        _print_json({name: dataclasses.asdict(value) for name, value in found.items()})
        return exits.OK
    table = _grid("file", "p50, ms", "95 %", "p95, ms", "speed", "95 %", "load, ms", "per second", "processes")
    for name, value in found.items():
        p50, speed = numbers.interval(value.p50), numbers.inverse(value.ratio)
        table.add_row(
            _plain(name),
            p50.value,
            _plain(p50.bounds),
            numbers.interval(value.p95).value,
            speed.text if value.ratio else "1×",
            _plain(speed.bounds),
            numbers.significant(value.load_ms),
            numbers.significant(value.throughput),
            str(value.pairs),
        )
    progress.stdout().print(table)
    return exits.OK


def _artifact(file: Path, runtime: "Target") -> "Artifact":
    """A file with the target that opens it, which need not be the one with the usual settings."""
    from paredown.verdict.certificate import file_sha256  # noqa: PLC0415

    fitting = runtime.fitting(file)
    return targets.Artifact(file, fitting, file_sha256(file, fitting))


def _names(files: Sequence[Path]) -> list[str]:
    short = [file.name for file in files]
    names = short if len(set(short)) == len(short) else [str(file) for file in files]
    return [name if names.index(name) == i else f"{name} ({i + 1})" for i, name in enumerate(names)]


def _runtime(files: Sequence[Path], threads: int, batch: int) -> Any:
    """The target that all files are for.

    Raises:
        InputError: a suffix that no target writes, or files of several targets.

    """
    found = {type(known) if (known := targets.of(file)) else None for file in files}
    kind = found.pop()
    if found or kind is None:
        given = ", ".join(file.name for file in files)
        suffixes = dict.fromkeys(kind.suffix for kind in targets.runtimes())
        msg = f"{given} was given. Files of one runtime are compared, ending with {' or '.join(suffixes)}."
        raise InputError(msg)
    return named.target(named.word(kind), threads, batch)


@dataclasses.dataclass(frozen=True)
class Given:
    """What a file is verified with, as typed."""

    task: str
    original: Path | None
    strict: bool
    trust: bool
    as_json: bool


def verify(file: Path, given: Given) -> int:
    """``paredown verify``: fails where a claim does not hold; with ``--strict`` also where one was not checked."""
    from paredown.verdict.verify import verify as check  # noqa: PLC0415

    if not file.exists():
        msg = f"There is no file {str(file)!r}. Give a file that has its certificate beside it."
        raise InputError(msg)
    if given.original is not None and not given.original.is_file():
        msg = f"There is no file {str(given.original)!r}. Give the original's file, or leave --original out."
        raise InputError(msg)
    task = tasks.load(given.task) if given.task else None
    found = check(file, task=task, original=given.original, trust=given.trust)
    _tell(found, as_json=given.as_json)
    return exits.OK if (found.complete if given.strict else found.holds) else exits.FAILED


def _tell(found: "Verified", *, as_json: bool) -> None:
    if as_json:
        _print_json(
            {
                "file": str(found.file),
                "holds": found.holds,
                "complete": found.complete,
                "summary": found.headline,
                "checks": [{**dataclasses.asdict(check), "outcome": str(check.outcome)} for check in found.checks],
            }
        )
        return
    console = progress.stdout()
    console.print(_plain(found.headline), style="bold")
    signs = {"checked": ("✓", "green"), "failed": ("✗", "red"), "warning": ("!", "yellow")}
    for check in found.checks:
        sign, style = signs.get(str(check.outcome), ("?", "yellow"))
        console.print(f"[{style}]{sign}[/{style}] {_plain(str(check))}")


def list_targets(*, as_json: bool) -> int:
    """``paredown targets``."""
    from paredown.errors import ParedownError  # noqa: PLC0415

    found = []
    for name, kind in named.target_classes().items():
        target = kind()
        try:
            version = target.version()
        except (ImportError, ParedownError) as error:
            version = f"not installed: {error}"
        words = (kind.__doc__ or "").partition("\n")[0]
        found.append({"target": name, "suffix": target.suffix, "version": version, "what": words})
    if as_json:
        _print_json(found)
        return exits.OK
    table = _grid("target", "suffix", "version", "what")
    for row in found:
        table.add_row(*(_plain(str(value)) for value in row.values()))
    progress.stdout().print(table)
    return exits.OK


def _print_json(thing: Any) -> None:
    plain = json.loads(json.dumps(thing, default=str))
    print(in_json(json.dumps(finite(plain), indent=2, ensure_ascii=False)))  # noqa: T201 (the command line speaks)
