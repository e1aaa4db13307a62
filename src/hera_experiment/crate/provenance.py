"""How the run went: its tools, a step per task, the actions that they were, and who did them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from hera_experiment.argo.images import container_of
from hera_experiment.argo.tasks import Task, parsed
from hera_experiment.argo.usage import usage_of
from hera_experiment.argo.workflows import programs_of
from hera_experiment.compare.tasks import tasks_by_name
from hera_experiment.compare.writers import known_writers
from hera_experiment.crate import places
from hera_experiment.crate.graph import (
    ARGO,
    Graph,
    Reference,
    add_parameter,
    link_values,
    value_of,
)

_DONE = "http://schema.org/CompletedActionStatus"
_FAILED = "http://schema.org/FailedActionStatus"
_IMAGE = re.compile(
    r"(?:(?P<registry>[^/]+[.:][^/]*|localhost)/)?(?P<name>[^@:]+)(?::(?P<tag>[^@]+))?"
    r"(?:@sha256:(?P<digest>[0-9a-f]{64}))?"
)
_DOCKER_HUB = "docker.io"
_UNITS = "https://qudt.org/vocab/unit/"
_KUBERNETES = "https://kubernetes.io/"
_LIBRARY = "https://pypi.org/project/hera-experiment/"


class Tools:
    """The templates that ran as tools, and the tasks of the workflow as its steps."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.tasks = tasks_by_name(graph.contents.account)
        code = graph.contents.account.origin.code
        self._version = code.commit or code.tree
        self._url = code.remote if code.remote.startswith("https://") else None
        self._images: dict[str, Reference] = {}
        self._programs = {
            str(template.get("name")): program
            for template, program in programs_of(graph.contents.account.workflow)
        }
        self._inputs: dict[tuple[str, str], tuple[Reference, list[Reference]]] = {}
        self._tools: dict[str, Reference] = {}
        self._steps: dict[str, Reference] = {}
        for task in self.tasks.values():
            tool = self.tool(task)
            if task.group not in self._steps:
                self._steps[task.group] = graph.add(
                    f"#step/{quote(task.group)}",
                    "HowToStep",
                    name=task.group,
                    position=str(len(self._steps) + 1),
                    workExample=tool,
                )

    @property
    def references(self) -> list[Reference]:
        """The tools."""
        return list(self._tools.values())

    @property
    def steps(self) -> list[Reference]:
        """The steps, in the order in which their first tasks began."""
        return list(self._steps.values())

    def step(self, task: Task) -> Reference:
        """Return the step that ``task`` belongs to."""
        return self._steps[task.group]

    def tool(self, task: Task) -> Reference:
        """Return the tool that ``task`` ran."""
        name = _template(task)
        if name not in self._tools:
            self._tools[name] = self._graph.add(
                f"#tool/{quote(name)}",
                "SoftwareApplication",
                name=name,
                description=f"the template '{name}' of the workflow",
                softwareVersion=self._version,
                url=self._url,
            )
        return self._tools[name]

    def image(self, task: Task) -> Reference | None:
        """Return the image that ``task`` ran in, None where the workflow does not tell."""
        image = str(self._programs.get(_template(task), {}).get("image") or "")
        found = _IMAGE.fullmatch(image)
        if found is None:
            return None
        if image not in self._images:
            self._images[image] = self._graph.add(
                f"#image/{quote(image, safe='')}",
                "ContainerImage",
                additionalType={"@id": "https://w3id.org/ro/terms/workflow-run#DockerImage"},
                registry=found["registry"] or _DOCKER_HUB,
                name=found["name"],
                tag=found["tag"],
                sha256=found["digest"],
                isBasedOn=self._recipe(image),
            )
        return self._images[image]

    def _recipe(self, image: str) -> Reference | None:
        container = container_of(image, self._graph.about.slug)
        path = f"{places.CODE}/containers/{container}/Dockerfile"
        return {"@id": quote(path)} if path in self._graph.contents.files else None

    def input(self, task: Task, name: str, value: Reference) -> None:
        """Note that ``value`` was the input called ``name`` of the tool of ``task``."""
        tool = self.tool(task)
        key = (tool["@id"], name)
        if key not in self._inputs:
            identifier = f"{tool['@id']}/{quote(name)}"
            parameter = add_parameter(self._graph, identifier, name, "Text")
            self._inputs[key] = (parameter, [])
            self._graph.crate.dereference(tool["@id"]).append_to("input", parameter)
        parameter, values = self._inputs[key]
        values.append(value)
        self._graph.crate.dereference(value["@id"])["exampleOfWork"] = parameter

    def link_inputs(self) -> None:
        """Say of all inputs which values they had."""
        for parameter, values in self._inputs.values():
            link_values(self._graph, parameter, values)


