"""``python -m hera_experiment.environment.interpreter SCRIPT …`` runs a Hera script, unmodified.

In the place of a script a file of YAML or JSON may stand, whose objects are submitted as they are
written. The script is ``__main__``. The endpoint of the verb that started this process takes the
place of whatever server the script names.
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
from functools import partial
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

from hera_experiment.context.inherited import of_parent
from hera_experiment.environment import inputs
from hera_experiment.environment.inputs import take_inputs
from hera_experiment.environment.refusals import line_of, refusal
from hera_experiment.environment.script_process import WAITING
from hera_experiment.errors import UserError, report, tell
from hera_experiment.submission.document_names import is_document

if TYPE_CHECKING:
    from hera_experiment.context.endpoint_address import EndpointAddress

_INTERRUPTED = 130
_IMPORTLIB = importlib.__file__


def main(argv: list[str], environ: Mapping[str, str] = os.environ) -> int:
    """Run the script that ``argv`` begins with, as Python itself would.

    Returns 1 when it ends with an exception: its traceback begins in the script. What a person can
    mend, and what the server refuses, is one sentence. A script's own ``SystemExit`` goes through.
    """
    path = argv[0]
    if is_document(path):
        return _submit(argv, environ)
    sys.argv = list(argv)
    server = ""
    try:
        # As Python does: the modules next to the script come first.
        sys.path[0] = str(Path(path).resolve().parent)
        code = compile(_source(path), path, "exec", dont_inherit=True)
        endpoint = _endpoint(environ)
        server = endpoint.name
        _without_collecting(partial(_take_over, endpoint))
        take_inputs()
        _execute(code, path)
    except UserError as error:
        return report(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:
        return _report(error, path, server)
    return 0


def _submit(argv: list[str], environ: Mapping[str, str]) -> int:
    from hera_experiment.environment.documents import submit_documents

    try:
        submit_documents(Path(argv[0]), argv[1:], _endpoint(environ))
    except UserError as error:
        return report(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _endpoint(environ: Mapping[str, str]) -> EndpointAddress:
    parent = of_parent(environ)
    if parent is None:
        raise UserError(
            "the interpreter does not know where to submit to",
            next_step="type: make run SCRIPT=file.py",
        )
    return parent.endpoint


def _take_over(endpoint: EndpointAddress) -> None:
    from hera_experiment.environment.hera_hooks import before_each_build, tell_of_dropped
    from hera_experiment.environment.hera_services import lead_to_endpoint, tell_of_nodes
    from hera_experiment.environment.origins import NodeOrigins
    from hera_experiment.submission.scripts import send_whole_values
    from hera_experiment.submission.values import refuse_unsendable

    origins = NodeOrigins()
    lead_to_endpoint(endpoint, origins.completed)
    tell_of_nodes(origins.made)

    # A script that uses nothing of this package has its values sent whole, too.
    def complete(workflow: Any) -> None:
        send_whole_values(workflow)
        refuse_unsendable(workflow)
        origins.built(workflow)

    before_each_build(complete)
    tell_of_dropped(tell)


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
