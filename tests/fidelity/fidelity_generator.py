"""Random workflows: valid by construction, a few of them broken in one place.

They are small, for a pod takes seconds on a cluster: at most five tasks, loops of two items, tasks
that print, write a file or fail.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

Json = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]

IMAGE = "python:3.13-slim"
_TEXTS = st.sampled_from(["x", "a b", "1", "0.50", "", "true", "{}", "[1, 2]", "it's", "é"])
_SOME = st.integers(0, 9)


def generated(count: int, *, seeded: int | None = None, broken: bool = True) -> list[Json]:
    """Return ``count`` workflows, the same each time unless ``seeded`` says otherwise."""
    found: dict[str, Json] = {}

    def collect(workflow: Json) -> None:
        found[json.dumps(workflow)] = workflow

    test = given(workflows(broken=broken))(collect)
    test = settings(
        # Some come twice.
        max_examples=4 * count + 20,
        derandomize=seeded is None,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(test)
    if seeded is not None:
        test = seed(seeded)(test)
    test()
    # What comes one after the other is alike.
    every = list(found.values())
    return every[:: max(1, len(every) // count)][:count]


@st.composite
def workflows(draw: Draw, broken: bool = True) -> Json:
    """Return a workflow; of ten one is broken in one place if ``broken``."""
    made = _Making(draw).workflow()
    if broken and draw(_SOME) >= 9:
        _break(draw, made)
    return made


class _Making:
    """One workflow in the making; ``draw`` decides."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._leaves = [self._leaf(f"leaf-{index}") for index in range(1 + draw(st.integers(0, 2)))]
        self._parameters = [
            {"name": f"w{index}", "value": draw(_TEXTS)} for index in range(draw(st.integers(0, 2)))
        ]

    def _chance(self, of_ten: int) -> bool:
        # What is simple is absent: Hypothesis makes what fails small by drawing zeros.
        return bool(self._draw(_SOME) >= 10 - of_ten)

    def _one_of(self, *values: Any) -> Any:
        return self._draw(st.sampled_from(values))

    def workflow(self) -> Json:
        """Return the whole; its entrypoint is ``main``."""
        templates = list(self._leaves)
        inner = None
        if self._chance(4):
            inner = {"name": "inner", **self._composite(None, most=2)}
            templates.append(inner)
        main = {"name": "main", **self._composite(inner, most=4)}
        spec: Json = {"entrypoint": "main", "serviceAccountName": "experiment"}
        if self._parameters:
            spec["arguments"] = {"parameters": self._parameters}
        if self._chance(2):
            spec["onExit"] = "after"
            status = self._script("echo {{workflow.status}}")
            templates.append({"name": "after", "script": status})
        if self._chance(1):
            spec["parallelism"] = 1
        if self._chance(1):
            spec["templateDefaults"] = {"retryStrategy": {"limit": 1}}
        if self._chance(1):
            spec["hooks"] = {"exit": {"template": self._leaves[0]["name"]}}
            if self._needs(self._leaves[0]):
                del spec["hooks"]
        if self._chance(1):
            spec["synchronization"] = {"mutexes": [{"name": "{{workflow.name}}"}]}
        if self._chance(1):
            spec["podSpecPatch"] = '{"terminationGracePeriodSeconds": 1}'
        spec["templates"] = [main, *templates]
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"generateName": "generated-"},
            "spec": spec,
        }

    def _leaf(self, name: str) -> Json:
        """Return a template of a pod, or one that waits for a second."""
        kind = self._one_of("print", "print", "write", "write", "fail", "wait", "save", "flaky")
        leaf: Json = {"name": name}
        if kind == "wait":
            return {**leaf, "suspend": {"duration": "1"}}
        if self._chance(6):
            leaf["inputs"] = {"parameters": [{"name": "t"}]}
            if self._chance(3):
                leaf["inputs"]["parameters"][0]["default"] = self._draw(_TEXTS)
        if kind == "print":
            said = "{{inputs.parameters.t}}" if "inputs" in leaf else "fixed"
            variable = self._one_of("{{workflow.status}}", "{{=1 + 2}}", "{{inputs.parameters}}")
            leaf["script"] = self._script(f"cat <<'EOF'\n{said}\nEOF\necho '{variable}' >&2\n")
        elif kind == "fail":
            leaf["container"] = self._container(f"exit {self._one_of(1, 3, 137)}")
        elif kind == "flaky":
            leaf["retryStrategy"] = {"limit": self._one_of(1, "2")}
            if self._chance(5):
                leaf["retryStrategy"]["retryPolicy"] = self._one_of("Always", "OnError")
            if self._chance(3):
                leaf["retryStrategy"]["expression"] = "asInt(lastRetry.exitCode) < 2"
            leaf["container"] = self._container("exit $((1 - {{retries}}))")
        elif kind == "save":
            leaf["container"] = self._container("echo saved > /tmp/out")
            leaf["outputs"] = {"artifacts": [{"name": "out", "path": "/tmp/out"}]}
        else:
            leaf["container"] = self._container("echo -n written > /tmp/x")
            leaf["outputs"] = {"parameters": [{"name": "x", "valueFrom": {"path": "/tmp/x"}}]}
            if self._chance(3):
                leaf["outputs"]["parameters"][0]["globalName"] = "of-all"
        if self._chance(1):
            leaf["synchronization"] = {"mutexes": [{"name": "{{workflow.name}}-leaf"}]}
        if self._chance(1) and "retryStrategy" not in leaf:
            leaf["retryStrategy"] = {"limit": 1, "retryPolicy": "OnFailure"}
        return leaf

    @staticmethod
    def _container(text: str) -> Json:
        return {"image": IMAGE, "command": ["sh", "-c", text]}

    @staticmethod
    def _script(source: str) -> Json:
        return {"image": IMAGE, "command": ["sh"], "source": source}

    @staticmethod
    def _needs(leaf: Json) -> bool:
        inputs = leaf.get("inputs") or {}
        return any("default" not in each for each in inputs.get("parameters") or ())

    def _composite(self, inner: Json | None, most: int) -> Json:
        count = 1 + self._draw(st.integers(0, most - 1))
        if self._chance(5):
            return {"dag": self._dag(inner, count)}
        return {"steps": self._steps(inner, count)}

    def _dag(self, inner: Json | None, count: int) -> Json:
        old = self._chance(2)
        tasks: list[Json] = []
        for _ in range(count):
            before = [task for task in tasks if self._chance(5)]
            task = self._task(f"t{len(tasks)}", inner, "tasks", before)
            if before and old:
                task["dependencies"] = [each["name"] for each in before]
            elif before:
                task["depends"] = self._depends(before)
            if old and self._chance(2):
                task["continueOn"] = {self._one_of("failed", "error"): True}
            tasks.append(task)
        dag: Json = {"tasks": tasks}
        if self._chance(1):
            dag["failFast"] = False
        if self._chance(1):
            dag["target"] = self._one_of(*(task["name"] for task in tasks))
        return dag

    def _depends(self, before: list[Json]) -> str:
        parts = []
        for task in before:
            ends = ["", "", ".Succeeded", ".Failed", ".Skipped", ".Errored", ".Omitted"]
            if self._loops(task):
                ends += [".AnySucceeded", ".AllFailed"]
            not_so = "!" if self._chance(1) else ""
            end = self._one_of(*ends)
            parts.append(f"{not_so if end else ''}{task['name']}{end}")
        return str(self._one_of(" && ", " || ")).join(parts)

    def _steps(self, inner: Json | None, count: int) -> list[list[Json]]:
        groups: list[list[Json]] = []
        names = iter(range(count))
        for index in names:
            before = [step for group in groups for step in group]
            step = self._task(f"s{index}", inner, "steps", before)
            if self._chance(2):
                step["continueOn"] = {"failed": True}
            if groups and self._chance(3):
                # Beside the one before it cannot use what that one makes.
                step = self._task(f"s{index}", inner, "steps", before[: -len(groups[-1])])
                groups[-1].append(step)
            else:
                groups.append([step])
        return groups

    @staticmethod
    def _loops(task: Json) -> bool:
        return any(key in task for key in ("withItems", "withParam", "withSequence"))

    def _task(self, name: str, inner: Json | None, kind: str, before: list[Json]) -> Json:
        """Return a task that may use what those ``before`` it make."""
        task: Json = {"name": name}
        template = inner if inner and self._chance(3) else self._one_of(*self._leaves)
        if self._chance(1) and template is not inner and "suspend" not in template:
            task["inline"] = {k: v for k, v in copy.deepcopy(template).items() if k != "name"}
        else:
            task["template"] = template["name"]
        item = self._loop(task) if self._chance(2) else ""
        if self._needs(template) or ("inputs" in template and self._chance(5)):
            task["arguments"] = {
                "parameters": [{"name": "t", "value": self._value(kind, before, item)}]
            }
        if self._chance(2):
            task["when"] = self._when(kind, before)
        # Which items of a loop have their handlers run is a race in Argo.
        if self._chance(1) and not self._loops(task):
            plain = [each for each in self._leaves if not self._needs(each)]
            if plain:
                handler = self._one_of(*plain)["name"]
                if self._chance(5):
                    task["onExit"] = handler
                else:
                    on = self._one_of("Succeeded", "Failed")
                    expression = f'{kind}.{name}.status == "{on}"'
                    task["hooks"] = {"on": {"template": handler, "expression": expression}}
        return task

    def _loop(self, task: Json) -> str:
        kind = self._one_of("withItems", "withItems", "withParam", "withSequence")
        if kind == "withItems":
            items = self._one_of(["p", 2], [1.5, True], [{"a": "p"}, {"a": 2}], [])
            task["withItems"] = items
            return "{{item.a}}" if items and isinstance(items[0], dict) else "{{item}}"
        if kind == "withParam":
            task["withParam"] = self._one_of("[]", '["p", 2]', '[{"a": 1}]')
            return "{{item}}"
        task["withSequence"] = self._one_of(
            {"count": 2}, {"start": "3", "end": "2"}, {"count": "0"}
        )
        return "{{item}}"

    def _value(self, kind: str, before: list[Json], item: str) -> str:
        choices = [self._draw(_TEXTS)]
        choices += [f"{{{{workflow.parameters.{each['name']}}}}}" for each in self._parameters]
        choices += [
            f"{{{{=workflow.parameters.{each['name']} + '!'}}}}" for each in self._parameters
        ]
        for task in before:
            choices += self._outputs(kind, task)
        value = str(self._one_of(*choices))
        return f"{item} {value}" if item else value

    def _outputs(self, kind: str, task: Json) -> list[str]:
        leaf = task.get("inline") or next(
            (each for each in self._leaves if each["name"] == task.get("template")), {}
        )
        prefix = f"{kind}.{task['name']}"
        found = []
        if "script" in leaf:
            found.append(f"{{{{{prefix}.outputs.result}}}}")
        if (leaf.get("outputs") or {}).get("parameters"):
            found.append(f"{{{{{prefix}.outputs.parameters.x}}}}")
        return [*found, f"{{{{{prefix}.status}}}}"]

    def _when(self, kind: str, before: list[Json]) -> str:
        choices = ["1 == 1", "1 == 2", "a in (a, b)", "{{=1 < 2}}", "!(2 > 1) || x == x"]
        choices += [f"{{{{{kind}.{each['name']}.status}}}} == Succeeded" for each in before]
        return str(self._one_of(*choices))


