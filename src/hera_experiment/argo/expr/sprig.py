"""The functions that Argo lends from Masterminds/sprig: strings, numbers, encodings, dates.

Source: ``functions.go``, ``strings.go``, ``numeric.go``, ``defaults.go``, ``regex.go``, ``date.go``
of Masterminds/sprig; ``caste.go`` of spf13/cast.
"""

from __future__ import annotations

import base64
import hashlib
import math
import posixpath
import re
import zlib
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from hera_experiment.argo.expr import sprig_lists, times
from hera_experiment.argo.expr.builtins import from_base64, parsed_float, replaced, split, trimmed
from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.lexer import quoted
from hera_experiment.argo.expr.operations import deeply_equal, divide, power
from hera_experiment.argo.expr.regex import compiled, expanded, literal
from hera_experiment.argo.expr.values import (
    ANY,
    Function,
    Int64,
    Table,
    Typed,
    clean,
    from_bytes,
    is_number,
    json_of,
    kind_of,
    parsed_json,
    text_of,
    to_bytes,
    truncated,
    type_name,
    wrapped,
)

_WHOLE = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]*|[1-9][0-9_]*)")
UNINTERPRETED = frozenset(
    (
        "ago shuffle randAlphaNum randAlpha randAscii randNumeric randInt uuidv4 getHostByName "
        "bcrypt htpasswd genPrivateKey derivePassword buildCustomCert genCA genCAWithKey "
        "genSelfSignedCert genSelfSignedCertWithKey genSignedCert genSignedCertWithKey encryptAES "
        "decryptAES randBytes semver semverCompare urlParse urlJoin snakecase kebabcase camelcase "
        "wrap wrapWith"
    ).split()
)
"""What is not interpreted here: what depends on chance or secrets, and what nobody asked for."""


def to_int64(value: Any) -> int:
    """Return a number, a text or a bool as an integer, 0 when it is none."""
    if isinstance(value, float):
        return truncated(value)
    if isinstance(value, (bool, int)):
        return int(value)
    if isinstance(value, str):
        text = re.sub(r"\.0+$", "", value)
        if _WHOLE.fullmatch(text):
            digits = text.replace("_", "")
            octal = re.fullmatch(r"[+-]?0[0-7]+", digits)
            found = int(digits, 8 if octal else 0)
            return found if wrapped(found) == found else 0
    return 0


def to_float64(value: Any) -> float:
    """Return a number, a text or a bool as a float64, 0 when it is none."""
    if isinstance(value, str):
        found = parsed_float(value)
        return 0.0 if found is None else found
    return float(value) if isinstance(value, (bool, int, float)) else 0.0


def _int64(value: int) -> Int64:
    return Int64(wrapped(value))


def _quotient(left: Any, right: Any) -> Int64:
    dividend, divisor = to_int64(left), to_int64(right)
    if divisor == 0:
        raise Fault("runtime error: integer divide by zero")
    found = abs(dividend) // abs(divisor)
    return _int64(found if (dividend < 0) == (divisor < 0) else -found)


def _modulo(left: Any, right: Any) -> Int64:
    dividend, divisor = to_int64(left), to_int64(right)
    if divisor == 0:
        raise Fault("runtime error: integer divide by zero")
    found = abs(dividend) % abs(divisor)
    return _int64(-found if dividend < 0 else found)


def _product(first: Any, *others: Any) -> Int64:
    found = to_int64(first)
    for other in others:
        found = wrapped(found * to_int64(other))
    return _int64(found)


def _exactly(operation: Callable[[Decimal, Decimal], Decimal]) -> Callable[..., float]:
    """Return the operation on decimals, which Go rounds to 16 digits where it divides."""

    def function(first: Any, *others: Any) -> float:
        with localcontext() as context:
            context.prec = 400
            found = _decimal(first)
            for other in others:
                found = operation(found, _decimal(other))
            # A decimal of Go has no zero with a sign.
            return float(found) + 0.0

    return function


def _decimal(value: Any) -> Decimal:
    number = to_float64(value)
    if not math.isfinite(number):
        raise Fault(f"Cannot create a Decimal from {text_of(number)}")
    return Decimal(repr(number))


