"""The report of a run: its share of a run, how large its page is, and when a browser shows it.

python benchmarks/report.py
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from measure import REPOSITORY, TEMPLATE, Row, conclude, medians, parser, ratio

sys.path.insert(0, str(REPOSITORY / "tests"))

from browser import Page, opened_browser
from report_accounts import account, fan, levels

from hera_experiment.graph.layout import laid_out
from hera_experiment.graph.of_status import graph_of_status
from hera_experiment.graph.svg import svg_of
from hera_experiment.report.document import Told, document_of
from hera_experiment.report.page import page_of

SHARE = 1.1
"""Processor time of a run with its report, against one without."""
KILOBYTES, SECONDS = 2000, 1.0
NOW = datetime(2026, 11, 21, 10, 5, tzinfo=timezone.utc)
SCRIPT = """
from hera.workflows import DAG, Workflow, script
@script(image="python:3.11")
def say(word):
    print("the word is", word)
with Workflow(generate_name="hello-", entrypoint="d") as w:
    with DAG(name="d"):
        say(name="a", arguments={"word": "{{item}}"}, with_items=list("abcde"))
w.create()
"""


def processor_time(folder: Path, report: str) -> float:
    """Return the processor time of one run and its script, without the local server's."""
    command = [sys.executable, "-m", "hera_utils", "run", "--report", report, "hello.py"]
    environment = {**os.environ, "PYTHONPATH": str(TEMPLATE), "HOME": str(folder)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def page(workflow: dict[str, Any], file: Path) -> Path:
    """Write the page of a workflow."""
    picture = svg_of(laid_out(graph_of_status(workflow)))
    document = document_of(account(workflow), Told(), NOW, 0)
    file.write_text(page_of(document, picture), encoding="utf-8")
    return file


def first_paint(browser: Page, file: Path) -> float:
    """Return the seconds from opening a page until something of it is seen."""
    browser.open(file)
    entry = "performance.getEntriesByType('paint')[0]"
    browser.value("new Promise(done => requestAnimationFrame(() => setTimeout(done, 100)))")
    return float(browser.value(f"({entry} || {{startTime: 0}}).startTime")) / 1000


def main() -> int:
    """Measure and print."""
    args = parser((__doc__ or "").splitlines()[0], rounds=5).parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "experiment.toml").write_text('[experiment]\nname = "A"\nslug = "a"\n')
        (folder / "hello.py").write_text(SCRIPT)
        found = medians(
            {
                "with": lambda: processor_time(folder, "1"),
                "without": lambda: processor_time(folder, "0"),
            },
            args.rounds,
        )
        rows.append(ratio("run with its report / without", found["with"], found["without"], SHARE))
        with opened_browser(folder / "chromium") as browser:
            browser.looks(1280)
            for name, workflow, goal in (
                ("1000 tasks", levels(100, 10), KILOBYTES),
                ("1000 tasks of a loop", fan(1000), KILOBYTES),
                ("10 000 tasks of a loop", fan(10_000), None),
            ):
                file = page(workflow, folder / "page.html")
                rows.append(Row(name, file.stat().st_size / 1000, "kB", goal))
                paint = medians(
                    {"paint": lambda file=file: first_paint(browser, file)}, args.rounds
                )
                rows.append(Row(f"{name}, first paint", paint["paint"], "s", SECONDS))
    return conclude(rows, args.check)


if __name__ == "__main__":
    raise SystemExit(main())
