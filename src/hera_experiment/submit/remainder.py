"""What is left of a run on a cluster: a workflow that begins at a task, after those that finished.

Argo runs a workflow again only with the code that it was submitted with. So the new workflow works
in the files of the run that it goes on with, whose name stands wherever ``{{workflow.name}}``
would, and each finished task is a template that runs nothing and has the outputs the task had.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hera_experiment.argo.go_text import JsonError
from hera_experiment.argo.names import ANNOTATION_GOES_ON
from hera_experiment.argo.workflows import files_name
from hera_experiment.endpoint.resumption import is_named
from hera_experiment.errors import UserError, tell
from hera_experiment.local.engine.loops import LOOPS
from hera_experiment.local.engine.node import TASK_GROUP, Node
from hera_experiment.local.engine.scope import Values, task_values
from hera_experiment.runs.find import Run
from hera_experiment.runs.resumption import check_ended
from hera_experiment.submit.choices import Choice, Plan, Tasks
from hera_experiment.submit.identity import (
    Identities,
    Identity,
    calls_of,
    identified,
    recorded,
)

Json = Mapping[str, Any]

_NAME = re.compile(r"\{\{\s*workflow\.name\s*\}\}")
_KEPT_FIELDS = ("name", "depends", "dependencies", "continueOn")
_LARGEST = 64 << 10
"""Bytes of the values of finished tasks: a workflow has 1 MiB at most."""


class Remainder:
    """What ``run`` has left to do, of which ``choice`` decides.

    ``identities`` take down what the tasks are made of.
    """

    def __init__(self, run: Run, choice: Choice, identities: Identities) -> None:
        check_ended(run)
        self._run = run
        self._choice = choice
        self._identities = identities

    def of(self, manifest: Json) -> dict[str, Any]:
        """Return the workflow of ``manifest`` without what has finished; say what that is.

        Raises :class:`UserError` for a task that there is not, and for what cannot be left out.
        """
        now = self._identities.of(manifest)
        try:
            return self._without_finished(manifest, now)
        except UserError as error:
            if not self._choice.may_begin_anew:
                raise
            tell(f"nothing of {self._run.name} is kept: {error.what}")
            return identified(manifest, now)

    def _without_finished(self, manifest: Json, now: Mapping[str, Identity]) -> dict[str, Any]:
        spec = dict(manifest.get("spec") or {})
        metadata = dict(manifest.get("metadata") or {})
        templates = [dict(template) for template in spec.get("templates") or ()]
        name = spec.get("entrypoint")
        entry = next((each for each in templates if each.get("name") == name), {})
        root, calls = calls_of(entry)
        if not root:
            what = f"the workflow begins with '{name}', which is no DAG and no steps"
            raise UserError(what, _WHERE, _WHOLE)
        if self._choice.may_begin_anew and not is_named(self._run.name, metadata):
            raise UserError("it was another workflow")
        tasks = Tasks(self._run, root, calls)
        plan = self._choice.plan(tasks, entry, now)
        files = files_name(self._run.workflow)
        known = Finished(self._run.name, root, plan, tasks.nodes, templates)
        made = known.taken_out(entry)
        for line in (*plan.told, f"it works in the files of {files}"):
            tell(line)
        at = templates.index(entry)
        templates[at : at + 1] = [made, *known.templates]
        annotations = {**(metadata.get("annotations") or {}), ANNOTATION_GOES_ON: files}
        whole = {**manifest, "spec": {**spec, "templates": templates}}
        renamed: dict[str, Any] = _replaced(whole, files)
        done = {**renamed, "metadata": {**metadata, "annotations": annotations}}
        return identified(done, self._identities_after(plan, now))

    def _identities_after(self, plan: Plan, now: Mapping[str, Identity]) -> Mapping[str, Identity]:
        """Return those of what is done in the end: what is kept is as it was."""
        was = recorded(self._run.workflow)
        found = {**now}
        for name, node in plan.finished.items():
            if node is not None and name in was:
                found[name] = was[name]
            else:
                del found[name]
        for name, runs in plan.items.items():
            done = [each for each in now[name].items if each not in runs]
            found[name] = replace(now[name], kept=done)
        return found


class Finished:
    """What is finished of a DAG or of steps (``root`` is the word before their variables).

    ``templates`` are those that stand for them.
    """

    def __init__(
        self,
        run: str,
        root: str,
        plan: Plan,
        by_id: Mapping[str, Node],
        templates: Sequence[Json],
    ) -> None:
        self._run = run
        self._root = root
        self._finished = plan.finished
        self._items = plan.items
        self._by_id = by_id
        self._taken = {str(template.get("name")) for template in templates}
        self._values: dict[str, Values] = {}
        self.templates: list[dict[str, Any]] = []

    def taken_out(self, entry: Json) -> dict[str, Any]:
        """Return the DAG or the steps in which nothing that has finished runs."""
        made: dict[str, Any] = self._with_values(dict(entry))
        if self._root == "tasks":
            tasks = [self._call(task) for task in made["dag"]["tasks"]]
            return {**made, "dag": {**made["dag"], "tasks": tasks}}
        return {**made, "steps": [[self._call(step) for step in group] for group in made["steps"]]}

    def _call(self, call: Json) -> dict[str, Any]:
        name = call["name"]
        if name in self._items:
            whole = {key: value for key, value in call.items() if key not in LOOPS}
            return {**whole, "withParam": f"[{','.join(self._items[name].values())}]"}
        if name not in self._finished:
            return dict(call)
        kept = {key: call[key] for key in _KEPT_FIELDS if key in call}
        node = self._finished[name]
        if node is None:
            return {**kept, "template": self._stand_in(name, None), "when": "false"}
        return {**kept, "template": self._stand_in(name, node)}

    def _stand_in(self, task: str, node: Node | None) -> str:
        name = f"kept-{task}"
        while name in self._taken:
            name += "-1"
        self._taken.add(name)
        # Steps without a step come back from Argo's server in a form that Hera cannot read.
        step = {"name": "finished", "template": name, "when": "false"}
        found: dict[str, Any] = {"name": name, "steps": [[step]]}
        if outputs := self._parameters(task, node):
            parameters = [
                {"name": name, "valueFrom": {"expression": json.dumps(value)}}
                for name, value in outputs.items()
            ]
            found["outputs"] = {"parameters": parameters}
        self.templates.append(found)
        return name

    def _parameters(self, task: str, node: Node | None) -> dict[str, str]:
        if node is None:
            return {}
        if node.type != TASK_GROUP:
            outputs = (node.outputs or {}).get("parameters") or ()
            return {each["name"]: each["value"] for each in outputs if "value" in each}
        # Of a loop that is read they were asked for already; a run that goes on with this one may.
        begin = "outputs.parameters."
        known = self._values.get(task) or {}
        return {k[len(begin) :]: v for k, v in known.items() if k.startswith(begin) and v}

    def _with_values(self, value: Any) -> Any:
        """Return ``value`` with what finished tasks left in the place of its variables."""
        tag = re.compile(r"\{\{\s*" + self._root + r"\.([-\w]+)\.([^}]+?)\s*\}\}")

        def found(match: re.Match[str]) -> str:
            if match[1] not in self._finished:
                return match[0]
            known = self._values_of(match[1]).get(match[2])
            if known is None:
                raise UserError(f"{match[0]} is not known of {self._run}", _WHERE, _WHOLE)
            return known

        return _mapped(value, lambda text: tag.sub(found, text), self._artifact)

    def _artifact(self, argument: dict[str, Any]) -> dict[str, Any]:
        """Return the argument of an artifact with where it lies, if a finished task left it."""
        words = str(argument.get("from", "")).strip("{} ").split(".")
        if len(words) < 5 or words[0] != self._root or words[1] not in self._finished:
            return argument
        node = self._finished[words[1]]
        outputs = ((node.outputs or {}) if node is not None else {}).get("artifacts") or ()
        left = next((each for each in outputs if each["name"] == words[4]), None)
        if left is None:
            what = f"the artifact {words[4]} of {words[1]} is not known of {self._run}"
            raise UserError(what, _WHERE, _WHOLE)
        kept = {key: item for key, item in left.items() if key not in ("path", "globalName")}
        return {**kept, "name": argument["name"]}

    def _values_of(self, task: str) -> Values:
        if task not in self._values:
            node = self._finished[task]
            if node is None:
                return {}
            is_loop = node.type == TASK_GROUP
            items = [self._by_id[key] for key in node.children if key in self._by_id]
            try:
                found = task_values(node, self._by_id, {}, items if is_loop else None)
            except JsonError as error:
                raise UserError(f"the results of {task} are no list: {error}") from None
            if sum(len(text or "") for text in found.values()) > _LARGEST:
                what = f"{task} left more than {_LARGEST >> 10} KiB of values"
                raise UserError(what, _WHERE, _WHOLE)
            self._values[task] = found
        return self._values[task]


_WHERE = "FROM, ONLY, CACHE"
_WHOLE = "submit the workflow whole"


def _replaced(value: Any, name: str) -> Any:
    return _mapped(value, lambda text: _NAME.sub(name, text), lambda artifact: artifact)


def _mapped(
    value: Any,
    text: Callable[[str], str],
    artifact: Callable[[dict[str, Any]], dict[str, Any]],
) -> Any:
    if isinstance(value, str):
        return text(value) if "{{" in value else value
    if isinstance(value, Mapping):
        found = artifact(dict(value)) if "from" in value else value
        return {key: _mapped(item, text, artifact) for key, item in found.items()}
    if isinstance(value, list):
        return [_mapped(item, text, artifact) for item in value]
    return value
