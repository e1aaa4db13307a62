"""Artifacts that are the work tree of a git repository, cloned by this machine's git.

Source: ``workflow/artifacts/git/git.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hera_experiment.local.artifacts.errors import ArtifactFailure
from hera_experiment.local.artifacts.secret_values import Secret

# git asks this program for a name and a password: neither is ever an argument, or in a file.
_ASK = """#!/bin/sh
case "$1" in
  [Uu]sername*) printf '%s\\n' "$HERA_GIT_USERNAME" ;;
  *) printf '%s\\n' "$HERA_GIT_PASSWORD" ;;
esac
"""


_NO_REPOSITORY = re.compile(
    r"not found|does not exist|not exported|does not appear to be a git repository", re.IGNORECASE
)


def fetch_git(source: Mapping[str, Any], secret: Secret, destination: Path) -> None:
    """Clone what ``source``, a ``git`` location, names into the folder ``destination``.

    Raises :class:`ArtifactFailure`, in git's own words after Argo's.
    """
    if shutil.which("git") is None:
        raise ArtifactFailure("the program git is not there: install git")
    if source.get("singleBranch") and not source.get("branch"):
        raise ArtifactFailure("single branch mode without a branch specified")
    with tempfile.TemporaryDirectory(prefix="hera-git-") as folder:
        _Clone(source, _environment(source, secret, Path(folder)), destination).make()


def _environment(source: Mapping[str, Any], secret: Secret, folder: Path) -> dict[str, str]:
    """Return git's variables: nothing of this user's own configuration, and no questions."""
    kept = (
        "PATH",
        "LANG",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    )
    found = {name: value for name, value in os.environ.items() if name.upper() in kept}
    found |= {
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
        "LC_ALL": "C",
    }
    if source.get("insecureSkipTLS"):
        found["GIT_SSL_NO_VERIFY"] = "true"
    ssh = ["ssh", "-o", "BatchMode=yes"]
    if reference := source.get("sshPrivateKeySecret"):
        key = folder / "key"
        key.touch(0o600)
        text = secret(reference)
        key.write_text(text if text.endswith("\n") else f"{text}\n", "utf-8")
        ssh += ["-i", str(key), "-o", "IdentitiesOnly=yes"]
    elif source.get("usernameSecret") or source.get("passwordSecret"):
        asks = folder / "ask"
        asks.touch(0o700)
        asks.write_text(_ASK, "ascii")
        found["GIT_ASKPASS"] = str(asks)
        for name in ("username", "password"):
            reference = source.get(f"{name}Secret")
            found[f"HERA_GIT_{name.upper()}"] = secret(reference) if reference else ""
    if source.get("insecureIgnoreHostKey"):
        ssh += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    elif (known := Path.home() / ".ssh" / "known_hosts").is_file():
        ssh += ["-o", f"UserKnownHostsFile={known}"]
    found["GIT_SSH_COMMAND"] = " ".join(ssh)
    return found


class _Clone:
    """One repository on its way to a folder."""

    def __init__(
        self, source: Mapping[str, Any], environment: Mapping[str, str], folder: Path
    ) -> None:
        self._source = source
        self._environment = environment
        self._folder = folder

    def make(self) -> None:
        """Clone, fetch what else is asked for, check the revision out, and the submodules."""
        source, repo = self._source, str(self._source.get("repo") or "")
        depth = ["--depth", str(source["depth"])] if source.get("depth") else []
        # One clone over git's own ways, or the depth would mean nothing for a folder.
        options = [
            "--no-local",
            *depth,
            "--single-branch" if source.get("singleBranch") else "--no-single-branch",
        ]
        if source.get("singleBranch"):
            options += ["--branch", str(source["branch"])]
        self._git(
            f'failed to clone "{repo}"',
            "clone",
            *options,
            "--",
            repo,
            str(self._folder),
            inside=False,
        )
        if fetched := [str(spec) for spec in source.get("fetch") or ()]:
            shown = " ".join(fetched)
            self._git(f"failed to fetch [{shown}]", "fetch", *depth, "origin", "--", *fetched)
        if revision := str(source.get("revision") or ""):
            self._check_out(revision, str(source.get("branch") or ""))
        if not source.get("disableSubmodules"):
            self._git("failed to update submodules", "submodule", "update", "--init", "--recursive")

    def _check_out(self, revision: str, branch: str) -> None:
        heads = f"refs/heads/{branch}" if self._source.get("singleBranch") else "refs/heads/*"
        whole = ["--unshallow"] if (self._folder / ".git" / "shallow").exists() else []
        # Also those branches of which a shallow clone has the tips alone; ours may be checked out.
        self._git(
            f"failed to fetch [{heads}:{heads}]",
            *("fetch", "--update-head-ok", "--tags", *whole, "origin", f"+{heads}:{heads}"),
        )
        for name in (revision, f"refs/remotes/origin/{revision}"):
            asked = self._run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
            if asked.returncode == 0:
                commit = asked.stdout.decode().strip()
                self._git(
                    f'failed to checkout "{commit}"', "checkout", "--quiet", "--detach", commit
                )
                return
        raise ArtifactFailure("failed to get resolve revision: reference not found")

    def _git(self, doing: str, *words: str, inside: bool = True) -> None:
        done = self._run(*words, inside=inside)
        if done.returncode != 0:
            lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line]
            told = [line for line in lines if line.startswith(("fatal:", "error:"))]
            reason = (told or lines or ["no reason given"])[0]
            if any(_NO_REPOSITORY.search(line) for line in lines):
                reason = "repository not found"
            raise ArtifactFailure(f"{doing}: {reason.removeprefix('fatal: ')}")

    def _run(self, *words: str, inside: bool = True) -> subprocess.CompletedProcess[bytes]:
        # A repository's hooks and filters are somebody else's programs.
        safe = ["-c", "core.hooksPath=/dev/null", "-c", "protocol.file.allow=always"]
        where: Sequence[str] = ("-C", str(self._folder)) if inside else ()
        return subprocess.run(
            ["git", *safe, *where, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=self._environment,
            check=False,
        )
