"""``python -m hera_experiment.environment.interpreter SCRIPT …`` runs a Hera script, unmodified.

The script is ``__main__``. The designated server (of the laptop, to which the variables of ``run``
lead, unless another is given) takes the place of whatever server the script names.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from hera_experiment.environment import inputs
from hera_experiment.environment.inputs import VARIABLE, take_inputs
from hera_experiment.environment.refusals import line_of, refusal
from hera_experiment.environment.script_process import WAITING, for_python
from hera_experiment.errors import UserError, report, tell

if TYPE_CHECKING:
    import requests

    from hera_experiment.context.context import Context

_INTERRUPTED = 130
_IMPORTLIB = importlib.__file__


class Services(Protocol):
    """What a script submits with."""

    @property
    def name(self) -> str:
        """What its server is called in a message."""

    def take_over(self) -> None:
        """Make Hera use it, whatever the script says."""


class ScriptServices:
    """Makes each of Hera's services, however a script makes it, one of the designated server.

    Parameters
    ----------
    url, authorization, namespace:
        The server, ending in a slash; what returns the header's value; where a workflow goes whose
        script names no namespace.
    session:
        Carries the token, the time-outs and the certificates.
    name, stand_in:
        What the server is called in a message, and what takes the place of another.
    say:
        Told once when the script named another server.
    """

    def __init__(
        self,
        url: str,
        authorization: Callable[[], str],
        namespace: str,
        *,
        session: requests.Session,
        say: Callable[[str], None],
        name: str = "the local server",
        stand_in: str = "the local one",
    ) -> None:
        self.url = url
        self.authorization = authorization
        self.namespace = namespace
        self.session = session
        self.name = name
        self._stand_in = stand_in
        self._say = say
        self._said = False
        self._is_recorded = False

    @classmethod
    def of_laptop(
        cls, environ: Mapping[str, str], say: Callable[[str], None], *, recorded: bool = False
    ) -> ScriptServices:
        """Return those that the variables of ``run`` describe.

        When ``recorded``, what is submitted with them is written down and created exactly once.
        """
        try:
            url, namespace = environ["GLOBAL_CONFIG_HOST"], environ["GLOBAL_CONFIG_NAMESPACE"]
            bearer = environ["ARGO_TOKEN"]
        except KeyError:
            raise UserError(
                "the interpreter does not know the local server",
                next_step="run a script with: python -m hera_utils run SCRIPT",
            ) from None
        from hera_experiment.platform.http_session import Session

        name, advice = "the local server", "it has ended; see .hera/server.log"
        session = Session(lambda: bearer, where=name, advice=advice)
        services = cls(url, lambda: bearer, namespace, session=session, say=say, name=name)
        services._is_recorded = recorded
        return services

    def take_over(self) -> None:
        """Set Hera's ``global_config``, and what its services do with it."""
        from hera.shared import global_config
        from hera.workflows import async_service, service

        global_config.host = self.url
        global_config.token = self.authorization
        global_config.namespace = self.namespace
        for kind, own in (
            (service.WorkflowsService, self.session),
            (async_service.AsyncWorkflowsService, None),
        ):
            # A script may give a service of its own to each workflow: only here do all ways meet.
            setattr(kind, "__init__", self._constructor(own))  # noqa: B010
        if self._is_recorded:
            self._record()

    def _record(self) -> None:
        from hera_experiment.context.profiles import LOCAL
        from hera_experiment.environment.recording import record_with
        from hera_experiment.experiment import Experiment
        from hera_experiment.platform.argo_client import ArgoClient

        client = ArgoClient(self.url, self.session, self.name)
        record_with(client, Experiment.find(Path.cwd()), LOCAL)

    def _constructor(self, own_session: requests.Session | None) -> Callable[..., None]:
        from hera.shared import global_config

        def construct(
            service: Any,
            host: str | None = None,
            verify_ssl: bool | None = None,
            token: str | None = None,
            client_certs: tuple[str, str] | None = None,
            namespace: str | None = None,
            session: Any = None,
        ) -> None:
            self.notice(host)
            service.host = self.url
            service.token = self.authorization()
            service.verify_ssl = self.session.verify
            service.client_certs = None
            service.namespace = namespace or global_config.namespace or self.namespace
            if own_session is not None:
                service.session = own_session
            else:
                httpx = import_module("httpx")
                service.session = httpx.AsyncClient(trust_env=False, verify=self.session.verify)

        return construct

    def notice(self, host: str | None = None) -> None:
        """Say so once when ``host``, or the one of ``global_config``, is another server's."""
        from hera.shared import global_config

        host = host or global_config.host
        if not host or self._said or host.rstrip("/") == self.url.rstrip("/"):
            return
        self._said = True
        shown = host.rpartition("@")[2]
        self._say(f"the script names the Argo server {shown}; {self._stand_in} takes its place")


