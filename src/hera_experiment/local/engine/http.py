"""HTTP templates, by a request of this machine: on a cluster an agent's pod sends it.

Source: ``executeHTTPTemplate`` in ``workflow/controller/http_template.go`` and
``workflow/executor/agent.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import binascii
import ssl
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from typing import Any
from urllib.parse import urlsplit

from hera_experiment.argo.conditions import ExpressionError, holds
from hera_experiment.argo.phases import ERROR, FAILED, PENDING, SUCCEEDED
from hera_experiment.local.artifacts.http import reason_of
from hera_experiment.local.engine.machine import Attempt, Held, Machine
from hera_experiment.local.engine.node import HTTP, Node
from hera_experiment.local.errors import ApiError
from hera_experiment.local.store.objects import SECRETS, Objects

AT_A_TIME = 16
"""How many requests of all workflows run at a time, as many as an agent sends."""

_WITH_BODY = ("POST", "PUT", "PATCH")


@dataclass(frozen=True)
class Answer:
    """What came of a request: ``result`` is the body, None if there was no answer."""

    phase: str
    message: str = ""
    result: str | None = None


class _Waiting(Held):
    """A node whose request has not been answered."""

    def answered(self, answer: Answer) -> None:
        """Write down what came of the request."""
        if self.node.id in self._machine.held:
            if answer.result is not None:
                self.node.outputs = {"result": answer.result}
            self.end(answer.phase, answer.message)


def start_http(machine: Machine, attempt: Attempt) -> Node:
    """Make the node of an HTTP template and have the request sent."""
    node = machine.make_node(attempt, HTTP, PENDING)
    waiting = _Waiting(machine, attempt, node)
    machine.held[node.id] = waiting
    machine.end_held()
    if node.id in machine.held:
        machine.request(attempt.template["http"], waiting.answered)
    return node


def send(http: Mapping[str, Any], objects: Objects) -> Answer:
    """Send the request of a template and judge the answer; in any thread."""
    try:
        request = _request(http, objects)
        status, headers, body = _sent(http, request)
        return _judged(http, status, headers, body.decode("utf-8", "replace"))
    except _Failed as failure:
        return Answer(FAILED, str(failure))
    except Exception as error:  # Whatever it is, the workflow must go on.
        return Answer(ERROR, f"error processing task: {type(error).__name__}: {error}")


class _Failed(Exception):
    """There is no answer, or nothing can be said of it."""


def _request(http: Mapping[str, Any], objects: Objects) -> urllib.request.Request:
    method, url = http.get("method") or "GET", http.get("url", "")
    if urlsplit(url).scheme not in ("http", "https"):
        raise _unsent(http, f'unsupported protocol scheme "{urlsplit(url).scheme}"')
    body = _body(http)
    data = body if body or method in _WITH_BODY else None
    request = urllib.request.Request(url, data, method=method)
    for header in http.get("headers") or ():
        name, value = header["name"], _value(header, objects)
        known = request.get_header(name.capitalize())
        request.add_header(name, value if known is None else f"{known}, {value}")
    if not request.has_header("User-agent"):
        request.add_header("User-Agent", "Go-http-client/1.1")
    return request


def _body(http: Mapping[str, Any]) -> bytes:
    source = http.get("bodyFrom")
    if source is None:
        return str(http.get("body") or "").encode()
    try:
        return b64decode(source.get("bytes") or "", validate=True)
    except binascii.Error as error:
        raise _Failed(f"bodyFrom.bytes is not base64: {error}") from None


def _value(header: Mapping[str, Any], objects: Objects) -> str:
    reference = (header.get("valueFrom") or {}).get("secretKeyRef")
    if reference is None:
        return str(header.get("value") or "")
    name, key = reference.get("name", ""), reference.get("key", "")
    try:
        found = objects.get(SECRETS, name)
    except ApiError:
        raise _Failed(f'secrets "{name}" not found') from None
    if key not in found:
        raise _Failed(f"secret '{name}' does not have the key '{key}'")
    return found[key].decode("utf-8", "replace")


class _Plain(urllib.request.AbstractHTTPHandler):
    """Adds no type of the content, as Go does not."""

    def do_request_(self, request: urllib.request.Request) -> urllib.request.Request:
        """Prepare ``request``."""
        prepared: urllib.request.Request = super().do_request_(request)
        prepared.unredirected_hdrs.pop("Content-type", None)
        return prepared


class _Http(_Plain, urllib.request.HTTPHandler):
    http_request = _Plain.do_request_


class _Https(_Plain, urllib.request.HTTPSHandler):
    https_request = _Plain.do_request_


def _sent(
    http: Mapping[str, Any], request: urllib.request.Request
) -> tuple[int, HTTPMessage, bytes]:
    context = ssl.create_default_context()
    if http.get("insecureSkipVerify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(_Http(), _Https(context=context))
    timeout = http.get("timeoutSeconds")
    try:
        try:
            answer = opener.open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.URLError as error:
        raise _unsent(http, reason_of(error.reason, request.full_url)) from None
    except (OSError, HTTPException) as error:
        raise _unsent(http, reason_of(error, request.full_url)) from None


def _unsent(http: Mapping[str, Any], reason: str) -> _Failed:
    method = (http.get("method") or "GET").capitalize()
    return _Failed(f'{method} "{http.get("url", "")}": {reason}')


def _judged(http: Mapping[str, Any], status: int, headers: HTTPMessage, body: str) -> Answer:
    condition = http.get("successCondition")
    if not condition:
        if 200 <= status < 300:
            return Answer(SUCCEEDED, result=body)
        return Answer(FAILED, f"received non-2xx response code: {status}", body)
    plain = [header for header in http.get("headers") or () if "valueFrom" not in header]
    answered: dict[str, list[str]] = {}
    for name, value in headers.items():
        answered.setdefault(_canonical(name), []).append(value)
    variables: dict[str, Any] = {
        "request": {
            "method": http.get("method", ""),
            "url": http.get("url", ""),
            "body": http.get("body", ""),
            "headers": {header["name"]: [header.get("value", "")] for header in plain},
        },
        "response": {"statusCode": status, "body": body, "headers": answered},
    }
    try:
        holds_true = holds(condition, variables)
    except ExpressionError as error:
        raise _Failed(str(error)) from None
    if holds_true:
        return Answer(SUCCEEDED, result=body)
    return Answer(FAILED, f"successCondition '{condition}' evaluated false", body)


def _canonical(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))
