"""Leads Hera's services where submissions are made: the one place that changes Hera itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import requests

from hera_experiment.context.endpoint_address import EndpointAddress
from hera_experiment.endpoint.messages import Backend, Request, refusal_of
from hera_experiment.errors import tell
from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.platform.endpoint_session import EndpointSession


class BackendSession(requests.Session):
    """A session whose requests, to the server at ``url``, ``backend`` answers in this process."""

    def __init__(self, backend: Backend, url: str) -> None:
        super().__init__()
        self._backend = backend
        self._base = urlsplit(url).path

    def request(  # type: ignore[override]
        self, method: str, url: str | bytes, **options: Any
    ) -> requests.Response:
        """As ``requests``; what Argo's server refuses is an answer, other refusals are raised."""
        known = ("params", "data", "json", "headers")
        asked = requests.Request(
            method.upper(), url, **{name: options[name] for name in known if name in options}
        ).prepare()
        address = urlsplit(str(asked.url))
        path = "/" + address.path.removeprefix(self._base).lstrip("/")
        body = asked.body or b""
        request = Request(
            method.upper(),
            path,
            address.query,
            asked.headers,
            body.encode() if isinstance(body, str) else body,
        )
        try:
            return self._backend.answer(request)
        except ArgoRefusal as error:
            if not error.message:  # a page of somebody else
                raise
            return refusal_of(error)


@dataclass(frozen=True)
class Route:
    """How Hera's requests to the server at ``url``, which ends in a slash, are sent."""

    url: str
    session: requests.Session
    authorization: Callable[[], str]
    namespace: str


_ROUTES: dict[str, Route] = {}
"""By the server's URL without the slash; under no URL, that of every server."""
_EVERY = ""


def lead_to_endpoint(
    endpoint: EndpointAddress, complete: Callable[[Any], Any] = lambda body: body
) -> None:
    """Lead every service of Hera to ``endpoint``, whatever server the script names.

    The script is told once where that is another one. ``complete`` is asked for the body that takes
    the place of one.
    """
    from hera.shared import global_config

    def bearer() -> str:
        return f"Bearer {endpoint.token}"

    global_config.host = endpoint.server
    global_config.token = bearer
    global_config.namespace = endpoint.namespace
    session = EndpointSession(endpoint, complete)
    said: list[str] = []

    def notice(host: str) -> None:
        own = (urlsplit(endpoint.server).netloc, urlsplit(endpoint.url).netloc)
        if said or not endpoint.stand_in or not host or urlsplit(host).netloc in own:
            return
        said.append(host)
        shown = host.rpartition("@")[2]
        tell(f"the script names the Argo server {shown}; {endpoint.stand_in} takes its place")

    _ROUTES[_EVERY] = Route(endpoint.server, session, bearer, endpoint.namespace)
    _replace_constructors(notice)


def lead_to(route: Route) -> None:
    """Send what Hera's services ask the server of ``route`` with its session; no other's."""
    _ROUTES[_key(route.url)] = route
    _replace_constructors(lambda host: None)


def tell_of_nodes(made: Callable[[Any], None]) -> None:
    """Call ``made`` with each template, task, step and workflow that a script makes from now on."""
    from hera.workflows import Workflow
    from hera.workflows._context import SubNodeMixin

    for kind in (SubNodeMixin, Workflow):
        original = getattr(kind.__post_init__, "original", kind.__post_init__)

        def initialised(own: Any, *, original: Any = original) -> None:
            made(own)
            original(own)

        initialised.original = original  # type: ignore[attr-defined]
        setattr(kind, "__post_init__", initialised)  # noqa: B010


def _replace_constructors(notice: Callable[[str], None]) -> None:
    from hera.shared import global_config
    from hera.workflows import async_service, service

    for kind, is_async in (
        (service.WorkflowsService, False),
        (async_service.AsyncWorkflowsService, True),
    ):
        original = getattr(kind.__init__, "original", kind.__init__)

        def construct(
            own: Any,
            host: str | None = None,
            verify_ssl: bool | None = None,
            token: str | None = None,
            client_certs: tuple[str, str] | None = None,
            namespace: str | None = None,
            session: Any = None,
            *,
            original: Any = original,
            is_async: bool = is_async,
        ) -> None:
            named = host or global_config.host or ""
            notice(named)
            route = _ROUTES.get(_EVERY) or _ROUTES.get(_key(named))
            if route is None:
                original(own, host, verify_ssl, token, client_certs, namespace, session)
                return
            own.host, own.token = route.url, route.authorization()
            own.verify_ssl, own.client_certs = True, None
            own.namespace = namespace or global_config.namespace or route.namespace
            own.session = _async_client(route.session) if is_async else route.session

        construct.original = original  # type: ignore[attr-defined]
        # A script may make a service of its own for each workflow: only here do all ways meet.
        setattr(kind, "__init__", construct)  # noqa: B010


def _async_client(session: requests.Session) -> Any:
    """Return a client of httpx that sends with ``session``, in a thread."""
    from asyncio import to_thread

    httpx = import_module("httpx")

    class Transport(httpx.AsyncBaseTransport):  # type: ignore[misc,name-defined]
        async def handle_async_request(self, request: Any) -> Any:
            body = await request.aread()
            # The token is the session's.
            headers = {"Content-Type": request.headers.get("Content-Type", "application/json")}

            def send() -> requests.Response:
                found = session.request(
                    request.method, str(request.url), data=body, headers=headers
                )
                _ = found.content
                return found

            answer = await to_thread(send)
            return httpx.Response(
                answer.status_code,
                headers={"Content-Type": answer.headers.get("Content-Type", "")},
                content=answer.content,
            )

    return httpx.AsyncClient(transport=Transport(), timeout=None)


def _key(url: str) -> str:
    return url.rstrip("/")
