"""Arguments: what arrives in a template, and in the source of a script."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from hera_experiment.argo.values import unprintable
from hera_experiment.lint.rule import ERROR, WARNING, Finding, Path, Rule
from hera_experiment.lint.subject import Call, Subject, Template, tags, text, texts

_PLAIN = re.compile(r"[\w ./:,+=-]*", re.ASCII)
_IN_SOURCE = re.compile(r"\{\{\s*inputs\.parameters\.([^{}\s]+)\s*\}\}")
_ANY_TAG = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_PYTHON = re.compile(r"(.*/)?(python|pypy)[\d.]*")
_SHELL = re.compile(r"(.*/)?(ba|da|z|k)?sh")
_SHELL_SIGNS = re.compile(r"""[`"'$\\\n;&|<>()]""")
_UNREADABLE = r"cannot read .*depends"


def surplus(subject: Subject) -> Iterator[Finding]:
    """An argument is one that the template does not ask for.

    Argo hands it to nobody, without a word: a misspelt name, or one that is left over. If the
    template has a default for what was meant, it runs with that.

    Fails::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: count
              template: count
              arguments: {parameters: [{name: vintaje, value: 1999}]}
        - name: count
          inputs: {parameters: [{name: vintage, default: 2016}]}
          container: {image: "python:3.12", command: [python]}

    Passes::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: count
              template: count
              arguments: {parameters: [{name: vintage, value: 1999}]}
        - name: count
          inputs: {parameters: [{name: vintage, default: 2016}]}
          container: {image: "python:3.12", command: [python]}
    """
    for call in subject.calls:
        template = subject.callee(call)
        if template is None:
            continue
        for kind in ("parameters", "artifacts"):
            known = [each.name for each in template.parts("inputs", kind)]
            for argument in call.parts("arguments", kind):
                name = argument.name
                if name in known or not name or "{{" in name:
                    continue
                close = get_close_matches(name, known, n=1)
                asked = ", ".join(known) if known else f"no {kind}"
                advice = f"did you mean '{close[0]}'?" if close else f"it asks for {asked}"
                message = f"it hands on '{name}', which template '{template.name}'"
                yield Finding(f"{message} does not ask for", (*argument.path, "name"), advice)


def broken_python(subject: Subject) -> Iterator[Finding]:
    """A value makes a Python script a syntax error.

    `{{inputs.parameters.x}}` is replaced in the source by the value as it is. A value that holds
    the quotes around it, or ends in a backslash, ends the string too early or too late. Scripts
    that are sent through `hera_utils` (make run, make submit) get their values whole.

    Fails::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: greet
              template: greet
              arguments: {parameters: [{name: greeting, value: "it's late"}]}
        - name: greet
          inputs: {parameters: [{name: greeting}]}
          script:
            image: "python:3.12"
            command: [python]
            source: print('{{inputs.parameters.greeting}}')

    Passes::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: greet
              template: greet
              arguments: {parameters: [{name: greeting, value: "it's late"}]}
        - name: greet
          inputs: {parameters: [{name: greeting}]}
          script:
            image: "python:3.12"
            command: [python]
            env: [{name: GREETING, value: "{{inputs.parameters.greeting}}"}]
            source: import os; print(os.environ["GREETING"])
    """
    parses: dict[int, bool] = {}
    for template, name, path, value in _known_values(subject, _PYTHON):
        source = text(template.at("script").body.get("source"))
        if id(source) not in parses:
            parses[id(source)] = _is_python(_ANY_TAG.sub("0", source))
        if not parses[id(source)]:
            continue
        # By a function: a replacement that is a text has backslashes of its own.
        with_value = _IN_SOURCE.sub(lambda it: value if it[1] == name else "0", source)  # noqa: B023
        if not _is_python(_ANY_TAG.sub("0", with_value)):
            message = f"with this '{name}' the script '{template.name}' is no Python any more"
            yield Finding(message, path, "hand it on in env, and read os.environ there")


def open_shell(subject: Subject) -> Iterator[Finding]:
    """A value is put into a shell script, and holds what a shell obeys.

    `{{inputs.parameters.x}}` is replaced in the source by the value as it is: quotes, `$`, `;` and
    the like are the shell's then.

    Fails::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: greet
              template: greet
              arguments: {parameters: [{name: greeting, value: "bread & butter"}]}
        - name: greet
          inputs: {parameters: [{name: greeting}]}
          script:
            image: "alpine:3.20"
            command: [sh]
            source: echo {{inputs.parameters.greeting}}

    Passes::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: greet
              template: greet
              arguments: {parameters: [{name: greeting, value: "bread & butter"}]}
        - name: greet
          inputs: {parameters: [{name: greeting}]}
          script:
            image: "alpine:3.20"
            command: [sh]
            env: [{name: GREETING, value: "{{inputs.parameters.greeting}}"}]
            source: echo "$GREETING"
    """
    told: set[tuple[str, str]] = set()
    for template, name, path, value in _known_values(subject, _SHELL):
        sign = _SHELL_SIGNS.search(value)
        if sign and (template.name, name) not in told and not _in_here_document(template, name):
            told.add((template.name, name))
            message = f"this '{name}' holds {sign[0]!r}, which the shell of '{template.name}' obeys"
            yield Finding(message, path, "hand it on in env, and quote the variable")


def unclosed(subject: Subject) -> Iterator[Finding]:
    """A value has `{{` and no `}}` after it.

    Argo looks for the end through all that follows in the template: the next variable becomes part
    of it, and is not replaced.

    Fails::

        entrypoint: main
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [echo]
            args: ["a set in LaTeX: {{1, 2"]

    Passes::

        entrypoint: main
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [echo]
            args: ["a set in LaTeX: {1, 2"]
    """
    for path, value in texts(subject.spec.body, subject.spec.path):
        end = value.rfind("{{")
        if end >= 0 and "}}" not in value[end:]:
            advice = "send it another way, in base64 for example, or in a file of the image"
            yield Finding(
                "'{{' begins a variable of Argo's, and '}}' does not follow", path, advice
            )


def lost_character(subject: Subject) -> Iterator[Finding]:
    r"""A value holds a character that Argo cannot put in the place of `{{…}}`.

    Control characters, and some beyond U+FFFF, Argo writes as Go does, which JSON does not read:
    the task ends with an error.

    Fails::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: greet
              template: greet
              arguments: {parameters: [{name: greeting, value: "\x07"}]}
        - name: greet
          inputs: {parameters: [{name: greeting}]}
          container:
            image: "python:3.12"
            command: [echo]
            args: ["{{inputs.parameters.greeting}}"]

    Passes::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - name: greet
              template: greet
              arguments: {parameters: [{name: greeting, value: "hello"}]}
        - name: greet
          inputs: {parameters: [{name: greeting}]}
          container:
            image: "python:3.12"
            command: [echo]
            args: ["{{inputs.parameters.greeting}}"]
    """
    for call in subject.calls:
        template = subject.callee(call)
        used = f"{template.body}" if template else ""
        for argument in call.arguments:
            # Within an expression a value is never written out, and so harmless.
            if f"{{{{inputs.parameters.{argument.name}}}}}" not in used.replace(" ", ""):
                continue
            if character := unprintable(text(argument.body.get("value"))):
                message = f"'{argument.name}' holds U+{ord(character):04X}"
                yield Finding(
                    f"{message}, which Argo cannot put in place of {{{{…}}}}",
                    (*argument.path, "value"),
                    "leave it out, or send it in base64",
                )


def unreadable_depends(subject: Subject) -> Iterator[Finding]:
    """A `depends` cannot be read.

    Argo looks at the names in it when the workflow is submitted, and at what joins them only when
    the task's turn has come: then the DAG ends with an error. What is meant is `&&`, `||`, `!` and
    parentheses.

    Fails::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - {name: count, template: count}
            - {name: add, template: count}
            - {name: chart, template: count, depends: "count && add &&"}
        - name: count
          container: {image: "python:3.12", command: [python]}

    Passes::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - {name: count, template: count}
            - {name: add, template: count}
            - {name: chart, template: count, depends: "count && add"}
        - name: count
          container: {image: "python:3.12", command: [python]}
    """
    from hera_experiment.argo.depends import DependsError, parse

    for call in subject.calls:
        written = text(call.body.get("depends"))
        if not written or "{{" in written or "steps" in call.path:
            continue
        try:
            parse({"name": call.name, "depends": written}, {})
        except DependsError as error:
            if re.search(_UNREADABLE, str(error)):
                yield Finding(str(error), (*call.path, "depends"), "join names by && or ||")


def _known_values(
    subject: Subject, program: re.Pattern[str]
) -> Iterator[tuple[Template, str, Path, str]]:
    """Yield script, parameter, place and value for what is known to come into a source."""
    scripts: dict[Path, set[str]] = {}
    for template in subject.templates:
        script = template.at("script").body
        command = script.get("command")
        first = str(command[0]) if isinstance(command, list) and command else ""
        names = set(_IN_SOURCE.findall(text(script.get("source"))))
        if names and program.fullmatch(first):
            scripts[template.path] = names
    for template in subject.templates:
        for name in scripts.get(template.path, ()):
            part = template.inputs.get(name)
            for key in ("value", "default"):
                if part is not None and _is_telling(value := text(part.body.get(key))):
                    yield template, name, (*part.path, key), value
    for call in subject.calls if scripts else ():
        target = subject.callee(call)
        if target is None or target.path not in scripts:
            continue
        for argument in call.arguments:
            if argument.name not in scripts[target.path]:
                continue
            path = (*argument.path, "value")
            for value in _values(call, text(argument.body.get("value"))):
                if _is_telling(value):
                    yield target, argument.name, path, value
                    break


def _values(call: Call, value: str) -> Iterator[str]:
    names = tags(value)
    if not names:
        yield value
    elif len(names) == 1 and names[0].split(".")[0] == "item" and value.strip()[:2] == "{{":
        key = names[0].partition(".")[2]
        for item in call.items:
            found = item.get(key) if key and isinstance(item, Mapping) else item
            if isinstance(found, str):
                yield found


def _is_telling(value: str) -> bool:
    return not _PLAIN.fullmatch(value) and "{{" not in value


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _in_here_document(template: Template, name: str) -> bool:
    """Tell whether the script reads the value from a here-document, as data."""
    source = text(template.at("script").body.get("source"))
    before = _IN_SOURCE.split(source)[0]
    return bool(re.search(r"<<-?\s*['\"]\w+['\"]", before))


RULES = (
    Rule("HE311", "surplus-argument", WARNING, "an argument that nobody asks for", surplus),
    Rule("HE312", "value-breaks-python", ERROR, "a value makes a script no Python", broken_python),
    Rule("HE313", "value-in-shell", WARNING, "a value holds what a shell obeys", open_shell),
    Rule("HE314", "unclosed-variable", WARNING, "'{{' without '}}'", unclosed),
    Rule(
        "HE315",
        "lost-character",
        ERROR,
        "a character that no variable takes",
        lost_character,
        r"in string escape code|the result was invalid JSON",
    ),
    Rule(
        "HE316",
        "unreadable-depends",
        ERROR,
        "a 'depends' that cannot be read",
        unreadable_depends,
        _UNREADABLE,
    ),
)
