"""What a value of a parameter may hold on its way through Argo.

Source: ``util/template/*.go`` and ``pkg/apis/workflow/v1alpha1/item.go`` of
argoproj/argo-workflows; ``strconv.Quote`` of Go.
"""

from __future__ import annotations

import re
import unicodedata

# What begins a variable, from the names that Argo gives its variables.
_REFERENCE = re.compile(
    r"\{\{(?:=(?:(?!\}\}).)+"
    r"|\s*(?:(?:inputs|outputs|workflow|tasks|steps|lastRetry)\.[^{}]+|inputs\.parameters|retries"
    r"|item(?:\.[^{}]+)?|(?:pod|node|steps|tasks)\.name|cronworkflow\.[^{}]+)\s*)\}\}",
    re.DOTALL,
)
WHOLE_VALUE = re.compile(r"""(?<=\b_whole\(")([A-Za-z0-9+/]*={0,2})(?="\)\.decode\(\))""")
"""In the source of a script: what Argo wrote in the place of :func:`whole_value`."""

_SUSPECT = re.compile("[\x00-\x07\x0b\x0e-\x1f\x7f\U00010000-\U0010ffff]")
_LETTERS = {"\x07": "a", "\x0b": "v"}


def stray_braces(text: str) -> bool:
    """Tell whether ``text`` holds a ``{{`` that does not begin one of Argo's variables.

    Argo looks for the end of such a variable through the whole template.
    """
    position = text.find("{{")
    while position >= 0:
        reference = _REFERENCE.match(text, position)
        if reference is None:
            return True
        position = text.find("{{", reference.end())
    return False


def unprintable(text: str) -> str:
    """Return the first character of ``text`` that ``{{…}}`` cannot stand for, or nothing.

    Argo writes the value as a string of Go into a text of JSON, which lacks some of its escapes.
    """
    for match in _SUSPECT.finditer(text):
        character = match[0]
        if character < "\U00010000" or unicodedata.category(character)[0] not in "LMNPS":
            return character
    return ""


def whole_value(name: str) -> str:
    """Return Python for the value of a parameter, whatever it is; ``_whole`` reads base64."""
    return f"""_whole("{{{{=toBase64(inputs.parameters['{name}'])}}}}").decode()"""


def go_escape(character: str) -> str:
    """Return the letter with which Go begins the escape of an :func:`unprintable` character."""
    return _LETTERS.get(character, "U" if character >= "\U00010000" else "x")
