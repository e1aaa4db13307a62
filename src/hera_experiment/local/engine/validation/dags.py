"""The rules of a DAG.

Source: ``validateDAG`` in ``workflow/validate/validate.go``, ``workflow/common/ancestry.go`` and
``util/sorting`` of argoproj/argo-workflows, whose words the messages are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hera_experiment.argo.depends import OF_ITEMS, RESULTS, ancestry
from hera_experiment.argo.names import FIELD_NAME
from hera_experiment.local.engine.loops import LOOPS
from hera_experiment.local.engine.validation.arguments import check_arguments
from hera_experiment.local.engine.validation.kinds import Template
from hera_experiment.local.engine.validation.names import check_field_names
from hera_experiment.local.engine.validation.processing import ANY_ARGUMENTS, Arguments
from hera_experiment.local.engine.validation.scopes import (
    Scope,
    add_items,
    add_outputs,
    inline_scope,
    is_aggregated,
    is_variable,
)
from hera_experiment.local.errors import InvalidWorkflow, within

if TYPE_CHECKING:
    from hera_experiment.local.engine.validation.judge import Base, Judge, Walk

Task = Mapping[str, Any]
Parents = dict[str, dict[str, bool]]
"""The tasks that each task waits for, and whether it looks at all items of one."""

_NAME = "[a-zA-Z0-9][-a-zA-Z0-9]*"
_MENTION = re.compile(rf"({_NAME}?\.[A-Z][a-zA-Z]+)|({_NAME})", re.ASCII)
_RESULT = re.compile(rf"{_NAME}?\.[A-Z][a-zA-Z]+", re.ASCII)
_OF_TASK = "{{tasks."
_STATUS = re.compile(r"\{\{\s*tasks\.([^.{}]+)\.status\s*\}\}")


def check_dag(judge: Judge, template: Template, base: Base, scope: Scope) -> Walk:
    """Check a DAG whose variables are put in; ``scope`` grows by what its tasks leave."""
    where = f"templates.{template.get('name', '')}"
    dag = template["dag"]
    if not dag.get("tasks"):
        raise InvalidWorkflow(f"{where} must have at least one task")
    parents = {task.get("name", ""): _parents(task) for task in dag["tasks"]}
    tasks = _in_order(where, dag["tasks"], parents)
    check_field_names(f"{where}.tasks", tasks)
    by_name = {task["name"]: task for task in tasks}
    uses_depends = any(task.get("depends") for task in tasks)
    templates: dict[str, Template | None] = {}
    for task in tasks:
        name, path = task["name"], f"{where}.tasks.{task['name']}"
        _check_style(where, task, uses_depends=uses_depends)
        with within(f"{path} "):
            templates[name] = yield judge.template_of(task, base, ANY_ARGUMENTS)
            _add_outputs(judge, scope, task, templates[name], aggregated=is_aggregated(task))
            _check_results(task)
        _check_items(path, parents[name], by_name)
    judge.variables(f"{where}.targets", dag.get("target") or "", scope)
    for target in (dag.get("target") or "").split(" "):
        if target and not is_variable(target) and target not in by_name:
            raise InvalidWorkflow(f"{where}.targets: target '{target}' is not defined")
    for task in tasks:
        yield from _check_task(judge, where, task, base, scope, templates, parents)
    return None


def _check_task(
    judge: Judge,
    where: str,
    task: Task,
    base: Base,
    scope: Scope,
    templates: Mapping[str, Template | None],
    parents: Parents,
) -> Walk:
    name, path = task["name"], f"{where}.tasks.{task['name']}"
    if "hooks" in task:
        scope.add(f"tasks.{name}.status")
    _add_outputs(judge, scope, task, templates[name], aggregated=False)
    ancestors = _Ancestors(name, parents)
    own = inline_scope(task)
    with within(f"{path} "):
        add_items(own, task)
    for other in _STATUS.findall(str(task)):
        if other in ancestors and templates[other] is not None:
            own.add(f"tasks.{other}.status")
    judge.variables(path, task, own, scope)
    arguments = task.get("arguments") or {}
    check_arguments(f"{path}.arguments.", arguments)
    _check_references(path, arguments, ancestors)
    with within(f"{path} "):
        yield judge.template_of(task, base, Arguments(arguments))
    return None


class _Ancestors:
    """What a task waits for, directly or not, found when it is asked for."""

    def __init__(self, task: str, parents: Parents) -> None:
        self._task = task
        self._parents = parents
        self._all: frozenset[str] | None = None

    def __contains__(self, name: object) -> bool:
        if name in self._parents[self._task]:
            return True
        if self._all is None:
            self._all = ancestry(self._task, self._parents)
        return name in self._all


def _add_outputs(
    judge: Judge, scope: Scope, task: Task, template: Template | None, *, aggregated: bool
) -> None:
    prefix = f"tasks.{task['name']}"
    add_outputs(scope, judge.everywhere, template, prefix, aggregated=aggregated)


def _parents(task: Task) -> dict[str, bool]:
    """Return the tasks that a condition names, as Argo finds them, readable or not."""
    found: dict[str, bool] = {}
    text = task.get("depends") or ""
    if not text:
        names = task.get("dependencies") or ()
        if all(FIELD_NAME.fullmatch(name) for name in names):
            return dict.fromkeys(names, False)
        text = " ".join(f"{name}.Succeeded" for name in names)
    for match in _MENTION.finditer(text):
        name, _, result = match[0].partition(".")
        found[name] = result in OF_ITEMS or (bool(result) and found.get(name, False))
    return found


def _in_order(where: str, tasks: list[Task], parents: Parents) -> list[Task]:
    """Return the tasks, each after those it waits for; Argo's order of the first ones is chance."""
    seen: set[str] = set()
    for name in (task.get("name", "") for task in tasks):
        if name in seen:
            raise InvalidWorkflow(f"{where} sorting failed: duplicated nodeName {name}")
        seen.add(name)
    following: dict[str, list[str]] = {name: [] for name in parents}
    for name, found in parents.items():
        for parent in found:
            if parent not in parents:
                raise InvalidWorkflow(f"{where} sorting failed: invalid dependency {parent}")
            following[parent].append(name)
    waits_for = {name: len(found) for name, found in parents.items()}
    order = [name for name, count in waits_for.items() if not count]
    for name in order:
        for other in following[name]:
            waits_for[other] -= 1
            if not waits_for[other]:
                order.append(other)
    if len(order) < len(tasks):
        raise InvalidWorkflow(f"{where} sorting failed: graph with cycle: {_cycle(parents)}")
    by_name = {task.get("name", ""): task for task in tasks}
    return [by_name[name] for name in order]


