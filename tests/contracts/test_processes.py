import json
import os
import subprocess
import sys
from pathlib import Path


def run(hash_seed):
    """The fingerprints as another process computes them; the order of Python's sets follows the hash seed."""
    command = [sys.executable, "-m", f"{Path(__file__).parent.name}.fingerprints"]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=Path(__file__).parents[1]
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_plan_is_the_same_in_every_process():
    assert run(1) == run(2)