def _break(draw: Draw, workflow: Json) -> None:
    """Break ``workflow`` in one place."""
    spec = workflow["spec"]
    main = spec["templates"][0]
    tasks = main["dag"]["tasks"] if "dag" in main else [s for group in main["steps"] for s in group]
    task = draw(st.sampled_from(tasks))

    def no_template() -> None:
        task.pop("inline", None)
        task["template"] = "nowhere"

    def no_variable() -> None:
        task["arguments"] = {"parameters": [{"name": "t", "value": "{{inputs.parameters.nobody}}"}]}

    def no_task() -> None:
        kind = "tasks" if "dag" in main else "steps"
        value = f"{{{{{kind}.nobody.outputs.result}}}}"
        task["arguments"] = {"parameters": [{"name": "t", "value": value}]}

    def same_name() -> None:
        tasks[-1]["name"] = tasks[0]["name"]

    def bad_name() -> None:
        task["name"] = "not_this"

    def two_loops() -> None:
        task["withItems"], task["withSequence"] = [1], {"count": 1}

    def cycle() -> None:
        task["depends"] = task["name"]

    def no_entrypoint() -> None:
        spec["entrypoint"] = "nowhere"

    def same_template() -> None:
        spec["templates"].append(copy.deepcopy(main))

    def no_arguments() -> None:
        task.pop("arguments", None)

    def two_types() -> None:
        spec["templates"][1]["suspend"] = {}
        spec["templates"][1]["container"] = {"image": IMAGE, "command": ["true"]}

    def no_exit() -> None:
        spec["onExit"] = "nowhere"

    def bad_policy() -> None:
        spec["templates"][1]["retryStrategy"] = {"limit": 1, "retryPolicy": "Now"}

    def bad_when() -> None:
        task["when"] = "{{=nothing}}"

    def no_value() -> None:
        spec["arguments"] = {"parameters": [{"name": "w0"}]}

    ways = (
        no_template,
        no_variable,
        no_task,
        same_name,
        bad_name,
        two_loops,
        cycle,
        no_entrypoint,
        same_template,
        no_arguments,
        two_types,
        no_exit,
        bad_policy,
        bad_when,
        no_value,
    )
    draw(st.sampled_from(ways))()
