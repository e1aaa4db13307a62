"""Loops: what an item is in the task that it becomes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from hera_experiment.lint.rule import ERROR, WARNING, Finding, Path, Rule
from hera_experiment.lint.subject import Call, Subject, tags, text, texts


def item_of_maps(subject: Subject) -> Iterator[Finding]:
    """`{{item}}` stands for a whole map.

    Where the items are maps, `{{item}}` is the map as JSON, and `{{item.key}}` one value of it. (Of
    `with_items=[{"borough": …}]` with one key Hera makes `{{item}}` itself where a template is
    called: the task then gets `{"borough":…}`.)

    Fails::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: count
              template: count
              arguments: {parameters: [{name: borough, value: "{{item}}"}]}
              withItems: [{borough: LYON_1ER}, {borough: LYON_9EME}]
        - name: count
          inputs: {parameters: [{name: borough}]}
          container: {image: "python:3.12", command: [python]}

    Passes::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: count
              template: count
              arguments: {parameters: [{name: borough, value: "{{item.borough}}"}]}
              withItems: [{borough: LYON_1ER}, {borough: LYON_9EME}]
        - name: count
          inputs: {parameters: [{name: borough}]}
          container: {image: "python:3.12", command: [python]}
    """
    for call in subject.calls:
        maps = [each for each in call.items if isinstance(each, Mapping)]
        if not maps:
            continue
        for argument in call.arguments:
            if "item" in tags(text(argument.body.get("value"))):
                key = next(iter(maps[0]), "key")
                message = f"'{argument.name}' is {{{{item}}}}, a whole map as JSON"
                path = (*argument.path, "value")
                yield Finding(message, path, f"for one value of it write {{{{item.{key}}}}}")


def missing_key(subject: Subject) -> Iterator[Finding]:
    """One of the maps lacks a key that the task uses.

    Argo checks that some map has it. The loop ends with an error when it comes to one without.

    Fails::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: count
              template: count
              arguments: {parameters: [{name: year, value: "{{item.year}}"}]}
              withItems: [{year: 1999, borough: LYON_1ER}, {borough: LYON_9EME}]
        - name: count
          inputs: {parameters: [{name: year}]}
          container: {image: "python:3.12", command: [python]}

    Passes::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: count
              template: count
              arguments: {parameters: [{name: year, value: "{{item.year}}"}]}
              withItems: [{year: 1999}, {year: 2016}]
        - name: count
          inputs: {parameters: [{name: year}]}
          container: {image: "python:3.12", command: [python]}
    """
    for call in subject.calls:
        items = call.items
        if not any(isinstance(each, Mapping) for each in items):
            continue
        body = {key: value for key, value in call.body.items() if key != "withItems"}
        told: set[str] = set()
        for path, value in texts(body, call.path):
            for tag in tags(value):
                key = tag.partition("item.")[2] if tag.startswith("item.") else ""
                if not key or key in told:
                    continue
                lacking = [
                    index
                    for index, each in enumerate(items)
                    if not isinstance(each, Mapping) or key not in each
                ]
                if lacking and len(lacking) < len(items):
                    told.add(key)
                    message = f"item {lacking[0]} has no '{key}'"
                    yield Finding(f"{message}, which {{{{item.{key}}}}} asks for", path)


def escaped_item(subject: Subject) -> Iterator[Finding]:
    r"""A value of a map arrives with a backslash too many.

    For `{{item.key}}` Argo takes the value as JSON spells it: before a quotation mark it hands on a
    backslash, a backslash it doubles, and the end of a line is `\\n`. Items that are texts, and
    lists, arrive as they are.

    Fails::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: greet
              template: greet
              arguments: {parameters: [{name: greeting, value: "{{item.greeting}}"}]}
              withItems: [{greeting: 'say "hello"'}, {greeting: goodbye}]
        - name: greet
          inputs: {parameters: [{name: greeting}]}
          container: {image: "python:3.12", command: [python]}

    Passes::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: greet
              template: greet
              arguments: {parameters: [{name: greeting, value: "{{item}}"}]}
              withItems: ['say "hello"', goodbye]
        - name: greet
          inputs: {parameters: [{name: greeting}]}
          container: {image: "python:3.12", command: [python]}
    """
    for call in subject.calls:
        used = {
            tag.partition("item.")[2]
            for argument in call.arguments
            for tag in tags(text(argument.body.get("value")))
            if tag.startswith("item.")
        }
        for index, item in enumerate(call.items if used else ()):
            for key, value in item.items() if isinstance(item, Mapping) else ():
                if key not in used or not isinstance(value, str):
                    continue
                if json.dumps(value, ensure_ascii=False)[1:-1] != value:
                    message = f"item {index} holds, as its '{key}', a character"
                    path = (*call.path, *_item_path(call, index))
                    advice = "send texts or lists, and take them apart in the task"
                    yield Finding(f"{message} that JSON escapes: it arrives so", path, advice)


def no_items(subject: Subject) -> Iterator[Finding]:
    """A loop over no items runs once.

    An empty `withItems` is none for Argo: the task runs, once, and `{{item}}` stays what it is.
    With `withParam` an empty list runs nothing.

    Fails::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: count
              template: count
              arguments: {parameters: [{name: borough, value: "{{item}}"}]}
              withItems: []
        - name: count
          inputs: {parameters: [{name: borough}]}
          container: {image: "python:3.12", command: [python]}

    Passes::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: count
              template: count
              arguments: {parameters: [{name: borough, value: "{{item}}"}]}
              withParam: "[]"
        - name: count
          inputs: {parameters: [{name: borough}]}
          container: {image: "python:3.12", command: [python]}
    """
    for call in subject.calls:
        if call.body.get("withItems") == [] and not call.body.get("withParam"):
            message = "it has no items, and runs once all the same"
            advice = "leave the task out when its list is empty, or use with_param (withParam)"
            yield Finding(message, (*call.path, "withItems"), advice)


def _item_path(call: Call, index: int) -> Path:
    return ("withItems", index) if "withItems" in call.body else ("withParam",)


RULES = (
    Rule("HE301", "item-is-a-map", WARNING, "{{item}} stands for a whole map", item_of_maps),
    Rule("HE302", "item-without-key", ERROR, "an item lacks a key that the task uses", missing_key),
    Rule("HE303", "escaped-item", WARNING, "a value of a map arrives escaped", escaped_item),
    Rule("HE304", "no-items", WARNING, "a loop over no items runs once", no_items),
)
