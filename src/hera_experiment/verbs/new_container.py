"""Make the folder of another container, with a program and its test, and say how to use it."""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from importlib.resources import files
from pathlib import Path

from hera_experiment.context.sources import display
from hera_experiment.errors import UserError
from hera_experiment.experiment import SETTINGS, Experiment

_LONGEST = 63
_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: the name."""
    parser.add_argument("--name", default="", metavar="NAME", help="what to call it (needed)")


def main(args: argparse.Namespace) -> int:
    """Write ``containers/NAME/`` and ``tests/test_NAME.py``, then print what workflow.py needs.

    Raises
    ------
    UserError
        When there can be no container of that name. Nothing that exists is ever overwritten.
    """
    experiment = Experiment.find(Path.cwd())
    if not (experiment.folder / SETTINGS).is_file():
        raise UserError(
            f"there is no {SETTINGS}",
            where=display(experiment.folder),
            next_step="type this in an experiment's folder",
        )
    container = _NewContainer(experiment, args.name)
    container.refuse_wrong_name()
    container.refuse_taken_name()
    container.write()
    print(container.advice())
    return 0


class _NewContainer:
    """A container that is not there yet: its ``name``, and ``module``, its program without .py."""

    def __init__(self, experiment: Experiment, name: str) -> None:
        self.name = name
        self.module = name.replace("-", "_")
        self._workflow = experiment.folder / "workflow.py"
        self._folder = experiment.containers / name
        self._test = experiment.folder / "tests" / f"test_{self.module}.py"

    def refuse_wrong_name(self) -> None:
        """Raise :class:`UserError` unless it names an image, a task, and a Python file."""
        name = self.name
        if not name:
            raise UserError(
                "a container needs a name", "--name", "for example make new-container NAME=growth"
            )
        if not _NAME.fullmatch(name) or len(name) > _LONGEST:
            shown = repr(name if len(name) <= 80 else name[:80] + "…")
            raise UserError(
                f"{shown} cannot name a container: a-z, 0-9 and hyphens, a letter first, no hyphen"
                f" last, at most {_LONGEST} characters",
                where="--name",
                next_step=f"for example {_right(name)}",
            )
        if keyword.iskeyword(self.module):
            wrong = "which is a word of Python's own and no module"
        elif self.module in sys.stdlib_module_names:
            wrong = "which would hide a module of Python's own"
        else:
            return
        raise UserError(
            f"the program would be {self.module}.py, {wrong}",
            where="--name",
            next_step=f"for example {_right(name + '-task')}",
        )

    def refuse_taken_name(self) -> None:
        """Raise :class:`UserError` when a file, a template or a task has the name already."""
        for path in (self._folder, self._test):
            if path.exists() or path.is_symlink():
                raise UserError(f"{display(path)} is there already", next_step=_TAKE_ANOTHER)
        try:
            text = self._workflow.read_text(encoding="utf-8")
        except OSError:
            return
        taken = rf"""\bname=["']{self.name}["']|^def {self.module}\("""
        if found := re.search(taken, text, re.MULTILINE):
            line = text.count("\n", 0, found.start()) + 1
            raise UserError(
                f"a template or a task is called {self.name} already",
                where=f"{display(self._workflow)}, line {line}",
                next_step=_TAKE_ANOTHER,
            )

    def write(self) -> None:
        """Make all files; after a failure there is none of them."""
        made: list[Path] = []
        try:
            self._test.parent.mkdir(exist_ok=True)
            self._folder.mkdir(parents=True)
            made.append(self._folder)
            for target, source in self._sources().items():
                with target.open("x", encoding="utf-8") as file:
                    made.append(target)
                    file.write(self._read(source))
        except BaseException as error:
            for path in reversed(made):
                path.rmdir() if path is self._folder else path.unlink()
            if isinstance(error, OSError):
                where = display(Path(error.filename or self._folder))
                raise UserError(f"cannot make the container: {error.strerror}", where) from None
            raise

    def advice(self) -> str:
        """Return what was made, the lines that workflow.py needs, and what to do then."""
        program = display(self._folder / f"{self.module}.py")
        return "\n".join(
            [
                f"{display(self._folder)}/ and {display(self._test)} are there.",
                "",
                "Paste into workflow.py, above 'def experiment_workflow':",
                "",
                self._read("constructor.txt"),
                "and in experiment_workflow, at the end of its DAG:",
                "",
                self._read("task.txt"),
                f"Then: make test, make run. For a computation of your own change {program}.",
            ]
        )

    def _sources(self) -> dict[Path, str]:
        """Return what each new file is made from, a file of the package."""
        return {
            self._folder / "Dockerfile": "Dockerfile",
            self._folder / ".dockerignore": "dockerignore",
            self._folder / "requirements.txt": "requirements.txt",
            self._folder / f"{self.module}.py": "new_container.py",
            self._test: "test_new_container.py",
        }

    def _read(self, source: str) -> str:
        """Return a file of the package, in which the container is called new-container."""
        text = (files("hera_experiment") / "new_container" / source).read_text(encoding="utf-8")
        return text.replace("new-container", self.name).replace("new_container", self.module)


_TAKE_ANOTHER = "take another name"


def _right(name: str) -> str:
    """Return a right name that is like a wrong one."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower())
    return re.sub(r"^[^a-z]+", "", plain)[:_LONGEST].strip("-") or "growth"
