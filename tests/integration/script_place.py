"""An experiment's folder in which scripts run as a person runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}"
PATIENCE = 90.0

HEAD = """
from hera.workflows import DAG, ExistingVolume, Steps, Workflow, script
from hera.workflows.models import Sequence, VolumeMount
"""


class Place:
    """An experiment's folder, and what is run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "experiment.toml").write_text('[experiment]\nname = "Try"\nslug = "try"\n')
        self.environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("ARGO", "GLOBAL_CONFIG", "HERA", "KUBE", "CLUSTER", "RUNTIME"))
        }
        self.environment |= {"PYTHONPATH": str(TEMPLATE), "HOME": str(folder)}

    def command(
        self,
        source: str,
        *arguments: str,
        script: str = "script.py",
        options: Sequence[str] = (),
    ) -> list[str]:
        (self.folder / script).write_text(source)
        return [sys.executable, "-m", "hera_utils", "run", *options, script, *arguments]

    def run(
        self, source: str, *arguments: str, options: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(source, *arguments, options=options),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def start(self, source: str, script: str = "script.py") -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(source, script=script),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # A test runner started by nohup, or with &, hands its ignored signals on.
            preexec_fn=default_signals,
        )

    def logs(self) -> list[Path]:
        return sorted(self.folder.glob(".hera/runs/*/logs/*.log"))

    def server_has_gone(self) -> bool:
        return not (self.folder / ".hera" / "server.json").exists()


def default_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
