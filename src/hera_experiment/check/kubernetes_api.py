"""The API server as checks ask it: each question once, whoever asks first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hera_experiment.check.cached_facts import CachedFacts
from hera_experiment.platform.kubernetes_client import (
    FORBIDDEN,
    NOT_FOUND,
    OK,
    UNAUTHENTICATED,
    Answer,
    KubernetesClient,
)

__all__ = ["FORBIDDEN", "NOT_FOUND", "OK", "UNAUTHENTICATED", "Answer", "KubernetesApi"]


class KubernetesApi(CachedFacts):
    """Remembers what ``client`` was answered; raises what it raises."""

    def __init__(self, client: KubernetesClient) -> None:
        super().__init__()
        self.client = client
        self.server, self.where = client.server, client.where

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Read ``path``, which begins with a slash."""
        given = dict(params or {})
        key = ("GET", path, *sorted(given.items()))
        return self.once(key, lambda: self.client.get(path, given))

    def post(self, path: str, body: Mapping[str, Any], authorization: str | None = None) -> Answer:
        """Ask a question that Kubernetes wants as POST (a review, a token); creates no object.

        ``authorization`` takes the place of the kubeconfig's own user.
        """
        key = ("POST", path, json.dumps(body, sort_keys=True), authorization)
        return self.once(key, lambda: self.client.post(path, body, authorization))
