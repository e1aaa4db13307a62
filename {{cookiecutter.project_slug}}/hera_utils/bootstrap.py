"""What make calls: sets up .venv on first use, then hands the target on to ``hera_utils``.

Runs on whatever ``python3`` is, with the standard library only. The syntax is old enough for
Python 3.6 to read, so that an old Python is told apart from a broken file.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036
    sys.exit(
        f"hera_utils: Python 3.10 or newer is needed, {sys.executable} is Python"
        f" {sys.version.split()[0]}: install one and name it, for example:"
        " make run PYTHON=python3.12"
    )

# This file's folder has modules named like those of the standard library.
sys.path[:] = [path for path in sys.path if not path.rstrip("/").endswith("hera_utils")]

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
NEEDS_NOTHING = ("help",)
NEEDS_DEVELOPMENT = ("test", "lint")

MARKER = "hera_utils.json"
"""Inside .venv, says which locks it was made from; there from the first moment of its making."""

UNFINISHED = "unfinished"

_FOR_MAKE_ALONE = ("MAKEFLAGS", "MFLAGS", "GNUMAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
_ASSIGNMENT = re.compile(r"(?P<name>[^:=]*)(:{0,3})=(?P<value>.*)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_LINES_OF_PIP = 6


class Refusal(Exception):
    """What a person has to mend, as one sentence."""


def main(arguments: "list[str]", environ: "dict[str, str]") -> None:
    """Become ``python -m hera_utils TARGET --option=value …``; returns only by raising.

    Raises
    ------
    Refusal
        When a variable cannot be an option, or .venv cannot be made.
    """
    variables = command_line_variables(environ.get("MAKEFLAGS", ""))
    other_python = variables.pop("PYTHON", None) is not None
    options = [f"--{name.lower()}={value}" for name, value in variables.items()]
    verb = arguments[0] if arguments else "help"
    python = sys.executable
    if verb not in NEEDS_NOTHING:
        group = "dev" if verb in NEEDS_DEVELOPMENT else "run"
        python = str(Environment(PROJECT, environ).provide(group, this_python=other_python))
    clean = {name: value for name, value in environ.items() if name not in _FOR_MAKE_ALONE}
    # 'python -m' finds the package in the current folder, which this variable would forbid.
    clean.pop("PYTHONSAFEPATH", None)
    os.chdir(str(PROJECT))
    sys.stdout.flush()
    os.execve(python, [python, "-m", "hera_utils", verb, *options, *arguments[1:]], clean)


def command_line_variables(makeflags: str) -> "dict[str, str]":
    """Return the variables that were typed after ``make``, as typed.

    ``makeflags`` is the variable MAKEFLAGS of a recipe: flags, ``--``, and NAME=value pairs in
    which a backslash stands before blanks and backslashes, and a dollar sign is doubled (GNU
    make, ``quote_for_env``).
    """
    _, separator, text = (" " + makeflags).partition(" -- ")
    if not separator:
        return {}
    if text.startswith("$(MAKEOVERRIDES)"):
        raise Refusal("make -e hides the variables of the command line: leave -e out")
    words = re.findall(r"(?:\\.|[^\\ \t])+", text, re.DOTALL)
    variables = {}
    for word in words:
        assignment = _ASSIGNMENT.fullmatch(re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL))
        if assignment is None:
            continue
        name, value = assignment.group("name"), assignment.group("value").replace("$$", "$")
        if not _NAME.fullmatch(name):
            raise Refusal(f"'{name}' cannot be an option: a name has letters, digits and _")
        variables[name] = value
    return variables


class Environment:
    """The virtual environment .venv of a project, made from its locks and kept until they change.

    Only what this class made itself, as its marker says, is ever removed.
    """

    def __init__(self, project: Path, environ: "dict[str, str]") -> None:
        self._project = project
        self._environ = environ
        self._folder = project / ".venv"
        self._python = self._folder / "bin" / "python"

    def provide(self, group: str, this_python: bool = False) -> Path:
        """Return the interpreter of an environment with the packages of ``group`` (run or dev).

        With ``this_python`` an environment of another version than the running one is replaced.
        """
        # This very file is the lock: two makes at the same time set up one environment.
        with open(__file__, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made = self._read_marker()
            wanted = self._wanted(group)
            if made is not None and this_python and made.get("python") != _version():
                made["run"] = UNFINISHED
            if made is None or not self._holds(made, wanted):
                self._set_up(group, wanted, made)
        return self._python

    def _wanted(self, group: str) -> "dict[str, str]":
        """Return the hash of each lock that the environment must have been made from."""
        names = ("run", "dev") if group == "dev" else ("run",)
        return {name: hashlib.sha256(self._lock(name).read_bytes()).hexdigest() for name in names}

    def _holds(self, made: "dict[str, str]", wanted: "dict[str, str]") -> bool:
        return self._python.exists() and all(made.get(name) == wanted[name] for name in wanted)

    def _set_up(self, group: str, wanted: "dict[str, str]", made: "dict[str, str] | None") -> None:
        adds = (
            made is not None
            and self._holds(made, {"run": wanted["run"]})
            and made.get("dev") != UNFINISHED
        )
        started = dict(made or {}) if adds else {"python": _version(), "run": UNFINISHED}
        if adds:
            _say("adding the packages of requirements/dev.txt to .venv")
            started["dev"] = UNFINISHED
        else:
            _say(f"setting up .venv with Python {_version()}, which takes a moment")
            self._create(started)
        self._write_marker(started)
        try:
            self._install(group)
        except Refusal:
            # pip installs nothing before it has everything: what was there still holds.
            if adds:
                self._write_marker({"python": started["python"], "run": wanted["run"]})
            else:
                self._remove()
            raise
        except BaseException:
            if not adds:
                self._remove()
            raise
        self._write_marker({"python": started["python"], **wanted})

    def _create(self, marker: "dict[str, str]") -> None:
        if find_spec("venv") is None or find_spec("ensurepip") is None:
            raise Refusal(
                f"this Python ({sys.executable}) cannot make virtual environments: install the"
                " package python3-venv (Debian, Ubuntu: sudo apt install python3-venv)"
            )
        self._remove()
        self._folder.mkdir()
        self._write_marker(marker)
        try:
            self._call([sys.executable, "-I", "-m", "venv", str(self._folder)], "make .venv")
        except BaseException:
            self._remove()
            raise

    def _install(self, group: str) -> None:
        command = [str(self._python), "-I", "-m", "pip", "install", "--require-hashes"]
        command += ["--disable-pip-version-check", "--no-input", "--quiet", "--requirement"]
        self._call(
            [*command, str(self._lock(group))],
            f"install the packages of requirements/{group}.txt",
        )

    def _call(self, command: "list[str]", intention: str) -> None:
        # pip would put the packages elsewhere if the person's own settings said so.
        elsewhere = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON")
        environ = {name: value for name, value in self._environ.items() if name not in elsewhere}
        environ["PIP_USER"] = "0"
        done = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        if done.returncode:
            said = [line for line in done.stdout.splitlines() if line.strip()][-_LINES_OF_PIP:]
            raise Refusal(
                "\n  ".join([f"cannot {intention}; it said:", *said])
                + "\nCheck the network and the disk (pip's own settings, such as PIP_INDEX_URL and"
                " HTTPS_PROXY, are heeded), then type the same again"
            )

    def _lock(self, group: str) -> Path:
        return self._project / "requirements" / f"{group}.txt"

    def _read_marker(self) -> "dict[str, str] | None":
        """Return what .venv was made from; None where there is none."""
        try:
            content = json.loads((self._folder / MARKER).read_text(encoding="utf-8"))
        except FileNotFoundError:
            if self._folder.is_symlink() or (self._folder.exists() and any(self._folder.iterdir())):
                raise Refusal(
                    f"{self._folder} was not made by make, which leaves it alone: rename or"
                    " remove it"
                ) from None
            return None
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write_marker(self, content: "dict[str, str]") -> None:
        new = self._folder / (MARKER + ".new")
        new.write_text(json.dumps(content) + "\n", encoding="utf-8")
        new.replace(self._folder / MARKER)

    def _remove(self) -> None:
        if self._folder.exists():
            shutil.rmtree(str(self._folder))


def _version() -> str:
    return "{}.{}.{}".format(*sys.version_info[:3])


def _say(sentence: str) -> None:
    print(f"hera_utils: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:], dict(os.environ))
    except Refusal as refusal:
        _say(str(refusal))
        sys.exit(1)
    except OSError as error:
        _say(f"cannot set up .venv: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
