"""Renders versions of the template, in scratch folders, with the answers of a project."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hera_experiment.context.masking import shown
from hera_experiment.errors import UserError
from hera_experiment.git import PLAIN, Git, GitError, clean_environ

# A process of its own: hooks print, and a template may change the interpreter (extensions).
_COOKIECUTTER = """
import json, logging, sys
from cookiecutter.main import cookiecutter
logging.disable()
try:
    cookiecutter(**json.load(sys.stdin))
except Exception as error:
    reason = getattr(error, "error", None)
    sys.exit(f"{error.message}: {reason}" if reason else str(error) or repr(error))
"""
_COMMIT = re.compile(r"[0-9a-f]{4,64}")
_LINES_OF_TEMPLATE = 6


class Template:
    """A clone of the template at ``address``, in a folder below ``scratch``.

    ``address`` is what cookiecutter takes for a git repository: a path, a URL or an abbreviation.
    """

    def __init__(self, address: str, scratch: Path) -> None:
        from cookiecutter.config import get_user_config  # type: ignore[import-untyped]
        from cookiecutter.repository import expand_abbreviations  # type: ignore[import-untyped]

        self.address = shown(address)
        self._scratch = scratch
        place = expand_abbreviations(address, get_user_config()["abbreviations"])
        path = Path(place).expanduser()
        self.is_path = path.exists()
        self._clone = Git(scratch / "template", *PLAIN)
        settings = [word for each in PLAIN for word in ("--config", each)]
        words = ["--quiet", "--no-checkout", "--template=", *settings, "--"]
        place = str(path.resolve()) if self.is_path else place
        try:
            Git(scratch)("clone", *words, place, "template")
            self.newest = self._clone.line("rev-parse", "--verify", "HEAD^{commit}")
        except GitError as error:
            raise UserError(
                f"cannot read the template: git said: {error}",
                self.address,
                "name a git repository that has it: make update FROM=address-or-path",
            ) from None
        # One without files (bare) has no status.
        self.is_dirty = self.is_path and bool(Git(path)("status", "--porcelain", status=(0, 128)))

    def commit(self, name: str) -> str:
        """Return the full commit that a tag, a branch or a commit ``name`` is; empty when none."""
        places = [f"refs/tags/{name}", f"refs/remotes/origin/{name}"]
        if _COMMIT.fullmatch(name):
            places.append(name)
            if len(name) >= 40:
                # One that no branch has any more; a server may still give it.
                words = ("cat-file", "-e", name), ("fetch", "--quiet", "origin", name)
                self._first_that_works(*words)
        found = [("rev-parse", "--verify", "--quiet", f"{each}^{{commit}}") for each in places]
        return self._first_that_works(*found).strip()

    def _first_that_works(self, *commands: tuple[str, ...]) -> str:
        for words in commands:
            try:
                return self._clone(*words)
            except GitError:
                continue
        return ""

    @property
    def is_shallow(self) -> bool:
        """Whether the clone has only a part of the history, as the place that it is from."""
        return self._clone.line("rev-parse", "--is-shallow-repository") == "true"

    @property
    def tags(self) -> list[str]:
        """The tags, newest first."""
        return self._clone("tag", "--sort=-creatordate").split()

    def file(self, commit: str, path: str) -> str:
        """Return the text of a file at ``commit``; empty when it is not there."""
        return self._first_that_works(("show", f"{commit}:{path}")).replace("\r\n", "\n")

    def questions(self, commit: str) -> dict[str, Any]:
        """Return what ``cookiecutter.json`` asks, each with its default."""
        try:
            asked = json.loads(self.file(commit, "cookiecutter.json"))
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            raise self._not_rendered(commit, "it has no valid cookiecutter.json")
        return asked

    def render(self, commit: str, answers: dict[str, Any]) -> Path:
        """Return the project that ``commit`` makes of ``answers``, without its repository.

        Answers to what it does not ask are left out, what has no answer takes its default. Its
        hooks run.
        """
        questions = self.questions(commit)
        place = self._scratch / commit
        place.mkdir()
        # Under the same name in every version: a hook may write it down.
        source, out = place / "template", place / "out"
        Git(self._scratch)("clone", "--quiet", "--shared", "--no-checkout", "--template=",
                           *(word for each in PLAIN for word in ("--config", each)),
                           "template", str(source))  # fmt: skip
        Git(source, *PLAIN)("checkout", "--quiet", "--detach", commit)
        (place / "config.yaml").write_text(
            json.dumps({"replay_dir": str(place / "replay"), "cookiecutters_dir": str(place)})
        )
        given = {key: _verbatim(answers[key]) for key in answers if fits(questions, key, answers)}
        done = subprocess.run(
            [sys.executable, "-c", _COOKIECUTTER],
            cwd=place,
            # Cookiecutter leaves the rendered hooks there.
            env={**clean_environ(), "TMPDIR": str(place)},
            input=json.dumps(
                {
                    "template": str(source),
                    "no_input": True,
                    "extra_context": given,
                    "output_dir": str(out),
                    "config_file": str(place / "config.yaml"),
                }
            ),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        made = list(out.iterdir()) if out.is_dir() else []
        if done.returncode or len(made) != 1:
            said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            raise self._not_rendered(commit, " ".join(said[-_LINES_OF_TEMPLATE:]) or "it is empty")
        shutil.rmtree(made[0] / ".git", ignore_errors=True)
        return made[0]

    def _not_rendered(self, commit: str, reason: str) -> UserError:
        return UserError(
            f"the template at {commit[:10]} does not render: {reason}",
            self.address,
            "name another version: make update TO=tag (what was recorded: BASE=commit)",
        )


def fits(questions: dict[str, Any], key: str, answers: dict[str, Any]) -> bool:
    """Say whether an answer is to a question that is asked, and one of its choices."""
    if key.startswith("_") or key not in questions or key not in answers:
        return False
    choices = questions[key]
    if isinstance(choices, dict):
        return isinstance(answers[key], dict)
    return not isinstance(choices, list) or answers[key] in choices


def ask(questions: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
    """Ask the person what ``answers`` do not say, and return all answers."""
    from cookiecutter.prompt import (  # type: ignore[import-untyped]
        prompt_for_config,
        read_user_choice,
        read_user_variable,
        read_user_yes_no,
    )

    answers = dict(answers)
    prompts = questions.get("__prompts__", {})
    for name, asked in questions.items():
        if name.startswith("_") or fits(questions, name, answers) or isinstance(asked, dict):
            continue
        known = {key: answers[key] for key in questions if fits(questions, key, answers)}
        context = {**questions, **{key: _verbatim(value) for key, value in known.items()}}
        default = prompt_for_config({"cookiecutter": context}, no_input=True)[name]
        if isinstance(asked, list):
            answers[name] = read_user_choice(name, asked, prompts)
        elif isinstance(asked, bool):
            answers[name] = read_user_yes_no(name, asked, prompts)
        else:
            answers[name] = read_user_variable(name, default, prompts)
    return answers


def _verbatim(answer: Any) -> Any:
    """Return an answer that is rendered as it is: cookiecutter takes it for a template."""
    if isinstance(answer, str) and re.search(r"\{[{%#]", answer):
        return "{% raw %}" + answer + "{% endraw %}"
    return answer
