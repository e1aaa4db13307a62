"""Starts ``python -m hera_utils serve`` in a folder of its own and reads what it prints."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}"
COMMAND = [sys.executable, "-m", "hera_utils", "serve"]


def clean_environment(**variables: str) -> dict[str, str]:
    """The environment without what would lead a client anywhere else."""
    strange = ("ARGO_", "GLOBAL_CONFIG_", "HERA_UTILS_", "KUBE", "CLUSTER")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(strange)}
    return {**kept, "PYTHONPATH": str(TEMPLATE), **variables}


def start(
    folder: Path, *options: str, apart: bool = False, **variables: str
) -> subprocess.Popen[str]:
    """Start a server for the experiment in ``folder``; ``apart``: in a session of its own."""
    return subprocess.Popen(
        [*COMMAND, *options],
        cwd=folder,
        env=clean_environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=apart,
    )


def exports(process: subprocess.Popen[str]) -> dict[str, str]:
    """Read the export lines; the server is up when the last of them is there."""
    assert process.stderr is not None and process.stdout is not None
    sentence = process.stderr.readline()
    if "left running" in sentence:
        sentence = process.stderr.readline()
    assert "Ctrl-C" in sentence, sentence + process.stderr.read()
    os.set_blocking(process.stdout.fileno(), False)
    words = [shlex.split(line) for line in process.stdout.read().splitlines()]
    os.set_blocking(process.stdout.fileno(), True)
    assert all(len(word) == 2 and word[0] == "export" for word in words), words
    return dict(word[1].split("=", 1) for word in words)


def end(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[int, str, str]:
    """Send a signal; return the exit status and what else was printed."""
    process.send_signal(number)
    try:
        out, err = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out, err


@contextlib.contextmanager
def serving(folder: Path, *options: str) -> Iterator[dict[str, str]]:
    """Serve ``folder`` and give the variables that lead a client there."""
    process = start(folder, *options)
    try:
        yield exports(process)
    finally:
        if process.poll() is None:
            end(process)
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
