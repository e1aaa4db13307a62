"""Rewriting absolute paths, and putting them back."""

from __future__ import annotations

import base64

import pytest

from hera_experiment.argo.values import WHOLE_VALUE, whole_value
from hera_experiment.local.runtimes.paths import PathRules, rewrite_source
from hera_experiment.local.runtimes.scratch import shown_as_inside
from hera_experiment.local.runtimes.tree import LINKED_WHOLE, Tree

RULES = PathRules(["/data", "/data/in", "/app", "/"], {"/argo/staging/script": "/.script"})


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("/data", "R/data"),
        ("/data/x y", "R/data/x y"),
        ("--out=/data/x", "--out=R/data/x"),
        ("open('/data/in/x')", "open('R/data/in/x')"),
        ("a:/data:/app/bin", "a:R/data:R/app/bin"),
        ("file:///data/x", "file://R/data/x"),
        ("cat </data/x>/tmp/y", "cat <R/data/x>R/tmp/y"),
        ('{"a":"/data"}', '{"a":"R/data"}'),
        ("python /argo/staging/script", "python R/.script"),
        ("~ /root/.cache", "~ R/root/.cache"),
        ("/data\\n", "R/data\\n"),
        ("(/data)", "(R/data)"),
    ],
)
def test_what_is_rewritten(text: str, rewritten: str):
    assert RULES.rewrite(text, "R") == rewritten


@pytest.mark.parametrize(
    "text",
    [
        *("/database", "/data.csv", "/data-2", "x/data", "./data", "../data", "$HOME/data"),
        *("${X}/data", "$(pwd)/data", "*/data", "~/data", "https://host/data", "//data", "data"),
        *("/other/data/x", "-/data", "s3://bucket/data", "/", "a / b"),
    ],
)
def test_what_is_left_alone(text: str):
    assert RULES.rewrite(text, "R") == text


def test_paths_are_put_back():
    text = "/s/1/data/x /s/1 /s/12/y /c/claims/d/z /c/claims/data2 '/s/1'"
    shown = shown_as_inside(text, ["/s/1"], {"/c/claims/d": "/data"})
    assert shown == "/data/x / /s/12/y /data/z /c/claims/data2 '/'"


def test_a_layout_leaves_mounts_free_and_links_large_folders():
    tree = Tree()
    tree.add_folder("/app/empty")
    tree.add_file("/app/run.py", "/src/run.py")
    for number in range(LINKED_WHOLE + 1):
        tree.add_file(f"/app/data/{number}", f"/src/data/{number}")
        tree.add_file(f"/app/mixed/{number}", f"/src/{number % 2}/{number}")
    layout = tree.layout(["/tmp", "/app/mount/inner"], ["/app/mount", "/app/mount/inner/x"])
    assert ("/app/data", "/src/data") in layout.links
    assert ("/app/run.py", "/src/run.py") in layout.links
    assert set(layout.folders) == {"/app", "/app/empty", "/app/mixed", "/tmp"}
    # A mount inside a large folder: its files are linked one by one.
    layout = tree.layout([], ["/app/data/7"])
    assert "/app/data" in layout.folders
    assert "/app/data/7" not in dict(layout.links)
    assert ("/app/data/8", "/src/data/8") in layout.links
    # The tree itself stays as it was.
    assert tree.file("/app/data/7") == "/src/data/7"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("value", "rewritten"),
    [
        ("/data/a\n/data/b é", "ROOT/data/a\nROOT/data/b é"),
        ('["/data", "x/data"]', '["ROOT/data", "x/data"]'),
        ("", ""),
    ],
)
def test_a_value_in_base64_is_rewritten_as_well(value: str, rewritten: str):
    rules = PathRules(["/data"], {})
    source = 'x = _whole("VALUE").decode(); open("/data/c")'
    done = rewrite_source(
        source.replace("VALUE", encoded(value)), lambda text: rules.rewrite(text, "ROOT")
    )
    expected = source.replace("/data", "ROOT/data").replace("VALUE", encoded(rewritten))
    assert done == expected


@pytest.mark.parametrize("text", ['_whole("+/data+").decode()', '_whole("/data").decode()'])
def test_base64_is_no_path(text: str):
    rules = PathRules(["/data"], {})
    assert rewrite_source(text, lambda part: rules.rewrite(part, "ROOT")) == text


def test_what_a_script_asks_for_is_what_the_runtime_looks_for():
    asked = whole_value("x").replace("{{=toBase64(inputs.parameters['x'])}}", "YWI=")
    assert WHOLE_VALUE.findall(asked) == ["YWI="]
