"""The functions that Argo lends from Masterminds/sprig: texts, patterns, paths, encodings.

Source: ``functions.go``, ``strings.go`` and ``regex.go`` of Masterminds/sprig.
"""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
import zlib
from collections.abc import Callable
from typing import Any

from hera_experiment.argo.expr.builtins import from_base64, replaced, split, trimmed
from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.lexer import quoted
from hera_experiment.argo.expr.regex import compiled, expanded, literal
from hera_experiment.argo.expr.sprig_cases import joined, pascal
from hera_experiment.argo.expr.sprig_lists import otherwise, text
from hera_experiment.argo.expr.sprig_versions import suits
from hera_experiment.argo.expr.values import ANY, Table, Typed, clean, from_bytes, text_of, to_bytes


def _bytewise(text: str, start: int | None, stop: int | None) -> str:
    return from_bytes(to_bytes(text)[start:stop])


def _trunc(count: int, text: str) -> str:
    size = len(to_bytes(text))
    if count < 0 and size + count > 0:
        return _bytewise(text, size + count, None)
    return _bytewise(text, None, count) if 0 <= count < size else text


def _substr(start: int, end: int, text: str) -> str:
    size = len(to_bytes(text))
    if start < 0:
        if not 0 <= end <= size:
            known = f" with length {size}" if end >= 0 else ""
            raise Fault(f"runtime error: slice bounds out of range [:{end}]{known}")
        return _bytewise(text, 0, end)
    if end < 0 or end > size:
        if start > size:
            raise Fault(f"runtime error: slice bounds out of range [{start}:{size}]")
        return _bytewise(text, start, None)
    if start > end:
        raise Fault(f"runtime error: slice bounds out of range [{start}:{end}]")
    return _bytewise(text, start, end)


def _abbreviated(offset: int, width: int, text: str) -> str:
    size = len(to_bytes(text))
    if size <= width:
        return text
    offset = min(offset, size)
    if size - offset < width - 3:
        offset = size - (width - 3)
    if offset <= 4:
        return _bytewise(text, None, width - 3) + "..."
    if offset + width - 3 < size:
        return "..." + _abbreviated(0, width - 3, _bytewise(text, offset, None))
    return "..." + _bytewise(text, size - (width - 3), None)


def _abbrev(width: int, text: str) -> str:
    return text if width < 4 else _abbreviated(0, width, text)


def _abbrev_both(left: int, right: int, text: str) -> str:
    return text if right < 4 or (left > 0 and right < 7) else _abbreviated(left, right, text)


def _title(text: str) -> str:
    """Return the text with every word's first letter in capitals."""
    # Go counts letters, digits and underscores to words, and all that is neither ASCII nor space.
    return re.sub(r"(?<![\w])\w", lambda match: match[0].title(), clean(text))


def _untitled(text: str) -> str:
    return re.sub(r"(?<!\S)\S", lambda match: match[0].lower(), text)


def _swapped(text: str) -> str:
    out, space = [], True
    for character in text:
        if character.isupper() or character.istitle():
            out.append(character.lower())
            space = False
        elif character.islower():
            out.append(character.title() if space else character.upper())
            space = False
        else:
            out.append(character)
            space = character.isspace()
    return "".join(out)


def _letters(text: str) -> str:
    """Return the bytes as characters: so these functions see them."""
    return to_bytes(text).decode("latin-1")


def _initials(text: str) -> str:
    # Python counts four more control characters to the spaces.
    return "".join(re.findall(r"(?<![^\t-\r \x85\xa0])[^\t-\r \x85\xa0]", _letters(text)))


def _without_space(text: str) -> str:
    letters = _letters(text)
    found = re.sub(r"[\t-\r \x85\xa0]", "", letters)
    return text if found == letters else found


def _wrapped(width: int, between: str, text: str, cuts: bool) -> str:
    """Return the text in lines; a word that is too long is cut (``cuts``) or stands alone."""
    data, out, at = to_bytes(text), b"", 0
    separator, width = to_bytes(between), max(width, 1)
    while len(data) - at > width:
        if data[at] == ord(" "):
            at += 1
            continue
        space = data.rfind(b" ", at, at + width + 1)
        if space < 0 and cuts:
            out += data[at : at + width] + separator
            at += width
            continue
        if space < 0:
            space = data.find(b" ", at + width)
        if space < 0:
            return from_bytes(out + data[at:])
        out += data[at:space] + separator
        at = space + 1
    return from_bytes(out + data[at:])


