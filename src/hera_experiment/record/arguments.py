"""The arguments of a script as a record keeps them: without secrets, and without where it ran."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hera_experiment.context.arguments import Arguments
from hera_experiment.context.masking import holds_key, names_secret, shown

_OPTION = re.compile(r"--?[A-Za-z]")
_CLUSTER = "cluster"


@dataclass(frozen=True)
class ScriptArguments:
    """The ``words`` after a script that are kept, and the names of those that hold a secret."""

    words: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()


def kept(words: Sequence[str], options: Arguments, clusters: Collection[str]) -> ScriptArguments:
    """Return what is kept of ``words``; ``options`` are those of the context.

    Withheld is what those declare as a secret, what has the name or the shape of one, and an
    address with a password. ``--cluster`` with one of the names ``clusters`` says where a run was,
    which stands in its record.
    """
    found: list[str] = []
    withheld: list[str] = []
    for name, group in _pairs(words):
        value = group[-1].partition("=")[2] if len(group) == 1 else group[1]
        option = options.named(name) if name.startswith("--") else None
        if (option is not None and option.secret) or names_secret(name) or _is_secret(group[-1]):
            withheld.append(name)
        elif option is None or option.name != _CLUSTER or value not in clusters:
            found += group
    return ScriptArguments(tuple(found), tuple(dict.fromkeys(withheld)))


def values_of(words: Sequence[str]) -> dict[str, str | bool]:
    """Return the arguments by name: an option's value, True where it has none.

    A word before all options is ``argument 1``, and so on.
    """
    found: dict[str, str | bool] = {}
    for name, group in _groups(words).items():
        values = [word.partition("=")[2] if _OPTION.match(word) else word for word in group]
        found[name] = " ".join(filter(None, values)) or True
    return found


def swapped(one: Sequence[str], other: Sequence[str], wanted: Collection[str]) -> list[str]:
    """Return the words ``one`` in which the arguments ``wanted`` are as in the ``other``."""
    mine, theirs = _groups(one), _groups(other)
    names = dict.fromkeys((*mine, *theirs))
    groups = ((theirs if name in wanted else mine).get(name, ()) for name in names)
    return [word for group in groups for word in group]


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield each option, with its value if it has one, and each other word."""
    at = number = 0
    while at < len(words):
        word = words[at]
        name, equals, _ = word.partition("=")
        if not _OPTION.match(word):
            number += 1
            name, size = f"argument {number}", 1
        elif equals or at + 1 == len(words):
            size = 1
        else:
            following = words[at + 1]
            # A secret may begin with a dash, too.
            is_value = not _OPTION.match(following) or (
                names_secret(name) and not following.startswith("--")
            )
            size = 2 if is_value else 1
        yield name, words[at : at + size]
        at += size


def _groups(words: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return the words of each argument, those of an option up to the next."""
    found: dict[str, list[str]] = {}
    option = ""
    for name, group in _pairs(words):
        option = name if _OPTION.match(name) else option
        found.setdefault(option or name, []).extend(group)
    return found


def _is_secret(word: str) -> bool:
    name, equals, value = word.partition("=")
    hidden = value if _OPTION.match(word) else word
    return bool(equals and names_secret(name)) or holds_key(word) or shown(hidden) != hidden
