"""What people and machines are shown."""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree

import pytest

from hera_experiment.check.outcome import (
    Outcome,
    Status,
    failure,
    ok,
    unknown,
    warning,
)
from hera_experiment.check.report import (
    TextReport,
    as_json,
    as_junit,
    exit_status,
    first_step,
    more_about,
)
from hera_experiment.check.runner import Check, Result

BAD = failure("bad", "it is bad.", "mend it", "kind: Role\n")


def result(
    code: str, outcome: Outcome, *, essential: bool = False, because: str = "", category: str = "c"
) -> Result:
    check = Check(code, category, f"title of {code}", lambda _: outcome, essential=essential)
    return Result(check, outcome, 0.1, 0.2, because)


@pytest.mark.parametrize(
    ("outcomes", "essential", "status"),
    [
        ([ok("")], True, 0),
        ([ok(""), warning("", "", "")], True, 0),
        ([ok(""), unknown("")], False, 0),
        ([ok(""), unknown("")], True, 2),
        ([unknown(""), BAD], True, 1),
        ([BAD, ok("")], False, 1),
    ],
)
def test_the_exit_status(outcomes: list[Outcome], essential: bool, status: int) -> None:
    results = [result(str(n), each, essential=essential) for n, each in enumerate(outcomes)]
    assert exit_status(results) == status


def test_the_last_line() -> None:
    assert first_step([result("A", ok(""))]) == "√ ready to submit"
    some = [result("A", ok("")), result("B", unknown("")), result("C", unknown(""), because="B")]
    assert first_step(some) == "√ ready to submit; not known: B, and 1 that need it"
    assert first_step([result("A", unknown("")), result("B", BAD)]) == (
        "× not ready; first B: mend it (the lines under B)"
    )
    blocked = [
        result("A", unknown("no file", "name one")),
        result("B", unknown(""), essential=True, because="A"),
    ]
    assert first_step(blocked) == "? could not check; first A: no file: name one"


def test_without_a_kubeconfig_the_last_line_names_the_probe() -> None:
    probe = "make check-cluster CLUSTER=lab PROBE=1"
    some = [result("KUBECONFIG-FILE", unknown("")), result("A", ok(""))]
    assert first_step(some, probe=probe).endswith(f"KUBECONFIG-FILE; to try it: {probe}")
    assert "PROBE" not in first_step(some)
    assert "PROBE" not in first_step([result("A", unknown(""))], probe=probe)


def test_lines_are_in_the_catalogues_order_and_by_category() -> None:
    results = [
        result("A", ok("fine"), category="first"),
        result("LONG-B", BAD, category="first"),
        result("C", unknown("who knows"), category="second"),
    ]
    out = io.StringIO()
    text = TextReport([each.check for each in results], out)
    text.add(results[2])
    text.add(results[1])
    assert out.getvalue() == "", "nothing before the first check came out"
    text.add(results[0])
    text.close()
    assert out.getvalue() == (
        "first\n"
        "√ A       title of A: fine\n"
        "× LONG-B  title of LONG-B: bad\n"
        "    it is bad.\n"
        "    → mend it\n"
        "        kind: Role\n"
        "\n"
        "second\n"
        "? C       title of C: who knows\n"
        "\n"
        "× not ready; first LONG-B: mend it (the lines under LONG-B)\n"
        "about LONG-B and each other code: docs/check_cluster.md#long-b\n"
    )


def test_what_one_check_keeps_from_running_is_one_line() -> None:
    blocked = unknown("not checked: A is unknown")
    results = [
        result("A", unknown("no file")),
        result("B", blocked, because="A"),
        result("C", blocked, because="A"),
        result("D", ok("fine")),
        result("E", blocked, because="A"),
        result("F", blocked, because="A", category="other"),
        result("G", blocked, because="A", category="other"),
    ]
    out = io.StringIO()
    text = TextReport([each.check for each in results], out)
    for each in results:
        text.add(each)
    text.close()
    assert out.getvalue().splitlines()[:-3] == [
        "c",
        "? A  title of A: no file",
        "? B, C: not checked: A is unknown",
        "√ D  title of D: fine",
        "? E  title of E: not checked: A is unknown",
        "",
        "other",
        "? F, G: not checked: A is unknown",
    ]


def test_a_terminal_that_cannot_show_the_signs() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    each = result("A", failure("é", "so", "mend"))
    text = TextReport([each.check], out)
    text.add(each)
    text.close()
    assert raw.getvalue().decode("ascii").splitlines()[1] == "XX A  title of A: ?"


def test_colours() -> None:
    out = io.StringIO()
    each = result("A", ok("fine"))
    TextReport([each.check], out, colour=True).add(each)
    assert "\033[32m√\033[0m A" in out.getvalue()


def test_json_has_it_all() -> None:
    document = json.loads(as_json([result("A", BAD), result("B", unknown(""), because="A")]))
    assert document["exit"] == 1
    assert document["summary"].startswith("× not ready")
    first, second = document["checks"]
    assert first["status"] == Status.FAILURE.value == "failure"
    assert first["paste"] == "kind: Role\n" and first["seconds"] == 0.2
    assert second["because"] == "A"
    assert first["documentation"] == "docs/check_cluster.md#a"
    assert document["left_out"] == []


def test_what_was_left_out_is_not_called_ready() -> None:
    some = [result("A", ok("")), result("B", unknown(""))]
    assert first_step(some, 3) == ("√ no failure in the 2 checks made (3 left out); not known: B")
    document = json.loads(as_json(some, left_out=["C", "D", "E"]))
    assert document["left_out"] == ["C", "D", "E"] and "3 left out" in document["summary"]


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([ok(""), ok("")], ""),
        ([unknown(""), BAD], "c1"),
        ([ok(""), warning("", "", "")], "c1"),
    ],
)
def test_the_line_that_leads_to_the_documentation(outcomes: list[Outcome], code: str) -> None:
    line = more_about([result(f"C{n}", each) for n, each in enumerate(outcomes)])
    assert line.endswith(f"docs/check_cluster.md#{code}" if code else "docs/check_cluster.md")


def test_junit_is_one_test_case_a_check() -> None:
    results = [
        result("A", ok("<fine> & \x1b[0m")),
        result("B", warning("soon", "it ends.", "renew it")),
        result("C", BAD),
        result("D", unknown("who knows", "ask"), because="C"),
    ]
    text = as_junit(results, "library 1")
    root = ElementTree.fromstring(text)
    (suite,) = root
    for each in (root, suite):
        assert [each.get(key) for key in ("name", "tests", "failures", "errors", "time")] == [
            *("check-cluster", "4", "1", "0", "0.300")
        ]
    assert suite.get("skipped") == "1"
    cases = {str(case.get("name")).partition(":")[0]: case for case in suite.iter("testcase")}
    assert list(cases) == list("ABCD")
    assert all(case.get("classname") == "c" and case.get("time") for case in cases.values())
    assert cases["A"].findtext("system-out") == "<fine> & \N{REPLACEMENT CHARACTER}[0m"
    assert "renew it" in str(cases["B"].findtext("system-out"))
    failed = cases["C"].find("failure")
    assert failed is not None and failed.get("message") == "bad" and failed.get("type") == "C"
    assert str(failed.text).splitlines() == [
        "it is bad.",
        "mend it",
        "kind: Role",
        "",
        "see docs/check_cluster.md#c",
    ]
    skipped = cases["D"].find("skipped")
    assert skipped is not None and skipped.get("message") == "who knows"
    assert str(skipped.text).startswith("ask\n")
