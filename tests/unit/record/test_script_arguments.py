"""The arguments of a script are kept without secrets, and can be put together again."""

from __future__ import annotations

import shlex

import pytest

from hera_experiment.context.arguments import Argument, Arguments
from hera_experiment.record.arguments import kept, swapped, values_of

OPTIONS = Arguments(
    Argument("cluster", "CLUSTER", ""),
    Argument("argo_token", "ARGO_TOKEN", "", secret=True),
    Argument("door", "DOOR KNOCK", "", secret=True),
)


@pytest.mark.parametrize(
    ("typed", "words", "withheld"),
    [
        ("--x 3 --y=4 -v data.csv", "--x 3 --y=4 -v data.csv", ""),
        ("--x -1 5 6", "--x -1 5 6", ""),
        ("--argo-token geheim --x 3", "--x 3", "--argo-token"),
        ("--KNOCK=geheim a.csv", "a.csv", "--KNOCK"),
        ("--password geheim --db_password=geheim", "", "--password --db_password"),
        ("--apiKey -geheim --x 3", "--x 3", "--apiKey"),
        ("--site https://me:geheim@host/x --x 3", "--x 3", "--site"),
        ("-p token=geheim -p n=3", "-p n=3", "-p"),
        (f"--key2 ghp_{'a' * 36} file", "file", "--key2"),
        ("--cluster lyon --x 3", "--x 3", ""),
        ("--cluster 3 --x 3", "--cluster 3 --x 3", ""),
    ],
)
def test_no_secret_is_kept_nor_where_it_ran(typed: str, words: str, withheld: str) -> None:
    found = kept(shlex.split(typed), OPTIONS, ["local", "lyon"])
    assert shlex.join(found.words) == words
    assert list(found.withheld) == withheld.split()


def test_arguments_are_swapped_by_their_names() -> None:
    one = shlex.split("a.csv --x 3 --list 1 2 -v -p n=1 -p m=2")
    other = shlex.split("b.csv --x=4 --list 1 2 3 --new 5 -p n=1 -p m=2")
    assert values_of(one) == {
        "argument 1": "a.csv",
        "--x": "3",
        "--list": "1 2",
        "-v": True,
        "-p": "n=1 m=2",
    }
    assert swapped(one, other, {"--x", "--new"}) == shlex.split(
        "a.csv --x=4 --list 1 2 -v -p n=1 -p m=2 --new 5"
    )
    assert swapped(one, other, {"argument 1", "-v", "--list"}) == shlex.split(
        "b.csv --x 3 --list 1 2 3 -p n=1 -p m=2"
    )
    assert swapped(one, other, ()) == one
