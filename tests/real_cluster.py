"""The real cluster and a project to type commands in, as tests see them."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NoReturn

import pytest

TEMPLATE = Path(__file__).resolve().parents[1] / "{{cookiecutter.project_slug}}"
ENV_FILE = "/var/tmp/hera-experiment-cluster/env"
CONTEXT_VARIABLES = re.compile(
    r"ARGO|KUBE|GLOBAL_CONFIG|CLUSTER|HERA_|REGISTRY|RUNTIME|.*_proxy|REQUESTS_CA|CURL_CA|SSL_CERT",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]+\.[\w-]+")


ACCOUNTS = """
apiVersion: v1
kind: ServiceAccount
metadata: {{name: argo-user, namespace: {namespace}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: nobody, namespace: {namespace}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: researcher, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: researcher}}
subjects:
- {{kind: ServiceAccount, name: researcher, namespace: experiments}}
- {{kind: ServiceAccount, name: argo-user, namespace: {namespace}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: executor, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: executor}}
subjects: [{{kind: ServiceAccount, name: argo-user, namespace: {namespace}}}]
"""


def absent(what: str) -> NoReturn:
    """Skip the test, or fail it where everything has to be there."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


NOT_EVERYWHERE = {
    "CLUSTER_BIN": "the programs of its servers",
    "CLUSTER_STATE": "the keys and processes of its servers",
}
"""What the env file of a cluster that is reached by its kubeconfig alone does not name."""


@dataclass
class RealCluster:
    """What the cluster's ``env`` file says, and its administrator's kubectl."""

    settings: Mapping[str, str]
    env_file: Path

    def __getitem__(self, name: str) -> str:
        """Return a setting; a test that needs what this cluster does not offer is skipped."""
        value = self.settings.get(name)
        if not value:
            what = NOT_EVERYWHERE.get(name, name)
            pytest.skip(f"this cluster does not offer {what}: {name} is not in its env file")
        if name in ("CLUSTER_BIN", "CLUSTER_STATE") and not Path(value).is_dir():
            absent(f"the cluster's env file says {name}={value}, which is not there")
        return value

    @property
    def kubectl_program(self) -> str:
        """The cluster's own, else the one on the path."""
        folder = self.settings.get("CLUSTER_BIN")
        if folder:
            return str(Path(folder) / "kubectl")
        return shutil.which("kubectl") or absent("kubectl is not installed")

    @property
    def argo_program(self) -> str:
        """The cluster's own ``argo``, else the one on the path; it is the server, too."""
        folder = self.settings.get("CLUSTER_BIN")
        if folder:
            return str(Path(folder) / "argo")
        return shutil.which("argo") or pytest.skip("the program argo is not installed")

    @property
    def kubectl_folder(self) -> str:
        """The folder of kubectl, for a PATH."""
        return str(Path(self.kubectl_program).parent)

    @property
    def open_argo(self) -> str:
        """The address of an argo-server that wants no token."""
        known = self.settings.get("ARGO_SERVER_OPEN")
        if not known and "CLUSTER_STATE" not in self.settings:
            pytest.skip("this cluster does not offer an argo-server that wants no token")
        return known or "127.0.0.1:2745"

    @property
    def half_configured(self) -> str:
        """A namespace like ARGO_NAMESPACE, whose pods' account may not report results."""
        return self.settings.get("HALF_CONFIGURED_NAMESPACE", "half-configured")

    @cached_property
    def _api(self) -> dict[str, str]:
        view = "config view --raw --minify --flatten -o json".split()
        found: dict[str, str] = json.loads(self.kubectl(*view))["clusters"][0]["cluster"]
        return found

    @property
    def api_url(self) -> str:
        """The address of the API server."""
        return self._api["server"]

    def authority(self, folder: Path) -> str:
        """Write the certificate authority of the API server into ``folder``; return its path."""
        path = folder / "cluster-ca.crt"
        path.write_bytes(base64.b64decode(self._api["certificate-authority-data"]))
        return str(path)

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

    def wait_until_bound(self, claim: str, namespace: str) -> None:
        bound = ("--for=jsonpath={.status.phase}=Bound", "--timeout=60s")
        self.kubectl("wait", *bound, f"pvc/{claim}", "-n", namespace)

    def token(self, account: str, namespace: str, duration: str = "1h") -> str:
        """Return a fresh token of a service account."""
        return self.kubectl(
            "create", "token", account, "--namespace", namespace, "--duration", duration
        )


def read_env(path: Path) -> RealCluster:
    """Return the cluster that a file of shell exports describes."""
    done = subprocess.run(
        ["bash", "-c", 'set -a; source "$1"; env -0', "bash", str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    settings = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    return RealCluster(settings, path)


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

    def commit(self) -> None:
        """Commit whatever git takes, with the template's own .gitignore."""
        if not (self.folder / ".git").exists():
            shutil.copy(TEMPLATE / ".gitignore", self.folder)
            self._git("init", "--quiet")
        self._git("add", "--all")
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        self._git(*who, "commit", "--quiet", "--allow-empty", "--message", "What there is")

    def assert_history_holds_no_secret(self) -> list[str]:
        """Search every object that git keeps, and its own files; return the committed names."""
        every = ("cat-file", "--batch-all-objects", "--batch", "--unordered")
        self.assert_no_secret(self._git(*every))
        for path in (self.folder / ".git").rglob("*"):
            if path.is_file() and "objects" not in path.parts:
                self.assert_no_secret(path.read_bytes().decode(errors="replace"))
        return self._git("ls-files").split()

    def _git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.folder, env=self.environ, capture_output=True, check=True
        )
        return done.stdout.decode(errors="replace")

    def assert_files_hold_no_secret(self) -> None:
        profiles = set((self.folder / "clusters").glob("*.config"))
        for path in self.folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                if path in self.may_hold_secrets | profiles:
                    assert path.stat().st_mode & 0o077 == 0, path
                else:
                    self.assert_no_secret(path.read_bytes().decode(errors="replace"))
