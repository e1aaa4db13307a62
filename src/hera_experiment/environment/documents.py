"""Submits the objects of a file to the endpoint, each as it is written."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import requests

from hera_experiment.argo.objects import WORKFLOW
from hera_experiment.context.endpoint_address import EndpointAddress
from hera_experiment.context.sources import display
from hera_experiment.errors import UserError, tell
from hera_experiment.platform.endpoint_session import API, ORIGINS, EndpointSession
from hera_experiment.submission.documents import Document, documents_of

_EXISTS = 409
_NAMED = re.compile(
    r"templates\.(?P<template>[-\w]+)(\.tasks\.(?P<task>[-\w]+)|\.steps\[\d+\]\.(?P<step>[-\w]+))?"
)


def submit_documents(path: Path, words: Sequence[str], endpoint: EndpointAddress) -> None:
    """Create what the file holds; ``words`` are ``-p NAME=VALUE``, for the workflows' arguments.

    A template or CronWorkflow that is there already is given what the file says. Raises
    :class:`UserError`.
    """
    parameters = _parameters(words)
    documents = documents_of(path)
    with EndpointSession(endpoint) as session:
        for document in documents:
            if parameters and document.kind is WORKFLOW:
                document = _with_parameters(document, parameters)
            _send(document, session, endpoint)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(
            f"{message}, behind the name of a file of objects", "--args", "type -p NAME=VALUE"
        )


def _parameters(words: Sequence[str]) -> dict[str, str]:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("-p", "--parameter", action="append", default=[])
    found = {}
    for text in parser.parse_args(words).parameter:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"'{text}' is no NAME=VALUE", "-p")
        found[name] = value
    return found


def _with_parameters(document: Document, given: dict[str, str]) -> Document:
    """Return the workflow with other arguments, as ``argo submit -p`` changes them."""
    spec = dict(document.manifest.get("spec") or {})
    arguments = dict(spec.get("arguments") or {})
    others = [p for p in arguments.get("parameters") or () if p.get("name") not in given]
    arguments["parameters"] = [{"name": k, "value": v} for k, v in given.items()] + others
    manifest = {**document.manifest, "spec": {**spec, "arguments": arguments}}
    return replace(document, manifest=manifest)


def _send(document: Document, session: EndpointSession, endpoint: EndpointAddress) -> None:
    kind, manifest = document.kind, document.manifest
    metadata = manifest.get("metadata") or {}
    path = f"{endpoint.server.rstrip('/')}{API}{kind.path}"
    if kind.in_namespace:
        path += f"/{metadata.get('namespace') or endpoint.namespace}"
    answer = session.post(path, json={kind.key: manifest, ORIGINS: document.origins})
    if answer.status_code == _EXISTS and kind is not WORKFLOW and metadata.get("name"):
        answer = _replace(path, document, session)
    if not answer.ok:
        message = _message(answer)
        raise UserError(f"{endpoint.name} answers: {message}", _place(document, message))


def _replace(path: str, document: Document, session: EndpointSession) -> requests.Response:
    """Give an object that is there the specification of ``document``, unless it has that."""
    key, metadata = document.kind.key, dict(document.manifest["metadata"])
    own = f"{path}/{metadata['name']}"
    known, read = session.get(own), session.post(f"{path}/lint", json={key: document.manifest})
    if not (known.ok and read.ok):
        return read if known.ok else known
    found = known.json()
    if found["spec"] == read.json()["spec"]:
        return known
    metadata["resourceVersion"] = found["metadata"]["resourceVersion"]
    answer = session.put(own, json={key: {**document.manifest, "metadata": metadata}})
    if answer.ok:
        tell(f"{document.kind.name} {metadata['name']} is now as {document.place} says")
    return answer


def _place(document: Document, message: str) -> str:
    """Return the line of the task or template that a message is about, else the document's."""
    for found in reversed(list(_NAMED.finditer(message))):
        template, call = found["template"], found["task"] or found["step"]
        for name in ([f"{template}/{call}"] if call else []) + [template]:
            if name in document.origins:
                file, line = document.origins[name]
                return f"{display(Path(file))}, line {line}"
    return document.place


def _message(answer: requests.Response) -> str:
    try:
        return str(json.loads(answer.content)["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status_code}"
