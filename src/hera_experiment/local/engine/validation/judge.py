"""Follows the calls of a workflow in Argo's order, each template checked before its caller.

Source: ``validateTemplateHolder``, ``validateTemplate`` in ``workflow/validate/validate.go`` and
``workflow/templateresolution/context.go`` of argoproj/argo-workflows, whose words the messages are.
The order matters: an output with a ``globalName`` is known to what comes later.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hera_experiment.local.engine.substitution import tags
from hera_experiment.local.engine.templates import Kept
from hera_experiment.local.engine.validation.arguments import check_inputs, check_location
from hera_experiment.local.engine.validation.dags import check_dag
from hera_experiment.local.engine.validation.kinds import KINDS, Template, field_of, is_leaf
from hera_experiment.local.engine.validation.leaves import check_leaf
from hera_experiment.local.engine.validation.outputs import check_outputs
from hera_experiment.local.engine.validation.policies import check_metrics
from hera_experiment.local.engine.validation.processing import Arguments, processed, supplied
from hera_experiment.local.engine.validation.scopes import (
    Globals,
    Scope,
    check_variables,
    template_scope,
)
from hera_experiment.local.engine.validation.steps import check_steps
from hera_experiment.local.errors import InvalidWorkflow, MissingTemplate, within

Call = Mapping[str, Any]
"""A task, a step, or whatever else names a template: by ``template``, ``templateRef`` or inline."""

Walk = Generator[Any, Any, "Template | None"]
"""A check that hands over each other check it waits for: templates may nest deeper than Python."""

_POLICIES = ("Always", "OnError", "OnFailure", "OnTransientError", "")
_CHOICE = (
    "choose one of: container, containerSet, steps, script, resource, dag, suspend, template, "
    "template ref"
)


@dataclass(frozen=True, eq=False)
class Base:
    """Where templates are found by their names: an object with its scope, its name and its spec."""

    scope: str
    spec: Mapping[str, Any]
    has_defaults: bool = True
    _by_name: dict[str, Template] = field(default_factory=dict, repr=False)

    def find(self, name: str) -> Template | None:
        """Return the template of that name, if there is one."""
        if not self._by_name:
            for template in reversed(self.spec.get("templates") or ()):
                self._by_name[template.get("name", "")] = template
        return self._by_name.get(name)

    def default_image(self, key: str) -> str:
        """Return the image that templates without one have, or nothing."""
        defaults = self.spec.get("templateDefaults") or {} if self.has_defaults else {}
        return str((defaults.get(key) or {}).get("image") or "")


@dataclass(frozen=True)
class _Known:
    """What was found out about a template when it was met first.

    It is held on to, for it is known by its identity.
    """

    template: Template
    scope: Scope
    depends_on_values: bool


class Judge:
    """Checks templates; ``everywhere`` grows by the outputs that they make global."""

    def __init__(self, everywhere: Globals, kept: Kept, *, of_template: bool = False) -> None:
        self.everywhere = everywhere
        self.of_template = of_template
        self._kept = kept
        self._bases: dict[tuple[str, str], Base | None] = {}
        self._met: dict[int, _Known] = {}
        self._seen: set[tuple[str, str]] = set()

    def check(self, call: Call, base: Base, arguments: Arguments) -> None:
        """Check the template that ``call`` means, and all that it calls."""
        stack: list[Walk] = [self.template_of(call, base, arguments)]
        found: Template | None = None
        error: InvalidWorkflow | None = None
        while stack:
            try:
                inner = stack[-1].throw(error) if error is not None else stack[-1].send(found)
            except StopIteration as end:
                stack.pop()
                found, error = end.value, None
            except InvalidWorkflow as problem:
                stack.pop()
                error = problem
            else:
                stack.append(inner)
                found = error = None
        if error is not None:
            raise error

    def template_of(self, call: Call, base: Base, arguments: Arguments) -> Walk:
        """Check the template of a call and return it, None when only the run can tell which."""
        reference = call.get("templateRef")
        name = call.get("template") or ""
        if reference is not None:
            if name:
                raise InvalidWorkflow("template name cannot be specified with templateRef.")
            if not reference.get("name"):
                raise InvalidWorkflow("resource name is required")
            if not reference.get("template"):
                raise InvalidWorkflow("template name is required")
            if any(not tag.startswith("=") for tag in tags(dict(reference))):
                return None
        elif name and base.find(name) is None:
            raise InvalidWorkflow(f"template name '{name}' undefined")
        template: Template | None
        if (template := call.get("inline")) is None:
            if reference is not None:
                found = self._referred(reference)
                if found is None:
                    return None
                template, base = found
            elif name:
                template = base.find(name)
            else:
                raise InvalidWorkflow("failed to get a template")
        elif reference is not None:
            base = self.base_of(reference)
        assert template is not None
        if not field_of(template):
            raise InvalidWorkflow(f"template '{template.get('name', '')}' type is unknown")
        policy = (template.get("retryStrategy") or {}).get("retryPolicy") or ""
        if policy not in _POLICIES:
            raise InvalidWorkflow(f"{policy} is not a valid RetryPolicy")
        if not self._is_settled(template, base, arguments):
            yield self._template(template, base, arguments)
        return template

    def base_of(self, reference: Mapping[str, Any]) -> Base:
        """Return the object that a reference names; raises :class:`InvalidWorkflow`."""
        name = reference.get("name") or ""
        cluster = bool(reference.get("clusterScope"))
        kind = "ClusterWorkflowTemplate" if cluster else "WorkflowTemplate"
        if (kind, name) not in self._bases:
            kept = self._kept(kind, name)
            scope = "cluster" if cluster else "namespaced"
            self._bases[kind, name] = (
                None if kept is None else Base(f"{scope}/{name}", kept["spec"], not cluster)
            )
        base = self._bases[kind, name]
        if base is None:
            raise MissingTemplate(f"{kind.lower()}s.argoproj.io {json.dumps(name)} not found")
        return base

    def variables(self, prefix: str, value: Any, *scopes: Scope) -> None:
        """Check the variables in ``value``; raises :class:`InvalidWorkflow`."""
        check_variables(prefix, value, *scopes, self.everywhere, of_template=self.of_template)

    def _referred(self, reference: Mapping[str, Any]) -> tuple[Template, Base] | None:
        name = reference["template"]
        try:
            base = self.base_of(reference)
            found = base.find(name)
        except InvalidWorkflow:
            found = None
        if found is None:
            if "placeholder" in name:
                return None
            raise InvalidWorkflow(f"template reference {reference['name']}.{name} not found")
        return found, base

    def _is_settled(self, template: Template, base: Base, arguments: Arguments) -> bool:
        """Tell whether a template was checked, so that its arguments are all that is new."""
        known = self._met.get(id(template))
        if known is None or (base.scope, template.get("name", "")) not in self._seen:
            return False
        if known.depends_on_values or not arguments.printable:
            return False
        with within(f"templates.{template.get('name', '')} "):
            supplied(template, arguments)
        return True

    def _template(self, template: Template, base: Base, arguments: Arguments) -> Walk:
        name = template.get("name", "")
        known = self._met.get(id(template))
        if known is None:
            _check_type(template)
            check_inputs(template)
            if any(not each.get("name") for each in template.get("initContainers") or ()):
                raise InvalidWorkflow("initContainers must all have container name")
            known = _Known(template, template_scope(template), _depends_on_values(template))
            self._met[id(template)] = known
        with within(f"templates.{name} "):
            filled = processed(template, arguments, self.everywhere)
        if timeout := filled.get("timeout"):
            _check_timeout(filled, timeout)
        if (base.scope, name) in self._seen:
            return template
        self._seen.add((base.scope, name))
        scope = set(known.scope)
        if "steps" in filled or "dag" in filled:
            _check_no_leaf(filled)
            check = check_steps if field_of(filled) == "steps" else check_dag
            yield check(self, filled, base, scope)
        else:
            self.variables(f"templates.{name}:", filled, scope)
            check_leaf(filled, base.default_image)
        self._after(filled, scope)
        return template

    def _after(self, template: Template, scope: Scope) -> None:
        name = template.get("name", "")
        check_outputs(template, lambda where, value: self.variables(where, value, scope))
        if location := template.get("archiveLocation"):
            check_location(f"templates.{name}.archiveLocation", location)
        check_metrics(f"templates.{name}", template)


def _check_type(template: Template) -> None:
    if sum(key in template for key in KINDS) > 1:
        where = f"templates.{template.get('name', '')}"
        raise InvalidWorkflow(f"{where} multiple template types specified. {_CHOICE}")


def _check_timeout(template: Template, timeout: str) -> None:
    if not is_leaf(template):
        raise InvalidWorkflow(
            f"{KINDS[field_of(template)]} template doesn't support timeout field."
        )
    if re.fullmatch(r"[+-]?\d+", timeout, re.ASCII):
        raise InvalidWorkflow(f"{template.get('name', '')} has invalid duration format in timeout.")


def _check_no_leaf(template: Template) -> None:
    if "activeDeadlineSeconds" in template:
        where = f"templates.{template.get('name', '')}"
        raise InvalidWorkflow(f"{where}.activeDeadlineSeconds is only valid for leaf templates")


def _depends_on_values(template: Template) -> bool:
    """Tell whether other arguments may make a template invalid that is valid otherwise."""
    return "{{" in (template.get("timeout") or "")
