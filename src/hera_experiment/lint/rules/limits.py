"""Limits: how many, how large, how deep."""

from __future__ import annotations

import json
from collections.abc import Iterator

from hera_experiment.argo.names import TEMPLATE_DEPTH
from hera_experiment.lint.rule import ERROR, WARNING, Finding, Rule
from hera_experiment.lint.subject import Subject, Template, texts

_TASKS = 200
_TEMPLATES = 200
_INPUTS = 500
_WORKFLOW = 1 << 20
_REQUEST = 3 << 19
_WORD = 128 << 10
_RESULT = 256 << 10


def many(subject: Subject) -> Iterator[Finding]:
    """Argo's complete resource definitions count.

    A cluster that has them, and not the minimal ones, refuses a workflow with more than 200
    templates, a DAG with more than 200 tasks, and a template with more than 500 input parameters.
    A loop is one task, however many items it has.

    Fails::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks: TASKS_201
        - name: count
          container: {image: "python:3.12", command: [python]}

    Passes::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: count
              template: count
              withSequence: {count: 201}
        - name: count
          container: {image: "python:3.12", command: [python]}
    """
    definitions = "clusters with Argo's complete resource definitions refuse it"
    count = len(subject.by_name)
    if count > _TEMPLATES:
        message = f"{count} templates, more than {_TEMPLATES}: {definitions}"
        yield Finding(message, (*subject.spec.path, "templates"))
    for template in subject.templates:
        tasks = len(list(template.parts("dag", "tasks")))
        if tasks > _TASKS:
            message = f"the DAG '{template.name}' has {tasks} tasks, more than {_TASKS}"
            advice = "make one task with with_items (withItems) of tasks that are alike"
            yield Finding(f"{message}: {definitions}", (*template.path, "dag", "tasks"), advice)
        if len(template.inputs) > _INPUTS:
            message = f"template '{template.name}' has {len(template.inputs)} input parameters"
            path = (*template.path, "inputs", "parameters")
            yield Finding(f"{message}, more than {_INPUTS}: {definitions}", path)


def large(subject: Subject) -> Iterator[Finding]:
    """The workflow takes more than 1 MiB.

    Its status, which grows with each task, is kept with it, and both together have to fit into the
    1 MiB that Argo writes, or the workflow ends with an error unless the status is kept elsewhere.

    Fails::

        entrypoint: main
        templates:
        - name: main
          script:
            image: "python:3.12"
            command: [python]
            source: TEXT_1100000

    Passes::

        entrypoint: main
        templates:
        - name: main
          script:
            image: "python:3.12"
            command: [python]
            source: TEXT_1000
    """
    yield from _size(subject, _WORKFLOW, _REQUEST)


def too_large(subject: Subject) -> Iterator[Finding]:
    """The workflow takes more than 1.5 MiB.

    That is the most that Kubernetes keeps as one object: it is refused.

    Fails::

        entrypoint: main
        templates:
        - name: main
          script:
            image: "python:3.12"
            command: [python]
            source: TEXT_1600000

    Passes::

        entrypoint: main
        templates:
        - name: main
          script:
            image: "python:3.12"
            command: [python]
            source: TEXT_1000
    """
    yield from _size(subject, _REQUEST, 1 << 62)


def _size(subject: Subject, above: int, below: int) -> Iterator[Finding]:
    size = len(json.dumps(subject.manifest, separators=(",", ":"), default=str))
    if above < size <= below:
        message = f"it takes {size / (1 << 20):.1f} MiB, more than {above / (1 << 20):.3g} MiB"
        advice = "put large values into files: of the image, of the claim, of a ConfigMap"
        yield Finding(message, (), advice)


def long_word(subject: Subject) -> Iterator[Finding]:
    """A word of a command or an environment variable has 128 KiB or more.

    Linux starts no program with it: "argument list too long". (The source of a script is a file
    and has no such limit.)

    Fails::

        entrypoint: main
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python, -c]
            args: [TEXT_140000]

    Passes::

        entrypoint: main
        templates:
        - name: main
          script:
            image: "python:3.12"
            command: [python]
            source: TEXT_140000
    """
    for part in subject.containers:
        for key in ("command", "args", "env"):
            for path, word in texts(part.body.get(key), (*part.path, key)):
                if len(word.encode(errors="replace")) >= _WORD:
                    message = f"a word of {len(word)} characters, and Linux takes {_WORD} bytes"
                    yield Finding(message, path, "hand it on in a file")


