"""Where two runs part and why, as lines for people and as a document for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from hera_experiment.compare.causes import Cause, Comparison
from hera_experiment.compare.differences import Differences
from hera_experiment.compare.files import FileDifference
from hera_experiment.compare.proof import FAILED, OTHER, PART, SAME, Proof
from hera_experiment.compare.tasks import TaskDifference
from hera_experiment.follow.lines import Line
from hera_experiment.printing import shortened

_MOST = 5
"""Files, lines of a patch and names that are shown of many."""

_WIDTH = 100
_CAME = {
    SAME: "makes no difference",
    OTHER: "makes the difference",
    PART: "changes it, but not to what the other run has",
    FAILED: "cannot be had alone",
}


def lines_of(
    comparison: Comparison,
    task: TaskDifference | None,
    causes: Sequence[Cause],
    file: str,
    proof: Proof | None,
) -> list[Line]:
    """Return what to tell of the first ``task`` that differs and its ``causes``.

    ``file`` is the output that a person asked about, empty for all of them.
    """
    found = proof.differences if proof is not None else comparison.differences
    lines = [Line(_summary(found), "bold"), *map(Line, _of_file(found, file))]
    if task is None:
        lines += list(map(Line, _nothing(found)))
    else:
        lines += [Line(""), Line(f"first task whose outputs differ: {_title(task, found)}", "bold")]
        lines += map(Line, _of_task(task))
        later = list(dict.fromkeys(t.group for t in found.tasks if t.group != task.group))
        if later:
            lines.append(Line(f"  after it differ: {_some(later)}"))
        lines += _causes(causes, proof)
    remarks = dict.fromkeys((*found.remarks, *(proof.remarks if proof is not None else ())))
    lines += [Line(f"note: {remark}", "dim") for remark in remarks]
    return lines


def document_of(
    comparison: Comparison,
    task: TaskDifference | None,
    causes: Sequence[Cause],
    proof: Proof | None,
) -> dict[str, Any]:
    """Return the same for machines."""
    found = proof.differences if proof is not None else comparison.differences
    return {
        "differences": found.document(),
        "task": task.name if task is not None else "",
        "causes": [asdict(each) for each in causes],
        "proof": None
        if proof is None
        else {
            "causes": [f"{each.kind} {each.name}" for each in proof.causes],
            "trials": [
                {
                    "swapped": [f"{each.kind} {each.name}" for each in trial.swapped],
                    "came": trial.came,
                    "ran": trial.ran,
                    "tasks": trial.tasks,
                    "why": trial.why,
                }
                for trial in proof.trials
            ],
            "byChance": list(proof.by_chance),
            "remarks": list(proof.remarks),
        },
    }


def _summary(found: Differences) -> str:
    changed = len(found.changed_files)
    if not changed:
        files = f"all {len(found.files)} files are the same"
    else:
        files = f"{changed} of {len(found.files)} files differ"
    return f"{found.one} → {found.other}: {files}"


def _of_file(found: Differences, name: str) -> Iterator[str]:
    for file in found.files:
        if name and file.path == name:
            yield f"{file.path}: {_words(file)}"
            yield from (f"  {example}" for example in file.examples)


def _nothing(found: Differences) -> Iterator[str]:
    unknown = [file for file in found.changed_files if len(file.tasks) != 1]
    if not unknown:
        yield "no task left anything else than before: there is no cause to look for"
        return
    for file in unknown[:_MOST]:
        who = (
            f"one of {_some(file.tasks)} wrote it" if file.tasks else "no task is known to write it"
        )
        yield f"  {file.path}: {_words(file)}; {who}"
    yield "'make run CACHE=1' notes which task writes which file; PROVE=1 finds it out"


def _title(task: TaskDifference, found: Differences) -> str:
    alike = [each for each in found.tasks if each.group == task.group]
    if len(alike) == 1:
        return task.name
    return f"{task.name}, and {len(alike) - 1} more of {task.group}"


def _of_task(task: TaskDifference) -> Iterator[str]:
    if task.kind != "changed":
        yield f"  only {'the first' if task.kind == 'removed' else 'the second'} run has it"
    for file in task.files[:_MOST]:
        yield f"  {file.path}: {_words(file)}"
        yield from (f"    {example}" for example in file.examples[:_MOST])
    if len(task.files) > _MOST:
        yield f"  … and {len(task.files) - _MOST} files more"
    for value in task.values:
        yield f"  {shortened(str(value), _WIDTH)}"
    for argument in task.arguments:
        yield f"  its argument {shortened(str(argument), _WIDTH)}"


def _words(file: FileDifference) -> str:
    if file.what:
        return file.what
    return {"missing": "the second run has it not", "added": "the first run has it not"}.get(
        file.kind, file.kind
    )


def _causes(causes: Sequence[Cause], proof: Proof | None) -> Iterator[Line]:
    possible = [each for each in causes if not each.out]
    out = [each for each in causes if each.out]
    if proof is not None:
        yield Line("")
        for trial in proof.trials:
            if trial.swapped:
                what = " and ".join(f"{each.kind} {each.name}" for each in trial.swapped)
                ran = f"({trial.ran} of {trial.tasks} tasks ran)" if trial.tasks else trial.why
                yield Line(f"{what}: {_CAME[trial.came]} {ran}")
        if proof.by_chance:
            yield Line(f"differs with nothing changed: {_some(proof.by_chance)}")
        shown = "cause, shown by running again:" if proof.causes else "the cause was not found"
        yield Line(shown, "bold")
        possible = list(proof.causes)
    else:
        yield Line("")
        kind = "cause" if len(possible) == 1 else "possible causes, the likeliest first"
        yield Line(f"{kind}:", "bold")
    for cause in possible:
        yield Line(f"  {_named(cause)}: {cause.why}")
        for line in cause.what[:_MOST]:
            yield Line(f"    {shortened(line, _WIDTH)}")
        if len(cause.what) > _MOST:
            yield Line(f"    … and {len(cause.what) - _MOST} lines more")
    if out:
        yield Line("differs too, and is not the cause:", "dim")
        for cause in out:
            yield Line(f"  {_named(cause)}: {cause.why}", "dim")


def _named(cause: Cause) -> str:
    if cause.kind == "chance":
        return f"{cause.name} is not deterministic (a seed, the time, an order that varies)"
    return f"{cause.kind} {cause.name}"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST])
    return shown + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")
