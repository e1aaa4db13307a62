"""Runs a script as ``__main__`` with its workflow going to the address in HERA_UTILS_CAPTURE.

Called by :mod:`hera_utils.check.capture` in a process of its own. The script's context is the one
that is checked, without what leads to a cluster: it has no kubeconfig, so that what the script
asserts about the cluster is unknown to it, and the checks can find it out by themselves.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from hera_utils.check.capture import VARIABLE
from hera_utils.context import cli_context
from hera_utils.context.cli_context import CLIContext
from hera_utils.context.secrets import Secret
from hera_utils.environment import interpreter


def replaced(parse: Callable[..., CLIContext], values: Mapping[str, Any]) -> Callable[..., Any]:
    """Return ``parse_arguments`` whose context has ``values``, and no token."""

    @wraps(parse)
    def parse_arguments(*args: Any, **options: Any) -> CLIContext:
        context = parse(*args, **options)
        for name, value in {**values, "argo_token": Secret("none")}.items():
            setattr(context, name, value)
        return context

    return parse_arguments


if __name__ == "__main__":
    cli_context.parse_arguments = replaced(
        cli_context.parse_arguments, json.loads(os.environ[VARIABLE])
    )
    sys.exit(interpreter.main(sys.argv[1:]))
