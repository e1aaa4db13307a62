"""What the operators do.

Source: ``vm/runtime/*.go`` of expr-lang/expr.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from hera_experiment.argo.expr.errors import Fault
from hera_experiment.argo.expr.regex import compiled
from hera_experiment.argo.expr.times import METHODS, Duration, Time
from hera_experiment.argo.expr.values import (
    LIST,
    Table,
    Typed,
    Uint8,
    asserted,
    from_bytes,
    is_integer,
    is_nil,
    is_number,
    kind_of,
    text_of,
    to_bytes,
    truncated,
    type_name,
    wrapped,
)


def equal(left: object, right: object) -> bool:
    """Return ``left == right``."""
    if is_number(left) and is_number(right):
        return left == right
    if isinstance(left, list) and isinstance(right, list):
        if LIST in (type_name(left), type_name(right)):
            return len(left) == len(right) and all(map(equal, left, right))
        return type_name(left) == type_name(right) and deeply_equal(left, right)
    if isinstance(left, Time) and isinstance(right, Time):
        return left.nanoseconds == right.nanoseconds
    if is_nil(left) and is_nil(right):
        return True
    return deeply_equal(left, right)


def deeply_equal(left: object, right: object) -> bool:
    """Return what Go's ``reflect.DeepEqual`` says."""
    if type_name(left) != type_name(right) or is_nil(left) != is_nil(right):
        return False
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(deeply_equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            deeply_equal(value, right[key]) for key, value in left.items()
        )
    return left == right


def _compared(symbol: str, holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        if is_number(left) and is_number(right):
            return holds(left, right)
        if isinstance(left, str) and isinstance(right, str):
            return holds(to_bytes(left), to_bytes(right))
        if type(left) is type(right) and isinstance(left, (Duration, Time)):
            return holds(left.nanoseconds, right.nanoseconds)
        raise _undefined(left, symbol, right)

    return compare


def _undefined(left: object, symbol: str, right: object) -> Fault:
    return Fault(f"invalid operation: {type_name(left)} {symbol} {type_name(right)}")


less = _compared("<", lambda left, right: left < right)
more = _compared(">", lambda left, right: left > right)


def add(left: Any, right: Any) -> Any:
    """Return ``left + right``."""
    if is_number(left) and is_number(right):
        return _sum(left, right)
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, Duration) and isinstance(right, (Duration, Time)):
        return right.plus(left.nanoseconds)
    if isinstance(left, Time) and isinstance(right, Duration):
        return left.plus(right.nanoseconds)
    raise _undefined(left, "+", right)


def _sum(left: Any, right: Any) -> Any:
    if isinstance(left, float) or isinstance(right, float):
        return float(left) + float(right)
    return wrapped(int(left) + int(right))


def subtract(left: Any, right: Any) -> Any:
    """Return ``left - right``."""
    if is_number(left) and is_number(right):
        return _sum(left, -right)
    if isinstance(left, Time) and isinstance(right, Time):
        return Duration(left.nanoseconds - right.nanoseconds)
    if isinstance(left, (Time, Duration)) and isinstance(right, Duration):
        return left.plus(-right.nanoseconds)
    raise _undefined(left, "-", right)


def multiply(left: Any, right: Any) -> Any:
    """Return ``left * right``."""
    if is_number(left) and is_number(right):
        if isinstance(left, float) or isinstance(right, float):
            return float(left) * float(right)
        return wrapped(int(left) * int(right))
    one, other = (
        value.nanoseconds if isinstance(value, Duration) else value for value in (left, right)
    )
    if is_number(one) and is_number(other):
        product = multiply(one, other)
        return Duration(product) if isinstance(product, int) else product
    raise _undefined(left, "*", right)


def divide(left: Any, right: Any) -> float:
    """Return ``left / right``, always a float64."""
    if not (is_number(left) and is_number(right)):
        raise _undefined(left, "/", right)
    if right == 0:
        if left == 0 or math.isnan(left):
            return math.nan
        sign = math.copysign(1, left) * (math.copysign(1, right) if isinstance(right, float) else 1)
        return sign * math.inf
    return float(left) / float(right)


