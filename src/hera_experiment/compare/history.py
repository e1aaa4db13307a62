"""All runs of an experiment beside each other: what each was made of, and what differs."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from hera_experiment.argo.phases import FAILURES
from hera_experiment.argo.tasks import duration, elapsed, parsed
from hera_experiment.argo.workflows import images_of
from hera_experiment.compare.changes import changes_of
from hera_experiment.follow.lines import STYLES, Line
from hera_experiment.printing import shortened
from hera_experiment.record.code import Change, CodeNotKept, CodeStore
from hera_experiment.record.origin import PLATFORM, Origin
from hera_experiment.record.records import Records
from hera_experiment.runs.listing import GONE, Listed

_FILES = 4
_VALUE = 40
_INDENT = "    "
_GAP = "  "


@dataclass(frozen=True)
class PastRun:
    """One run of the list: its ``status`` as Argo last told it, and what it was made of.

    ``changes`` are the files of its code that differ from the run before it in the list, None where
    that is not known.
    """

    listed: Listed
    status: Mapping[str, Any] = field(default_factory=dict)
    before: PastRun | None = None
    changes: tuple[Change, ...] | None = None

    @cached_property
    def origin(self) -> Origin:
        """What it was made of; empty where that was not noted."""
        record = self.listed.record
        return Origin.of(record.origin if record is not None else {})

    @property
    def phase(self) -> str:
        """Argo's phase, or what ``make status`` says where there was none."""
        if self.listed.phase == GONE and self.status.get("phase"):
            return str(self.status["phase"])
        return self.listed.phase

    @property
    def note(self) -> str:
        """What a person has noted of it."""
        return self.listed.record.note if self.listed.record is not None else ""

    @property
    def message(self) -> str:
        """Why it failed, or why there is no workflow."""
        failed = str(self.status.get("message") or "") if self.phase in FAILURES else ""
        return self.listed.remark or failed

    def seconds(self, now: datetime) -> float | None:
        """How long it took, or takes until ``now``; None where that is not known."""
        return elapsed(self.status.get("startedAt"), self.status.get("finishedAt"), now)

    @property
    def chosen(self) -> dict[str, Any]:
        """Return the inputs that a person changed for it, by name."""
        return {name: self.origin.inputs.get(name) for name in self.origin.defaults}

    @property
    def arguments(self) -> str:
        """The arguments of its script as a person types them, of secrets the names alone."""
        withheld = (f"{name}=(not kept)" for name in self.origin.withheld)
        return " ".join(filter(None, [shlex.join(self.origin.arguments or ()), *withheld]))

    @cached_property
    def images(self) -> dict[str, str]:
        """Its images by the name of their template, as it was submitted."""
        record = self.listed.record
        return images_of(record.manifest) if record is not None else {}

    def document(self, now: datetime) -> dict[str, Any]:
        """Return it as an object of JSON."""
        record, code, before = self.listed.record, self.origin.code, self.before
        earlier = before.origin if before is not None else Origin()
        return {
            "name": self.listed.name,
            "cluster": self.listed.label,
            "mine": self.listed.is_mine,
            "phase": self.phase,
            "created": self.listed.created,
            "startedAt": self.status.get("startedAt") or "",
            "finishedAt": self.status.get("finishedAt") or "",
            "seconds": self.seconds(now),
            "message": self.message,
            "note": self.note,
            "script": record.script if record is not None else "",
            "arguments": list(self.origin.arguments or ()),
            "runtime": record.runtime if record is not None else "",
            "library": record.library if record is not None else "",
            "inputs": dict(self.origin.inputs),
            "chosenInputs": self.chosen,
            "code": {"tree": code.tree, "commit": code.commit, "branch": code.branch},
            "images": self.images,
            "python": self.origin.python,
            "packages": dict(self.origin.packages),
            "machine": dict(self.origin.machine),
            "platform": dict(self.origin.platform),
            "before": before.listed.name if before is not None else "",
            "changedInputs": [vars(each) for each in changes_of(earlier.inputs, self.origin.inputs)]
            if before is not None
            else [],
            "changedCode": None if self.changes is None else [vars(each) for each in self.changes],
        }


def history_of(store: CodeStore, listed: Sequence[Listed]) -> list[PastRun]:
    """Return the runs ``listed``, in their order, each with the one before it."""
    records = Records.of(store.experiment)
    found: list[PastRun] = []
    known: dict[tuple[str, str], tuple[Change, ...] | None] = {}
    before: PastRun | None = None
    for each in reversed(listed):
        status = (each.workflow or {}).get("status") or {}
        if each.workflow is None and each.record is not None:
            status = (records.end(each.record) or {}).get("status") or {}
        kept = {name: value for name, value in status.items() if name != "nodes"}
        earlier = before if before is not None and before.listed.is_mine == each.is_mine else None
        run = PastRun(each, kept, earlier)
        trees = (earlier.origin.code.tree if earlier else "", run.origin.code.tree)
        if trees not in known:
            known[trees] = _changes(store, *trees)
        run = PastRun(each, kept, earlier, known[trees])
        found.append(run)
        if run.origin.code.tree or run.origin.inputs:
            before = run
    return found[::-1]


def _changes(store: CodeStore, one: str, other: str) -> tuple[Change, ...] | None:
    if not one or not other:
        return None
    try:
        return tuple(store.changes(one, other)) if one != other else ()
    except CodeNotKept:
        return None


