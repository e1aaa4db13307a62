"""Regular expressions of Go (RE2) in terms of Python's.

Source: ``regexp/syntax`` of Go.
"""

from __future__ import annotations

import re

from hera_experiment.argo.expr.errors import Fault

_POSIX = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": r"\x00-\x7f", "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f", "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~",
    "punct": r"!-/:-@\[-`{-~", "space": r"\t\n\v\f\r ", "upper": "A-Z", "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_MESSAGES = (
    ("missing ), unterminated subpattern", "missing closing ): `{pattern}`"),
    ("unbalanced parenthesis", "unexpected ): `{pattern}`"),
    ("unterminated character set", "missing closing ]: `{rest}`"),
)
_OPERATORS = "*+?"
_cache: dict[str, re.Pattern[str]] = {}


def compiled(pattern: str) -> re.Pattern[str]:
    """Return the pattern; raises :class:`Fault` in the words of Go."""
    found = _cache.get(pattern)
    if found is None:
        if len(_cache) > 500:
            _cache.clear()
        found = _cache[pattern] = _compiled(pattern)
    return found


def _compiled(pattern: str) -> re.Pattern[str]:
    _refuse(pattern)
    try:
        return re.compile(_translated(pattern), re.ASCII)
    except re.error as error:
        rest = pattern[error.pos or 0 :]
        for python, go in _MESSAGES:
            if error.msg.startswith(python):
                reason = go.format(pattern=pattern, rest=rest)
                raise Fault(f"error parsing regexp: {reason}") from None
        raise Fault(f"error parsing regexp: invalid or unsupported syntax: `{pattern}`") from None


def _refuse(pattern: str) -> None:
    """Refuse what Python knows and Go does not."""
    if pattern[:1] and pattern[0] in _OPERATORS:
        raise _invalid("missing argument to repetition operator", pattern[0])
    for match in re.finditer(
        r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\(\?(?:[=!>]|<[=!])", pattern
    ):
        found = match[0]
        if found.startswith("(?"):
            raise _invalid(
                "invalid or unsupported Perl syntax", found[:3] if found[2] != "<" else "(?<"
            )
        if re.fullmatch(r"\\[1-9Z]", found):
            raise _invalid("invalid escape sequence", found)
    repeated = re.search(r"(?<!\\)([*+?]{2,}|\{\d+(?:,\d*)?\}[*+])", pattern)
    if repeated and not re.fullmatch(r"[*+?]\?", repeated[0]) and "[" not in pattern:
        raise _invalid("invalid nested repetition operator", repeated[0])


def _invalid(reason: str, part: str) -> Fault:
    return Fault(f"error parsing regexp: {reason}: `{part}`")


_PART = re.compile(
    r"\\Q.*?(?:\\E|$)|\\x\{[0-9A-Fa-f]+\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?<(?=[A-Za-z_])|.",
    re.DOTALL,
)


def _translated(pattern: str) -> str:
    pattern = re.sub(r"\[:(\^?)(\w+):\]", _class, pattern)
    many_lines = re.match(r"\(\?[isU]*m", pattern) is not None

    def part(match: re.Match[str]) -> str:
        found = match[0]
        if found.startswith("\\Q"):
            return re.escape(found[2:].removesuffix("\\E"))
        if found.startswith("\\x{"):
            return re.escape(chr(int(found[3:-1], 16)))
        if found[0] == "[" and len(found) > 1:
            return "[" + re.sub(r"(?<!\\)\[", r"\\[", found[1:])
        # Without the flag m, Go's $ is the very end; Python's is also before a last newline.
        end = "$" if many_lines else r"\Z"
        return {"$": end, "\\z": r"\Z", "(?<": "(?P<"}.get(found, found)

    return _PART.sub(part, pattern)


def _class(match: re.Match[str]) -> str:
    if match[1] or match[2] not in _POSIX:
        raise _invalid("invalid character class range", match[0])
    return _POSIX[match[2]]


def expanded(match: re.Match[str], template: str) -> str:
    """Return a replacement with Go's ``$1`` and ``${name}`` filled in."""

    def group(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if found[0] == "$$":
            return "$"
        try:
            return match[int(name) if name.isdigit() else name] or ""
        except (IndexError, KeyError):
            return ""

    return re.sub(r"\$\$|\$\{(\w+)\}|\$(\w+)", group, template)


def literal(text: str) -> str:
    """Return ``text`` with what is special to Go's patterns escaped."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)