def _cycle(parents: Parents) -> str:
    finished: set[str] = set()
    for first in parents:
        path = [first]
        stack = [iter(parents[first])]
        while stack:
            following = next((p for p in stack[-1] if p not in finished), None)
            if following is None:
                finished.add(path.pop())
                stack.pop()
            elif following in path:
                return "->".join([*path[path.index(following) :], following])
            else:
                path.append(following)
                stack.append(iter(parents[following]))
    return ""


def _check_style(where: str, task: Task, *, uses_depends: bool) -> None:
    if (uses_depends or task.get("dependencies")) and task["name"][0].isdigit():
        raise InvalidWorkflow(
            f"{where}.tasks.{task['name']} name cannot begin with a digit when using either "
            "'depends' or 'dependencies'"
        )
    if uses_depends and task.get("dependencies"):
        raise InvalidWorkflow(
            f"{where} cannot use both 'depends' and 'dependencies' in the same DAG template"
        )
    if uses_depends and "continueOn" in task:
        raise InvalidWorkflow(
            f"{where} cannot use 'continueOn' when using 'depends'. Instead use "
            "'dep-task.Failed'/'dep-task.Errored'"
        )


def _check_results(task: Task) -> None:
    for mention in _RESULT.findall(task.get("depends") or ""):
        name, _, result = mention.partition(".")
        if result not in RESULTS:
            raise InvalidWorkflow(f"task result '{result}' for task '{name}' is invalid")


def _check_items(path: str, parents: Mapping[str, bool], tasks: Mapping[str, Task]) -> None:
    for parent, of_items in parents.items():
        # Argo names the task it looks at, not the one that looks.
        if of_items and not any(tasks[parent].get(key) is not None for key in LOOPS):
            told = path.rpartition(".")[0]
            raise InvalidWorkflow(
                f"{told}.{parent} dependency '{parent}' uses an items-based"
                " condition such as .AnySucceeded or .AllFailed but does not contain any items"
            )


def _check_references(where: str, arguments: Mapping[str, Any], ancestors: _Ancestors) -> None:
    sources = [
        ("parameter", parameter["name"], parameter.get("value"))
        for parameter in arguments.get("parameters") or ()
    ]
    sources += [
        ("artifact", artifact["name"], artifact.get("from"))
        for artifact in arguments.get("artifacts") or ()
    ]
    for kind, name, source in sources:
        if isinstance(source, str) and source.startswith(_OF_TASK):
            task = source.split(".")[1]
            if task not in ancestors:
                raise InvalidWorkflow(f"{where} missing dependency '{task}' for {kind} '{name}'")
