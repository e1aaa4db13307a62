"""Whether the library and ``hera_utils`` of a project are as they were shipped."""

from __future__ import annotations

import csv
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hera_experiment.experiment import Experiment
from hera_experiment.packaging import vendored
from hera_experiment.packaging.wheel import digest, sources
from hera_experiment.template_record import library

PACKAGE = Path(__file__).resolve().parents[1]

_NEXT_STEP = (
    "What git knows comes back with: git checkout HEAD -- vendor requirements/library.txt; "
    "what is installed with: rm -r .venv, which the next make sets up"
)


@dataclass(frozen=True)
class Integrity:
    """What is not as it was shipped, a few words for each file; nothing where all is.

    ``library`` is the wheel, its locks and what is installed. ``utilities`` is the folder
    ``hera_utils``, which is the laboratory's own to change; None where nothing is known of it.
    """

    library: tuple[str, ...]
    utilities: tuple[str, ...] | None


def compare(project: Path, package: Path = PACKAGE) -> Integrity:
    """Compare a project, and the library that is installed at ``package``, with what was shipped.

    Raises
    ------
    OSError
        When a file of them cannot be read.
    """
    try:
        locked, sums = vendored.locked(str(project)), vendored.sums(str(project))
    except FileNotFoundError as error:
        return Integrity((f"{Path(error.filename).relative_to(project)} is missing",), None)
    problems, record = [], next(package.parent.glob("hera_experiment-*.dist-info/RECORD"), None)
    installed = _rows(record.read_text(encoding="utf-8")) if record else {}
    if locked:
        path, known = locked
        wheel = project / path
        if sums.get(path) != known:
            problems.append(f"{vendored.SUMS} says another hash of {path} than {vendored.LOCK}")
        if not wheel.is_file():
            problems.append(f"{path} is missing")
        elif vendored.sum_of(str(wheel)) != known:
            problems.append(f"{path} does not have the hash in {vendored.LOCK}")
        else:
            installed = _rows_of(wheel)
    there = {name: digest((package / name).read_bytes()) for name in sources(str(package))}
    problems += [
        f"installed {package.name}/{words}"
        for words in _differences(_below(package.name, installed), there)
    ]
    shipped = _below("hera_utils", sums)
    own = _below("hera_utils", vendored.sums_of_utilities(str(project)))
    return Integrity(tuple(problems), tuple(_differences(shipped, own)))


def tell(experiment: Experiment, package: Path = PACKAGE) -> bool:
    """Print whether all is as shipped; return whether the library, installed at ``package``, is.

    Raises
    ------
    OSError
        When a file cannot be read.
    """
    name = library(experiment.template)
    if experiment.template is None and not (experiment.folder / vendored.LOCK).exists():
        print(f"{name} of {package}, nothing to compare with: no {vendored.LOCK} here")
        return True
    found = compare(experiment.folder, package)
    changed = found.utilities
    words = "not compared" if changed is None else f"changed: {', '.join(changed)}"
    utilities = "hera_utils " + ("as shipped" if changed == () else words)
    if not found.library:
        print(f"{name}, as shipped; {utilities}")
        return True
    lines = [f"{name} is not as shipped; {utilities}"]
    lines += [f"  {problem}" for problem in found.library]
    print("\n".join([*lines, _NEXT_STEP]), file=sys.stderr)
    return False


def _below(folder: str, names: Mapping[str, str]) -> dict[str, str]:
    start = f"{folder}/"
    return {name[len(start) :]: names[name] for name in names if name.startswith(start)}


def _differences(shipped: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*shipped, *found}):
        if name not in found:
            yield f"{name} (missing)"
        elif name not in shipped:
            yield f"{name} (added)"
        elif found[name] != shipped[name]:
            yield name


def _rows_of(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        record = next(name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
        return _rows(archive.read(record).decode())


def _rows(record: str) -> dict[str, str]:
    """Return the hash of each file of a RECORD, without the files that pip adds."""
    rows = ((name, known) for name, known, _ in csv.reader(record.splitlines()))
    return {name: known.partition("=")[2] for name, known in rows if not name.endswith(".pyc")}
