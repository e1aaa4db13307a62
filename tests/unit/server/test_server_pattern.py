"""The filter of logs: what Go's expressions find, in a time that grows with the line alone."""

from __future__ import annotations

import random
import re
import time

import pytest

from hera_experiment.local.errors import ApiError
from hera_experiment.local.server.pattern import Pattern

LINES = [
    "",
    "an apple",
    "a pear",
    "aaab",
    "Error: 42%",
    "x_1 y-2",
    "café 3",
    "a\tb",
    "[info]",
    "ab" * 9,
]


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "^a", "b$", "^$", "apple|pear", "(an|a) p", "a{2,3}b", "^(ab){9}$", "a{4,}",
        "[a-c]+b", r"\d+%", r"\bp", r"\Bp", r"\w-\w", r"\s", r"\S\s\S", "(?i)error", "(?i:E)rror",
        "[^a-z ]", ".é", r"^\[info\]$",
        "x?y*z*", "(a*)*b", "a+?", "(|a)+b", r"\A\w+\Z", "(?P<n>p)e",
    ],
)  # fmt: skip
def test_it_finds_what_python_finds(text):
    pattern, same = Pattern(text), re.compile(text, re.ASCII)
    for line in LINES:
        assert pattern.found_in(line) == bool(same.search(line)), line


def test_classes_have_the_names_of_go():
    pattern = Pattern("^[[:alpha:]_]+[[:digit:]]$")
    assert [line for line in LINES if pattern.found_in(line)] == []
    assert pattern.found_in("x_1") and not pattern.found_in("x-1")


def test_it_finds_what_python_finds_of_any_expression():
    source = random.Random(11)

    def expression(depth: int) -> str:
        kind = source.randrange(6 if depth else 2)
        if kind < 2:
            return source.choice(["a", "b", ".", "[ab]", "[^a]", "^", "$", r"\b", "", r"\w"])
        if kind == 2:
            return expression(depth - 1) + expression(depth - 1)
        if kind == 3:
            return f"(?:{expression(depth - 1)}|{expression(depth - 1)})"
        return (
            f"(?:{expression(depth - 1)}){source.choice(['*', '+', '?', '{2}', '{1,3}', '{0,2}?'])}"
        )

    for _ in range(1500):
        text = expression(4)
        pattern, same = Pattern(text), re.compile(text, re.ASCII)
        for _ in range(4):
            line = "".join(source.choices("ab-", k=source.randrange(8)))
            assert pattern.found_in(line) == bool(same.search(line)), (text, line)


@pytest.mark.parametrize(
    "text", ["(a+)+$", "(a*)*b", "(a|a)+$", "a*a*a*a*b", "(.*)*x", "a{0,200}a{0,200}b"]
)
def test_no_expression_takes_longer_than_the_line(text):
    began = time.thread_time()
    assert not Pattern(text).found_in("a" * 20_000 + "!")
    assert time.thread_time() - began < 5


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "(",
        "*",
        "(?=a)",
        "(?<!a)",
        r"(a)\1",
        "(?>a)",
        "a{1000}" * 20,
        "(" * 500,
        "a" * 1001,
        "a*+",
    ],
)
def test_what_go_has_not_is_refused(text):
    with pytest.raises(ApiError, match="failed to compile"):
        Pattern(text)


@pytest.mark.parametrize("text", ["((a{50}){50}){50}", "(?:" * 300 + "a" + ")*" * 300])
def test_what_is_too_large_is_refused_or_works(text):
    began = time.thread_time()
    try:
        Pattern(text).found_in("b" * 100)
    except ApiError as error:
        assert "failed to compile" in error.message
    assert time.thread_time() - began < 5