def remainder(left: Any, right: Any) -> int:
    """Return ``left % right``."""
    if not (is_integer(left) and is_integer(right)):
        raise _undefined(left, "%", right)
    if right == 0:
        raise Fault("runtime error: integer divide by zero")
    return int(math.copysign(1, left)) * (abs(int(left)) % abs(int(right)))


def to_float(value: object) -> float:
    """Return a number as float64."""
    if not is_number(value):
        raise Fault(f"invalid operation: float({type_name(value)})")
    return float(value)  # type: ignore[arg-type]


def to_int(value: object) -> int:
    """Return a number as int."""
    if not is_number(value):
        raise Fault(f"invalid operation: int({type_name(value)})")
    return truncated(value) if isinstance(value, float) else int(value)  # type: ignore[call-overload]


def power(left: Any, right: Any) -> float:
    """Return ``left ** right``, to the last bit as Go multiplies it up."""
    base, exponent = to_float(left), to_float(right)
    if abs(exponent) == 0.5 and 0 <= base < math.inf:
        root = math.sqrt(base)
        return root if exponent > 0 else divide(1.0, root)
    if base == 0 or exponent in (0, 1) or not (math.isfinite(base) and math.isfinite(exponent)):
        return _power_at_the_edge(base, exponent)
    fraction, whole = math.modf(abs(exponent))
    if fraction and base < 0:
        return math.nan
    if whole >= 2**63:
        return _power_at_the_edge(base, math.copysign(math.inf, exponent))
    found = 1.0
    if fraction:
        if fraction > 0.5:
            fraction, whole = fraction - 1, whole + 1
        found = math.exp(fraction * math.log(base))
    mantissa, scale = math.frexp(base)
    shift, count = 0, int(whole)
    while count:
        if abs(scale) > 4096:
            shift += scale
            break
        if count & 1:
            found, shift = found * mantissa, shift + scale
        mantissa, scale = mantissa * mantissa, scale * 2
        if mantissa < 0.5:
            mantissa, scale = mantissa * 2, scale - 1
        count >>= 1
    if exponent < 0:
        found, shift = 1 / found, -shift
    try:
        return math.ldexp(found, shift)
    except OverflowError:
        return math.copysign(math.inf, found)


