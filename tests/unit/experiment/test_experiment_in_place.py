"""The template's Python where it stands: its own tests, style, format and types."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).resolve().parents[3] / "{{cookiecutter.project_slug}}"

CHECKS = {
    "tests": ("pytest", "-q", "-p", "no:cacheprovider"),
    "style": ("ruff", "check", "--no-fix", "--no-cache"),
    "format": ("ruff", "format", "--check", "--no-cache"),
    "types": ("mypy", "--cache-dir"),
}


@pytest.mark.parametrize("command", CHECKS.values(), ids=CHECKS)
def test_the_template_is_sound_where_it_stands(command: tuple[str, ...], tmp_path: Path) -> None:
    arguments = [*command, str(tmp_path)] if command[0] == "mypy" else command
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=TEMPLATE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_of_the_template_is_rendered_but_four() -> None:
    """Jinja is in the files that are data, and nothing else is rendered at all."""
    settings = json.loads((TEMPLATE.parent / "cookiecutter.json").read_text(encoding="utf-8"))
    copied = settings["_copy_without_render"]
    rendered = set()
    for entry in TEMPLATE.iterdir():
        if not any(Path(entry.name).match(pattern) for pattern in copied):
            rendered.add(entry.name)
    assert rendered == {"CITATION.cff", "LICENSE", "README.md", "experiment.toml"}
    for path in TEMPLATE.rglob("*.py"):
        assert not re.search(r"\{\{ ?cookiecutter|\{%", path.read_text(encoding="utf-8")), path