def actions(
    graph: Graph,
    tools: Tools,
    workflow: Reference,
    authors: list[Reference],
    inputs: list[Reference],
    outputs: list[Reference],
) -> list[Reference]:
    """Add the run of the workflow and of each task; return all of them, that of the workflow first.

    ``inputs`` are values, ``outputs`` the folder of results.
    """
    account = graph.contents.account
    status = account.workflow.get("status") or {}
    agent = authors or None
    run = graph.add(
        f"#run/{quote(account.name)}",
        "CreateAction",
        name=f"Run {account.name}",
        description=f"The workflow {account.name}, which ended as {account.phase}",
        instrument=workflow,
        agent=agent,
        object=inputs,
        result=outputs,
        startTime=_date(parsed(status.get("startedAt"))),
        endTime=_date(parsed(status.get("finishedAt"))),
        actionStatus=_state(account.phase),
        error=str(status.get("message") or account.phase) if _is_failed(account.phase) else None,
    )
    writers = known_writers(account, tools.tasks)
    done, controls = [], []
    for name, task in tools.tasks.items():
        written = [path for path, names in writers.items() if names == [name]]
        action = _task(graph, tools, name, task, agent, written)
        done.append(action)
        controls.append(
            graph.add(
                f"#control/{quote(name)}",
                "ControlAction",
                name=f"Started {name}",
                instrument=tools.step(task),
                object=action,
            )
        )
    tools.link_inputs()
    if controls:
        graph.add(
            "#orchestration",
            "OrganizeAction",
            name=f"Ran the tasks of {account.name}",
            agent=agent,
            instrument=_engine(graph),
            object=controls,
            result=run,
            startTime=_date(parsed(status.get("startedAt"))),
            endTime=_date(parsed(status.get("finishedAt"))),
        )
    return [run, *done]


def _task(
    graph: Graph,
    tools: Tools,
    name: str,
    task: Task,
    agent: list[Reference] | None,
    written: list[str],
) -> Reference:
    pod = task.pod or task.node
    usage = usage_of(pod)
    own = quote(name)
    given = []
    for each in _parameters(task, "inputs"):
        value = graph.add(
            f"#task/{own}/input/{quote(str(each['name']))}",
            "PropertyValue",
            name=str(each["name"]),
            value=value_of(each.get("value", "")),
        )
        tools.input(task, str(each["name"]), value)
        given.append(value)
    results = [graph.file(f"{places.RESULTS}/{path}") for path in written]
    made = {str(each["name"]): each.get("value", "") for each in _parameters(task, "outputs")}
    if task.exit_code:
        made["exit code"] = task.exit_code
    for key, value in made.items():
        identifier = f"#task/{own}/output/{quote(key)}"
        results.append(graph.add(identifier, "PropertyValue", name=key, value=value_of(value)))
    log = graph.file(places.log_file(name))
    sampled = f", seen in samples every {usage.sampled} s" if usage.sampled else ""
    used = {
        "cpu": (usage.cpu, f"seconds of processor time{sampled}", "SEC"),
        "memory": (usage.memory, f"bytes of memory at most{sampled}", "BYTE"),
        "waited": (usage.waited, "seconds in the queue", "SEC"),
    }
    resources = [
        graph.add(
            f"#task/{own}/{key}",
            "PropertyValue",
            name=meaning,
            propertyID=f"{_LIBRARY}#{key}",
            value=str(amount),
            unitCode=f"{_UNITS}{unit}",
        )
        for key, (amount, meaning, unit) in used.items()
        if amount is not None
    ]
    return graph.add(
        f"#task/{own}",
        "CreateAction",
        name=name,
        description=f"The task {name}, which ended as {task.phase}",
        instrument=tools.tool(task),
        agent=agent,
        object=given,
        result=[*filter(None, results), *([log] if log else [])],
        containerImage=tools.image(task),
        resourceUsage=resources,
        startTime=_date(usage.began),
        endTime=_date(usage.ended),
        actionStatus=_state(task.phase),
        error=(task.message or task.phase) if _is_failed(task.phase) else None,
    )


def _engine(graph: Graph) -> Reference:
    """Add what ran the tasks: Argo on a cluster, the library's own server on the laptop."""
    account, record = graph.contents.account, graph.contents.record
    library = record.library.split()
    if account.cluster == "local":
        return graph.add(
            _LIBRARY,
            "SoftwareApplication",
            name="hera_experiment",
            url=_LIBRARY,
            softwareVersion=library[1] if len(library) > 1 else None,
            description=f"its Argo server for one machine; containers by {record.runtime}",
        )
    platform = account.origin.platform
    below = None
    if version := platform.get("kubernetes"):
        below = graph.add(
            _KUBERNETES,
            "SoftwareApplication",
            name="Kubernetes",
            url=_KUBERNETES,
            softwareVersion=version,
        )
    return graph.add(
        f"{ARGO}#engine",
        "SoftwareApplication",
        name="Argo Workflows",
        url=ARGO,
        softwareVersion=platform.get("argo"),
        softwareRequirements=below,
    )


def _parameters(task: Task, kind: str) -> list[Mapping[str, Any]]:
    for node in (task.node, task.pod or {}):
        found = (node.get(kind) or {}).get("parameters")
        if found:
            return list(found)
    return []


def _template(task: Task) -> str:
    reference = task.node.get("templateRef") or {}
    name = task.node.get("templateName") or reference.get("template")
    return str(name or task.group)


def _is_failed(phase: str) -> bool:
    return phase in ("Failed", "Error")


def _state(phase: str) -> str | None:
    if _is_failed(phase):
        return _FAILED
    return _DONE if phase == "Succeeded" else None


def _date(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
