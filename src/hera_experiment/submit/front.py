"""Opens what stands between a script and the platform: the endpoint, and what it does there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any

from hera_experiment.argo.names import ANNOTATION_CACHE, SESSION_LABEL
from hera_experiment.context.context import Context
from hera_experiment.context.endpoint_address import EndpointAddress
from hera_experiment.endpoint.address import address_of, alone, name_of
from hera_experiment.endpoint.defaults import defaults_of
from hera_experiment.endpoint.printer import Printer
from hera_experiment.endpoint.server import Endpoint
from hera_experiment.endpoint.submission import Submission
from hera_experiment.environment.inputs import InputChoice
from hera_experiment.environment.submissions import arguments_of, experiment_labels, submitter_of
from hera_experiment.lint.gate import Gate
from hera_experiment.platform.kubernetes_access import no_platform
from hera_experiment.platform.versions import versions_of
from hera_experiment.record.origin import ARGO
from hera_experiment.runs.server import Server, open_server
from hera_experiment.submit.data import Data, DataUpload
from hera_experiment.submit.messages import created
from hera_experiment.submit.part import WHOLE, Part
from hera_experiment.submit.preflight import Preflight

STANDARD_ERROR = 2
"""Where a dry run puts what the script prints: the YAML has standard output alone."""


@dataclass(frozen=True)
class Front:
    """An open endpoint, which ``address`` leads to; ``context`` is what the script finds.

    What it creates is recorded for ``session`` on ``server``; in a dry run there is no session, and
    no server where no platform is designated. ``output`` takes the place of the script's standard
    output where it is given. :meth:`end` closes the endpoint: what has not been sent by then is
    created no more. :meth:`others` counts the templates and the like that it created.
    """

    context: Context
    address: EndpointAddress
    server: Server | None
    session: str
    output: int | None
    end: Callable[[], None]
    others: Callable[[], int]


@contextmanager
def opened(
    context: Context,
    script: Path,
    arguments: Sequence[str],
    inputs: InputChoice,
    *,
    dry_run: bool,
    part: Part = WHOLE,
) -> Iterator[Front]:
    """Open the platform of ``context`` for what ``script`` submits; close it all at the end.

    Each workflow is checked first, then its data are copied, and it is created once and recorded.
    ``part`` says what of it runs. In a dry run it is printed as YAML, and a platform that is
    designated is asked whether it would accept it.

    Raises
    ------
    UserError
        When no platform is designated, or it does not answer or accepts no token.
    """
    session = "" if dry_run else f"submit-{token_hex(4)}"
    # What is printed keeps no label of this one call.
    labels = {**experiment_labels(context.experiment), SESSION_LABEL: session}
    backend: Printer | Submission
    with ExitStack() as stack:
        server = None
        if context.is_local or context.argo_server:
            server = stack.enter_context(open_server(context))
        elif not dry_run:
            raise no_platform(context)
        client, name = (server.client, name_of(server)) if server else (None, "")
        defaults = defaults_of(context, labels, client)
        data = Data(context)
        if not dry_run or part != WHOLE:
            defaults = replace(defaults, resumption=part.goes_on(context, data))
        if part.cache and context.is_local:
            defaults = replace(defaults, annotations={ANNOTATION_CACHE: "1"})
        versions = _versions_on(server)
        judge = Gate(context.experiment.folder, lambda: versions().get(ARGO, ""))
        if server is None or dry_run:
            backend = Printer(sys.stdout, client, name, defaults, judge)
        else:
            submitter = submitter_of(
                context.experiment,
                server.client,
                context.cluster,
                script=script,
                arguments=arguments_of(context, arguments),
                inputs=str(inputs),
                session=session,
                platforms=versions,
            )
            backend = Submission(submitter, defaults=defaults, created=_Told(server), judge=judge)
            if not server.is_local:
                backend.before.append(Preflight(context, server.client))
            backend.before.append(DataUpload(server, data, backend.tell))
        endpoint = Endpoint(backend)

        def end() -> None:
            backend.close()
            endpoint.close()

        stack.callback(end)
        if server is None:
            # Something must answer a script that asserts that its server is there.
            context, address = alone(context, endpoint)
        else:
            address = address_of(endpoint, server)
        output = STANDARD_ERROR if dry_run else None
        yield Front(context, address, server, session, output, end, lambda: backend.others)


def _versions_on(server: Server | None) -> Callable[[], Mapping[str, str]]:
    """Return what asks a cluster once for its versions; the laptop's Argo is the library's own."""
    if server is None or server.is_local:
        return dict
    return cache(lambda: versions_of(server.client, server.cluster))


@dataclass(frozen=True)
class _Told:
    """Prints the line for a workflow that exists now."""

    server: Server

    def __call__(self, namespace: str, workflow: Mapping[str, Any]) -> None:
        name = str(workflow["metadata"]["name"])
        url, is_local = self.server.client.url, self.server.is_local
        print(created(url, namespace, name, is_local=is_local), flush=True)
