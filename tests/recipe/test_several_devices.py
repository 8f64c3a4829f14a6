"""Training in several processes, as ``torchrun`` starts them."""

import contextlib
import os
import signal
import subprocess
import sys

SCRIPT = """
import atexit, os, time, warnings
warnings.simplefilter("error")
import torch
from torch import nn
import paredown
from paredown.recipe import AdamW, EarlyStop, Evidence, Train

def say(*words):  # in one piece: both processes write to one pipe, unbuffered
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

if __name__ == "__main__":
    atexit.register(lambda: say("LEFT", torch.distributed.is_initialized()))  # the first to register is the last to run
    torch.manual_seed(0)
    x = torch.randn(256, 4)
    y = (x[:, 0] > 0).long()
    data = paredown.Data((x, y), select=(x[:64], y[:64]), judge=(x[:8], y[:8]), batch_size=16)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    task = paredown.Task(model, data, nn.functional.cross_entropy, paredown.scores.accuracy)
    network = paredown.capture(model, x[:2])
    train = Train(epochs=4, devices=2, device="cpu", optimizer=AdamW(lr=1e-2))
    whole = train.fit(network, Evidence.of(task))
    endless = Train(epochs=10000, devices=2, device="cpu", optimizer=AdamW(lr=1e-2), early=EarlyStop(patience=10000))
    timed = endless.fit(network, Evidence.of(task), deadline=time.monotonic() + 1.0)
    say("RANK", os.environ["RANK"], whole.steps, whole.network.fingerprint(), timed.stopped, timed.steps,
        timed.network.fingerprint())
"""


def test_two_processes_train_one_network(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment
    )
    try:
        out, complaint = process.communicate(timeout=240)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the workers too, whatever happened
    assert process.returncode == 0, complaint[-3000:]
    assert out.count("LEFT False") == 2  # a process group that is still there when the interpreter ends may abort it
    rows = sorted(line.split()[1:] for line in out.splitlines() if line.startswith("RANK"))
    assert [row[0] for row in rows] == ["0", "1"]
    assert rows[0][1:] == rows[1][1:]  # both hold the same weights and statistics, and stopped at the same step
    assert rows[0][1] == "32"  # 4 epochs of 256 / (16 * 2) steps
    assert rows[0][3] == "deadline"
