"""``python -m hera_utils.environment.interpreter SCRIPT ARGS…`` runs any Hera script, unmodified.

The script is ``__main__``. The local server, to which the variables of ``run`` lead, takes the
place of whatever server the script names.
"""

from __future__ import annotations

import builtins
import gc
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

from hera_utils.environment.refusals import line_of, refusal
from hera_utils.errors import UserError, report

if TYPE_CHECKING:
    from hera_utils.platform.http import Session

_INTERRUPTED = 130


class LocalService:
    """Makes each of Hera's services, however a script makes it, one of the local server.

    ``say`` is told once when the script named another server.
    """

    def __init__(
        self, url: str, authorization: str, namespace: str, say: Callable[[str], None]
    ) -> None:
        self.url = url
        self.authorization = authorization
        self.namespace = namespace
        self._say = say
        self._said = False

    @classmethod
    def of(cls, environ: Mapping[str, str], say: Callable[[str], None]) -> LocalService:
        """Return the one that the variables of ``run`` describe."""
        try:
            return cls(
                environ["GLOBAL_CONFIG_HOST"],
                environ["ARGO_TOKEN"],
                environ["GLOBAL_CONFIG_NAMESPACE"],
                say,
            )
        except KeyError:
            raise UserError(
                "the interpreter does not know the local server",
                next_step="run a script with: python -m hera_utils run SCRIPT",
            ) from None

    def take_over(self) -> None:
        """Set Hera's ``global_config``, and what its services do with it."""
        from hera.shared import global_config
        from hera.workflows import async_service, service

        from hera_utils.platform.http import Session

        global_config.host = self.url
        global_config.token = self.authorization
        global_config.namespace = self.namespace
        advice = "it has ended; see .hera/server.log"
        session = Session(lambda: self.authorization, where="the local server", advice=advice)
        for kind, own in (
            (service.WorkflowsService, session),
            (async_service.AsyncWorkflowsService, None),
        ):
            # A script may give a service of its own to each workflow: only here do all ways meet.
            setattr(kind, "__init__", self._constructor(own))  # noqa: B010

    def _constructor(self, own_session: Session | None) -> Callable[..., None]:
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
            self._notice(host or global_config.host)
            service.host = self.url
            service.token = self.authorization
            service.verify_ssl = True
            service.client_certs = None
            service.namespace = namespace or global_config.namespace or self.namespace
            if own_session is not None:
                service.session = own_session
            else:
                service.session = import_module("httpx").AsyncClient(trust_env=False)

        return construct

    def _notice(self, host: str | None) -> None:
        if not host or self._said or host.rstrip("/") == self.url.rstrip("/"):
            return
        self._said = True
        shown = host.rpartition("@")[2]
        self._say(f"the script names the Argo server {shown}; the local one takes its place")


def main(argv: list[str]) -> int:
    """Run the script that ``argv`` begins with, as Python itself would.

    Returns 1 when it ends with an exception: its traceback begins in the script. What a person can
    mend, and what the server refuses, is one sentence. A script's own ``SystemExit`` goes through.
    """
    path = argv[0]
    sys.argv = list(argv)
    try:
        # As Python does: the modules next to the script come first.
        sys.path[0] = str(Path(path).resolve().parent)
        code = compile(_source(path), path, "exec", dont_inherit=True)
        _without_collecting(LocalService.of(os.environ, _say).take_over)
        _execute(code, path)
    except UserError as error:
        return report(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:
        return _report(error, path)
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


def _report(error: Exception, path: str) -> int:
    sentence = refusal(error, "the local server", line_of(error.__traceback__, path))
    if sentence is not None:
        return report(sentence)
    # The hook of Python itself looks at the exception's own traceback, not at its argument.
    error.__traceback__ = _within(error.__traceback__, path)
    sys.excepthook(type(error), error, error.__traceback__)
    return 1


def _within(traceback: TracebackType | None, path: str) -> TracebackType | None:
    """Return the traceback from the script's own first frame on, None without such a frame."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename != path:
        traceback = traceback.tb_next
    return traceback


def _say(sentence: str) -> None:
    print(f"hera_utils: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
