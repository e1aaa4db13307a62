"""The rules of a DAG.

Source: ``validateDAG`` in ``workflow/validate/validate.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hera_experiment.local.engine.depends import (
    Depends,
    DependsError,
    ancestry,
    mentioned,
    parse,
)
from hera_experiment.local.engine.loops import is_loop
from hera_experiment.local.engine.substitution import tags
from hera_experiment.local.engine.validation.scopes import (
    Scope,
    add_items,
    add_outputs,
    check_arguments,
    check_field_names,
    check_variables,
    without_hooks,
)
from hera_experiment.local.errors import InvalidWorkflow

Task = Mapping[str, Any]

_REFERENCE = re.compile(r"\s*tasks\.[^.]")


def check_order(name: str, dag: Mapping[str, Any]) -> None:
    """Check that the tasks can be brought into an order, and their names."""
    tasks: list[Task] = dag.get("tasks") or []
    if not tasks:
        raise InvalidWorkflow(f"templates.{name} must have at least one task")
    names = Counter(task.get("name", "") for task in tasks)
    problem = next((f"duplicated nodeName {n}" for n, count in names.items() if count > 1), "")
    parents = {task.get("name", ""): mentioned(task) for task in tasks}
    for parent in (parent for found in parents.values() for parent in found):
        if parent not in parents:
            problem = problem or f"invalid dependency {parent}"
    if cycle := "" if problem else _cycle(parents):
        problem = f"graph with cycle: {cycle}"
    if problem:
        raise InvalidWorkflow(f"templates.{name} sorting failed: {problem}")
    check_field_names(f"templates.{name}.tasks", tasks)
    uses_depends = any(task.get("depends") for task in tasks)
    for task in tasks:
        _check_style(name, task, uses_depends)


def in_order(tasks: list[Task]) -> list[Task]:
    """Return the tasks, each after those it depends on; raises nothing for what has no order."""
    parents = {task.get("name", ""): mentioned(task) for task in tasks}
    waits_for = {name: len(found) for name, found in parents.items()}
    following: dict[str, list[str]] = {name: [] for name in parents}
    for name, found in parents.items():
        for parent in found:
            following.get(parent, []).append(name)
    order = [name for name, count in waits_for.items() if not count]
    for name in order:
        for other in following[name]:
            waits_for[other] -= 1
            if not waits_for[other]:
                order.append(other)
    by_name = {task.get("name", ""): task for task in tasks}
    return [by_name[name] for name in order]


def check_depends(name: str, dag: Mapping[str, Any]) -> dict[str, Depends]:
    """Check conditions and the target; return what each task waits for."""
    by_name = {task["name"]: task for task in dag["tasks"]}
    continue_on = {n: task["continueOn"] for n, task in by_name.items() if "continueOn" in task}
    depends = {}
    for task in by_name.values():
        where = f"templates.{name}.tasks.{task['name']}"
        try:
            depends[task["name"]] = parse(task, continue_on)
        except DependsError as error:
            raise InvalidWorkflow(f"{where} {error}") from None
        _check_items(name, depends[task["name"]], by_name)
    for target in (dag.get("target") or "").split():
        if target not in by_name:
            raise InvalidWorkflow(f"templates.{name}.targets: target '{target}' is not defined")
    return depends


def check_tasks(
    name: str,
    dag: Mapping[str, Any],
    depends: Mapping[str, Depends],
    templates: Mapping[str, Mapping[str, Any]],
    scope: Scope,
    global_names: Scope,
) -> None:
    """Check the variables and arguments of all tasks; ``scope`` grows by what they leave."""
    parents = {task: found.tasks for task, found in depends.items()}
    tasks = {task["name"]: task for task in dag["tasks"]}
    for task in tasks.values():
        template = templates[task["template"]]
        aggregated = bool(task.get("withItems") or task.get("withParam"))
        prefix = f"tasks.{task['name']}"
        add_outputs(scope, global_names, template, prefix, aggregated=aggregated)
    for task in tasks.values():
        where = f"templates.{name}.tasks.{task['name']}"
        own: Scope = set()
        task = without_hooks(task)
        referred = {tag.strip().split(".")[1] for tag in tags(task) if _REFERENCE.match(tag)}
        ancestors = referred.intersection(parents[task["name"]])
        if ancestors != referred:
            ancestors = referred & ancestry(task["name"], parents)
        for ancestor in ancestors:
            other = tasks[ancestor]
            add_outputs(
                own,
                global_names,
                templates[other["template"]],
                f"tasks.{ancestor}",
                aggregated=bool(other.get("withItems") or other.get("withParam")),
                ancestor=True,
            )
        if problem := add_items(own, task):
            raise InvalidWorkflow(f"{where} {problem}")
        check_variables(where, task, own, scope, global_names)
        check_arguments(f"{where}.arguments.", task.get("arguments") or {})
        _check_references(where, task, ancestors)


def _check_style(name: str, task: Task, uses_depends: bool) -> None:
    where = f"templates.{name}"
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


def _check_items(name: str, depends: Depends, tasks: Mapping[str, Task]) -> None:
    for dependency in depends.of_items:
        task = tasks[dependency]
        if not is_loop(task):
            raise InvalidWorkflow(
                f"templates.{name}.tasks.{dependency} dependency '{dependency}' uses an items-based"
                " condition such as .AnySucceeded or .AllFailed but does not contain any items"
            )


def _cycle(parents: Mapping[str, list[str]]) -> str:
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


def _check_references(where: str, task: Task, ancestors: set[str]) -> None:
    for parameter in (task.get("arguments") or {}).get("parameters") or ():
        value = parameter.get("value", "")
        if value.startswith("{{tasks."):
            name = value.split(".")[1]
            if name not in ancestors:
                raise InvalidWorkflow(
                    f"{where} missing dependency '{name}' for parameter '{parameter['name']}'"
                )
