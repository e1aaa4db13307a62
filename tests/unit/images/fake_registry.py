"""A registry as a test fills it, over the small HTTP server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

from fake_server import Answer, Asked, FakeServer
from image_layers import digest, packed, tar

ARCHITECTURE = "amd64"
EMPTY: dict[str, Any] = {}


class FakeRegistry:
    """Has blobs and manifests; ``asked`` lists method and last part of the path.

    ``wrong`` answers in place of what is there, by the last part of the path; ``account`` is
    whom it lets in.
    """

    def __init__(self, server: FakeServer) -> None:
        server.answer = self._answer
        self._server = server
        self.host = f"127.0.0.1:{server.port}"
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.wrong: dict[str, Callable[[Asked], Answer]] = {}
        self.account: tuple[str, str] | None = None
        self.status = 200

    @property
    def asked(self) -> list[str]:
        return [f"{a.method} {a.path.rpartition('/')[2]}" for a in self._server.asked]

    def fetched(self) -> list[str]:
        """Return the digests of the blobs that were asked for."""
        return [a.path.rpartition("/")[2] for a in self._server.asked if "/blobs/" in a.path]

    def blob(self, content: bytes) -> dict[str, Any]:
        self.blobs[digest(content)] = content
        return {"digest": digest(content), "size": len(content), "mediaType": "any"}

    def document(self, document: object, tag: str = "") -> dict[str, Any]:
        """Add a manifest or an index, by its digest and the ``tag``; return what refers to it."""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.manifests[digest(content)] = content
        if tag:
            self.manifests[tag] = content
        return {"digest": digest(content), "size": len(content), "mediaType": "any"}

    def image(
        self,
        tag: str,
        *layers: Sequence[Any],
        config: dict[str, Any] = EMPTY,
        architecture: str = ARCHITECTURE,
        variant: str = "",
    ) -> str:
        """Add an image of layers with these entries; return the digest of its manifest."""
        described = {
            "os": "linux",
            "architecture": architecture,
            "variant": variant,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [digest(tar(*each)) for each in layers]},
        }
        manifest = {
            "schemaVersion": 2,
            "config": self.blob(json.dumps(described).encode()),
            "layers": [self.blob(packed(*each)) for each in layers],
        }
        return str(self.document(manifest, tag)["digest"])

    def _answer(self, asked: Asked) -> Answer:
        if self.status != 200:
            return Answer({}, self.status)
        if self.account:
            right = base64.b64encode(":".join(self.account).encode()).decode()
            if asked.headers.get("Authorization") != f"Basic {right}":
                return Answer({}, 401, {"WWW-Authenticate": 'Basic realm="here"'})
        if asked.path == "/v2/":
            return Answer({})
        name = asked.path.rpartition("/")[2]
        if name in self.wrong:
            return self.wrong[name](asked)
        store = self.blobs if "/blobs/" in asked.path else self.manifests
        if name not in store:
            return Answer({}, 404)
        headers = {"Docker-Content-Digest": digest(store[name])} if store is self.manifests else {}
        return Answer(store[name], headers=headers)
