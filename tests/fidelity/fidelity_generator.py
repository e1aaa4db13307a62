"""Random workflows: valid by construction, a few of them broken in one place.

They are small, for a pod takes seconds on a cluster: at most five tasks, loops of two items, tasks
that print, write a file or fail. What Argo leaves to chance, or waits for without end, is left out.
"""

from __future__ import annotations

import copy
import json

from fidelity_breaks import break_one_place
from fidelity_leaves import STORED, TEXTS, Choice, Draw, Json, leaf, needs, parameter, script
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

_ENDS = ("", "", ".Succeeded", ".Failed", ".Skipped", ".Errored", ".Omitted", ".Daemoned")


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
    choose = Choice(draw)
    made = _Making(choose).workflow()
    if broken and choose.chance(1):
        break_one_place(draw, made)
    return made


class _Making:
    """One workflow in the making; ``choose`` decides."""

    def __init__(self, choose: Choice) -> None:
        self._choose = choose
        self._leaves = [leaf(choose, f"leaf-{index}") for index in range(1 + choose.number(3))]
        if any("artifacts" in (each.get("inputs") or {}) for each in self._leaves):
            self._leaves.insert(0, leaf(choose, "saves", "save"))
        # Which of two tasks at once finds what the other keeps, or has its daemon, is chance.
        self._plain = [e for e in self._leaves if "memoize" not in e and "daemon" not in e]
        self._plain = self._plain or [{"name": "plain", "script": script("echo plain")}]
        self._parameters = [
            {"name": f"w{index}", "value": choose.draw(TEXTS)} for index in range(choose.number(2))
        ]
        self._inner: list[Json] = []
        self._given = False

    def workflow(self) -> Json:
        """Return the whole; its entrypoint is ``main``."""
        choose = self._choose
        if choose.chance(4):
            self._inner.append(self._made_inner())
        inner = self._inner[0] if self._inner else None
        main = {"name": "main", **self._composite(inner, most=4)}
        spec: Json = {"entrypoint": "main", "serviceAccountName": "experiment"}
        if self._parameters:
            spec["arguments"] = {"parameters": self._parameters}
        templates = [main, *self._leaves, *self._inner]
        if self._plain[0] not in templates:
            templates += self._plain
        if choose.chance(2):
            spec["onExit"] = "after"
            templates.append(self._after())
        if choose.chance(1):
            spec["parallelism"] = 1
        if choose.chance(1):
            spec["templateDefaults"] = choose.one_of(
                {"retryStrategy": {"limit": 1}}, {"metadata": {"labels": {"a": "b"}}}
            )
        hooks = self._hooks_of_workflow() if choose.chance(1) else {}
        if hooks:
            spec["hooks"] = hooks
        if choose.chance(1):
            spec["synchronization"] = {"mutexes": [{"name": "{{workflow.name}}"}]}
        if choose.chance(1):
            spec["podSpecPatch"] = '{"terminationGracePeriodSeconds": 1}'
        spec["templates"] = templates
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"generateName": "generated-"},
            "spec": spec,
        }

    def _handlers(self) -> list[Json]:
        return [each for each in self._plain if not needs(each)]

    def _hooks_of_workflow(self) -> Json:
        if not (handlers := self._handlers()):
            return {}
        on = self._choose.one_of("Running", "Failed", "Succeeded")
        hook = {"template": self._choose.one_of(*handlers)["name"]}
        return self._choose.one_of(
            {"exit": hook}, {"on": {**hook, "expression": f'workflow.status == "{on}"'}}
        )

    def _after(self) -> Json:
        if self._choose.chance(5):
            return {"name": "after", "script": script("echo {{workflow.status}}")}
        handlers = self._handlers()
        step: Json = {"name": "one", "when": "{{workflow.status}} != Succeeded"}
        if handlers:
            step["template"] = self._choose.one_of(*handlers)["name"]
        else:
            step["inline"] = {"script": script("echo after")}
        return {"name": "after", "steps": [[step]]}

    def _made_inner(self) -> Json:
        """Return a template that runs others, with inputs and outputs of its own."""
        choose = self._choose
        inner: Json = {"name": "inner"}
        if choose.chance(4):
            inner["inputs"] = {"parameters": [{"name": "t"}]}
            self._given = True
        inner.update(self._composite(None, most=2))
        self._given = False
        kind = "tasks" if "dag" in inner else "steps"
        children = _children(inner)
        ways = [way for child in children for way in self._outputs(kind, child, inputs=False)]
        if ways and choose.chance(6):
            way = choose.one_of(*ways)
            source = choose.one_of({"parameter": way}, {"expression": way.strip("{}")})
            if choose.chance(3):
                source["default"] = "none"
            inner["outputs"] = parameter("x", **source)
        if choose.chance(2):
            inner["retryStrategy"] = {"limit": 1}
        if choose.chance(1):
            inner["parallelism"] = 1
        return inner

    def _composite(self, inner: Json | None, most: int) -> Json:
        count = most - self._choose.number(most - 1)
        if self._choose.chance(5):
            return {"dag": self._dag(inner, count, whole=most > 2)}
        return {"steps": self._steps(inner, count, whole=most > 2)}

    def _dag(self, inner: Json | None, count: int, whole: bool) -> Json:
        choose = self._choose
        old = choose.chance(2)
        tasks: list[Json] = []
        for _ in range(count):
            template = self._template(inner, whole)
            alone = "memoize" in template
            before = [task for task in tasks if alone or choose.chance(5)]
            task = self._task(f"t{len(tasks)}", template, "tasks", before)
            if before and old:
                task["dependencies"] = [each["name"] for each in before]
            elif before:
                task["depends"] = self._depends(before)
            if old and choose.chance(2):
                task["continueOn"] = {choose.one_of("failed", "error"): True}
            tasks.append(task)
        dag: Json = {"tasks": tasks}
        if choose.chance(1):
            dag["failFast"] = False
        if choose.chance(1):
            dag["target"] = choose.one_of(*(task["name"] for task in tasks))
        return dag

    def _depends(self, before: list[Json]) -> str:
        choose, text = self._choose, ""
        for task in before:
            ends = [*_ENDS, ".AnySucceeded", ".AllFailed"] if _loops(task) else _ENDS
            end = choose.one_of(*ends)
            not_so = "!" if end and choose.chance(1) else ""
            part = f"{not_so}{task['name']}{end}"
            if text and choose.chance(2):
                text = f"({text})"
            text = f"{text}{choose.one_of(' && ', ' || ')}{part}" if text else part
        return text

    def _steps(self, inner: Json | None, count: int, whole: bool) -> list[list[Json]]:
        choose = self._choose
        groups: list[list[Json]] = []
        for index in range(count):
            template = self._template(inner, whole)
            before = [step for group in groups for step in group]
            beside = groups and "memoize" not in template and choose.chance(3)
            if beside:
                # It cannot use what one beside it makes.
                before = before[: -len(groups[-1])]
            step = self._task(f"s{index}", template, "steps", before)
            if choose.chance(2):
                step["continueOn"] = {"failed": True}
            if beside:
                groups[-1].append(step)
            else:
                groups.append([step])
        return groups

    def _template(self, inner: Json | None, whole: bool) -> Json:
        choose = self._choose
        if inner and choose.chance(3):
            return inner
        if choose.chance(1):
            stored = choose.one_of(*STORED.values())
            return {**stored, "templateRef": {"name": "generated", "template": stored["name"]}}
        template: Json = choose.one_of(*(self._leaves if whole else self._plain))
        # A daemon that is written inline is none to Argo, which waits for its end.
        if choose.chance(1) and not {"suspend", "daemon"} & template.keys():
            return {**template, "inline": True}
        return template

    def _task(self, name: str, template: Json, kind: str, before: list[Json]) -> Json:
        """Return a task that may use what those ``before`` it make."""
        choose = self._choose
        task: Json = {"name": name}
        if "templateRef" in template:
            task["templateRef"] = template["templateRef"]
        elif "inline" in template:
            left = ("name", "inline")
            task["inline"] = {k: v for k, v in copy.deepcopy(template).items() if k not in left}
        else:
            task["template"] = template["name"]
        item = self._loop(task, kind, before) if choose.chance(3) else ""
        arguments = self._arguments(template, kind, before, item)
        if arguments:
            task["arguments"] = arguments
        if choose.chance(2):
            task["when"] = self._when(kind, before)
        # Which items of a loop have their handlers run is a race in Argo.
        if choose.chance(2) and not _loops(task):
            task.update(self._hooks(f"{kind}.{name}", template))
        return task

    def _hooks(self, task: str, template: Json) -> Json:
        choose = self._choose
        if not (handlers := self._handlers()):
            return {}
        handler = choose.one_of(*handlers)["name"]
        if choose.chance(4):
            return {"onExit": handler}
        # A pod may have ended before Argo sees that it runs.
        phases = ("Succeeded", "Failed", *(["Running"] if "suspend" in template else []))
        expression = f'{task}.status == "{choose.one_of(*phases)}"'
        key = choose.one_of("on", "on", "exit")
        return {"hooks": {key: {"template": handler, "expression": expression}}}

    def _loop(self, task: Json, kind: str, before: list[Json]) -> str:
        choose = self._choose
        way = choose.one_of("withItems", "withItems", "withParam", "withSequence", "result")
        if way == "withItems":
            items = choose.one_of(["p", 2], [1.5, True], [{"a": "p"}, {"a": 2}], [])
            task["withItems"] = items
            return "{{item.a}}" if items and isinstance(items[0], dict) else "{{item}}"
        if way == "withSequence":
            task["withSequence"] = choose.one_of(
                {"count": 2}, {"start": "3", "end": "2"}, {"count": "0"}
            )
            return "{{item}}"
        lists = ["[]", '["p", 2]', '[{"a": 1}]']
        if way == "result":
            made = [w for each in before for w in self._outputs(kind, each) if ".outputs." in w]
            lists = [each for each in made if "=" not in each] or lists
        task["withParam"] = choose.one_of(*lists)
        return "{{item}}"

    def _arguments(self, template: Json, kind: str, before: list[Json], item: str) -> Json:
        choose, found = self._choose, {}
        inputs = template.get("inputs") or {}
        for each in inputs.get("parameters") or ():
            if "default" not in each or choose.chance(5):
                found["parameters"] = [{"name": "t", "value": self._value(kind, before, item)}]
        for each in inputs.get("artifacts") or ():
            if not each.get("optional") or choose.chance(5):
                found["artifacts"] = [{"name": "in", **self._artifact(kind, before)}]
        return found

    def _artifact(self, kind: str, before: list[Json]) -> Json:
        sources: list[Json] = []
        for task in before:
            made = (self._called(task).get("outputs") or {}).get("artifacts")
            if made and not _loops(task):
                variable = f"{kind}.{task['name']}.outputs.artifacts.out"
                sources += [{"from": f"{{{{{variable}}}}}"}, {"fromExpression": variable}]
        if not sources or self._choose.chance(2):
            return {"raw": {"data": self._choose.draw(TEXTS)}}
        return dict(self._choose.one_of(*sources))

    def _called(self, task: Json) -> Json:
        """Return the template that a task means, as far as it is one of this workflow."""
        if "templateRef" in task:
            return STORED[task["templateRef"]["template"]]
        inline: Json | None = task.get("inline")
        if inline:
            return inline
        own = [*self._leaves, *self._plain, *self._inner]
        return next((each for each in own if each["name"] == task.get("template")), {})

    def _value(self, kind: str, before: list[Json], item: str) -> str:
        choices = [self._choose.draw(TEXTS)]
        choices += [f"{{{{workflow.parameters.{each['name']}}}}}" for each in self._parameters]
        choices += [
            f"{{{{=workflow.parameters.{each['name']} + '!'}}}}" for each in self._parameters
        ]
        if self._given:
            choices += ["{{inputs.parameters.t}}", "{{=inputs.parameters.t + '?'}}"]
        for task in before:
            choices += self._outputs(kind, task)
        value = str(self._choose.one_of(*choices))
        return f"{item} {value}" if item else value

    def _outputs(self, kind: str, task: Json, inputs: bool = True) -> list[str]:
        """Return variables of what a task leaves behind; with ``inputs`` also those of its end."""
        template = self._called(task)
        prefix, found = f"{kind}.{task['name']}", []
        # For the outputs of a loop none of whose items runs Argo waits without end.
        if not (_loops(task) and "when" in task):
            if "script" in template:
                found.append(f"{{{{{prefix}.outputs.result}}}}")
            for each in (template.get("outputs") or {}).get("parameters") or ():
                found.append(f"{{{{{prefix}.outputs.parameters.x}}}}")
                if "globalName" in each and inputs:
                    found.append("{{workflow.outputs.parameters.of-all}}")
        if template.get("daemon") and inputs and not _loops(task):
            found.append(f"{{{{{prefix}.ip}}}}")
        return [*found, *(self._ends(kind, task) if inputs else [])]

    @staticmethod
    def _ends(kind: str, task: Json) -> list[str]:
        prefix = f"{kind}.{task['name']}"
        return [f"{{{{{prefix}.status}}}}", f"{{{{={prefix}.status + '!'}}}}"]

    def _when(self, kind: str, before: list[Json]) -> str:
        choices = ["1 == 1", "1 == 2", "a in (a, b)", "{{=1 < 2}}", "!(2 > 1) || x == x"]
        for task in before:
            choices.append(f"{{{{{kind}.{task['name']}.status}}}} == Succeeded")
            # For what a skipped task would have printed Argo waits without end.
            sure = not {"when", "depends", "dependencies"} & task.keys() and not _loops(task)
            if sure and "script" in self._called(task):
                choices.append(f"'{{{{{kind}.{task['name']}.outputs.result}}}}' != ''")
        return str(self._choose.one_of(*choices))


def _children(template: Json) -> list[Json]:
    if "dag" in template:
        tasks: list[Json] = template["dag"]["tasks"]
        return tasks
    return [step for group in template["steps"] for step in group]


def _loops(task: Json) -> bool:
    return any(key in task for key in ("withItems", "withParam", "withSequence"))