def _power_at_the_edge(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except ValueError:
        # Zero to a negative power.
        is_odd = exponent.is_integer() and exponent % 2 == 1
        return math.copysign(math.inf, base) if is_odd else math.inf


def negate(value: Any) -> Any:
    """Return ``-value``."""
    if not is_number(value):
        raise Fault(f"invalid operation: - {type_name(value)}")
    return -value if isinstance(value, float) else type(value)(wrapped(-int(value)))


def numbers(left: object, right: object) -> list[Any]:
    """Return ``left..right``."""
    first, last = to_int(left), to_int(right)
    return Typed(range(first, last + 1), "[]int")


def contained(needle: object, haystack: object) -> bool:
    """Return ``needle in haystack``."""
    if haystack is None:
        return False
    if isinstance(haystack, (list, bytes)):
        return any(equal(item, needle) for item in haystack)
    if isinstance(haystack, dict):
        return key_of(haystack, needle) in haystack
    if isinstance(haystack, Time):
        if not isinstance(needle, str):
            raise Fault(f"cannot use {type_name(needle)} as field name of {type_name(haystack)}")
        return False
    raise Fault(f'operator "in" not defined on {type_name(haystack)}')


def key_of(table: dict[Any, Any], key: object) -> Any:
    """Return ``key`` as a key of the map; raises :class:`Fault` when it cannot be one."""
    go_type = type_name(table)
    wanted = go_type[4 : go_type.index("]")]
    if wanted == "interface {}":
        return hashable(key)
    if key is None:
        return 0 if wanted == "int" else ""
    if type_name(key) != wanted:
        raise Fault(
            f"reflect.Value.MapIndex: value of type {type_name(key)} is not assignable to type "
            f"{wanted}"
        )
    return key


def hashable(key: object) -> Any:
    """Return a key of a ``map[any]``; raises :class:`Fault` when Go cannot hash it."""
    if isinstance(key, (list, dict, bytes)):
        raise Fault(f"runtime error: hash of unhashable type {type_name(key)}")
    return key


def fetched(base: Any, key: object) -> Any:
    """Return ``base[key]``."""
    if isinstance(key, str) and (method := method_of(base, key)) is not None:
        return method
    if isinstance(base, (list, str, bytes)):
        index, size = to_int(key), len(to_bytes(base) if isinstance(base, str) else base)
        if index < 0:
            index += size
        if not 0 <= index < size:
            raise Fault(f"index out of range: {index} (array length is {size})")
        return item_at(base, index)
    if isinstance(base, dict):
        found = base.get(key_of(base, key))
        if found is None and isinstance(base, Table):
            return zero(base.go_type)
        return found
    if isinstance(base, Time):
        asserted(key, "string")
    raise Fault(f"cannot fetch {text_of(key)} from {type_name(base)}")


def zero(go_type: str) -> Any:
    """Return what a map of this type has for a key that is not there."""
    if go_type.endswith("]string"):
        return ""
    return Typed([], LIST, True) if go_type.endswith("[]interface {}") else None


def item_at(base: Any, index: int) -> Any:
    """Return one item of an array, or one byte of a string."""
    if isinstance(base, str):
        return Uint8(to_bytes(base)[index])
    return Uint8(base[index]) if isinstance(base, bytes) else base[index]


def method_of(value: object, name: str) -> Any:
    """Return a method of the value, None when it has no such one."""
    methods = METHODS.get(type_name(value))
    return methods[name](value) if methods and name in methods else None


def size_of(value: Any) -> int:
    """Return the length, that of a string in bytes."""
    if isinstance(value, str):
        return len(to_bytes(value))
    if not isinstance(value, (list, dict, bytes)):
        raise Fault(f"invalid argument for len (type {type_name(value)})")
    return len(value)


def sliced(base: Any, start: object, stop: object) -> Any:
    """Return ``base[start:stop]``."""
    if not isinstance(base, (list, str, bytes)):
        raise Fault(f"cannot slice {text_of(start)}")
    whole: Any = to_bytes(base) if isinstance(base, str) else base
    size = len(whole)
    first, last = to_int(start), to_int(stop)
    first = max(first + size if first < 0 else first, 0)
    last = min(max(last + size if last < 0 else last, 0), size)
    part = whole[min(first, last) : last]
    if isinstance(base, str):
        return from_bytes(part)
    return Typed(part, base.go_type, base.is_nil) if isinstance(base, Typed) else part


def items(value: Any) -> list[Any]:
    """Return what a predicate goes through."""
    if isinstance(value, list):
        return value
    if isinstance(value, (str, bytes)):
        return [Uint8(byte) for byte in (to_bytes(value) if isinstance(value, str) else value)]
    kind = kind_of(type_name(value))
    if isinstance(value, dict) and value:
        raise Fault("reflect: call of reflect.Value.Index on map Value")
    if isinstance(value, dict):
        return []
    kind = "zero" if value is None else kind
    raise Fault(f"reflect: call of reflect.Value.Len on {kind} Value")


def _of_strings(holds: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def check(left: Any, right: Any) -> bool:
        if is_nil(left) or is_nil(right):
            return False
        # As Go evaluates them: the right one is asserted after the left one.
        return holds(asserted(left, "string"), asserted(right, "string"))

    return check


def matches(left: Any, right: Any) -> bool:
    """Return ``left matches right``."""
    if is_nil(left) or is_nil(right):
        return False
    if isinstance(left, str):
        return searched(compiled(asserted(right, "string")), left)
    pattern = asserted(right, "string")
    return searched(compiled(pattern), from_bytes(asserted(left, "[]uint8")))


def searched(pattern: re.Pattern[str], text: Any) -> bool:
    """Tell whether the pattern occurs in a string."""
    return pattern.search(text) is not None


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": less,
    ">": more,
    "<=": _compared("<=", lambda left, right: left <= right),
    ">=": _compared(">=", lambda left, right: left >= right),
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": remainder,
    "**": power,
    "^": power,
    "..": numbers,
    "in": contained,
    "matches": matches,
    "contains": _of_strings(lambda text, part: part in text),
    "startsWith": _of_strings(lambda text, part: text.startswith(part)),
    "endsWith": _of_strings(lambda text, part: text.endswith(part)),
}
"""What each operator does whose operands are both evaluated."""
