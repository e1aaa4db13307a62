"""Pictures compared pixel by pixel."""

from __future__ import annotations

import io
from pathlib import PurePosixPath

from hera_experiment.compare.tables import Amount

_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp")
_MOST = 100_000_000
"""Pixels of the largest picture that is looked at."""


def picture_difference(path: str, one: bytes, other: bytes, tolerance: float) -> Amount | None:
    """Return how two pictures differ, None for what is none."""
    if PurePosixPath(path).suffix.lower() not in _SUFFIXES:
        return None
    from PIL import Image, ImageChops

    try:
        with Image.open(io.BytesIO(one)) as before, Image.open(io.BytesIO(other)) as after:
            if before.size != after.size:
                sizes = ["×".join(map(str, each.size)) for each in (before, after)]
                return Amount(f"{sizes[0]} → {sizes[1]} pixels")
            if before.width * before.height > _MOST:
                return None
            difference = ImageChops.difference(before.convert("RGBA"), after.convert("RGBA"))
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    # The greatest of the four bands of each pixel.
    bands = difference.split()
    greatest = bands[0]
    for band in bands[1:]:
        greatest = ImageChops.lighter(greatest, band)
    counts = greatest.histogram()
    total = sum(counts)
    allowed = int(tolerance * 255)
    changed = sum(counts[allowed + 1 :])
    strongest = max((value for value, count in enumerate(counts) if count), default=0)
    if not sum(counts[1:]):
        return Amount("written otherwise, all pixels are equal", 0.0, 0.0, within=True)
    if not changed:
        what = f"pixels differ within the tolerance {tolerance:g}"
        return Amount(what, 0.0, strongest / 255, within=True)
    left, top, right, bottom = greatest.point(lambda value: 255 * (value > allowed)).getbbox() or (
        0,
        0,
        0,
        0,
    )
    what = (
        f"{changed} of {total} pixels differ ({changed / total:.2%}), by at most"
        f" {strongest / 255:.0%} of the scale, between ({left}, {top}) and ({right}, {bottom})"
    )
    return Amount(what, changed / total, strongest / 255)
