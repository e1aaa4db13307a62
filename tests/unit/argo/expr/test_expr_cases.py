"""Expressions with what expr-lang/expr makes of them in Argo's environment.

``cases.json`` is made by ``tools/expr_cases.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hera_experiment.argo import expr
from hera_experiment.argo.expr.values import text_of as printed
from hera_experiment.argo.expr.values import type_name

_HERE = Path(__file__).parent
_ENVIRONMENT = json.loads((_HERE / "environment.json").read_text())
_CASES = json.loads((_HERE / "cases.json").read_text())


@pytest.mark.parametrize("case", _CASES, ids=[case["expression"][:60] for case in _CASES])
def test_case(case: dict[str, Any]) -> None:
    expected = {key: value for key, value in case.items() if key != "expression"}
    found = _answer(case["expression"])
    # The reference leaves out what is empty.
    assert {key: text for key, text in found.items() if text} == expected


def _answer(text: str) -> dict[str, str]:
    try:
        value = expr.compile(text).run(_ENVIRONMENT)
    except expr.CompileError as error:
        return {"stage": "compile", "error": str(error)}
    except expr.RunError as error:
        return {"stage": "run", "error": str(error)}
    shown = {"type": type_name(value), "text": expr.text_of(printed(value))}
    try:
        return shown | {"json": json_text(value)}
    except expr.RunError as error:
        reason = str(error).removeprefix("failed to marshal evaluated expression: ")
        return shown | {"stage": "marshal", "error": reason}


def json_text(value: object) -> str:
    """Return the value as JSON, strings too."""
    return expr.text_of([value])[1:-1]
