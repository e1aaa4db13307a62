"""The difference shows what a person decides about, and no secret."""

from typing import Any

from hera_experiment.provision.plan import difference


def secret(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": data}


def test_what_the_server_keeps_for_itself_is_no_difference() -> None:
    wanted = {"kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "1"}}
    live = {
        **wanted,
        "metadata": {
            "name": "m",
            "uid": "u",
            "resourceVersion": "5",
            "managedFields": [{}],
            "creationTimestamp": "now",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        },
        "status": {"phase": "Bound"},
    }
    assert difference(live, wanted) == ""


def test_labels_and_annotations_are() -> None:
    wanted = {"kind": "ConfigMap", "metadata": {"name": "m", "annotations": {"a": "b"}}}
    assert "+    a: b" in difference({"kind": "ConfigMap", "metadata": {"name": "m"}}, wanted)


def test_values_of_a_secret_are_masked_and_say_whether_they_change() -> None:
    text = difference(secret(same="c2FtZQ==", other="b25l"), secret(same="c2FtZQ==", other="dHdv"))
    assert "  same: '********'" in text
    assert "-  other: '******** (before)'" in text
    assert "+  other: '******** (after)'" in text
    assert not any(value in text for value in ("c2FtZQ==", "b25l", "dHdv"))


def test_an_added_and_a_removed_entry_of_a_secret() -> None:
    text = difference(secret(old="b25l"), secret(new="dHdv"))
    assert "-  old: '********'" in text and "+  new: '********'" in text
    assert not any(value in text for value in ("b25l", "dHdv"))


def test_a_new_secret() -> None:
    text = difference(None, secret(a="b25l"))
    assert "+  a: '********'" in text and "b25l" not in text
    assert text.startswith("--- (nothing on the cluster)\n+++ Secret/s (wanted)")
