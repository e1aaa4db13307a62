"""Runs a recorded experiment again and compares: ``python reproduce.py``.

It needs Python 3.10 or newer and a package index, or a cache of one (pip's own settings apply). All
happens in the folder ``again/`` beside it, which may be removed. The exit status is 0 when all
outputs are identical, or equal within the experiment's tolerance; 1 when one differs; 2 when that
cannot be told.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

CRATE = Path(__file__).resolve().parent
AGAIN = CRATE / "again"
OWN = (".venv", ".venv.lock", ".hera", "results")
CANNOT_TELL = 2


def main() -> int:
    """Check what is here, copy the code, set up its packages, run it, and give the verdict."""
    if sys.version_info < (3, 10):  # noqa: UP036
        say(f"Python 3.10 or newer is needed, this is {sys.version.split()[0]}")
        return CANNOT_TELL
    try:
        changed = changed_files()
        copy_code()
    except (OSError, ValueError, KeyError) as error:
        say(f"the record cannot be read: {error}")
        return CANNOT_TELL
    if not (AGAIN / "hera_utils" / "bootstrap.py").is_file():
        say("its code has no hera_utils/bootstrap.py, so it cannot set itself up")
        return CANNOT_TELL
    tell_changed(changed)
    # What a person has set for other experiments is nothing to this one.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HERA_")}
    environ.pop("MAKEFLAGS", None)
    environ.pop("PYTHONPATH", None)
    # Makes .venv on first use, from the wheel and the locks, and says whether they are as shipped.
    command = [sys.executable, "-IS", "hera_utils/bootstrap.py", "verify"]
    subprocess.call(command, cwd=AGAIN, env=environ)
    python = AGAIN / ".venv" / "bin" / "python"
    if not python.exists():
        return CANNOT_TELL
    command = [str(python), "-m", "hera_experiment.crate.verdict", str(CRATE)]
    status = subprocess.call(command, cwd=AGAIN, env=environ)
    tell_changed(changed)
    return status


def changed_files() -> "list[str]":
    """Return the files that are not as the metadata says, and those that it does not know."""
    text = (CRATE / "ro-crate-metadata.json").read_text(encoding="utf-8")
    graph = json.loads(text)["@graph"]
    known = {unquote(each["@id"]): each["sha256"] for each in graph if "contentSize" in each}
    found = [path for path, digest in known.items() if digest_of(CRATE / path) != digest]
    code = (path for path in (CRATE / "code").rglob("*") if path.is_file())
    names = {path.relative_to(CRATE).as_posix() for path in code if "__pycache__" not in path.parts}
    return sorted({*found, *(names - set(known))})


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, nothing where there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def copy_code() -> None:
    """Copy the code to the folder that it runs in; what an earlier time installed there stays."""
    AGAIN.mkdir(exist_ok=True)
    for path in AGAIN.iterdir():
        if path.name in OWN:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(str(path))
        else:
            path.unlink()
    shutil.copytree(str(CRATE / "code"), str(AGAIN), symlinks=True, dirs_exist_ok=True)
    noted = json.loads((CRATE / "record" / "run.json").read_text(encoding="utf-8"))
    for name in noted["programs"]:
        program = AGAIN / Path(name).relative_to("code") if name.startswith("code/") else None
        if program is not None and program.is_file():
            program.chmod(0o755)


def tell_changed(changed: "list[str]") -> None:
    """Name the files that were changed since the record was made."""
    if changed:
        say(f"changed since the record was made: {', '.join(changed)}")


def say(sentence: str) -> None:
    """Tell the person something, at once."""
    print(f"reproduce: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
