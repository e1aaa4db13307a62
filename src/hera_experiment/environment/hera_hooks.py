"""Hooks for each of Hera's classes of workflows: Hera matches them by exact type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any


def before_each_build(complete: Callable[[Any], None]) -> None:
    """Call ``complete`` with each workflow, template or CronWorkflow before Hera builds it."""
    from hera.shared import global_config

    for kind in _kinds():
        global_config.register_pre_build_hook(_hook(kind, complete))


def tell_of_dropped(tell: Callable[[str], None]) -> None:
    """Have ``tell`` say which fields Hera drops when a script reads a workflow that has them.

    Its models are of one release of Argo: what they do not know, they leave out in silence.
    """
    from hera.workflows._meta_mixins import ModelMapperMixin

    original: Any = ModelMapperMixin._from_dict.__func__  # type: ignore[attr-defined]

    def from_dict(cls: type, model_dict: Any, model: type) -> Any:
        found = original(cls, model_dict, model)
        read = model.model_validate(model_dict)  # type: ignore[attr-defined]
        kept = read.model_dump(by_alias=True, exclude_unset=True)
        for path in _missing(model_dict, kept):
            tell(f"Hera knows no field {path} and drops it: submit the file (SCRIPT=FILE.yaml)")
        return found

    ModelMapperMixin._from_dict = classmethod(from_dict)  # type: ignore[method-assign,assignment]


def _missing(given: Any, kept: Any, path: str = "") -> Iterator[str]:
    if isinstance(given, Mapping) and isinstance(kept, Mapping):
        for key, value in given.items():
            where = f"{path}.{key}" if path else str(key)
            if key not in kept:
                yield where
            else:
                yield from _missing(value, kept[key], where)
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for index, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from _missing(one, other, f"{path}[{index}]")


def _kinds() -> tuple[type, ...]:
    from hera.workflows import ClusterWorkflowTemplate, CronWorkflow, Workflow, WorkflowTemplate

    return Workflow, WorkflowTemplate, CronWorkflow, ClusterWorkflowTemplate


def _hook(kind: type, complete: Callable[[Any], None]) -> Any:
    def hook(workflow: Any) -> Any:
        complete(workflow)
        return workflow

    # Hera finds out by the annotation which class a hook is for.
    hook.__annotations__["return"] = kind
    return hook
