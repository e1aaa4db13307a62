"""Build contexts: what .dockerignore keeps out, and hashes of what is left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hera_experiment.images.context import Ignore, content_hash, context_entries


@pytest.mark.parametrize(
    ("patterns", "ignored", "kept"),
    [
        ("*.log", ["a.log"], ["sub/a.log", "a.logs"]),
        ("**/*.log", ["a.log", "x/y/a.log"], ["a.txt"]),
        ("build", ["build", "build/x/y"], ["builds", "x/build"]),
        ("/build/", ["build/x"], ["a/build"]),
        ("*\n!keep\n", ["a", "x/y"], ["keep", "keep/x"]),
        ("# comment\n\n a?c ", ["abc"], ["ac", "a/c"]),
        ("[ab].txt", ["a.txt"], ["c.txt"]),
        ("a/**/z", ["a/z", "a/b/c/z"], ["z"]),
        ("!x\nx", ["x"], []),
        (r"a\*b", ["a*b"], ["aXb"]),
    ],
)
def test_patterns(patterns, ignored, kept):
    ignore = Ignore(patterns)
    assert [path for path in ignored if not ignore.ignores(path)] == []
    assert [path for path in kept if ignore.ignores(path)] == []


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_entries(tmp_path: Path):
    write(tmp_path, a="1", sub__b="2", skip__c="3", skip__keep__d="4")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / ".dockerignore").write_text("skip\n!skip/keep\n.dockerignore\n")
    assert context_entries(tmp_path) == ["a", "empty/", "link", "skip/keep/d", "sub/b"]


def test_the_hash_tells_contents_names_and_execute_bits_and_nothing_else(tmp_path: Path):
    def hashed(folder: Path, **extra: str) -> str:
        return content_hash(folder, context_entries(folder), extra)

    one = write(tmp_path / "one", a="1", sub__b="2")
    two = write(tmp_path / "two", a="1", sub__b="2")
    os.utime(two / "a", (0, 0))
    assert hashed(one) == hashed(two)
    assert hashed(one, A="1") != hashed(one)
    seen = {hashed(one)}
    (two / "a").chmod(0o755)
    seen.add(hashed(two))
    (two / "a").write_text("2")
    seen.add(hashed(two))
    (two / "a").rename(two / "c")
    seen.add(hashed(two))
    (two / "d").symlink_to("c")
    seen.add(hashed(two))
    assert len(seen) == 5