def lines_of(runs: Sequence[PastRun], now: datetime, width: int) -> list[Line]:
    """Return a line for each run, and below it what is not as usual, or not as before."""
    rows = [_columns(run, now) for run in runs]
    lines = _table(("RUN", "WHERE", "STATUS", "BEGUN", "DURATION"), rows)
    found = [Line(lines[0], "bold")]
    for line, run in zip(lines[1:], runs, strict=True):
        found.append(Line(line, STYLES.get(run.phase, "")))
        found += [Line(part) for about in _about(run) for part in _folded(about, max(width, 40))]
    return found


def varying_lines(runs: Sequence[PastRun], now: datetime, width: int) -> list[Line]:
    """Return a table of the runs with the columns that are not the same for all of them."""
    columns: dict[str, list[str]] = {"RUN": [run.listed.name for run in runs]}
    first = [_columns(run, now) for run in runs]
    for number, title in enumerate(("WHERE", "STATUS", "BEGUN", "DURATION"), 1):
        columns[title] = [row[number] for row in first]
    names = list(dict.fromkeys(name for run in runs for name in run.origin.inputs))
    for name in names:
        short = name.rpartition(".")[2]
        title = short if sum(each.rpartition(".")[2] == short for each in names) == 1 else name
        columns[title] = [
            _value(run.origin.inputs[name]) if name in run.origin.inputs else "" for run in runs
        ]
    columns["SCRIPT"] = [run.listed.record.script if run.listed.record else "" for run in runs]
    columns["ARGS"] = [run.arguments for run in runs]
    columns["CODE"] = [run.origin.code.tree[:7] for run in runs]
    for template in dict.fromkeys(name for run in runs for name in run.images):
        columns[f"image of {template}"] = [run.images.get(template, "") for run in runs]
    columns["PYTHON"] = [run.origin.python for run in runs]
    for name in PLATFORM:
        columns[name.upper()] = [run.origin.platform.get(name, "") for run in runs]
    columns["RUNTIME"] = [run.listed.record.runtime if run.listed.record else "" for run in runs]
    columns["NOTE"] = [run.note for run in runs]
    varying = {
        title: cells
        for title, cells in columns.items()
        if title == "RUN" or len(set(cells)) > 1 or (title == "NOTE" and any(cells))
    }
    # What does not fit beside the others stands below each run.
    beside: list[str] = []
    used = 0
    for title, cells in varying.items():
        wide = max(len(title), *map(len, cells)) + len(_GAP)
        if used + wide <= max(width, 40) or title == "RUN":
            beside.append(title)
            used += wide
    rows = [tuple(varying[title][at] for title in beside) for at in range(len(runs))]
    lines = _table(beside, rows)
    found = [Line(lines[0], "bold")]
    for at, line in enumerate(lines[1:]):
        found.append(Line(line, STYLES.get(runs[at].phase, "")))
        below = [
            f"{title}={cells[at]}"
            for title, cells in varying.items()
            if title not in beside and cells[at]
        ]
        for text in below:
            found += [Line(part) for part in _folded(text, max(width, 40))]
    return found


def _columns(run: PastRun, now: datetime) -> tuple[str, ...]:
    begun = parsed(run.listed.created or None)
    return (
        run.listed.name,
        run.listed.label or "(settings)",
        run.phase,
        f"{begun.astimezone():%Y-%m-%d %H:%M}" if begun else "",
        duration(run.seconds(now)),
    )


def _about(run: PastRun) -> list[str]:
    """Return what there is to say of a run beyond its line."""
    found = []
    if run.message:
        found.append(" ".join(run.message.split()))
    chosen = {name: _value(value) for name, value in run.chosen.items()}
    if chosen:
        found.append("inputs: " + " ".join(f"{_short(n)}={v}" for n, v in chosen.items()))
    if run.arguments:
        found.append(f"arguments: {run.arguments}")
    if run.before is not None and run.origin.inputs and run.before.origin.inputs:
        # What a person typed is told above; this is what inputs.py says otherwise.
        told = {*run.origin.defaults, *run.before.origin.defaults}
        changes = changes_of(run.before.origin.inputs, run.origin.inputs)
        others = [each for each in changes if each.name not in told]
        if others:
            words = ", ".join(
                f"{_short(each.name)} {_value(each.one)} → {_value(each.other)}" for each in others
            )
            found.append(f"inputs.py since {run.before.listed.name}: {words}")
    if run.changes and run.before is not None:
        names = [change.path for change in run.changes]
        more = f" and {len(names) - _FILES} more" if len(names) > _FILES else ""
        files = ", ".join(names[:_FILES])
        found.append(f"code since {run.before.listed.name}: {files}{more}")
    if run.before is not None and run.images and run.before.images:
        changed = changes_of(run.before.images, run.images)
        if changed:
            words = ", ".join(f"{each.name}: {each.other}" for each in changed if each.other)
            found.append(f"images since {run.before.listed.name}: {words or 'fewer'}")
    if run.note:
        found.append(f"note: {run.note}")
    return found


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    return [
        _GAP.join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()
        for row in (titles, *rows)
    ]


def _folded(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT + _GAP,
        break_on_hyphens=False,
    )


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shortened(text, _VALUE)


def _short(name: str) -> str:
    return name.rpartition(".")[2]
