"""How much files differ: tables by cell, documents by value, pictures by pixel, texts by line."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from hera_experiment.compare.pictures import picture_difference
from hera_experiment.compare.tables import table_difference, text_difference


def test_a_table_is_compared_by_row_and_column() -> None:
    found = table_difference(
        "t.csv", b"city,pop\nlyon,7\nnice,3\n", b"city,pop\nlyon,9\nnice,3\n", 0
    )
    assert found is not None
    assert found.examples == ("lyon, pop: 7 → 9",)
    assert (found.largest, found.share, found.within) == (2.0, 1 / 6, False)


def test_rows_that_came_and_went_are_named() -> None:
    found = table_difference("t.tsv", b"city\tpop\nlyon\t7\n", b"city\tpop\nnice\t7\n", 0)
    assert found is not None
    assert "lyon, pop: 7 → nothing" in found.examples
    assert "nice, pop: nothing → 7" in found.examples


def test_numbers_within_the_tolerance_are_equal() -> None:
    one, other = b'{"a": {"b": [1.0, 2.0]}}', b'{"a": {"b": [1.0, 2.001]}}'
    close, exact = (table_difference("t.json", one, other, limit) for limit in (0.01, 0.0001))
    assert close is not None and exact is not None
    assert (close.within, exact.within) == (True, False)
    assert exact.examples == ("a.b[1]: 2.0 → 2.001",)


def test_a_document_that_is_written_otherwise_is_equal() -> None:
    found = table_difference("t.json", b'{"a":1,"b":2}', b'{ "b": 2, "a": 1 }', 0)
    assert found is not None and found.within


@pytest.mark.parametrize("one", [b"{", b"\xff", b"[" * 100_000])
def test_what_cannot_be_read_is_no_table(one: bytes) -> None:
    assert table_difference("t.json", one, b"{}", 0) is None


def test_a_text_is_compared_by_line() -> None:
    found = text_difference(b"a\nb\nc\n", b"a\nx\nc\n")
    assert found is not None
    assert (found.share, found.examples) == (1 / 3, ("line 2: b → x",))
    assert text_difference(b"a\0", b"b") is None


def picture(*dots: tuple[int, int], size: tuple[int, int] = (10, 10), grey: int = 255) -> bytes:
    made = Image.new("RGB", size, "black")
    for dot in dots:
        made.putpixel(dot, (grey, 0, 0))
    file = io.BytesIO()
    made.save(file, "png")
    return file.getvalue()


def test_a_picture_is_compared_by_pixel() -> None:
    found = picture_difference("p.png", picture(), picture((2, 3), (4, 5)), 0)
    assert found is not None
    assert (found.share, found.largest, found.within) == (0.02, 1.0, False)
    assert "(2, 3) and (5, 6)" in found.what


def test_a_picture_within_the_tolerance_and_one_of_another_size() -> None:
    faint = picture_difference("p.png", picture(), picture((2, 3), grey=2), 0.01)
    larger = picture_difference("p.png", picture(), picture(size=(10, 11)), 1)
    assert faint is not None and larger is not None
    assert faint.within and not larger.within
    assert larger.what == "10×10 → 10×11 pixels"
    assert picture_difference("p.png", b"none", picture(), 0) is None
