"""The README's Python is run, top to bottom, as one program."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_readme_snippets_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text()
    snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(snippets) >= 3
    exec(compile("\n".join(snippets), "README.md", "exec"), {"__name__": "readme"})  # noqa: S102
    for name in ("small.onnx", "model.onnx", "model.onnx.certificate.json", "report.html", "half.onnx"):
        assert (tmp_path / name).stat().st_size > 0, name
