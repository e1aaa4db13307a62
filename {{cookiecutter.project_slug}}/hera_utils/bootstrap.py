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

import fcntl
import hashlib
import json
import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, run

PROJECT = Path(__file__).resolve().parent.parent
LOCKS = PROJECT / "requirements"
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
MARKER = VENV / "hera_utils.json"  # says which locks .venv was made from, from its first moment
UNFINISHED = "unfinished"
VERSION = "{}.{}.{}".format(*sys.version_info[:3])
NEEDS_DEVELOPMENT = ("lint", "record", "test", "update")

_FOR_MAKE_ALONE = ("MAKEFLAGS", "MFLAGS", "GNUMAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
_ASSIGNMENT = re.compile(r"([^:=]*):{0,3}=(.*)", re.DOTALL)
# Python compiles what it imports; pip would compile thousands of files more.
_PIP = [str(PYTHON), "-I", "-m", "pip", "install", "--require-hashes", "-q", "--no-compile"]
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_WHEEL = re.compile(r"^\./(\S+\.whl)[\s\\]+--hash=sha256:([0-9a-f]{64})", re.MULTILINE)


class Refusal(Exception):
    """What a person has to mend, as one sentence."""


def main(arguments: "list[str]", environ: "dict[str, str]") -> None:
    """Become ``python -m hera_utils TARGET --option=value …``; returns only by raising."""
    variables = command_line_variables(environ.get("MAKEFLAGS", ""))
    other_python = variables.pop("PYTHON", None) is not None
    options = [f"--{name.lower()}={value}" for name, value in variables.items()]
    verb = arguments[0] if arguments else "help"
    clean = {name: value for name, value in environ.items() if name not in _FOR_MAKE_ALONE}
    # 'python -m' finds the package in the current folder, which this variable would forbid.
    clean.pop("PYTHONSAFEPATH", None)
    os.chdir(str(PROJECT))
    python, wheel = str(PYTHON), vendored_wheel()
    if wheel and verb == "help":
        python, clean["PYTHONPATH"] = sys.executable, str(wheel)
    else:
        group = "dev" if verb in NEEDS_DEVELOPMENT else "run"
        # What the library needs is locked in run.txt. One of the same version may be another one.
        alone = ["--no-deps", "--force-reinstall", *(["--no-index"] if wheel else [])]
        provide(group, alone, environ, other_python)
    os.execve(python, [python, "-m", "hera_utils", verb, *options, *arguments[1:]], clean)


def command_line_variables(makeflags: str) -> "dict[str, str]":
    """Return the variables that were typed after ``make``, as typed.

    ``makeflags`` is a recipe's MAKEFLAGS: flags, ``--``, and NAME=value pairs in which a backslash
    stands before blanks and backslashes, and a dollar sign is doubled.
    """
    _, separator, text = (" " + makeflags).partition(" -- ")
    if separator and text.startswith("$(MAKEOVERRIDES)"):
        raise Refusal("make -e hides the variables of the command line: leave -e out")
    variables = {}
    for word in re.findall(r"(?:\\.|[^\\ \t])+", text, re.DOTALL):
        assignment = _ASSIGNMENT.fullmatch(re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL))
        if assignment:
            name, value = assignment.groups()
            if not _NAME.fullmatch(name):
                raise Refusal(f"'{name}' cannot be an option: a name has letters, digits and _")
            variables[name] = value.replace("$$", "$")
    return variables


def vendored_wheel() -> "Path | None":
    """Return the wheel that the library's lock names, None for none; refuse any other file."""
    wheel = LOCKS / "library.txt"
    if wheel.is_file():
        named = _WHEEL.search(wheel.read_text(encoding="utf-8"))
        if named is None:
            return None
        wheel = PROJECT / named.group(1)
        if wheel.is_file() and sum_of(wheel) == named.group(2):
            return wheel
    wrong = "is not the file of requirements/library.txt" if wheel.exists() else "is missing"
    raise Refusal(f"{wheel} {wrong}: git checkout HEAD -- vendor requirements/library.txt")


