"""The real cluster and a project to type commands in, as tests see them."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

TEMPLATE = Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}"
ENV_FILE = "/var/tmp/hera-experiment-cluster/env"
CONTEXT_VARIABLES = re.compile(
    r"ARGO|KUBE|GLOBAL_CONFIG|CLUSTER|HERA_|REGISTRY|RUNTIME|.*_proxy|REQUESTS_CA|CURL_CA|SSL_CERT",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]+\.[\w-]+")


def absent(what: str) -> NoReturn:
    """Skip the test, or fail it where everything has to be there."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@dataclass(frozen=True)
class RealCluster:
    """What the cluster's ``env`` file says, and its administrator's kubectl."""

    settings: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.settings[name]

    @property
    def kubectl_program(self) -> str:
        return str(Path(self["CLUSTER_BIN"]) / "kubectl")

    def kubectl(self, *arguments: str, text: str | None = None, check: bool = True) -> str:
        """Return what kubectl, as administrator, prints."""
        done = subprocess.run(
            [self.kubectl_program, "--kubeconfig", self["ADMIN_KUBECONFIG"], *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def apply(self, text: str) -> None:
        self.kubectl("apply", "-f", "-", text=text)

    def token(self, account: str, namespace: str, duration: str = "1h") -> str:
        """Return a fresh token of a service account."""
        return self.kubectl(
            "create", "token", account, "--namespace", namespace, "--duration", duration
        )


@dataclass
class Done:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


@dataclass
class Project:
    """A generated experiment's folder, and a person who types there.

    Whatever is printed is searched for ``secrets`` and for anything that looks like a token.
    """

    folder: Path
    environ: dict[str, str]
    secrets: list[str] = field(default_factory=list)
    may_hold_secrets: set[Path] = field(default_factory=set)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        self.may_hold_secrets.add(path)
        return path

    def run(
        self, *command: str, text: str | None = None, timeout: float = 60, **environ: str
    ) -> Done:
        """Type a command; a first word ``hera_utils`` stands for the package."""
        done = subprocess.run(
            self.command(*command),
            cwd=self.folder,
            env={**self.environ, **environ},
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        self.assert_no_secret(done.stdout + done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def command(self, *words: str) -> list[str]:
        if words[0] == "hera_utils":
            return [sys.executable, "-m", *words]
        if words[0] == "python":
            return [sys.executable, *words[1:]]
        return list(words)

    def assert_no_secret(self, text: str) -> None:
        found = [each for each in self.secrets if each and each in text]
        assert not found and not _TOKEN.search(text), "a token was printed"

    def assert_files_hold_no_secret(self) -> None:
        profiles = set((self.folder / "clusters").glob("*.config"))
        for path in self.folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                if path in self.may_hold_secrets | profiles:
                    assert path.stat().st_mode & 0o077 == 0, path
                else:
                    self.assert_no_secret(path.read_bytes().decode(errors="replace"))