def environment_of(
    environ: Mapping[str, str], context: Context, inputs: str = ""
) -> dict[str, str]:
    """Return ``environ`` for a script: it finds the context module, and ``inputs``."""
    return {**for_python(environ, context.module_folder()), VARIABLE: inputs}


def main(argv: list[str], services: Callable[[], Services] | None = None) -> int:
    """Run the script that ``argv`` begins with, as Python itself would.

    ``services`` returns what the script submits with, the laptop's unless given; what it raises is
    said like what the script raises.

    Returns 1 when it ends with an exception: its traceback begins in the script. What a person can
    mend, and what the server refuses, is one sentence. A script's own ``SystemExit`` goes through.
    """
    path = argv[0]
    sys.argv = list(argv)
    server = ""
    try:
        # As Python does: the modules next to the script come first.
        sys.path[0] = str(Path(path).resolve().parent)
        code = compile(_source(path), path, "exec", dont_inherit=True)
        found = (
            services() if services else ScriptServices.of_laptop(os.environ, tell, recorded=True)
        )
        server = found.name
        _without_collecting(found.take_over)
        take_inputs()
        _execute(code, path)
    except UserError as error:
        return report(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:
        return _report(error, path, server)
    return 0


def _without_collecting(imports: Callable[[], None]) -> None:
    """Call ``imports``: what Hera makes while it is imported stays, and is no garbage to look for.

    A tenth of the time of the import, which is most of what a run takes to begin.
    """
    gc.disable()
    try:
        imports()
    finally:
        gc.freeze()
        gc.enable()


def _execute(code: CodeType, path: str) -> None:
    module = ModuleType("__main__")
    module.__dict__.update(__file__=path, __builtins__=builtins, __cached__=None, __spec__=None)
    sys.modules["__main__"] = module
    exec(code, module.__dict__)


def _source(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"the script '{path}' cannot be read: {error.strerror}") from None


def _report(error: Exception, path: str, server: str) -> int:
    sentence = refusal(error, server, line_of(error.__traceback__, path))
    if sentence is not None:
        return report(sentence)
    # The hook of Python itself looks at the exception's own traceback, not at its argument.
    error.__traceback__ = _theirs(error.__traceback__)
    sys.excepthook(type(error), error, error.__traceback__)
    return 1


def _theirs(traceback: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the first frame on that is neither ours nor that of an import."""
    ours = (__file__, inputs.__file__)
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if name not in ours and not name.startswith("<frozen importlib") and name != _IMPORTLIB:
            break
        traceback = traceback.tb_next
    return traceback


def _import_hera() -> None:
    import hera.workflows  # noqa: F401


def run_when_told(descriptor: int) -> int:
    """Import Hera, and run what a :class:`WaitingScript` writes; nothing when it writes nothing."""
    try:
        with contextlib.suppress(ImportError):  # the script meets it, too
            _without_collecting(_import_hera)
        with open(descriptor, "rb") as pipe:
            order = pipe.read()
    except KeyboardInterrupt:
        return _INTERRUPTED
    if not order:
        return 0
    told = json.loads(order)
    os.environ.clear()
    os.environ.update(told["environment"])
    return main(told["command"])


if __name__ == "__main__":
    waiting = sys.argv[1] == WAITING
    sys.exit(run_when_told(int(sys.argv[2])) if waiting else main(sys.argv[1:]))