def _divided(left: Decimal, right: Decimal) -> Decimal:
    if right == 0:
        raise Fault("decimal division by 0")
    return (left / right).quantize(Decimal("1e-16"), rounding=ROUND_HALF_UP)


def _ceil(value: Any) -> float:
    number = to_float64(value)
    return math.copysign(math.ceil(number), number) if math.isfinite(number) else number


def _floor(value: Any) -> float:
    number = to_float64(value)
    return math.copysign(math.floor(number), number) if math.isfinite(number) else number


def _round(value: Any, places: int, *threshold: float) -> float:
    scale = power(10.0, float(places))
    digit = scale * to_float64(value)
    fraction = math.fmod(digit, 1.0) if math.isfinite(digit) else math.nan
    upwards = fraction >= (threshold[0] if threshold else 0.5)
    return divide(_ceil(digit) if upwards else _floor(digit), scale)


def _until_step(start: int, stop: int, step: int) -> list[int]:
    if (stop < start and step >= 0) or (stop >= start and step <= 0):
        return Typed([], "[]int")
    return Typed(range(start, stop, step), "[]int")


def _sequence(*bounds: int) -> str:
    if len(bounds) == 1:
        start, step, end = 1, -1 if bounds[0] < 1 else 1, bounds[0]
    elif len(bounds) == 2:
        start, end = bounds
        step = -1 if end < start else 1
    elif len(bounds) == 3:
        start, step, end = bounds
        if end < start and step > 0:
            return ""
    else:
        return ""
    last = end + (-1 if end < start else 1)
    return " ".join(map(str, _until_step(start, last, step)))


def _to_decimal(value: Any) -> Int64:
    text = text_of(value)
    found = int(text, 8) if re.fullmatch(r"[+-]?[0-7]+", text) else 0
    return Int64(found if wrapped(found) == found else 0)


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


def _repeat(count: int, text: str) -> str:
    if count < 0:
        raise Fault("strings: negative Repeat count")
    return text * count


def _indent(spaces: int, text: str) -> str:
    pad = _repeat(spaces, " ")
    return pad + text.replace("\n", f"\n{pad}")


def _quote(*values: Any) -> str:
    texts = (sprig_lists.text(value) for value in values if value is not None)
    return " ".join(map(quoted, texts))


def _single_quoted(*values: Any) -> str:
    return " ".join(f"'{text_of(value)}'" for value in values if value is not None)


def _cat(*values: Any) -> str:
    return " ".join(text_of(value) for value in values if value is not None)


def _atoi(text: str) -> int:
    whole = re.fullmatch(r"[+-]?[0-9]+", text) is not None
    if not whole:
        return 0
    found = int(text)
    # Of a number that is too large Go gives the largest one.
    return max(min(found, 2**63 - 1), -(2**63))


def _numbered(parts: Any) -> Table:
    return Table({f"_{at}": part for at, part in enumerate(parts)}, "map[string]string")


def _decoded(alphabet: str) -> Callable[[str], str]:
    def function(text: str) -> str:
        try:
            return from_base64(text, alphabet)
        except Fault as fault:
            return fault.message

    return function


