"""Reports as a browser shows them: no complaint, a click on a task, pages of 10,000 tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from browser import Page, opened_browser
from report_accounts import fan, levels
from script_place import HEAD, Place

from hera_experiment.account.account import Account
from hera_experiment.graph.layout import laid_out
from hera_experiment.graph.of_status import graph_of_status
from hera_experiment.graph.svg import svg_of
from hera_experiment.report.document import Told, document_of
from hera_experiment.report.page import page_of
from hera_experiment.report.writing import LARGEST

NOW = datetime(2026, 11, 21, 10, 5, tzinfo=timezone.utc)
SCRIPT = f"""{HEAD}
@script(image="python:3.11", volume_mounts=[VolumeMount(name="data", mount_path="/data")])
def write(run):
    import os
    os.makedirs(f"/data/{{run}}")
    with open(f"/data/{{run}}/report.html", "w") as file:
        file.write("of a task")
    with open(f"/data/{{run}}/table.csv", "w") as file:
        file.write("year,value\\n1999,1\\n")

@script(image="python:3.11")
def fail(word):
    print("it said </script><b>", word)
    raise SystemExit(7)

with Workflow(
    generate_name="told-",
    entrypoint="d",
    volumes=[ExistingVolume(name="data", claim_name="numbers", mount_path="/data")],
) as w:
    with DAG(name="d"):
        first = write(name="write", arguments={{"run": "{{{{workflow.name}}}}"}})
        first >> fail(name="fail", arguments={{"word": "<script>alert(1)</script>"}})
w.create()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with opened_browser(tmp_path_factory.mktemp("chromium")) as page:
        yield page


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / ".hera" / "claims" / "numbers").mkdir(parents=True)
    return Place(tmp_path)


def check(browser: Page) -> None:
    assert browser.complaints() == []
    assert [each for each in browser.requests() if not each.startswith(("file:", "data:"))] == []


def click(browser: Page, place: str) -> str:
    """Click on a node of the graph, and return what is then said of it."""
    box = browser.value(
        f"""document.querySelector('#picture [data-node="{place}"] > .shape')
        .getBoundingClientRect().toJSON()"""
    )
    for kind in ("mousePressed", "mouseReleased"):
        browser.ask(
            "Input.dispatchMouseEvent",
            type=kind,
            x=box["x"] + box["width"] / 2,
            y=box["y"] + box["height"] / 2,
            button="left",
            clickCount=1,
        )
    assert browser.value("document.getElementById('detail').hidden") is False
    return str(browser.value("document.getElementById('detail').innerText"))


def test_the_report_of_a_run_that_failed(tmp_path: Path, place: Place, browser: Page) -> None:
    done = place.run(SCRIPT)
    assert done.returncode == 1, done.stderr
    name, file = re.findall(r"^report: .*?((told-\w+)\.html)$", done.stdout, re.MULTILINE)[0]
    assert done.stdout.rstrip().endswith(name)
    # What a task calls so is a result, the report is none.
    assert (tmp_path / "results" / file / "report.html").read_text() == "of a task"
    assert re.search(r"^results: \S+ \(2 files\)$", done.stdout, re.MULTILINE)

    browser.looks(1280, 2400)
    browser.open(tmp_path / "results" / name)
    check(browser)
    seen = browser.value("document.body.innerText")
    for word in ("1 of 2 tasks failed", "exit code 7", "table.csv", "report.html", "script.py"):
        assert word in seen
    assert "make run RESUME=1" in seen
    detail = click(browser, "fail")
    assert "it said </script><b> <script>alert(1)</script>" in detail
    assert f"make run FROM=fail RUN={file}" in detail
    browser.ask("Input.dispatchKeyEvent", type="keyDown", key="Escape")
    assert browser.value("document.getElementById('detail').hidden") is True


def test_none_is_written_where_none_is_wanted(tmp_path: Path, place: Place) -> None:
    done = place.run(SCRIPT, options=["--report", "0"])
    assert "report:" not in done.stdout
    assert list(tmp_path.glob("results/*.html")) == []


def test_a_report_that_cannot_be_written_changes_nothing(tmp_path: Path, place: Place) -> None:
    script = SCRIPT.replace('generate_name="told-"', 'name="told"').replace("raise SystemExit", "#")
    (tmp_path / "results" / "told.html").mkdir(parents=True)
    done = place.run(script)
    assert done.returncode == 0
    assert "no report was written" in done.stderr and "Traceback" not in done.stderr
    assert "told: Succeeded" in done.stdout


@pytest.mark.parametrize(("rows", "columns"), [(100, 10), (0, 10_000)])
def test_many_tasks(tmp_path: Path, browser: Page, rows: int, columns: int) -> None:
    found = levels(rows, columns) if rows else fan(columns)
    graph = graph_of_status(found)
    file = tmp_path / "large.html"
    run = Account("wf", "local", "local", found, None, tmp_path)
    page = page_of(document_of(run, Told(), NOW, 0), svg_of(laid_out(graph)))
    file.write_text(page, encoding="utf-8")
    if rows:
        assert len(page.encode()) < LARGEST
    browser.looks(1280, 900, dark=True)
    browser.open(file)
    check(browser)
    count = rows * columns or columns
    assert browser.value("document.getElementById('counted').textContent") == f"{count} tasks"
    assert browser.value("document.querySelectorAll('#rows tbody tr').length") == 100
    assert browser.value("document.getElementById('chart').width") > 1000
    wanted = "task-99-9" if rows else f"sweep({columns - 1}:"
    browser.value(
        f"""(() => {{ const field = document.getElementById('wanted'); field.value = '{wanted}';
        field.dispatchEvent(new Event('input')); }})()"""
    )
    assert browser.value("document.querySelectorAll('#rows tbody tr').length") == 1
    assert wanted in browser.value("document.querySelector('#rows tbody tr').innerText")
