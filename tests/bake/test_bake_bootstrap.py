"""The making of .venv: once, whole or not at all, and only what was made here is removed.

The environments are real ones, of locks that need no network.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from polling import until

BOOTSTRAP = Path(__file__).resolve().parents[2].joinpath(
    "{{cookiecutter.project_slug}}", "hera_utils", "bootstrap.py"
)  # fmt: skip

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def write_wheel(folder: Path, name: str, files: dict[str, str]) -> str:
    """Write a wheel of version 1 and return its line of a lock."""
    path = folder / f"{name}-1-py3-none-any.whl"
    info = f"{name}-1.dist-info"
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in [*content, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in {**content, f"{info}/RECORD": record}.items():
            wheel.writestr(file, text)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name}==1 --hash=sha256:{digest}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with a package to run and one more to develop, and verbs that show the packages."""
    folder = tmp_path / "my project"
    (folder / "hera_utils").mkdir(parents=True)
    (folder / "requirements").mkdir()
    shutil.copy(BOOTSTRAP, folder / "hera_utils")
    (folder / "hera_utils" / "__init__.py").touch()
    (folder / "hera_utils" / "__main__.py").write_text(
        "import importlib.util as u, sys, hera_experiment as library\n"
        "print(*sys.argv[1:], *(n for n in ('aaa', 'bbb', 'ccc') if u.find_spec(n)))\n"
        "if library.VERSION != 1: print(library.VERSION)\n"
    )
    (folder / "wheels").mkdir()
    run = write_wheel(folder / "wheels", "aaa", {"aaa.py": ""})
    dev = write_wheel(folder / "wheels", "bbb", {"bbb.py": ""})
    (folder / "requirements" / "run.txt").write_text(run)
    (folder / "requirements" / "dev.txt").write_text(run + dev)
    write_library(folder, {"hera_experiment.py": "VERSION = 1"})
    return folder


def write_library(folder: Path, files: dict[str, str]) -> None:
    """Write the library's wheel and its lock."""
    (folder / "vendor").mkdir(exist_ok=True)
    line = write_wheel(folder / "vendor", "hera_experiment", files)
    path = "./vendor/hera_experiment-1-py3-none-any.whl"
    (folder / "requirements" / "library.txt").write_text(line.replace("hera_experiment==1", path))


@pytest.fixture
def run(folder: Path) -> Run:
    def run(verb: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(folder, verb), capture_output=True, text=True, env=environ(folder, **variables)
        )

    return run


def command(folder: Path, verb: str) -> list[str]:
    return [sys.executable, "-IS", str(folder / "hera_utils" / "bootstrap.py"), verb]