def _or(otherwise: object, body: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that gives ``otherwise`` where ``body`` fails."""

    def function(*arguments: Any) -> Any:
        try:
            return body(*arguments)
        except Fault:
            return otherwise

    return function


def _ternary(yes: Any, no: Any, condition: bool) -> Any:
    return yes if condition else no


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


def _date(clock: Callable[[], int]) -> Callable[..., str]:
    def function(layout: str, date: Any, zone: str = "Local") -> str:
        if isinstance(date, times.Time):
            moment = date
        elif is_number(date) and not isinstance(date, float):
            moment = times.Time(int(date) * 10**9)
        else:
            moment = times.Time(clock())
        try:
            return moment.within(times.load_location(zone)).format(layout)
        except Fault:
            return moment.within(times.UTC).format(layout)

    return function


def _moved(change: str, date: times.Time) -> times.Time:
    return date.plus(times.parse_duration(change).nanoseconds)


def _date_modified(change: str, date: times.Time) -> times.Time:
    try:
        return _moved(change, date)
    except Fault:
        return date


def _to_date(layout: str, text: str) -> times.Time:
    return times.parse_time(layout, text, times.load_location("Local"))


_NO_TIME = times.parse_time("2006-01-02", "0001-01-01")


def _seconds(value: Any) -> str:
    if isinstance(value, str):
        count = int(value) if re.fullmatch(r"[+-]?[0-9]+", value) else 0
    else:
        count = int(value) if isinstance(value, Int64) else 0
    return str(times.Duration(count * 10**9))


_LONG = (("y", 31_536_000), ("mo", 2_592_000), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def _rounded_duration(value: Any) -> str:
    size = 0
    if isinstance(value, str):
        size = _or(times.Duration(0), times.parse_duration)(value).nanoseconds
    elif isinstance(value, Int64):
        size = int(value)
    for name, seconds in _LONG:
        if abs(size) > seconds * 10**9:
            return f"{abs(size) // (seconds * 10**9)}{name}"
    return "0s"


def _failed(message: str) -> str:
    raise Fault(message)


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


def _largest(first: Any, *others: Any) -> Int64:
    return Int64(max(to_int64(value) for value in (first, *others)))


def _smallest(first: Any, *others: Any) -> Int64:
    return Int64(min(to_int64(value) for value in (first, *others)))


_MANY = f"...{ANY}"
_ONE_MORE = f"{ANY},{_MANY}"
_S, _SS, _SSS = "string", "string,string", "string,string,string"


def _table() -> list[tuple[str, str, str, Callable[..., Any]]]:
    """Return names, parameters, result and body of the functions."""
    return [
        ("hello", "", _S, lambda: "Hello!"),
        ("date_modify dateModify", "string,time.Time", "time.Time", _date_modified),
        ("must_date_modify mustDateModify", "string,time.Time", "time.Time", _moved),
        ("mustToDate", _SS, "time.Time", _to_date),
        ("toDate", _SS, "time.Time", _or(_NO_TIME, _to_date)),
        ("unixEpoch", "time.Time", _S, lambda date: str(date.nanoseconds // 10**9)),
        ("duration", ANY, _S, _seconds),
        ("durationRound", ANY, _S, _rounded_duration),
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
        ("toString", ANY, _S, sprig_lists.text),
        ("atoi", _S, "int", _atoi),
        ("int64", ANY, "int64", lambda value: Int64(to_int64(value))),
        ("int", ANY, "int", to_int64),
        ("float64", ANY, "float64", to_float64),
        ("seq", "...int", _S, _sequence),
        ("toDecimal", ANY, "int64", _to_decimal),
        ("split", _SS, "map[string]string", lambda cut, text: _numbered(split(text, cut))),
        ("splitList", _SS, "[]string", lambda cut, text: split(text, cut)),
        (
            "splitn",
            "string,int,string",
            "map[string]string",
            lambda cut, count, text: _numbered(split(text, cut, count)),
        ),
        ("until", "int", "[]int", lambda count: _until_step(0, count, -1 if count < 0 else 1)),
        ("untilStep", "int,int,int", "[]int", _until_step),
        ("add1", ANY, "int64", lambda value: _int64(to_int64(value) + 1)),
        ("add", _MANY, "int64", lambda *values: _int64(sum(map(to_int64, values)))),
        (
            "sub",
            f"{ANY},{ANY}",
            "int64",
            lambda left, right: _int64(to_int64(left) - to_int64(right)),
        ),
        ("div", f"{ANY},{ANY}", "int64", _quotient),
        ("mod", f"{ANY},{ANY}", "int64", _modulo),
        ("mul", _ONE_MORE, "int64", _product),
        ("add1f", ANY, "float64", lambda value: _exactly(Decimal.__add__)(value, 1)),
        ("addf", _MANY, "float64", lambda *values: _exactly(Decimal.__add__)(0.0, *values)),
        ("subf", _ONE_MORE, "float64", _exactly(Decimal.__sub__)),
        ("divf", _ONE_MORE, "float64", _exactly(_divided)),
        ("mulf", _ONE_MORE, "float64", _exactly(Decimal.__mul__)),
        ("biggest max", _ONE_MORE, "int64", _largest),
        ("min", _ONE_MORE, "int64", _smallest),
        ("maxf", _ONE_MORE, "float64", lambda *values: max(map(to_float64, values))),
        ("minf", _ONE_MORE, "float64", lambda *values: min(map(to_float64, values))),
        ("ceil", ANY, "float64", _ceil),
        ("floor", ANY, "float64", _floor),
        ("round", f"{ANY},int,...float64", "float64", _round),
        ("fromJson", _S, ANY, _or(None, parsed_json)),
        ("mustFromJson", _S, ANY, parsed_json),
        ("toJson", ANY, _S, _or("", json_of)),
        ("mustToJson", ANY, _S, json_of),
        ("toPrettyJson", ANY, _S, _or("", lambda value: json_of(value, "  "))),
        ("mustToPrettyJson", ANY, _S, lambda value: json_of(value, "  ")),
        ("toRawJson mustToRawJson", ANY, _S, lambda value: json_of(value, escaped=False)),
        ("ternary", f"{ANY},{ANY},bool", ANY, _ternary),
        ("typeOf", ANY, _S, type_name),
        ("typeIs", f"string,{ANY}", "bool", lambda name, value: name == type_name(value)),
        (
            "typeIsLike",
            f"string,{ANY}",
            "bool",
            lambda name, value: type_name(value) in (name, f"*{name}"),
        ),
        ("kindOf", ANY, _S, lambda value: kind_of(type_name(value))),
        ("kindIs", f"string,{ANY}", "bool", lambda name, value: name == kind_of(type_name(value))),
        ("deepEqual", f"{ANY},{ANY}", "bool", deeply_equal),
        ("base osBase", _S, _S, _base),
        ("dir osDir", _S, _S, _dir),
        ("clean osClean", _S, _S, _cleaned),
        ("ext osExt", _S, _S, _ext),
        ("isAbs osIsAbs", _S, "bool", lambda path: path.startswith("/")),
        ("b64enc", _S, _S, lambda text: base64.b64encode(to_bytes(text)).decode()),
        ("b64dec", _S, _S, _decoded("base64")),
        ("b32enc", _S, _S, lambda text: base64.b32encode(to_bytes(text)).decode()),
        ("b32dec", _S, _S, _decoded("base32")),
        ("fail", _S, _S, _failed),
        ("regexMatch", _SS, "bool", _or(False, lambda like, text: bool(_searched(like, text)))),
        ("mustRegexMatch", _SS, "bool", lambda like, text: bool(_searched(like, text))),
        *_regular("FindAll", "string,string,int", "[]string", _all_matches),
        *_regular("Find", _SS, _S, _first_match),
        *_regular("ReplaceAll", _SSS, _S, _replace_all),
        *_regular("ReplaceAllLiteral", _SSS, _S, _replace_literally),
        *_regular("Split", "string,string,int", "[]string", _regex_split),
        ("regexQuoteMeta", _S, _S, literal),
        *sprig_lists.TABLE,
    ]


def _searched(pattern: str, text: str) -> object:
    return compiled(pattern).search(text)


def _refused(name: str) -> Callable[..., Any]:
    def function(*_: Any) -> Any:
        raise Fault(f"sprig.{name} is not interpreted here")

    return function


def functions(clock: Callable[[], int]) -> dict[str, Function]:
    """Return the functions; ``clock`` gives nanoseconds since 1970."""
    dated = _date(clock)
    table: list[tuple[str, str, str, Callable[..., Any]]] = [
        *_table(),
        ("date", f"string,{ANY}", _S, dated),
        ("date_in_zone dateInZone", f"string,{ANY},string", _S, dated),
        ("htmlDate", ANY, _S, lambda date: dated("2006-01-02", date)),
        (
            "htmlDateInZone",
            f"{ANY},string",
            _S,
            lambda date, zone: dated("2006-01-02", date, zone),
        ),
        ("now", "", "time.Time", lambda: times.Time(clock())),
    ]
    found = {
        name: Function(parameters, result, body)
        for names, parameters, result, body in table
        for name in names.split()
    }
    return found | {name: Function(_MANY, ANY, _refused(name)) for name in UNINTERPRETED}
