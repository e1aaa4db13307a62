"""Downloads of artifacts. Source: server/artifacts/artifact_server.go.

What Argo's server calls an internal error is one here too, but says what it is.
"""

from __future__ import annotations

import html
import io
import mimetypes
import os
import posixpath
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from hera_experiment.local.artifacts.errors import ArtifactFailure, ArtifactNotFound
from hera_experiment.local.artifacts.pod import PodArtifacts
from hera_experiment.local.artifacts.references import has_key, key_of
from hera_experiment.local.errors import ApiError, InvalidWorkflow, NotFound, Unimplemented
from hera_experiment.local.server.messages import Answer, File, Moved, Request
from hera_experiment.local.server.workflows import resolve
from hera_experiment.local.store import Run

_DIRECTIONS = {"outputs": "outputs", "inputs": "inputs"}
_HTML = "text/html; charset=utf-8"


def output(request: Request) -> Answer:
    """Send an output artifact of a node."""
    return _whole(request, "outputs")


def input_(request: Request) -> Answer:
    """Send an input artifact of a node."""
    return _whole(request, "inputs")


def file(request: Request) -> Answer:
    """Send an artifact, a file below one, or a list of what is in a folder."""
    if request.path["direction"] not in _DIRECTIONS:
        raise InvalidWorkflow("the path of an artifact goes on with outputs or inputs")
    if request.path["kind"] == "workflows":
        run = resolve(request)
    elif request.path["kind"] == "archived-workflows":
        run = _by_uid(request, request.name)
    else:
        raise InvalidWorkflow("the path of an artifact names workflows or archived-workflows")
    inner = request.path.get("inner")
    reader, location = _found(
        request, run, request.path["direction"], posixpath.normpath(inner) if inner else ""
    )
    try:
        if inner is None or inner.rpartition("/")[2]:
            if reader.is_folder(location):
                last = (inner or request.path["artifact"]).rpartition("/")[2]
                return Moved(f"{quote(last, safe='')}/")
            return _sent(reader, location)
        return _listed(reader, location)
    except ArtifactFailure as error:
        raise _refused(error) from None


def _whole(request: Request, direction: str) -> Answer:
    uid = request.path.get("uid")
    run = _by_uid(request, uid) if uid else resolve(request)
    reader, location = _found(request, run, direction)
    try:
        if reader.is_folder(location):
            # Argo's words for its S3 driver.
            raise Unimplemented("Directory Stream capability currently unimplemented for S3")
        return _sent(reader, location)
    except ArtifactFailure as error:
        raise _refused(error) from None


def _by_uid(request: Request, uid: str) -> Run:
    for run in request.services.store.runs(request.namespace):
        if run.metadata.get("uid") == uid:
            return run
    raise NotFound(f'workflow with the uid "{uid}" not found')


def _found(
    request: Request, run: Run, direction: str, inner: str = ""
) -> tuple[PodArtifacts, Mapping[str, Any]]:
    node = run.nodes.get(request.path["node"])
    if node is None:
        raise ApiError(f"was not able to retrieve node {request.path['node']}")
    wanted = request.path["artifact"]
    for artifact in (node.get(direction) or {}).get("artifacts") or ():
        if artifact["name"] == wanted:
            reader = request.services.engine.artifacts(run).reader(node.get("templateName") or "")
            try:
                return reader, reader.location(artifact, "" if inner == "." else inner)
            except ArtifactFailure as error:
                raise ApiError(str(error)) from None
    is_input = str(direction == "inputs").lower()
    raise ApiError(f"artifact not found: {wanted}, isInput={is_input}")


def _sent(reader: PodArtifacts, location: Mapping[str, Any]) -> File:
    content = reader.open(location)
    name = posixpath.basename(key_of(location)) if has_key(location) else ""
    media = mimetypes.guess_type(name)[0] or ""
    return File(content, os.fstat(content.fileno()).st_size, name, media)


def _listed(reader: PodArtifacts, location: Mapping[str, Any]) -> Answer:
    if not reader.is_folder(location):
        raise ArtifactNotFound("no such folder")
    shown: dict[str, None] = {}
    for name in reader.repository.names(location):
        if name == "index.html":
            return Moved("index.html")
        folder, last = posixpath.split(name)
        shown[f"{folder}/" if folder else last] = None
    items = "".join(
        f'<li><a href="./{html.escape(quote(name))}">{html.escape(name)}</a></li>\n'
        for name in shown
    )
    page = f'<html><body><ul>\n<li><a href="..">..</a></li>\n{items}</ul></body></html>'.encode()
    return File(io.BytesIO(page), len(page), media=_HTML)


def _refused(error: ArtifactFailure) -> ApiError:
    return NotFound(str(error)) if isinstance(error, ArtifactNotFound) else ApiError(str(error))
