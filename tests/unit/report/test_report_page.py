"""The page: whatever tasks are called and print, it is valid, and loads nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from datetime import datetime, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import html5lib
import pytest
from PIL import Image
from report_accounts import account, fan, levels

from hera_experiment.account.account import Account, OutputFile
from hera_experiment.follow.lines import Line
from hera_experiment.graph.of_status import graph_of_status
from hera_experiment.graph.text import text_of
from hera_experiment.report.document import Told, document_of
from hera_experiment.report.outputs import outputs_of
from hera_experiment.report.page import page_of

NOW = datetime(2026, 11, 21, 10, 5, tzinfo=timezone.utc)
HOSTILE = "</script><script>alert(0)</script><!-- <img src=http://e.org/x> & \x1b[31m \ud800"


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of each script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._within = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._within = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._within = False

    def handle_data(self, data: str) -> None:
        if self._within:
            self.scripts.append(data)


def page(found: Account, told: Told | None = None, room: int = 0) -> str:
    return page_of(document_of(found, told or Told(), NOW, room), "", "the graph")


def hostile() -> tuple[Account, Told]:
    found = fan(2)
    for node in found["status"]["nodes"].values():
        node["phase"], node["message"] = "Failed", HOSTILE
        node["inputs"] = {"parameters": [{"name": HOSTILE, "value": HOSTILE}]}
    found["status"] |= {"phase": "Failed", "message": HOSTILE}
    told = Told([Line(HOSTILE, "bold red"), Line(HOSTILE)], {"sweep(0:0)": [HOSTILE]}, HOSTILE)
    return account(found), told


def test_nothing_of_a_run_becomes_markup() -> None:
    elements = Elements(page(*hostile()))
    assert [tag for tag, _ in elements.found].count("script") == 3 == len(elements.scripts)
    assert "img" not in dict(elements.found)
    data = json.loads(elements.scripts[0])
    assert data["run"]["message"] == HOSTILE
    assert data["tasks"][0]["log"] == [HOSTILE]
    assert data["failures"] == [{"head": HOSTILE, "lines": [HOSTILE]}]


def test_it_is_valid() -> None:
    for text in (page(*hostile()), page(account(levels(3, 2)))):
        parser = html5lib.HTMLParser()
        parser.parse(text.encode("utf-8", "replace").decode())
        assert parser.errors == []
        names = [attributes["id"] for _, attributes in Elements(text).found if "id" in attributes]
        assert len(names) == len(set(names))


def test_it_runs_its_own_programs_alone_and_loads_nothing() -> None:
    elements = Elements(page(*hostile()))
    policy = next(
        str(attributes["content"])
        for tag, attributes in elements.found
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; img-src data:;")
    for text in elements.scripts[1:]:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    for tag, attributes in elements.found:
        assert not {"src", "href", "srcset", "action"} & set(attributes), (tag, attributes)
    style = re.search("<style>(.*?)</style>", page(account(fan(1))), re.DOTALL)
    assert style and "url(" not in style[1] and "@import" not in style[1]


def test_pictures_and_tables_are_within_as_far_as_there_is_room(tmp_path: Path) -> None:
    (tmp_path / "small.png").write_bytes(b"p" * 600)
    (tmp_path / "large.svg").write_bytes(b"<svg/>" * 5000)
    (tmp_path / "table.csv").write_text("year,value\n" + "".join(f"{n},{n}\n" for n in range(99)))
    files = tuple(
        OutputFile(path.name, path.stat().st_size, "0" * 64) for path in sorted(tmp_path.iterdir())
    )
    found = account(fan(1), tmp_path)
    found = Account(*(vars(found) | {"files": files}).values())
    rows = {row["path"]: row for row in document_of(found, Told(), NOW, 10_000)["files"]}
    assert rows["small.png"]["picture"].startswith("data:image/png;base64,")
    assert rows["large.svg"]["picture"] == ""
    assert rows["table.csv"]["rows"][:2] == [["year", "value"], ["0", "0"]]
    assert rows["table.csv"]["more"] is True and len(rows["table.csv"]["rows"]) == 9
    assert rows["table.csv"]["sha256"] == "0" * 64


@pytest.mark.parametrize("found", [levels(100, 10), fan(1000)], ids=["levels", "fan"])
def test_a_thousand_tasks_take_less_than_half_of_its_room(found: dict[str, Any]) -> None:
    # The other half is for the picture of the graph.
    text = page(account(found))
    assert len(text.encode()) < 1_000_000
    assert len(text_of(graph_of_status(found))) > 1


def test_a_large_picture_is_scaled(tmp_path: Path) -> None:
    picture = Image.effect_noise((2000, 1000), 80)
    picture.save(tmp_path / "noise.png")
    (tmp_path / "broken.png").write_bytes(bytes(200_000))
    files = [OutputFile(path.name, path.stat().st_size, "0") for path in tmp_path.iterdir()]
    rows = {row["path"]: row for row in outputs_of(tmp_path, files, 1_000_000)[0]}
    kind, data = rows["noise.png"]["picture"].split(",")
    assert kind == "data:image/webp;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (1000, 500)
    assert rows["broken.png"]["picture"] == ""
