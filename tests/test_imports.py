"""What starting costs: no heavy module before it is needed."""

import json
import resource
import subprocess
import sys

import pytest

HEAVY = {"torch", "scipy", "sklearn", "optuna", "onnx", "onnxruntime", "jinja2", "pandas", "matplotlib"}
LOOK = "import json, sys; print(json.dumps(sorted(set(sys.modules))))"


def loaded(code):
    done = subprocess.run([sys.executable, "-c", f"{code}\n{LOOK}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def cpu_seconds(*command):
    """Least processor time of three starts: what a quiet machine would need."""

    def once():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *command], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(once() for _ in range(3))


def test_importing_the_package_loads_nothing_heavy():
    assert HEAVY & loaded("import paredown; dir(paredown)") == set()


@pytest.mark.parametrize("name", ["budget", "cli.main", "codec", "errors", "measure", "report", "targets"])
def test_rooms_that_do_without_torch(name):
    assert "torch" not in loaded(f"import paredown.{name}")


def test_reading_a_run_does_without_torch():
    """The whole room: a report is read on machines that have no torch."""
    every = "import importlib, pkgutil, paredown.run as room\nfor info in pkgutil.walk_packages(room.__path__, 'paredown.run.'): importlib.import_module(info.name)"
    assert "torch" not in loaded(every)


def test_help_loads_nothing_heavy():
    code = "import contextlib, io, paredown.cli.main as m\nwith contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n    m.main(['--help'])"
    assert (HEAVY | {"rich.console", "numpy"}) & loaded(code) == set()


def test_importing_takes_less_than_150_ms():
    assert cpu_seconds("-c", "import paredown") < 0.15


def test_help_takes_less_than_300_ms():
    assert cpu_seconds("-m", "paredown", "--help") < 0.3


def test_a_name_is_loaded_when_it_is_used():
    assert "paredown.budget" in loaded("import paredown\nparedown.Budget")
    assert "torch" in loaded("import paredown\nparedown.capture")
