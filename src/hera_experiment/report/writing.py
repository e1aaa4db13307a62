"""Writes the report of a run: on request, and at the end of a run that was followed.

It lies beside the folder with the run's files, ``results/RUN.html``. Within that folder it would be
one more result: listed, counted, compared and given a checksum as what the tasks made; and a task
may well make a ``report.html`` of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from hera_experiment.account.account import Account, account_of
from hera_experiment.argo.tasks import utc_now
from hera_experiment.errors import UserError, tell
from hera_experiment.follow.lines import Line, Output, shown
from hera_experiment.graph.layout import laid_out
from hera_experiment.graph.of_status import graph_of_status
from hera_experiment.graph.svg import svg_of
from hera_experiment.graph.text import text_of
from hera_experiment.report.document import document_of, files_of
from hera_experiment.report.gather import told_of
from hera_experiment.report.page import json_within, page_of
from hera_experiment.results.claim_files import report_file
from hera_experiment.results.outcome import Results
from hera_experiment.runs.find import Run

LARGEST = 1_900_000
"""Bytes of a page whose pictures are left out where they do not fit; other things always stay."""

_LEAST_PICTURES = 200_000
_LOGS, _LOGS_AT_END = 60, 20
_NODES_AT_END = 150
"""A picture of more nodes takes longer than a person waits for who did not ask for it."""
_CHECKED_AT_END = 256 << 20
"""Bytes that are read for checksums, a fraction of a second: no run waits for those of its data."""
_TEXT_LINES = 500
_PAGE = 90_000
"""Bytes of a page of nothing, and then some."""


def report_document(
    run: Run, account: Account, now: datetime, *, logs: int = _LOGS, taken: int = 0
) -> dict[str, Any]:
    """Return what the report says; ``taken`` bytes of the page are for other things."""
    told = told_of(run, account, now, logs)
    document = document_of(account, told, now, 0)
    if any("picture" in file for file in document["files"]):
        room = LARGEST - taken - len(json_within(document))
        document |= files_of(account, max(room, _LEAST_PICTURES))
    return document


def write_report(
    run: Run,
    account: Account,
    now: datetime,
    versus: dict[str, Any] | None = None,
    *,
    logs: int = _LOGS,
    nodes: int | None = None,
) -> Path:
    """Write the report of ``run`` and return its file; a graph of more ``nodes`` is a text.

    Raises :class:`UserError` where it cannot be written.
    """
    picture, otherwise = _graph(account, nodes)
    document = report_document(run, account, now, logs=logs, taken=len(picture) + _PAGE)
    if versus is not None:
        document["versus"] = versus
    page = page_of(document, picture, otherwise)
    path = report_file(run)
    draft = path.with_name(f".{path.name}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(page, encoding="utf-8", errors="replace")
        os.replace(draft, path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UserError(f"the report cannot be written: {error.strerror}", str(path)) from None
    return path


def reports_at_end(runs: Sequence[Run], output: Output, start: Path) -> None:
    """Write the report of each of ``runs``, which were followed; their files stay where they are.

    See :func:`report_at_end`.
    """
    for run in runs:
        with harmless():
            run.workflow = run.server.get(run.name)
            report_at_end(run, output, start)


def report_at_end(run: Run, output: Output, start: Path, results: Results | None = None) -> None:
    """Write the report of a run that was followed to its end, and name it as one at ``start``.

    With ``results``, those that were brought home.
    """
    with harmless():
        account = account_of(
            run, files=results is not None, results=results, checked=_CHECKED_AT_END
        )
        path = write_report(run, account, utc_now(), logs=_LOGS_AT_END, nodes=_NODES_AT_END)
        output.write([Line(f"report:  {shown(path, start)}")])


@contextmanager
def harmless() -> Iterator[None]:
    """Tell whatever goes wrong within, Ctrl-C too, and go on: the verdict of the run is known."""
    try:
        yield
    except KeyboardInterrupt:
        tell("no report was written: 'make report' does")
    except Exception as error:
        why = error if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        tell(f"no report was written: {why}")


def _graph(account: Account, nodes: int | None) -> tuple[str, str]:
    """Return the picture of the run's graph, else a text."""
    graph = graph_of_status(account.workflow)
    try:
        if nodes is not None and len(graph.nodes) > nodes:
            raise UserError(f"'make report RUN={account.name}' draws its {len(graph.nodes)} nodes")
        return svg_of(laid_out(graph)), ""
    except UserError as error:
        return "", "\n".join([*text_of(graph)[:_TEXT_LINES], "", str(error)])
