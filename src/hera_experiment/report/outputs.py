"""What a run left, as a page shows it: pictures, heads of tables, and the checksum of each file."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from hera_experiment.account.account import OutputFile

Json = dict[str, Any]

PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}
_TABLES = {".csv": ",", ".tsv": "\t"}
_TEXTS = (".json", ".txt", ".md", ".yaml", ".yml", ".toml", ".log")
_ROWS, _COLUMNS, _CELL = 8, 12, 60
_HEAD = 64 << 10
_MOST_TABLES = 20
_MOST_FILES = 2000
_TEXT = 600
_WHOLE = 150_000
"""Bytes of the largest picture that is within a page as it is; larger ones are scaled."""
_WIDTH = 1000
_LEAST = 100


def outputs_of(folder: Path, files: Sequence[OutputFile], room: int) -> tuple[list[Json], int]:
    """Return a row for each of ``files`` below ``folder``, and how many more there are.

    Pictures, large ones scaled, are within the rows as long as all of them take no more than
    ``room`` bytes, the small ones first; of tables and texts the heads of the first.
    """
    shown = list(files[:_MOST_FILES])
    pictures = _pictures(folder, shown, room)
    heads = 0
    rows = []
    for file in shown:
        row: Json = {"path": file.path, "size": file.size, "sha256": file.sha256}
        if PurePosixPath(file.path).suffix.lower() in PICTURES:
            row["picture"] = pictures.get(file.path, "")
        elif heads < _MOST_TABLES and (head := _head(folder / file.path)):
            row |= head
            heads += 1
        rows.append(row)
    return rows, len(files) - len(shown)


def picture_of(path: Path) -> str:
    """Return a picture as an address that holds it; empty where it cannot be read."""
    kind = PICTURES.get(path.suffix.lower())
    try:
        data = path.read_bytes() if kind else b""
    except OSError:
        return ""
    return _address(kind, data) if kind and data else ""


def _pictures(folder: Path, files: Sequence[OutputFile], room: int) -> dict[str, str]:
    found = {}
    for file in sorted(files, key=lambda file: file.size):
        suffix = PurePosixPath(file.path).suffix.lower()
        if suffix not in PICTURES or room < _LEAST:
            continue
        if file.size > _WHOLE and suffix != ".svg":
            text = _scaled(folder / file.path)
        elif file.size * 4 // 3 + _LEAST <= room:
            text = picture_of(folder / file.path)
        else:
            continue
        if text and len(text) <= room:
            found[file.path] = text
            room -= len(text)
    return found


def _scaled(path: Path) -> str:
    """Return a large picture in a size that a page shows; empty where it cannot be read."""
    from PIL import Image

    data = io.BytesIO()
    try:
        with Image.open(path) as picture:
            picture.thumbnail((_WIDTH, _WIDTH))
            picture.convert("RGBA").save(data, "WEBP", quality=80)
    except (OSError, ValueError, Image.DecompressionBombError):
        return ""
    return _address("image/webp", data.getvalue())


def _address(kind: str, data: bytes) -> str:
    """Return the address that holds ``data`` (RFC 2397)."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _head(path: Path) -> Json:
    """Return the head of a table as its ``rows``, of a text as its ``text``; empty for others."""
    suffix = path.suffix.lower()
    if suffix not in _TABLES and suffix not in _TEXTS:
        return {}
    try:
        with path.open("rb") as file:
            data = file.read(_HEAD)
    except OSError:
        return {}
    text = data.decode("utf-8", "replace")
    if suffix not in _TABLES:
        return {"text": text if len(text) <= _TEXT else f"{text[:_TEXT]}…"}
    rows = []
    try:
        for row in csv.reader(io.StringIO(text), delimiter=_TABLES[suffix]):
            rows.append([cell[:_CELL] for cell in row[:_COLUMNS]])
            if len(rows) > _ROWS:
                break
    except csv.Error:
        return {}
    return {"rows": rows, "more": text.count("\n") > _ROWS or len(data) == _HEAD}
