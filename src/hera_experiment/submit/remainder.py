"""What is left of a run on a cluster: a workflow that begins at a task, after those that finished.

Argo runs a workflow again only with the code that it was submitted with. So the new workflow works
in the files of the run that it goes on with, whose name stands wherever ``{{workflow.name}}``
would, and each finished task is a template that runs nothing and has the outputs the task had.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hera_experiment.argo.go_text import JsonError
from hera_experiment.argo.names import ANNOTATION_GOES_ON
from hera_experiment.argo.phases import SUCCEEDED
from hera_experiment.argo.tasks import nodes_of
from hera_experiment.errors import UserError, tell
from hera_experiment.local.engine.depends import mentioned
from hera_experiment.local.engine.node import TASK_GROUP, Node
from hera_experiment.local.engine.scope import Values, task_values
from hera_experiment.runs.find import Run
from hera_experiment.runs.resumption import check_ended

Json = Mapping[str, Any]

_NAME = re.compile(r"\{\{\s*workflow\.name\s*\}\}")
_KEPT_FIELDS = ("name", "depends", "dependencies", "continueOn")
_LARGEST = 64 << 10
"""Bytes of the values of finished tasks: a workflow has 1 MiB at most."""


class Remainder:
    """What ``run`` has left to do: from the task ``begin`` on, or ``only`` that one."""

    def __init__(self, run: Run, begin: str, only: str) -> None:
        check_ended(run)
        self._run = run
        self._begin = begin
        self._only = only
        self._nodes = {key: Node.parse(node) for key, node in nodes_of(run.workflow).items()}
        self._by_name = {node.name: node for node in self._nodes.values()}

    def of(self, manifest: Json) -> dict[str, Any]:
        """Return the workflow of ``manifest`` without what has finished; say what that is.

        Raises :class:`UserError` for a task that there is not, and for what cannot be left out.
        """
        spec = dict(manifest.get("spec") or {})
        templates = [dict(template) for template in spec.get("templates") or ()]
        name = spec.get("entrypoint")
        entry = next((each for each in templates if each.get("name") == name), {})
        root, calls = _calls(entry)
        if not root:
            raise UserError(
                f"the workflow begins with '{name}', which is no DAG and no steps",
                "FROM, ONLY",
                "submit it whole",
            )
        runs = self._what_runs(root, calls)
        finished: dict[str, Node | None] = {
            call["name"]: node
            for call in calls
            if call["name"] not in runs and (node := self._node_of(root, call))
        }
        missing = [call["name"] for call in calls if call["name"] not in {*runs, *finished}]
        if missing and self._only:
            # Neither what is wanted nor finished: it stays away.
            finished.update((each, None) for each in missing)
        self._tell(finished, templates, calls)
        known = Finished(self._run.name, root, finished, self._nodes, templates)
        made = known.taken_out(entry)
        at = templates.index(entry)
        templates[at : at + 1] = [made, *known.templates]
        metadata = dict(manifest.get("metadata") or {})
        annotations = {**(metadata.get("annotations") or {}), ANNOTATION_GOES_ON: self._run.name}
        whole = {**manifest, "spec": {**spec, "templates": templates}}
        renamed: dict[str, Any] = _replaced(whole, self._run.name)
        return {**renamed, "metadata": {**metadata, "annotations": annotations}}

    def _what_runs(self, root: str, calls: Sequence[Json]) -> set[str]:
        names = [call["name"] for call in calls]
        wanted = self._only or self._begin
        if wanted not in names:
            raise UserError(
                f"there is no task '{wanted}' in the workflow: it has {', '.join(names)}",
                "--only" if self._only else "--from",
            )
        if self._only:
            return {wanted}
        runs = {wanted}
        if root == "steps":
            groups = {call["name"]: call["group"] for call in calls}
            runs |= {name for name in names if groups[name] > groups[wanted]}
        else:
            parents = {call["name"]: set(mentioned(call)) for call in calls}
            while more := {name for name in names if parents[name] & runs} - runs:
                runs |= more
        return runs | {call["name"] for call in calls if self._node_of(root, call) is None}

    def _node_of(self, root: str, call: Json) -> Node | None:
        """Return the node of a task or step that has finished."""
        node = self._by_name.get(_node_name(self._run.name, root, call))
        return node if node is not None and node.phase == SUCCEEDED else None

    def _tell(
        self, finished: Mapping[str, Node | None], templates: Sequence[Json], calls: Sequence[Json]
    ) -> None:
        kept = [name for name, node in finished.items() if node is not None]
        shown = ", ".join(kept[:8]) + (f" and {len(kept) - 8} more" if len(kept) > 8 else "")
        tell(
            f"it works in the files of {self._run.name}, which 'make results RUN={self._run.name}' "
            f"brings, and keeps what had finished there: {shown or 'nothing'}"
        )
        if self._run.record is None:
            return
        submitted = self._run.record.manifest.get("spec") or {}
        before = {each.get("name"): each for each in submitted.get("templates") or ()}
        now = {each.get("name"): each for each in templates}
        used = {call["name"]: call.get("template") for call in calls}
        changed = [name for name in kept if before.get(used[name]) != now.get(used[name])]
        if changed:
            tell(f"of these a new run would do otherwise: {', '.join(changed[:8])}")


class Finished:
    """The finished tasks of a DAG or of steps (``root`` is the word before their variables).

    ``templates`` are those that stand for them.
    """

    def __init__(
        self,
        run: str,
        root: str,
        nodes: Mapping[str, Node | None],
        by_id: Mapping[str, Node],
        templates: Sequence[Json],
    ) -> None:
        self._run = run
        self._root = root
        self._finished = nodes
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
        outputs = (node.outputs or {}).get("parameters") if node is not None else None
        if outputs:
            parameters = [
                {"name": each["name"], "valueFrom": {"expression": json.dumps(each["value"])}}
                for each in outputs
                if "value" in each
            ]
            found["outputs"] = {"parameters": parameters}
        self.templates.append(found)
        return name

    def _with_values(self, value: Any) -> Any:
        """Return ``value`` with what finished tasks left in the place of its variables."""
        tag = re.compile(r"\{\{\s*" + self._root + r"\.([-\w]+)\.([^}]+?)\s*\}\}")

        def found(match: re.Match[str]) -> str:
            if match[1] not in self._finished:
                return match[0]
            known = self._values_of(match[1]).get(match[2])
            if known is None:
                raise UserError(f"{match[0]} is not known of {self._run}", "FROM, ONLY", _WHOLE)
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
            raise UserError(what, "FROM, ONLY", _WHOLE)
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
                raise UserError(what, "FROM, ONLY", _WHOLE)
            self._values[task] = found
        return self._values[task]


_WHOLE = "submit the workflow whole"


def _calls(entry: Json) -> tuple[str, list[dict[str, Any]]]:
    """Return the word before the variables of tasks or steps, and these, each with its group."""
    if "dag" in entry:
        return "tasks", [{**task, "group": 0} for task in entry["dag"].get("tasks") or ()]
    if "steps" in entry:
        groups = enumerate(entry["steps"])
        return "steps", [{**step, "group": index} for index, group in groups for step in group]
    return "", []


def _node_name(run: str, root: str, call: Json) -> str:
    return f"{run}.{call['name']}" if root == "tasks" else f"{run}[{call['group']}].{call['name']}"


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