def _repeat(count: int, text: str) -> str:
    if count < 0:
        raise Fault("strings: negative Repeat count")
    return text * count


def _indent(spaces: int, text: str) -> str:
    pad = _repeat(spaces, " ")
    return pad + text.replace("\n", f"\n{pad}")


def _quote(*values: Any) -> str:
    texts = (text(value) for value in values if value is not None)
    return " ".join(map(quoted, texts))


def _single_quoted(*values: Any) -> str:
    return " ".join(f"'{text_of(value)}'" for value in values if value is not None)


def _cat(*values: Any) -> str:
    return " ".join(text_of(value) for value in values if value is not None)


def _numbered(parts: Any) -> Table:
    return Table({f"_{at}": part for at, part in enumerate(parts)}, "map[string]string")


def _decoded(alphabet: str) -> Callable[[str], str]:
    def function(text: str) -> str:
        try:
            return from_base64(text, alphabet)
        except Fault as fault:
            return fault.message

    return function


def _all_matches(pattern: str, text: str, count: int) -> list[str]:
    found = [match[0] for match in compiled(pattern).finditer(text)]
    found = found if count < 0 else found[:count]
    return Typed(found, "[]string", is_nil=not found)


def _first_match(pattern: str, text: str) -> str:
    match = compiled(pattern).search(text)
    return match[0] if match else ""


def _regex_split(pattern: str, text: str, count: int) -> list[str]:
    if count == 0:
        return Typed([], "[]string", True)
    if pattern and not text:
        return Typed([""], "[]string")
    parts: list[str] = []
    begin = end = 0
    for match in compiled(pattern).finditer(text):
        if 0 < count == len(parts) + 1:
            break
        end = match.start()
        if match.end() != 0:
            parts.append(text[begin:end])
        begin = match.end()
    if end != len(text):
        parts.append(text[begin:])
    return Typed(parts, "[]string")


def _replace_all(pattern: str, text: str, new: str) -> str:
    return compiled(pattern).sub(lambda match: expanded(match, new), text)


def _replace_literally(pattern: str, text: str, new: str) -> str:
    return compiled(pattern).sub(lambda _: new, text)


def _regular(
    name: str, parameters: str, result: str, body: Callable[..., Any]
) -> list[tuple[str, str, str, Callable[..., Any]]]:
    """Return the function and the one whose name begins with ``must``."""

    def panicking(pattern: str, *arguments: Any) -> Any:
        try:
            return body(pattern, *arguments)
        except Fault as fault:
            shown = f"`{pattern}`" if "`" not in pattern else quoted(pattern)
            raise Fault(f"regexp: Compile({shown}): {fault.message}") from None

    return [
        (f"regex{name}", parameters, result, panicking),
        (f"mustRegex{name}", parameters, result, body),
    ]


def _base(path: str) -> str:
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def _cleaned(path: str) -> str:
    # Python keeps two slashes at the beginning.
    return posixpath.normpath(re.sub(r"^//+", "/", path)) if path else "."


def _dir(path: str) -> str:
    return _cleaned(path[: path.rfind("/") + 1])


def _ext(path: str) -> str:
    name = path.rpartition("/")[2]
    return name[name.rfind(".") :] if "." in name else ""


def _hashed(algorithm: str) -> Callable[[str], str]:
    return lambda text: hashlib.new(algorithm, to_bytes(text), usedforsecurity=False).hexdigest()


def _searched(pattern: str, text: str) -> object:
    return compiled(pattern).search(text)


