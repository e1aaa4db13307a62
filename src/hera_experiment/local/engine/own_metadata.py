"""The labels and annotations that a workflow gives itself: ``spec.workflowMetadata``.

Source: ``updateWorkflowMetadata`` in ``workflow/controller/operator.go`` of
argoproj/argo-workflows, ``pkg/util/validation/validation.go`` of kubernetes/apimachinery.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hera_experiment.local.engine.substitution import used_variables
from hera_experiment.local.engine.variables import Globals

_LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", re.ASCII)
_LENGTH = 63
_TOO_LONG = f"must be no more than {_LENGTH} characters"
_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or "
    "'12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


class MetadataError(ValueError):
    """A label has no value, or one that no label may have: the workflow ends with this message."""


def add_own_metadata(spec: Mapping[str, Any], variables: Globals) -> tuple[dict[str, str], ...]:
    """Return the labels and annotations that ``spec`` says; ``variables`` know them from now on.

    Raises :class:`MetadataError`.
    """
    own = spec.get("workflowMetadata") or {}
    labels, annotations = dict(own.get("labels") or {}), dict(own.get("annotations") or {})
    for name, value in labels.items():
        _check(value, f"label {_quoted(name)}")
    variables.set_metadata("labels", labels)
    variables.set_metadata("annotations", annotations)
    found = {
        name: _evaluated(name, (source or {}).get("expression", ""), variables)
        for name, source in (own.get("labelsFrom") or {}).items()
    }
    variables.set_metadata("labels", found)
    return {**labels, **found}, annotations


def _evaluated(name: str, expression: str, variables: Globals) -> str:
    from hera_experiment.argo import expr

    shown = _quoted(expression)
    try:
        program = expr.compile(expression)
        value = program.run(used_variables(expr.identifiers(program), variables))
    except expr.CompileError as error:
        raise MetadataError(f"failed to compile function for expression {shown}: {error}") from None
    except expr.RunError as error:
        why = f"failed to evaluate label {_quoted(name)} expression {shown}: {error}"
        raise MetadataError(why) from None
    if not isinstance(value, str):
        raise MetadataError(
            f"failed to evaluate label {_quoted(name)} expression {shown} evaluted to "
            f"{expr.type_name(value)} but must be a string"
        )
    _check(value, f"label {_quoted(name)} and expression {shown}")
    return value


def _check(value: str, where: str) -> None:
    problems = [_TOO_LONG] if len(value) > _LENGTH else []
    if not _LABEL.fullmatch(value):
        problems.append(_RULE)
    if problems:
        raise MetadataError(
            f"invalid label value {_quoted(value)} for {where}: {';'.join(problems)}"
        )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
