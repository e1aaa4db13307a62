"""Puts values in the place of ``{{…}}``.

Source: ``util/template/*.go`` of argoproj/argo-workflows. There a whole object is replaced as
JSON text; here each string of it is, so that an unclosed ``{{`` in one string (a template
language in a script, say) cannot swallow the next. Of expressions, ``{{=…}}``, one parameter is
interpreted, through a function or not: ``util/expr/env/env.go`` there, ``builtin/builtin.go`` of
expr-lang/expr.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from hera_experiment.argo import go_text
from hera_experiment.argo.values import go_escape, unprintable

Lookup = Callable[[str], "str | None"]
"""Returns the value of a variable; None for the output of a task that was skipped and declares no
default; raises KeyError when there is no such variable."""

ANY = ("",)
"""As ``strict``: every variable must be known."""

OUTPUTS = ("tasks", "steps")
"""As ``strict``: what other tasks or steps leave behind must be known."""

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


class SubstitutionError(ValueError):
    """A variable cannot be replaced."""


class UnknownVariable(SubstitutionError):
    """There is no such variable (yet)."""


class Unprintable(SubstitutionError):
    """A value holds a character that Argo cannot put into a template; ``escape`` is Go's letter."""

    def __init__(self, character: str) -> None:
        super().__init__("cannot finish template replacement because the result was invalid JSON")
        self.escape = go_escape(character)


def replace(text: str, lookup: Lookup, strict: tuple[str, ...] = ()) -> str:
    """Return ``text`` with its variables replaced.

    Unknown variables stay as they are, except those below one of the roots ``strict``, which
    raise :class:`UnknownVariable`.
    """
    if "{{" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        tag = match[1]
        if tag.startswith("="):
            return _evaluated(tag, lookup, strict)
        try:
            found = lookup(tag.strip())
        except KeyError:
            return _unknown(tag, lookup, strict)
        if found is None:
            raise SubstitutionError(
                f"unable to substitute {{{{{tag}}}}}: output is an absent optional "
                "(skipped/omitted node with no default)"
            )
        if character := unprintable(found):
            raise Unprintable(character)
        return found

    return _TAG.sub(value, text)


def substitute(value: Any, lookup: Lookup, strict: tuple[str, ...] = ()) -> Any:
    """Return ``value`` with :func:`replace` done in all its strings; unchanged parts are shared."""
    if isinstance(value, str):
        return replace(value, lookup, strict) if "{{" in value else value
    if isinstance(value, dict):
        changed: dict[str, Any] | None = None
        for key, old in value.items():
            new = substitute(old, lookup, strict)
            if new is not old or "{{" in key:
                changed = dict(value) if changed is None else changed
                if "{{" in key:
                    del changed[key]
                    key = replace(key, lookup, strict)
                changed[key] = new
        return value if changed is None else changed
    if isinstance(value, list):
        items = [substitute(item, lookup, strict) for item in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    return value


def _to_base64(value: str) -> str:
    return base64.b64encode(value.encode("utf-8", "replace")).decode()


FUNCTIONS: Mapping[str, Callable[[str], str]] = {
    "": str,
    "toBase64": _to_base64,
    "sprig.b64enc": _to_base64,
    "toJson": go_text.dumps,
    "sprig.toJson": go_text.dumps,
}
"""What each function makes of a string."""

_EXPRESSION = re.compile(
    r"\s*(?P<call>(?P<function>\w+(?:\.\w+)?)\s*\(\s*)?"
    r"(?P<root>inputs|workflow)\.parameters"
    r"(?:\.(?P<plain>[A-Za-z_]\w*)|\[\s*(?P<quote>['\"])(?P<quoted>[\w-]+)(?P=quote)\s*\])"
    r"\s*(?(call)\)\s*)",
    re.ASCII,
)


def parse_expression(expression: str) -> tuple[str, str] | None:
    """Return the function and the variable of an expression, None when it is another kind."""
    match = _EXPRESSION.fullmatch(expression)
    if match is None or (match["function"] or "") not in FUNCTIONS:
        return None
    name = match["plain"] or match["quoted"]
    return match["function"] or "", f"{match['root']}.parameters.{name}"


def tags(value: Any) -> list[str]:
    """Return what stands between the braces, for all strings of ``value``."""
    if isinstance(value, str):
        return _TAG.findall(value) if "{{" in value else []
    if isinstance(value, dict):
        return [tag for key, item in value.items() for tag in tags(key) + tags(item)]
    if isinstance(value, list):
        return [tag for item in value for tag in tags(item)]
    return []


def _unknown(tag: str, lookup: Lookup, strict: tuple[str, ...]) -> str:
    # "{{ a {{b}}" is one tag: the inner variable is replaced, the outer one is for a later pass.
    outer, braces, inner = tag.rpartition("{{")
    if braces and outer:
        try:
            found = lookup(inner)
        except KeyError:
            found = None
        if found is not None:
            return f"{{{{{outer}{found}"
    if _is_strict(tag.strip(), strict):
        raise UnknownVariable(f"failed to resolve {{{{{tag}}}}}")
    return f"{{{{{tag}}}}}"


def _is_strict(name: str, strict: tuple[str, ...]) -> bool:
    return any(not root or name == root or name.startswith(f"{root}.") for root in strict)


def _evaluated(tag: str, lookup: Lookup, strict: tuple[str, ...]) -> str:
    # Expressions of other kinds were refused; what a value brings along stays as it is.
    if parsed := parse_expression(tag[1:]):
        function, name = parsed
        try:
            return FUNCTIONS[function](lookup(name) or "")
        except KeyError:
            if _is_strict(name, strict):
                message = f"failed to evaluate expression: {name.split('.')[0]} is missing"
                raise UnknownVariable(message) from None
    return f"{{{{{tag}}}}}"
