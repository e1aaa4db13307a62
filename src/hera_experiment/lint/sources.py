"""What is to be judged: what a script submits, or files hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from hera_experiment.argo.objects import KINDS, Captured, Kind
from hera_experiment.errors import UserError
from hera_experiment.lint.files import SUFFIXES, Document, documents
from hera_experiment.lint.judge import Locate
from hera_experiment.lint.origins import locator
from hera_experiment.lint.subject import Kept, Manifest, Subject, Version, mapping, text


@dataclass(frozen=True)
class Source:
    """One object, its name for people, and what finds its lines."""

    subject: Subject
    name: str
    locate: Locate


def of_captured(captured: Captured, version: Version) -> list[Source]:
    """Return what a script submits; what it makes is known to what it makes then."""
    kept = {(each.kind.name, each.name): each.manifest for each in captured.objects}
    found = []
    for each in captured.objects:
        subject = Subject(each.manifest, each.kind, version, kept=_finder(kept))
        found.append(Source(subject, each.name, locator(subject, each.origins)))
    return found


def of_files(paths: Iterable[Path], version: Version) -> tuple[list[Source], list[UserError]]:
    """Return Argo's objects in files and folders, and why something there is none."""
    found: list[tuple[Kind, Document]] = []
    problems: list[UserError] = []
    for path in paths:
        alone = not path.is_dir()
        try:
            for file in [path] if alone else _files(path):
                for document in documents(file):
                    if kind := _kind_of(document, alone=alone):
                        found.append((kind, document))
        except UserError as error:
            problems.append(error)
    kept = {(kind.name, _name(each)): each.manifest for kind, each in found}
    sources = [
        Source(
            Subject(each.manifest, kind, version, written=True, kept=_finder(kept)),
            _name(each),
            each.locate,
        )
        for kind, each in found
    ]
    if not sources and not problems:
        shown = ", ".join(map(str, paths))
        problems.append(UserError("there is no object of Argo's", shown, "name a file of YAML"))
    return sources, problems


def _files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.rglob("*") if each.suffix in SUFFIXES and each.is_file())


def _kind_of(document: Document, *, alone: bool) -> Kind | None:
    """Return the kind of an object of Argo's, None for another's.

    Raises :class:`UserError` for what is no object, or misspelt, in a file that was named.
    """
    manifest = document.manifest
    file, line = document.locate(("kind",))
    where = f"{file}, line {line}" if line else file
    if not isinstance(manifest, Mapping):
        if not alone:
            return None
        raise UserError(f"it is no object but {type(manifest).__name__}", where)
    name = text(manifest.get("kind"))
    kind = next((each for each in KINDS if each.name == name), None)
    if kind is None and (alone or text(manifest.get("apiVersion")).startswith("argoproj.io/")):
        close = get_close_matches(name, [each.name for each in KINDS], n=1)
        if close or not name:
            advice = f"did you mean {close[0]}?" if close else "begin with kind: Workflow"
            raise UserError(f"no kind of Argo's is called '{name}'", where, advice)
    return kind


def _name(document: Document) -> str:
    metadata = mapping(mapping(document.manifest).get("metadata"))
    return str(metadata.get("name") or f"{metadata.get('generateName', '')}…")


def _finder(kept: Mapping[tuple[str, str], Manifest]) -> Kept:
    return lambda kind, name: kept.get((kind, name))
