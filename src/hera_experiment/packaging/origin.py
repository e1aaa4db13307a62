"""Where a project comes from: the template's address and commit, and all answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping

_TEMPLATE = ("cookiecutter.json", "hooks", "src", "LICENSE", "{{cookiecutter.project_slug}}")
_ADDRESS = re.compile(r"[A-Za-z][\w+.@-]*:")
_TABLE = """
# Where this project came from, for 'make update' and 'make verify', which keep it up to date.
[template]
address = {address}
version = {version}
commit = {commit}

[template.answers]
{answers}"""


class Repository:
    """What git says about the template's folder; asked at once, answered later.

    A folder that is no repository of its own (a zip, a copy within another repository) is not
    asked about.
    """

    def __init__(self, folder: str, environ: Mapping[str, str]) -> None:
        self._asked: list[subprocess.Popen[str] | None] = [None, None]
        if not os.path.exists(os.path.join(folder, ".git")):
            return
        status = ("status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--")
        questions = ((*status, *_TEMPLATE), ("config", "--get", "remote.origin.url"))
        try:
            self._asked = [
                subprocess.Popen(
                    ["git", "--no-optional-locks", *question],
                    cwd=folder,
                    env=environ_for_git(environ),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    encoding="utf-8",
                    errors="replace",
                )
                for question in questions
            ]
        except OSError:
            # No git: no commit.
            return

    def commit(self) -> str:
        """Return the commit, followed by ``-dirty`` where files differ; empty when unknown."""
        lines = _answer(self._asked[0]).splitlines()
        commit = lines[0].rpartition(" ")[2] if lines else ""
        if not re.fullmatch(r"[0-9a-f]{40,64}", commit):
            return ""
        changed = [line for line in lines if not line.startswith("#")]
        return f"{commit}-dirty" if changed else commit

    def remote(self) -> str:
        """Return the address that the repository was cloned from; empty when unknown."""
        return _answer(self._asked[1]).strip()


def address(typed: str, folder: str, remote: str) -> str:
    """Return the template's address without a user, a password or a token in it.

    Parameters
    ----------
    typed:
        What cookiecutter was called with: a path, a URL, or one of its abbreviations (``gh:…``).
    folder:
        The template's folder.
    remote:
        Where the folder was cloned from; empty when it was not.
    """
    if not _ADDRESS.match(typed):
        # The scratch folder that a zip was unpacked to is gone in a moment.
        typed = os.path.abspath(typed) if typed.endswith(".zip") else remote or folder
    return without_secrets(typed)


def without_secrets(typed: str) -> str:
    """Return an address without a user, a password, a query; ``git@`` is nobody's and stays."""
    scheme, separator, rest = typed.partition("://")
    if not separator:
        user, at, host = typed.partition("@")
        return host if at and user != "git" and ":" in host and "/" not in user else typed
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    host, slash, path = rest.partition("/")
    user, _, host = host.rpartition("@")
    kept = "git@" if user.partition(":")[0] == "git" and "ssh" in scheme else ""
    return f"{scheme}://{kept}{host}{slash}{path}"


def table(address: str, version: str, commit: str, answers: Mapping[str, str]) -> str:
    """Return the table of the template for ``experiment.toml``."""
    lines = "".join(f"{name} = {_text(answer)}\n" for name, answer in answers.items())
    return _TABLE.format(
        address=_text(address), version=_text(version), commit=_text(commit), answers=lines
    )


def environ_for_git(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those of a repository that the caller is at work in."""
    heeded = ("GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_CONFIG_", "GIT_EXEC_PATH", "GIT_SSH")
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith("GIT_") or name.startswith(heeded)
    }


def _answer(asked: subprocess.Popen[str] | None) -> str:
    said = asked.communicate()[0] if asked else ""
    return said if asked and asked.returncode == 0 else ""


def _text(value: str) -> str:
    # JSON writes what TOML reads, but for DEL; a path may hold bytes that are no text.
    plain = str(value).encode("utf-8", "replace").decode()
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")
