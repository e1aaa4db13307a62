"""The rules of a whole workflow.

Source: ``ValidateWorkflow`` in ``workflow/validate/validate.go`` of argoproj/argo-workflows. Argo
follows the calls from the entry template on, then looks at the templates that nobody calls; so do
these functions, because an output with a ``globalName`` is known to what comes later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hera_experiment.argo.limits import WORKFLOW_NAME
from hera_experiment.local.engine.validation.names import check_arguments, check_field_names
from hera_experiment.local.engine.validation.scopes import Scope, global_scope
from hera_experiment.local.engine.validation.templates import check_form, check_supplied, check_use
from hera_experiment.local.errors import InvalidWorkflow

Template = Mapping[str, Any]


def validate(manifest: Mapping[str, Any], *, lint: bool = False) -> None:
    """Raise :class:`InvalidWorkflow` for the first broken rule.

    ``manifest`` is normalised and uses nothing that the engine does not interpret. With ``lint``
    arguments of the workflow need no value.
    """
    metadata, spec = manifest["metadata"], manifest["spec"]
    name = metadata.get("name", "")
    if len(name) > WORKFLOW_NAME:
        raise InvalidWorkflow(
            f'workflow name "{name}" must not be more than {WORKFLOW_NAME} characters long '
            f"(currently {len(name)})"
        )
    templates = spec.get("templates") or []
    check_field_names("spec.templates", templates)
    arguments = spec.get("arguments") or {}
    check_arguments("spec.arguments.", arguments, values=not lint)
    entrypoint = spec.get("entrypoint", "")
    if not entrypoint:
        raise InvalidWorkflow("spec.entrypoint is required")
    by_name = {template["name"]: template for template in templates}
    if entrypoint not in by_name:
        raise InvalidWorkflow(f"template name '{entrypoint}' undefined")
    global_names = global_scope(manifest)
    walk = _Walk(by_name, global_names)
    check_form(by_name[entrypoint], by_name)
    check_supplied("", by_name[entrypoint], arguments)
    walk.visit(by_name[entrypoint], "")
    if handler := spec.get("onExit"):
        if handler not in by_name:
            raise InvalidWorkflow(f"template name '{handler}' undefined")
        global_names.add("workflow.failures")
        check_form(by_name[handler], by_name)
        check_supplied("", by_name[handler], arguments)
        walk.visit(by_name[handler], "")
    for template in templates:
        walk.visit(template, f"templates.{template['name']} ")


class _Walk:
    def __init__(self, templates: Mapping[str, Template], global_names: Scope) -> None:
        self._templates = templates
        self._global_names = global_names
        self._seen: set[str] = set()

    def visit(self, first: Template, prefix: str) -> None:
        """Check ``first`` and all that it calls, each once, what is called before its caller."""
        stack: list[tuple[Template, str, bool]] = [(first, prefix, False)]
        while stack:
            template, where, called = stack.pop()
            if called:
                self._check(where, template)
                continue
            if template["name"] in self._seen:
                continue
            self._seen.add(template["name"])
            self._form(where, template)
            stack.append((template, where, True))
            for path, call in reversed(_calls(template)):
                callee = self._templates[call["template"]]
                stack.append((callee, f"{where}{path} ", False))

    def _form(self, where: str, template: Template) -> None:
        try:
            check_form(template, self._templates)
        except InvalidWorkflow as error:
            raise InvalidWorkflow(f"{where}{error.message}") from None

    def _check(self, where: str, template: Template) -> None:
        try:
            check_use(template, self._templates, self._global_names)
            for path, call in _calls(template):
                callee = self._templates[call["template"]]
                check_supplied(f"{path} ", callee, call.get("arguments") or {})
        except InvalidWorkflow as error:
            raise InvalidWorkflow(f"{where}{error.message}") from None


def _calls(template: Template) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the tasks or steps with the path that Argo's messages give them."""
    name = template["name"]
    if "dag" in template:
        tasks = template["dag"].get("tasks") or ()
        return [(f"templates.{name}.tasks.{task.get('name', '')}", task) for task in tasks]
    return [
        (f"templates.{name}.steps[{index}].{step.get('name', '')}", step)
        for index, group in enumerate(template.get("steps") or ())
        for step in group
    ]
