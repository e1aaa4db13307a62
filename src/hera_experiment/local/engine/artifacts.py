"""Artifacts between templates: what ``from`` and ``fromExpression`` mean, and what inputs get.

Source: ``resolveArtifact`` in ``workflow/controller/scope.go``, ``resolveDependencyReferences`` in
``dag.go``, ``resolveReferences`` in ``steps.go``, ``getTemplateOutputsFromScope`` in
``operator.go`` and ``ProcessArgs`` in ``workflow/common/util.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hera_experiment.argo.phases import OMITTED, SKIPPED
from hera_experiment.local.artifacts.references import (
    LocationError,
    below,
    has_location_or_key,
)
from hera_experiment.local.engine.node import Node, last_attempt
from hera_experiment.local.engine.substitution import (
    Lookup,
    SubstitutionError,
    replace,
    used_variables,
)

Artifact = Mapping[str, Any]

ArtifactLookup = Callable[[str], "Artifact | None"]
"""Returns the artifact of a variable (``tasks.a.outputs.artifacts.x``), None where an optional one
was not made; raises KeyError when there is no such artifact."""


class Known:
    """An :data:`ArtifactLookup` that can also tell the ``names`` of all artifacts."""

    def __init__(self, find: ArtifactLookup, names: Callable[[], Iterable[str]]) -> None:
        self._find = find
        self.names = names

    def __call__(self, name: str) -> Artifact | None:
        """Return the artifact of a variable; raises KeyError."""
        return self._find(name)


class ArtifactError(SubstitutionError):
    """An artifact cannot be handed on."""


class UnresolvedArtifact(ArtifactError):
    """There is no such artifact: an optional one is then left out."""


def no_artifacts(name: str) -> Artifact | None:
    """Know no artifact."""
    raise KeyError(name)


def artifacts_of(lookup: Lookup) -> ArtifactLookup:
    """Return the second channel of ``lookup``, by which artifacts are looked up."""
    found: ArtifactLookup = getattr(lookup, "artifacts", no_artifacts)
    return found


def node_artifacts(node: Node, by_id: Mapping[str, Node]) -> dict[str, Artifact]:
    """Return the artifacts of a task that ended by their variables' ends; see ``node_values``."""
    node = last_attempt(node, by_id)
    return {
        f"outputs.artifacts.{artifact['name']}": artifact
        for artifact in (node.outputs or {}).get("artifacts") or ()
    }


def skipped_artifacts(node: Node, template: Mapping[str, Any]) -> dict[str, Artifact]:
    """Return the artifacts that a skipped step declares: they say nothing of where they are."""
    if node.outputs is not None or node.phase not in (SKIPPED, OMITTED):
        return {}
    declared = (template.get("outputs") or {}).get("artifacts") or ()
    return {f"outputs.artifacts.{artifact['name']}": {} for artifact in declared}


def input_artifacts(template: Mapping[str, Any]) -> dict[str, Artifact]:
    """Return a template's own artifacts by their variables."""
    return {
        f"inputs.artifacts.{artifact['name']}": artifact
        for artifact in (template.get("inputs") or {}).get("artifacts") or ()
    }


def given(arguments: Iterable[Artifact], lookup: Lookup) -> list[Artifact]:
    """Return the artifacts among ``arguments`` of a call with what they refer to in its place.

    An optional one that refers to nothing is left out. Raises :class:`ArtifactError`.
    """
    found: list[Artifact] = []
    for artifact in arguments:
        if not artifact.get("from") and not artifact.get("fromExpression"):
            found.append(artifact)
            continue
        try:
            found.append({**_referred(artifact, lookup), "name": artifact["name"]})
        except UnresolvedArtifact:
            if not artifact.get("optional"):
                raise
    return found


def with_given(holder: dict[str, Any], lookup: Lookup) -> dict[str, Any]:
    """Return a task, step or hook with the artifacts that its arguments refer to.

    Raises :class:`ArtifactError`.
    """
    arguments = holder.get("arguments") or {}
    if not arguments.get("artifacts"):
        return holder
    artifacts = given(arguments["artifacts"], lookup)
    return {**holder, "arguments": {**arguments, "artifacts": artifacts}}


def outputs(template: Mapping[str, Any], lookup: Lookup) -> list[Artifact]:
    """Return the artifacts that a DAG or Steps has from its children.

    Raises :class:`ArtifactError`.
    """
    declared = (template.get("outputs") or {}).get("artifacts") or ()
    referring = [each for each in declared if each.get("from") or each.get("fromExpression")]
    try:
        return given(referring, lookup)
    except ArtifactError as error:
        raise ArtifactError(f"unable to resolve outputs from scope: {error}") from None


def with_inputs(template: Mapping[str, Any], arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``template`` with its input artifacts given by ``arguments``.

    Raises :class:`ArtifactError` for one that nobody gives, or that says nothing of where it is.
    """
    inputs = template.get("inputs") or {}
    if not inputs.get("artifacts"):
        return template
    by_name = {artifact["name"]: artifact for artifact in arguments.get("artifacts") or ()}
    filled = [_input(artifact, by_name.get(artifact["name"])) for artifact in inputs["artifacts"]]
    return {**template, "inputs": {**inputs, "artifacts": filled}}


def _input(declared: Artifact, argument: Artifact | None) -> Artifact:
    name = declared["name"]
    if not declared.get("optional") and not has_location_or_key(declared):
        if argument is None:
            raise ArtifactError(f"inputs.artifacts.{name} was not supplied")
        if not has_location_or_key(argument):
            raise ArtifactError(f"inputs.artifacts.{name} missing location information")
    if argument is None:
        return declared
    own = {key: declared[key] for key in ("path", "mode", "recurseMode") if key in declared}
    kept = {k: v for k, v in argument.items() if k not in ("path", "mode", "recurseMode")}
    return {**kept, **own}


def _referred(artifact: Artifact, lookup: Lookup) -> Artifact:
    if artifact.get("fromExpression"):
        found = _expressed(artifact["fromExpression"], lookup)
        if not isinstance(found, Mapping):
            raise ArtifactError(f"Variable {{{{{artifact['name']}}}}} is not an artifact")
    else:
        found = _named(artifact["from"], lookup)
    if not artifact.get("subPath"):
        return found
    try:
        return below(found, replace(artifact["subPath"], lookup))
    except LocationError as error:
        if found.get("optional"):
            return found
        raise ArtifactError(str(error)) from None


def _named(reference: str, lookup: Lookup) -> Artifact:
    name = reference.removeprefix("{{").removesuffix("}}").strip()
    try:
        found = artifacts_of(lookup)(name)
    except KeyError:
        found = None
    if found is None:
        raise UnresolvedArtifact(f"Unable to resolve: {json.dumps(name)}")
    return found


def _expressed(text: str, lookup: Lookup) -> object:
    from hera_experiment.argo import expr

    find = artifacts_of(lookup)
    try:
        program = expr.compile(text)
        wanted = expr.identifiers(program)
        artifacts = used_variables(wanted, find)
        return program.run({**used_variables(wanted, lookup), **artifacts})
    except expr.ExprError as error:
        raise ArtifactError(str(error)) from None
