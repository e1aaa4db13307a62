"""Names in other cases: ``snake_case``, ``kebab-case`` and ``PascalCase``.

Source: ``convert.go`` of huandu/xstrings.
"""

from __future__ import annotations

import unicodedata

_UPPER, _LOWER, _NUMBER, _CONNECTOR, _PUNCTUATION, _OTHER = range(6)
_NO_LETTERS = (range(0x4E00, 0x9FCD), range(0x3400, 0x4D86), range(0x20000, 0x2B81E))
"""Chinese characters, as far as the original knows them."""


_DASHES = frozenset("-_")


def _kind(character: str) -> int:
    category = unicodedata.category(character)
    if character in "-_" or character.isspace():
        return _CONNECTOR
    if category[0] == "P":
        return _PUNCTUATION
    if category == "Lu":
        return _UPPER
    if category[0] == "L" and not any(ord(character) in part for part in _NO_LETTERS):
        return _LOWER
    return _NUMBER if category[0] == "N" else _OTHER


def _words(text: str) -> list[tuple[int, str]]:
    """Return the words with what they consist of; ``HTTPServer`` is ``HTTP`` and ``Server``."""
    kinds = [*map(_kind, text), -1]
    found, at = [], 0
    while at < len(text):
        kind, end = kinds[at], at + 1
        while kinds[end] == kind or (kind == _PUNCTUATION and text[end : end + 1] in _DASHES):
            end += 1
        if kind == _UPPER and kinds[end] == _LOWER:
            if end - at > 1:
                end -= 1
            else:
                while kinds[end] == _LOWER:
                    end += 1
        found.append((kind, text[at:end]))
        at = end
    return found


def joined(text: str, connector: str) -> str:
    """Return the words in small letters with ``connector`` between them."""
    words, out, at = _words(text), [""], 0

    def kind(index: int) -> int:
        return words[index][0] if index < len(words) else -1

    def put(index: int) -> None:
        what, word = words[index]
        out.append(connector * len(word) if what == _CONNECTOR else word)

    def put_numbered(index: int) -> int:
        while kind(index) in (_LOWER, _NUMBER):
            put(index)
            index += 1
        if kind(index) not in (-1, _CONNECTOR, _PUNCTUATION):
            out.append(connector)
        return index

    while at + 1 < len(words):
        before = kind(at)
        put(at)
        at += 1
        follows = kind(at)
        if before == _NUMBER:
            at = put_numbered(at)
        elif before in (_CONNECTOR, _PUNCTUATION):
            continue
        elif follows != _NUMBER:
            if follows not in (_CONNECTOR, _PUNCTUATION):
                out.append(connector)
        elif at + 1 < len(words) and kind(at + 1) == _LOWER:
            # A number that letters follow begins a word, any other ends one.
            out.append(connector)
            put(at)
            at = put_numbered(at + 1)
        elif at + 1 < len(words):
            put(at)
            at += 1
            if kind(at) not in (_CONNECTOR, _PUNCTUATION):
                out.append(connector)
    if at < len(words):
        put(at)
    return _lowered("".join(out))


def _lowered(text: str) -> str:
    return "".join(one.lower() if _kind(one) == _UPPER else one for one in text)


def pascal(text: str) -> str:
    """Return the words with a capital each and nothing between them."""
    start = 0
    while start < len(text) and _kind(text[start]) == _CONNECTOR:
        start += 1
    if start == len(text):
        # So it is: the last one twice.
        return text + text[-1:]
    out = [text[:start]]
    last, capitals = _upper(text[start]), text[start].isupper()
    for character in text[start + 1 :]:
        if _kind(last) == _CONNECTOR and _kind(character) == _CONNECTOR:
            out.append(last)
        elif _kind(last) == _CONNECTOR:
            capitals = character.isupper()
            character = _upper(character)
        else:
            capitals = capitals and character.isupper()
            out.append(last)
            character = character.lower() if capitals else character
        last = character
    return "".join([*out, last])


def _upper(character: str) -> str:
    found = character.upper()
    return found if len(found) == 1 else character
