"""Puts values in the place of ``{{…}}``.

Source: ``util/template/*.go`` of argoproj/argo-workflows. There a whole object is replaced as
JSON text; here each string of it is, so that an unclosed ``{{`` in one string (a template
language in a script, say) cannot swallow the next.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from hera_experiment.argo.values import go_escape, unprintable

Lookup = Callable[[str], "str | None"]
"""Returns the value of a variable; None for the output of a task that was skipped and declares no
default; raises KeyError when there is no such variable."""

Value = TypeVar("Value")

_LATE = (
    "item",
    "retries",
    *(f"lastRetry.{key}" for key in ("exitCode", "status", "duration", "message")),
    "workflow.status",
    "workflow.failures",
)
"""Variables without which an expression waits: nil would be taken for a value."""

PASSING = ("workflow.status", "workflow.duration", "workflow.failures")
"""Variables whose values change as time goes by."""

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


class Variables:
    """A :data:`Lookup` that can also tell the ``names`` of all variables: expressions want them.

    ``artifacts`` looks up what is no text; see :func:`~.artifacts.artifacts_of`.
    """

    def __init__(
        self,
        lookup: Lookup,
        names: Callable[[], Iterable[str]],
        artifacts: Callable[[str], Any] | None = None,
    ) -> None:
        self._lookup = lookup
        self.names = names
        if artifacts is not None:
            self.artifacts = artifacts

    def __call__(self, name: str) -> str | None:
        """Return the value of a variable; raises KeyError."""
        return self._lookup(name)


def lasting(lookup: Lookup) -> Variables:
    """Return what looks up the same, but nothing that changes as time goes by."""

    def found(name: str) -> str | None:
        if name in PASSING:
            raise KeyError(name)
        return lookup(name)

    return Variables(found, lambda: names_of(lookup))


def names_of(lookup: Callable[[str], Any]) -> Iterable[str]:
    """Return the names of all variables, as far as ``lookup`` tells."""
    names: Callable[[], Iterable[str]] | None = getattr(lookup, "names", None)
    return names() if names else ()


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
    # An artifact is no text: it is put in afterwards, where ``from`` refers to it.
    artifact = ".outputs.artifacts." in tag and strict != ANY
    if not artifact and _is_strict(tag.strip(), strict):
        raise UnknownVariable(f"failed to resolve {{{{{tag}}}}}")
    return f"{{{{{tag}}}}}"


def _is_strict(name: str, strict: tuple[str, ...]) -> bool:
    return any(not root or name == root or name.startswith(f"{root}.") for root in strict)


def used_variables(
    identifiers: Iterable[str], lookup: Callable[[str], Value | None]
) -> dict[str, Value | None]:
    """Return the variables below the roots of ``identifiers``, all of them for ``$env``."""
    wanted = list(identifiers)
    roots = {name.partition(".")[0] for name in wanted}
    found: dict[str, Value | None] = {}
    for name in (*wanted, *names_of(lookup)):
        if name not in found and (name.partition(".")[0] in roots or "$env" in roots):
            try:
                found[name] = lookup(name)
            except KeyError:
                continue
    return found


def _evaluated(tag: str, lookup: Lookup, strict: tuple[str, ...]) -> str:
    # Imported where an expression is: most workflows have none.
    from hera_experiment.argo import expr

    text, unchanged = tag[1:], f"{{{{{tag}}}}}"
    try:
        program = expr.compile(text)
    except expr.CompileError as error:
        raise SubstitutionError(f"failed to evaluate expression: {error}") from None
    variables = used_variables(expr.identifiers(program), lookup)
    missing = expr.missing(program, variables)
    for name in missing:
        if strict and _is_strict(name, strict):
            raise UnknownVariable(f"failed to evaluate expression: {name} is missing")
    waits = bool(missing) or not strict
    if waits and any(name in _LATE for name in missing):
        return unchanged
    try:
        value = program.run(variables)
        shown = "" if value is None else expr.text_of(value)
    except expr.ExprError as error:
        if waits:
            return unchanged
        raise SubstitutionError(f"failed to evaluate expression: {error}") from None
    if value is None:
        if waits:
            return unchanged
        # Argo has the expression as JSON there, and quotes it once more.
        quoted = json.dumps(json.dumps(text, ensure_ascii=False)[1:-1], ensure_ascii=False)
        raise SubstitutionError(f"failed to evaluate expression {quoted}")
    if not isinstance(value, str) and (character := unprintable(shown)):
        raise Unprintable(character)
    return shown
