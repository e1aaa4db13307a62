"""The wheel is what a build backend would make of the same sources, with nothing but Python."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from stranger import REPOSITORY, copy_template

from hera_experiment import __version__
from hera_experiment.packaging import wheel

LARGEST = 1_300_000
"""Bytes: the wheel is part of each experiment's history."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "hera-experiment"
    copy_template(folder)
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    shutil.copy(REPOSITORY / ".gitignore", folder)
    return folder


def content(wheel: bytes | Path) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(wheel) if isinstance(wheel, bytes) else wheel) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def rows(record: bytes, generator: str) -> set[tuple[str, ...]]:
    lines = csv.reader(record.decode().splitlines())
    return {tuple(line) for line in lines if line[0] != generator}


def test_it_is_what_a_build_backend_makes(template: Path, tmp_path: Path) -> None:
    # As a template in use has it: neither side may take it along.
    (template / "src" / "hera_experiment" / "__pycache__").mkdir(exist_ok=True)
    (template / "src" / "hera_experiment" / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"x")
    name, data = wheel.build(str(template))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path)]
    built = subprocess.run([*command, str(template)], capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]

    ours, theirs = content(data), content(tmp_path / name)
    information = f"hera_experiment-{__version__}.dist-info"
    generator, record = f"{information}/WHEEL", f"{information}/RECORD"
    assert set(ours) == set(theirs)
    assert {name for name in ours if ours[name] != theirs[name]} <= {generator, record}
    assert rows(ours[record], generator) == rows(theirs[record], generator)
    assert lines_of(ours[generator]) == lines_of(theirs[generator])


def lines_of(information: bytes) -> list[str]:
    lines = information.decode().splitlines()
    return [line for line in lines if not line.startswith("Generator: ")]


def test_two_are_the_same_bytes_whatever_the_files_times_rights_and_line_ends(
    template: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(template, other)
    for path in (other / "src").rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        path.chmod(0o600)
    assert wheel.build(str(other)) == wheel.build(str(template))


def test_it_is_small(template: Path) -> None:
    assert len(wheel.build(str(template))[1]) <= LARGEST


def test_a_python_without_any_package_makes_it(template: Path) -> None:
    code = (
        "import sys; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv[1] + '/src')\n"
        "from hera_experiment.packaging import origin, vendored, wheel\n"
        "sys.stdout.buffer.write(wheel.build(sys.argv[1])[1])"
    )
    command = [sys.executable, "-I", "-S", "-c", code, str(template)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout == wheel.build(str(template))[1]


def test_sources_without_a_version_are_refused(template: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(template, other)
    (other / "src" / "hera_experiment" / "__init__.py").write_text("")
    with pytest.raises(ValueError, match="names no version"):
        wheel.build(str(other))
