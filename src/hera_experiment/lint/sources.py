"""What is to be judged: what a script submits, or files hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hera_experiment.argo.objects import Captured, shown_name
from hera_experiment.errors import UserError
from hera_experiment.lint.judge import Locate
from hera_experiment.lint.origins import locator
from hera_experiment.lint.subject import Kept, Manifest, Subject, Version
from hera_experiment.submission.document_names import is_document
from hera_experiment.submission.documents import Document, documents_of


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


def of_files(paths: Sequence[Path], version: Version) -> tuple[list[Source], list[UserError]]:
    """Return Argo's objects in files and folders, and why something there is none."""
    found: list[Document] = []
    problems: list[UserError] = []
    for file in (file for path in paths for file in _files(path)):
        try:
            found += documents_of(file, whole=False)
        except UserError as error:
            problems.append(error)
    kept = {(each.kind.name, shown_name(each.manifest)): each.manifest for each in found}
    sources = []
    for each in found:
        subject = Subject(each.manifest, each.kind, version, written=True, kept=_finder(kept))
        sources.append(Source(subject, shown_name(each.manifest), each.locate))
    if not sources and not problems:
        shown = ", ".join(map(str, paths))
        problems.append(
            UserError("there is no object of Argo's", shown, "begin with kind: Workflow")
        )
    return sources, problems


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return [folder]
    return sorted(each for each in folder.rglob("*") if is_document(each) and each.is_file())


def _finder(kept: Mapping[tuple[str, str], Manifest]) -> Kept:
    return lambda kind, name: kept.get((kind, name))
