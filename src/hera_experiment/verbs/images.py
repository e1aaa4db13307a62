"""List the images: built, pushed, digest, age."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.verbs._images import add_image_arguments
from hera_experiment.verbs._options import add_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hera_experiment.images.build_session import BuildSession

_HEAD = ("container", "tag", "built", "pushed", "age", "digest")


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: which containers, engine and registry, and how they are shown."""
    add_output(parser)
    add_image_arguments(parser)


def main(args: VerbArguments) -> int:
    """Print a line for each container as its files are now; nothing is built or pushed."""
    from hera_experiment.images.build_session import BuildSession

    rows: dict[str, Sequence[str]] = {}
    with BuildSession(args) as session:
        status = session.each(lambda container: rows.update({container: _row(session, container)}))
    if args.output == "json":
        import json

        listed = [dict(zip(_HEAD, rows[name], strict=True)) for name in sorted(rows)]
        print(json.dumps(listed, indent=2))
        return status
    table = [_HEAD, *(rows[name] for name in sorted(rows))] if rows else []
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    return status


def _row(session: BuildSession, container: str) -> Sequence[str]:
    source = session.sources.wanted(container)
    pushed, digest = _in_registry(session, session.sources.reference(source, session.registry))
    built, age = _in_engine(session, session.sources.reference(source))
    return (container, source.tag, built, pushed, age, digest or "-")


def _in_engine(session: BuildSession, reference: str) -> tuple[str, str]:
    """Return whether the engine has ``reference``, in a word, and its age."""
    from hera_experiment.errors import UserError

    try:
        made = session.builder(session.programs.runner()).created(reference)
        built = "yes" if made else "no"
    except UserError:
        made, built = None, "no engine"
    entry = session.ledger.get(reference)
    if made is None and entry and entry.built:
        made = datetime.fromisoformat(entry.built)
    return built, age_of(made, datetime.now(timezone.utc)) if made else "-"


def _in_registry(session: BuildSession, reference: str) -> tuple[str, str]:
    """Return whether ``reference`` is in the registry, in a word, and its digest."""
    from hera_experiment.errors import UserError

    if not session.registry:
        return "no registry", ""
    known = session.ledger.digest(reference)
    try:
        found = session.find(reference)
    except UserError:
        return "no answer", known
    if found.there is None:
        return "signed out", known
    return ("yes", found.digest or known) if found.there else ("no", "")


def age_of(moment: datetime, now: datetime) -> str:
    """Return the time since ``moment`` in its greatest unit: ``3 h``."""
    seconds = int((now - moment).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{max(0, seconds)} s"
