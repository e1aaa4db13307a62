"""Inline scripts that receive each parameter as it was sent, whatever characters it holds.

Hera writes the value between the quotes of a Python string, which some values end. Here Argo
writes it in base64: neither Python nor Argo's or Kubernetes' own substitutions (``{{…}}``,
``$(NAME)``, ``$$``) find anything in it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hera.workflows import InlineScriptConstructor, Script

from hera_experiment.argo.values import whole_value
from hera_experiment.submission.parameters import (
    ParameterEncoding,
    ScriptParameter,
    script_parameters,
)

_THEN = {
    ParameterEncoding.TEXT: "",
    ParameterEncoding.TEXT_OR_NONE: "if {0} == 'null': {0} = None\n",
    ParameterEncoding.JSON: "try: {0} = json.loads({0})\nexcept ValueError: pass\n",
}
# Kubernetes reads $(NAME) and $$ in the variable by which Argo hands the script to its pod.
_DOLLAR = re.compile(r"\$(?=[$(])")


@dataclass(kw_only=True)
class WholeValues(InlineScriptConstructor):
    """Sends a function as Hera's inline constructor does, and its parameters unharmed."""

    def generate_source(self, instance: Script) -> str:
        """Return the source that is sent."""
        source: str = super().generate_source(instance)
        return _without_dollars(source) if callable(instance.source) else source

    def _get_param_script_portion(self, instance: Script) -> str:
        found = list(_parameters(instance))
        if not found:
            return ""
        lines = "".join(
            f"{each.variable} = {whole_value(each.name)}\n"
            f"{_THEN[each.arrival].format(each.variable)}"
            for each in found
        )
        # Scripts may rely on json: Hera imports it.
        return f"import json\nfrom binascii import a2b_base64 as _whole\n{lines}"


def send_whole_values(workflow: Any) -> None:
    """Give the inline scripts of a Hera ``workflow`` :class:`WholeValues`; no other constructor.

    Scripts are decorated long before it is known where they go, so this is done when the workflow
    is built.
    """
    for script in _scripts(workflow):
        constructor = script.constructor
        if type(constructor) is InlineScriptConstructor:
            cwd = constructor.add_cwd_to_sys_path
            script.constructor = WholeValues(add_cwd_to_sys_path=cwd)


def _scripts(workflow: Any) -> Iterator[Script]:
    for template in workflow.templates or ():
        if isinstance(template, Script):
            yield template
        for call in calls(template):
            if isinstance(getattr(call, "inline", None), Script):
                yield call.inline


def calls(template: Any) -> Iterator[Any]:
    """Yield the tasks of a DAG or the steps of a Steps, Hera's own or its models'."""
    for attribute in ("tasks", "sub_steps"):
        stack = list(reversed(getattr(template, attribute, None) or ()))
        while stack:
            each = stack.pop()
            if isinstance(each, list):
                stack += reversed(each)
            elif hasattr(each, "sub_steps"):
                stack += reversed(each.sub_steps)
            else:
                yield each


def _parameters(instance: Script) -> Iterator[ScriptParameter]:
    inputs = instance._build_inputs()
    known = script_parameters(instance.source) if callable(instance.source) else {}
    for parameter in sorted((inputs.parameters if inputs else None) or (), key=lambda it: it.name):
        if parameter.name in known:
            yield known[parameter.name]
        elif parameter.value_from is None and parameter.name.isidentifier():
            yield ScriptParameter(parameter.name, parameter.name, ParameterEncoding.JSON)


def _without_dollars(source: str) -> str:
    changed = _DOLLAR.sub(r"\\x24", source)
    if changed == source:
        return source
    # Hera writes all strings anew, none of them raw: there \x24 is a dollar. But before Python
    # 3.12 there is none within the braces of an f-string.
    try:
        same = ast.dump(ast.parse(changed)) == ast.dump(ast.parse(source))
    except SyntaxError:
        same = False
    return changed if same else source
