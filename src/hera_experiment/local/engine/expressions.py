"""The expressions ``{{=…}}`` that the engine interprets: one parameter, through a function or not.

Source: ``util/template/expression_template.go`` and ``util/expr/env/env.go`` of
argoproj/argo-workflows, ``builtin/builtin.go`` of expr-lang/expr.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping

from hera_experiment.local.engine import gojson


def _to_base64(value: str) -> str:
    return base64.b64encode(value.encode("utf-8", "replace")).decode()


FUNCTIONS: Mapping[str, Callable[[str], str]] = {
    "": str,
    "toBase64": _to_base64,
    "sprig.b64enc": _to_base64,
    "toJson": gojson.dumps,
    "sprig.toJson": gojson.dumps,
}
"""What each function makes of a string."""

_EXPRESSION = re.compile(
    r"\s*(?P<call>(?P<function>\w+(?:\.\w+)?)\s*\(\s*)?"
    r"(?P<root>inputs|workflow)\.parameters"
    r"(?:\.(?P<plain>[A-Za-z_]\w*)|\[\s*(?P<quote>['\"])(?P<quoted>[\w-]+)(?P=quote)\s*\])"
    r"\s*(?(call)\)\s*)",
    re.ASCII,
)


def parse(expression: str) -> tuple[str, str] | None:
    """Return the function and the variable of an expression, None when it is another kind."""
    match = _EXPRESSION.fullmatch(expression)
    if match is None or (match["function"] or "") not in FUNCTIONS:
        return None
    name = match["plain"] or match["quoted"]
    return match["function"] or "", f"{match['root']}.parameters.{name}"
