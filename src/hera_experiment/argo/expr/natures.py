"""What is known of a value before the expression runs: its type, or nothing.

Source: ``checker/nature/nature.go`` of expr-lang/expr.
"""

from __future__ import annotations

from hera_experiment.argo.expr import times
from hera_experiment.argo.expr.values import ANY, LIST, OBJECT, Function, kind_of, type_name

_INTEGERS = ("int", "int64", "uint8")
_NILABLE = ("ptr", "interface", "func", "map", "slice")


class Nature:
    """A type; ``go_type`` is empty when nothing is known or the value is nil."""

    __slots__ = ("element", "function", "go_type", "is_nil", "kind")

    def __init__(
        self,
        go_type: str = "",
        element: Nature | None = None,
        function: Function | None = None,
        is_nil: bool = False,
    ) -> None:
        self.go_type = go_type
        self.kind = kind_of(go_type) if go_type else ""
        self.element = element
        self.function = function
        self.is_nil = is_nil

    def __str__(self) -> str:
        return self.go_type or "unknown"

    @property
    def is_unknown(self) -> bool:
        """Whether the value may be anything."""
        return (not self.go_type and not self.is_nil) or self.go_type == ANY

    @property
    def is_integer(self) -> bool:
        """Whether it is one of Go's own integers."""
        return self.go_type in _INTEGERS

    @property
    def is_number(self) -> bool:
        """Whether it is one of Go's own numbers."""
        return self.is_integer or self.go_type == "float64"

    @property
    def is_array(self) -> bool:
        """Whether it has items."""
        return self.kind in ("slice", "array")

    def key(self) -> Nature:
        """Return the keys of a map."""
        return of_type(self.go_type[4 : self.go_type.index("]")])

    def item(self) -> Nature:
        """Return the items of an array or a map."""
        if self.element is not None:
            return self.element
        if self.kind in ("slice", "array", "map"):
            return of_type(self.go_type[self.go_type.index("]") + 1 :])
        return UNKNOWN

    def assignable_to(self, other: Nature) -> bool:
        """Tell whether Go would assign it."""
        if self.is_nil and other.kind in _NILABLE:
            return True
        if not self.go_type or not other.go_type:
            return False
        return self.go_type == other.go_type or other.go_type == ANY

    def comparable_to(self, other: Nature) -> bool:
        """Tell whether ``==`` may stand between them."""
        return (
            self.is_unknown
            or other.is_unknown
            or self.is_nil
            or other.is_nil
            or (self.is_number and other.is_number)
            or (self.is_array and other.is_array)
            or self.assignable_to(other)
        )

    def is_a(self, name: str) -> bool:
        """Tell whether it is of the class ``name``: a type, ``number`` or ``integer``."""
        if name == "number":
            return self.is_number
        return self.is_integer if name == "integer" else self.go_type == name

    def maybe(self, other: Nature, *names: str) -> bool:
        """Tell whether they may turn out to suit each other, as one of the classes ``names``."""
        if self.is_unknown:
            return other.is_unknown or any(map(other.is_a, names))
        return other.is_unknown and any(map(self.is_a, names))


UNKNOWN = Nature()
NIL = Nature(is_nil=True)
_of_types: dict[str, Nature] = {}


def of_type(go_type: str) -> Nature:
    """Return what is known of a value of this type."""
    found = _of_types.get(go_type)
    if found is None:
        found = _of_types[go_type] = Nature(go_type)
    return found


BOOL, INT, FLOAT, STRING = map(of_type, ("bool", "int", "float64", "string"))
TIME, DURATION = of_type("time.Time"), of_type("time.Duration")
ARRAY, MAP = of_type(LIST), of_type(OBJECT)


def array_of(item: Nature) -> Nature:
    """Return an array of such items."""
    return Nature(LIST, element=item)


def of_value(value: object) -> Nature:
    """Return what is known of a value of the environment."""
    if value is None:
        return NIL
    if isinstance(value, Function):
        return Nature(value.go_type, function=value)
    return of_type(type_name(value))


def method(nature: Nature, name: str) -> Nature | None:
    """Return a method of the type, None when it has no such one."""
    methods = times.METHODS.get(nature.go_type)
    if methods is None or name not in methods:
        return None
    sample = methods[name](_SAMPLES[nature.go_type])
    return Nature(sample.go_type, function=sample)


_SAMPLES: dict[str, object] = {
    "time.Time": times.Time(0),
    "time.Duration": times.Duration(0),
    "*time.Location": times.UTC,
    "time.Month": times.Named("time.Month", 1, ""),
    "time.Weekday": times.Named("time.Weekday", 1, ""),
}
