"""The order in which nodes are shown."""

from __future__ import annotations

from typing import Any

from hera_experiment.argo.tasks import order_of


def node(name: str, kind: str, second: int, *children: str) -> dict[str, Any]:
    start = f"2026-11-26T08:00:{second:02d}Z"
    return {
        "id": name,
        "name": name,
        "displayName": name,
        "type": kind,
        "startedAt": start,
        "children": list(children),
    }


def test_a_fan_out_that_goes_on_began_with_its_tasks() -> None:
    """It is made anew when a run goes on; what followed it, and had ended, is kept."""
    found = [
        node("w", "DAG", 30, "many"),
        node("many", "TaskGroup", 30, "many(0:x)"),
        node("many(0:x)", "Pod", 1, "after"),
        node("after", "Pod", 9),
    ]
    nodes = {each["id"]: each for each in found}
    shown = sorted((nodes["after"], nodes["many"]), key=order_of(nodes))
    assert [each["name"] for each in shown] == ["many", "after"]