def environ(folder: Path, **variables: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": (folder / "wheels").as_uri()}
    return {**kept, **offline, **variables}


def marker(folder: Path) -> dict[str, str]:
    content: dict[str, str] = json.loads((folder / ".venv" / "hera_utils.json").read_text())
    return content


def test_first_run_then_test_then_neither_again(run: Run, folder: Path) -> None:
    first = run("run")
    assert first.stdout == "run aaa\n"
    assert first.stderr.startswith("hera_utils: setting up .venv with Python 3.")
    second = run("run")
    assert (second.stdout, second.stderr) == ("run aaa\n", "")

    development = run("test")
    assert development.stdout == "test aaa bbb\n"
    assert development.stderr.startswith("hera_utils: adding the packages of requirements/dev.txt")
    made = (folder / ".venv").stat().st_ino
    for verb in ("lint", "run"):
        again = run(verb)
        assert (again.stdout, again.stderr) == (f"{verb} aaa bbb\n", "")
    assert (folder / ".venv").stat().st_ino == made


def test_a_changed_lock_makes_it_anew_without_what_is_no_longer_locked(
    run: Run, folder: Path
) -> None:
    assert run("test").stdout == "test aaa bbb\n"
    lock = write_wheel(folder / "wheels", "ccc", {"ccc.py": ""})
    (folder / "requirements" / "run.txt").write_text(lock)
    assert run("run").stdout == "run ccc\n"


def test_what_cannot_be_installed_leaves_nothing_and_shows_what_pip_said(
    run: Run, folder: Path
) -> None:
    good = (folder / "requirements" / "run.txt").read_text()
    (folder / "requirements" / "run.txt").write_text(good.replace("aaa==1", "aaa==2"))
    failed = run("run")
    assert failed.returncode == 1 and failed.stdout == ""
    assert "cannot install the packages of requirements/run.txt; it said:\n" in failed.stderr
    assert "No matching distribution found for aaa==2" in failed.stderr
    assert "Check the network" in failed.stderr and "Traceback" not in failed.stderr
    assert not (folder / ".venv").exists()


def test_a_package_that_is_not_the_locked_one_is_refused(run: Run, folder: Path) -> None:
    lock = folder / "requirements" / "run.txt"
    lock.write_text(lock.read_text().replace("sha256:", "sha256:0")[:-2] + "\n")
    failed = run("run")
    assert failed.returncode == 1
    assert "DO NOT MATCH THE HASHES" in failed.stderr
    assert not (folder / ".venv").exists()


def test_a_failure_to_add_the_packages_of_development_keeps_the_others(
    run: Run, folder: Path
) -> None:
    run("run")
    (folder / "wheels" / "bbb-1-py3-none-any.whl").unlink()
    for _ in range(2):
        failed = run("test")
        assert failed.returncode == 1
        assert "requirements/dev.txt" in failed.stderr
        again = run("run")
        assert (again.stdout, again.stderr) == ("run aaa\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interruption_leaves_nothing_that_is_taken_for_whole(
    run: Run, folder: Path, number: signal.Signals
) -> None:
    process = subprocess.Popen(
        command(folder, "run"),
        env=environ(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    # As the terminal does: to all processes of the group, in the middle of the making.
    until((folder / ".venv" / "bin").exists, every=0.01)
    os.killpg(process.pid, number)
    _, error = process.communicate(timeout=60)
    assert "Traceback (most recent call last)" not in error
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert not (folder / ".venv").exists()
    else:
        assert marker(folder)["run"] == "unfinished"
    again = run("run")
    assert again.stdout == "run aaa\n"
    assert again.stderr.startswith("hera_utils: setting up .venv")


def test_two_at_the_same_time_make_one(folder: Path) -> None:
    both = [
        subprocess.Popen(
            command(folder, "run"),
            env=environ(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120) for process in both]
    assert [out for out, _ in said] == ["run aaa\n", "run aaa\n"]
    assert sorted(bool(error) for _, error in said) == [False, True]


@pytest.mark.parametrize("link", [False, True])
def test_an_environment_of_the_persons_own_is_left_alone(
    run: Run, folder: Path, tmp_path: Path, link: bool
) -> None:
    own = tmp_path / "own" if link else folder / ".venv"
    own.mkdir()
    (own / "pyvenv.cfg").write_text("precious")
    if link:
        (folder / ".venv").symlink_to(own)
    refused = run("run")
    assert refused.returncode == 1
    assert "was not made by make, which leaves it alone: rename or remove it" in refused.stderr
    assert (own / "pyvenv.cfg").read_text() == "precious"


def test_an_interpreter_that_is_gone_is_replaced(run: Run, folder: Path) -> None:
    run("run")
    python = folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python3")
    assert run("run").stdout == "run aaa\n"


def test_another_python_is_used_only_when_it_was_named(run: Run, folder: Path) -> None:
    run("run")
    path = folder / ".venv" / "hera_utils.json"
    path.write_text(json.dumps({**marker(folder), "python": "3.10.0"}))
    assert run("run").stderr == ""
    named = run("run", MAKEFLAGS=" -- PYTHON=python3.12")
    assert named.stdout == "run aaa\n"
    assert "setting up .venv" in named.stderr
    assert marker(folder)["python"] == "{}.{}.{}".format(*sys.version_info[:3])


def test_settings_that_would_install_elsewhere_are_not_heeded(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    settings = {"PIP_TARGET": str(tmp_path / "target"), "PIP_USER": "1"}
    assert run("run", **settings).stdout == "run aaa\n"
    assert not (tmp_path / "target").exists()


def test_help_needs_no_environment(run: Run, folder: Path) -> None:
    assert run("help").stdout == "help\n"
    assert not (folder / ".venv").exists()


@pytest.mark.parametrize("verb", ["run", "help", "update"])
def test_a_library_that_is_not_the_locked_one_is_refused_each_time(
    run: Run, folder: Path, verb: str
) -> None:
    assert run("run").stdout == "run aaa\n"
    wheel = folder / "vendor" / "hera_experiment-1-py3-none-any.whl"
    content = wheel.read_bytes()
    next_step = ": git checkout HEAD -- vendor requirements/library.txt\n"

    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    wheel.write_bytes(flipped)
    refused = run(verb)
    wrong = f"hera_utils: {wheel} is not the file of requirements/library.txt"
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == wrong + next_step

    wheel.unlink()
    assert run(verb).stderr == f"hera_utils: {wheel} is missing{next_step}"

    wheel.write_bytes(content)
    lock = folder / "requirements" / "library.txt"
    line = lock.read_text()
    lock.unlink()
    assert run(verb).stderr == f"hera_utils: {lock} is missing{next_step}"

    lock.write_text(line)
    again = run("run")
    assert (again.stdout, again.stderr) == ("run aaa\n", "")


def test_another_library_of_the_same_version_is_installed_without_the_rest(
    run: Run, folder: Path
) -> None:
    assert run("test").stdout == "test aaa bbb\n"
    before = (folder / ".venv").stat().st_ino
    write_library(folder, {"hera_experiment.py": "VERSION = 2"})
    updated = run("run")
    assert updated.stdout == "run aaa bbb\n2\n"
    adding = "hera_utils: adding the packages of requirements/library.txt to .venv\n"
    assert updated.stderr == adding
    assert (folder / ".venv").stat().st_ino == before
    again = run("test")
    assert (again.stdout, again.stderr) == ("test aaa bbb\n2\n", "")


def test_a_library_that_cannot_be_installed_keeps_what_was_there(run: Run, folder: Path) -> None:
    run("run")
    lock = folder / "requirements" / "library.txt"
    before = lock.read_text()
    wheel = folder / "vendor" / "hera_experiment-1-py3-none-any.whl"
    content = wheel.read_bytes()
    wheel.write_bytes(b"no wheel")
    lock.write_text(f"{before.split(':')[0]}:{hashlib.sha256(b'no wheel').hexdigest()}\n")
    failed = run("run")
    assert failed.returncode == 1
    assert "cannot install the packages of requirements/library.txt; it said:" in failed.stderr
    wheel.write_bytes(content)
    lock.write_text(before)
    again = run("run")
    assert (again.stdout, again.stderr) == ("run aaa\n", "")


def test_an_interruption_of_the_librarys_installation_is_made_good(run: Run, folder: Path) -> None:
    run("run")
    path = folder / ".venv" / "hera_utils.json"
    path.write_text(json.dumps({**marker(folder), "library": "unfinished"}))
    shutil.rmtree(next((folder / ".venv").glob("lib/*/site-packages/hera_experiment-*")))
    again = run("run")
    assert again.stdout == "run aaa\n"
    assert again.stderr.count("\n") == 1 and "requirements/library.txt" in again.stderr


def test_a_library_from_an_index_needs_no_file(run: Run, folder: Path) -> None:
    wheel = folder / "vendor" / "hera_experiment-1-py3-none-any.whl"
    lock = folder / "requirements" / "library.txt"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    shutil.move(wheel, folder / "wheels")
    lock.write_text(f"# From an index.\nhera-experiment==1 --hash=sha256:{digest}\n")
    assert run("run").stdout == "run aaa\n"
    assert run("help").stdout == "help aaa\n"
    lock.write_text(lock.read_text().replace(digest, "0" * 64))
    assert "DO NOT MATCH THE HASHES" in run("run").stderr


def in_python(prelude: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script in an interpreter that ``prelude`` has made another one of."""
    script = str(folder / "hera_utils" / "bootstrap.py")
    code = f"{prelude}\nimport runpy, sys\nsys.argv = [{script!r}, 'run']\n"
    code += f"runpy.run_path({script!r}, run_name='__main__')\n"
    return subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, env=environ(folder)
    )


def test_an_old_python_can_read_it_and_says_what_is_needed(folder: Path) -> None:
    ast.parse(BOOTSTRAP.read_text(encoding="utf-8"), feature_version=(3, 6))
    done = in_python(
        "import sys; sys.version_info = (3, 9, 18); sys.version = '3.9.18 (main)'", folder
    )
    assert done.returncode == 1
    assert done.stderr.startswith("hera_utils: Python 3.10 or newer is needed, ")
    assert "is Python 3.9.18: install one and name it" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_python_without_ensurepip_is_told_apart(folder: Path) -> None:
    prelude = (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name: None if name == 'ensurepip' else find(name)"
    )
    done = in_python(prelude, folder)
    assert done.returncode == 1
    assert "sudo apt install python3-venv" in done.stderr and done.stderr.count("\n") == 2
    assert not (folder / ".venv").exists()


NFS = """
import fcntl, os, runpy, sys
real = fcntl.flock
def flock(file, kind):
    if kind & fcntl.LOCK_EX and fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(9, "Bad file descriptor")
    real(file, kind)
fcntl.flock = flock
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_the_lock_is_one_that_nfs_grants_and_nobody_else_can_hold(folder: Path) -> None:
    python, options, *rest = command(folder, "x")
    done = subprocess.run(
        [python, options, "-c", NFS, *rest], capture_output=True, text=True, env=environ(folder)
    )
    assert (done.returncode, done.stdout) == (0, "x aaa\n"), done.stderr
    assert (folder / ".venv.lock").stat().st_mode & 0o777 == 0o600
