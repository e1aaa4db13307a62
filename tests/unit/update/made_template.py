"""A small template with versions and hooks, a project made from it, and the verb on it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from hera_experiment.errors import UserError, report
from hera_experiment.verbs import update

SLUG = "{{cookiecutter.project_slug}}"
FILES = ("workflow.py", "inputs.py", "layout.py", "environment.py")
PROGRAM = "from made_template import main; main()"

QUESTIONS = """
    {
      "project_name": "Lake",
      "project_slug": "lake",
      "description": "Depth of the {{ cookiecutter.project_name }}",
      "author_name": "Ada",
      "license": ["MIT", "BSD"]
    }
"""
SETTINGS = """
    # Settings.

    [experiment]
    name = "{{ cookiecutter.project_name }}"
    description = "{{ cookiecutter.description }}"
    authors = ["{{ cookiecutter.author_name }}"]
    slug = "{{ cookiecutter.project_slug }}"

    [defaults]
    claim = "lake-results"
"""
HOOK = '''
    import json, os, subprocess, sys
    from pathlib import Path

    ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")
    source = Path(ANSWERS["_repo_dir"])
    ask = dict(cwd=source, capture_output=True, text=True, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], **ask).stdout.strip()
    status = subprocess.run(["git", "status", "--porcelain"], **ask).stdout
    commit += "-dirty" if status else ""
    version = (source / "VERSION").read_text().strip()
    Path("vendor").mkdir()
    Path(f"vendor/hera_experiment-{version}.whl").write_bytes(b"\\0\\1" + version.encode() * 99)
    texts = [("address", str(source)), ("version", version), ("commit", commit)]
    lines = ["", "# Where it is from.", "[template]"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in texts]
    lines += ["", "[template.answers]"]
    answers = [(key, value) for key, value in ANSWERS.items() if key[0] != "_"]
    lines += [f"{key} = {json.dumps(str(value))}" for key, value in answers]
    with open("experiment.toml", "a") as file:
        file.write("\\n".join([*lines, ""]))
    print("Next: a line of the hook")
    plain = ["git", "-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=no"]
    for words in (["init", "-q", "-b", "main"], ["add", "--all"], ["commit", "-qm", "Generate"]):
        subprocess.run([*plain, *words])
'''  # fmt: skip


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def lines(name: str, **changed: str) -> str:
    """Twenty lines of a file; ``line3="…"`` is another third one."""
    return "".join(f"{changed.get(f'line{n}', f'{name} = {n}')}\n" for n in range(1, 21))


@dataclass
class Template:
    folder: Path

    @classmethod
    def make(cls, folder: Path, **options: str) -> Template:
        folder.mkdir()
        git(folder, "init", "--quiet", "--initial-branch=main")
        made = cls(folder)
        made.write("cookiecutter.json", dedent(QUESTIONS))
        made.write(f"{SLUG}/experiment.toml", dedent(SETTINGS))
        made.write(f"{SLUG}/.gitignore", "/results/\n__pycache__/\n")
        made.write("hooks/post_gen_project.py", dedent(HOOK))
        for name in FILES:
            made.write(f"{SLUG}/{name}", lines(name[0]))
        made.write(f"{SLUG}/library/engine.py", lines("engine"))
        made.write(f"{SLUG}/library/names.py", lines("names"))
        made.write(f"{SLUG}/run.sh", "#!/bin/sh\n")
        made.release("0.2.0", **options)
        return made

    def write(self, path: str, text: str | bytes) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())

    def commit(self, message: str = "A change") -> str:
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--allow-empty", "-m", message)
        return git(self.folder, "rev-parse", "HEAD").strip()

    def release(self, version: str) -> str:
        self.write("VERSION", version)
        commit = self.commit(f"Release {version}")
        git(self.folder, "tag", f"v{version}")
        return commit

    def generate(self, into: Path, *answers: str) -> Path:
        subprocess.run(
            [sys.executable, "-m", "cookiecutter", "--no-input", str(self.folder), *answers],
            cwd=into,
            check=True,
            capture_output=True,
        )
        made = [each for each in into.iterdir() if (each / "experiment.toml").is_file()]
        return made[0]


@dataclass
class Project:
    folder: Path

    def write(self, path: str, text: str | bytes) -> None:
        Template(self.folder).write(path, text)

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()

    def commit(self, message: str = "My work") -> str:
        return Template(self.folder).commit(message)

    def git(self, *arguments: str) -> str:
        return git(self.folder, *arguments)

    def state(self) -> Mapping[str, str]:
        """All that an update may change: files and their modes, the index, HEAD, what it left."""
        found = {}
        for place in sorted(self.folder.rglob("*")):
            path = place.relative_to(self.folder)
            if path.parts[0] != ".git" and not place.is_dir():
                found[str(path)] = f"{place.lstat().st_mode:o} {place.read_bytes()!r}"
        left = sorted(self.folder.glob(".git/hera_update*")) + sorted(
            self.folder.glob(".git/*.lock")
        )
        head = self.folder / ".git" / "HEAD"
        return {
            **found,
            "index": self.git("ls-files", "--stage"),
            "HEAD": head.read_text() + self.git("rev-parse", "HEAD"),
            "status": self.git("status", "--porcelain"),
            "left": str([each.name for each in left]),
            "message": str((self.folder / ".git" / "MERGE_MSG").exists()),
        }

    def update(self, *options: str) -> int:
        """Call the verb in this process; its status."""
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            return called(list(options))
        finally:
            os.chdir(before)

    def start(self, *options: str, **environ: str) -> subprocess.Popen[str]:
        """Call the verb in a process group of its own."""
        here = Path(__file__).parent
        path = os.pathsep.join([str(here), *sys.path])
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *options],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def called(options: list[str]) -> int:
    parser = argparse.ArgumentParser()
    update.add_arguments(parser)
    try:
        return update.main(parser.parse_args(options))
    except UserError as error:
        return report(error)


def main() -> None:
    try:
        sys.exit(called(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