_MANY = f"...{ANY}"
_ONE_MORE = f"{ANY},{_MANY}"
_S, _SS, _SSS = "string", "string,string", "string,string,string"
TABLE: list[tuple[str, str, str, Callable[..., Any]]] = [
    ("abbrev", "int,string", _S, _abbrev),
    ("abbrevboth", "int,int,string", _S, _abbrev_both),
    ("trunc", "int,string", _S, _trunc),
    ("trim", _S, _S, str.strip),
    ("upper", _S, _S, lambda text: clean(text).upper()),
    ("lower", _S, _S, lambda text: clean(text).lower()),
    ("title", _S, _S, _title),
    ("untitle", _S, _S, _untitled),
    ("substr", "int,int,string", _S, _substr),
    ("repeat", "int,string", _S, _repeat),
    ("trimall trimAll", _SS, _S, lambda cut, text: trimmed(text, cut)),
    ("trimSuffix", _SS, _S, lambda cut, text: text.removesuffix(cut)),
    ("trimPrefix", _SS, _S, lambda cut, text: text.removeprefix(cut)),
    ("nospace", _S, _S, _without_space),
    ("initials", _S, _S, _initials),
    ("swapcase", _S, _S, _swapped),
    ("contains", _SS, "bool", lambda part, text: part in text),
    ("hasPrefix", _SS, "bool", lambda part, text: text.startswith(part)),
    ("hasSuffix", _SS, "bool", lambda part, text: text.endswith(part)),
    ("quote", _MANY, _S, _quote),
    ("squote", _MANY, _S, _single_quoted),
    ("cat", _MANY, _S, _cat),
    ("indent", "int,string", _S, _indent),
    ("nindent", "int,string", _S, lambda spaces, text: "\n" + _indent(spaces, text)),
    ("replace", _SSS, _S, lambda old, new, text: replaced(text, old, new)),
    ("plural", "string,string,int", _S, lambda one, many, count: one if count == 1 else many),
    ("sha1sum", _S, _S, _hashed("sha1")),
    ("sha256sum", _S, _S, _hashed("sha256")),
    ("sha512sum", _S, _S, _hashed("sha512")),
    ("adler32sum", _S, _S, lambda text: str(zlib.adler32(to_bytes(text)))),
    ("toString", ANY, _S, text),
    ("split", _SS, "map[string]string", lambda cut, text: _numbered(split(text, cut))),
    ("splitList", _SS, "[]string", lambda cut, text: split(text, cut)),
    (
        "splitn",
        "string,int,string",
        "map[string]string",
        lambda cut, count, text: _numbered(split(text, cut, count)),
    ),
    ("base osBase", _S, _S, _base),
    ("dir osDir", _S, _S, _dir),
    ("clean osClean", _S, _S, _cleaned),
    ("ext osExt", _S, _S, _ext),
    ("isAbs osIsAbs", _S, "bool", lambda path: path.startswith("/")),
    ("b64enc", _S, _S, lambda text: base64.b64encode(to_bytes(text)).decode()),
    ("b64dec", _S, _S, _decoded("base64")),
    ("b32enc", _S, _S, lambda text: base64.b32encode(to_bytes(text)).decode()),
    ("b32dec", _S, _S, _decoded("base32")),
    ("regexMatch", _SS, "bool", otherwise(False, lambda like, text: bool(_searched(like, text)))),
    ("mustRegexMatch", _SS, "bool", lambda like, text: bool(_searched(like, text))),
    *_regular("FindAll", "string,string,int", "[]string", _all_matches),
    *_regular("Find", _SS, _S, _first_match),
    *_regular("ReplaceAll", _SSS, _S, _replace_all),
    *_regular("ReplaceAllLiteral", _SSS, _S, _replace_literally),
    *_regular("Split", "string,string,int", "[]string", _regex_split),
    ("snakecase", _S, _S, lambda name: joined(clean(name), "_")),
    ("kebabcase", _S, _S, lambda name: joined(clean(name), "-")),
    ("camelcase", _S, _S, lambda name: pascal(clean(name))),
    ("wrap", "int,string", _S, lambda width, text: _wrapped(width, "\n", text, False)),
    (
        "wrapWith",
        "int,string,string",
        _S,
        lambda width, between, text: _wrapped(width, between or "\n", text, True),
    ),
    ("semverCompare", _SS, "bool", suits),
    ("regexQuoteMeta", _S, _S, literal),
]
"""Names, parameters, result and body of the functions."""