def large_result(subject: Subject) -> Iterator[Finding]:
    """A task hands on more than a result can hold.

    Of what a script prints, `outputs.result` keeps the last 256 KiB. Here the results of all items
    of a loop are handed on as one list, and with so many items even empty results are more.

    Fails::

        entrypoint: main
        templates:
        - name: main
          steps:
          - - name: count
              template: count
              withSequence: {count: 100000}
          - - name: add
              template: add
              arguments:
                parameters: [{name: counts, value: "{{steps.count.outputs.result}}"}]
        - name: count
          script: {image: "python:3.12", command: [python], source: print(1)}
        - name: add
          inputs: {parameters: [{name: counts}]}
          container: {image: "python:3.12", command: [python]}

    Passes::

        entrypoint: main
        templates:
        - name: main
          steps:
          - - name: count
              template: count
              withSequence: {count: 1000}
          - - name: add
              template: add
              arguments:
                parameters: [{name: counts, value: "{{steps.count.outputs.result}}"}]
        - name: count
          script: {image: "python:3.12", command: [python], source: print(1)}
        - name: add
          inputs: {parameters: [{name: counts}]}
          container: {image: "python:3.12", command: [python]}
    """
    for template in subject.templates:
        counts = {call.name: _count(call.body) for call in template.calls if call.is_loop}
        for call in template.calls:
            for argument in call.arguments:
                value = argument.body.get("value")
                for name, count in counts.items():
                    wanted = f".{name}.outputs."
                    if count * 3 > _RESULT and isinstance(value, str) and wanted in value:
                        message = (
                            f"the results of the {count} tasks of '{name}' take more than"
                            f" {_RESULT >> 10} KiB as the parameter '{argument.name}'"
                        )
                        advice = "write them to files of a claim, and read these"
                        yield Finding(message, (*argument.path, "value"), advice)


def _count(body: object) -> int:
    from hera_experiment.lint.subject import mapping

    items = mapping(body).get("withItems")
    if isinstance(items, list):
        return len(items)
    count = str(mapping(mapping(body).get("withSequence")).get("count", ""))
    return int(count) if count.isascii() and count.isdigit() and len(count) < 12 else 0


def recursion(subject: Subject) -> Iterator[Finding]:
    """Templates call each other without an end.

    A template may call itself, as long as something ends it: a `when`, a `depends`, a loop that may
    be empty. Otherwise it ends with an error, when 100 are nested.

    Fails::

        entrypoint: main
        templates:
        - name: main
          steps:
          - - {name: count, template: count}
          - - {name: again, template: main}
        - name: count
          container: {image: "python:3.12", command: [python]}

    Passes::

        entrypoint: main
        templates:
        - name: main
          steps:
          - - {name: count, template: count}
          - - name: again
              template: main
              when: "{{steps.count.outputs.result}} < 10"
        - name: count
          script: {image: "python:3.12", command: [python], source: print(10)}
    """
    surely: dict[str, list[tuple[str, tuple[str | int, ...]]]] = {}
    for name, template in subject.by_name.items():
        surely[name] = [(callee.name, path) for callee, path in _sure_calls(subject, template)]
    reported: set[str] = set()
    for start in surely:
        stack, seen = [start], {start}
        while stack:
            here = stack.pop()
            for name, path in surely.get(here, ()):
                if name == start and start not in reported:
                    reported |= seen
                    message = f"template '{start}' calls itself, and nothing ends it"
                    advice = f"give the call a 'when'; {TEMPLATE_DEPTH} may be nested"
                    yield Finding(message, path, advice)
                elif name not in seen:
                    seen.add(name)
                    stack.append(name)


def _sure_calls(
    subject: Subject, template: Template
) -> Iterator[tuple[Template, tuple[str | int, ...]]]:
    for call in template.calls:
        body = call.body
        callee = subject.callee(call)
        if callee and not any(body.get(key) for key in ("when", "depends", "withParam")):
            yield callee, call.path


RULES = (
    Rule("HE401", "too-many", WARNING, "more than complete resource definitions allow", many),
    Rule("HE402", "large-workflow", WARNING, "the workflow takes more than 1 MiB", large),
    Rule("HE403", "too-large", ERROR, "the workflow takes more than 1.5 MiB", too_large),
    Rule("HE404", "long-word", ERROR, "a word of a command is too long for Linux", long_word),
    Rule("HE405", "large-result", WARNING, "a result has more than 256 KiB", large_result),
    Rule("HE406", "endless-recursion", ERROR, "templates call each other for ever", recursion),
)