def sum_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def provide(group: str, alone: "list[str]", environ: "dict[str, str]", this_python: bool) -> None:
    """Make .venv with the packages of ``group`` and the library, or add what it lacks.

    ``alone`` are pip's options for the library; ``this_python`` replaces another version's. Only
    what was made here, as its marker says, is ever removed.
    """
    # Two makes set up one environment. NFS locks what is open for writing, and only we can open it.
    with open(os.open(f"{VENV}.lock", os.O_RDWR | os.O_CREAT, 0o600), "r+b") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        names = ("run", group, "library")
        wanted = {name: sum_of(LOCKS / f"{name}.txt") for name in names}
        made = read_marker()
        stale = made.get("dev") == UNFINISHED or (this_python and made.get("python") != VERSION)
        kept = PYTHON.exists() and made.get("run") == wanted["run"] and not stale
        if not kept:
            _say(f"setting up .venv with Python {VERSION}, which takes a moment")
            made = {"python": VERSION, "run": UNFINISHED}
        lacking = [name for name in names[1:] if made.get(name) != wanted[name]]
        try:
            if not kept:
                create(made, environ)
            for name in lacking:
                if kept:
                    _say(f"adding the packages of requirements/{name}.txt to .venv")
                write_marker({**made, name: UNFINISHED})
                command = [*_PIP, "--requirement", str(LOCKS / f"{name}.txt")]
                command += alone if name == "library" else []
                call(command, f"install the packages of requirements/{name}.txt", environ)
                made[name] = wanted[name]
            if lacking:
                write_marker({**made, "run": wanted["run"]})
        except BaseException as error:
            if not kept:
                shutil.rmtree(str(VENV), ignore_errors=True)
            elif isinstance(error, Refusal):
                # pip installs nothing before it has everything: what was there still holds.
                write_marker(made)
            raise


def create(marker: "dict[str, str]", environ: "dict[str, str]") -> None:
    """Make an empty .venv in the place of another one that was made here."""
    if find_spec("venv") is None or find_spec("ensurepip") is None:
        raise Refusal(
            f"this Python ({sys.executable}) cannot make virtual environments: install the"
            " package python3-venv (Debian, Ubuntu: sudo apt install python3-venv)"
        )
    if VENV.exists():
        shutil.rmtree(str(VENV))
    VENV.mkdir()
    write_marker(marker)
    call([sys.executable, "-I", "-m", "venv", str(VENV)], "make .venv", environ)


def call(command: "list[str]", intention: str, environ: "dict[str, str]") -> None:
    """Run a command; refuse with the end of what it said when it fails."""
    # pip would put the packages elsewhere if the person's own settings said so.
    elsewhere = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON")
    kept = {name: value for name, value in environ.items() if name not in elsewhere}
    kept.update(PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    done = run(command, env=kept, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    if done.returncode:
        said = [*filter(str.strip, done.stdout.decode("utf-8", "replace").splitlines())][-6:]
        raise Refusal(
            "\n  ".join([f"cannot {intention}; it said:", *said])
            + "\nCheck the network and the disk (pip's own settings, such as PIP_INDEX_URL and"
            " HTTPS_PROXY, apply), then type the same again"
        )


def read_marker() -> "dict[str, str]":
    """Return what .venv was made from; refuse one that was made elsewhere."""
    if not MARKER.exists() and (VENV.is_symlink() or (VENV.exists() and any(VENV.iterdir()))):
        raise Refusal(f"{VENV} was not made by make, which leaves it alone: rename or remove it")
    try:
        return dict(json.loads(MARKER.read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError):
        return {}


def write_marker(content: "dict[str, str]") -> None:
    """Say what .venv was made from, at once."""
    new = MARKER.with_suffix(".new")
    new.write_text(json.dumps(content) + "\n", encoding="utf-8")
    new.replace(MARKER)


def _say(sentence: str) -> None:
    print(f"hera_utils: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:], dict(os.environ))
    except (Refusal, OSError) as error:
        _say(f"cannot set up .venv: {error}" if isinstance(error, OSError) else str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
