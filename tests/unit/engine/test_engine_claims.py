"""Claims of one workflow, made of ``volumeClaimTemplates``, and when they go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from engine_bench import BAD, OK, Bench, Json, script, workflow

from hera_experiment.local.errors import Unsupported

SCRATCH = {
    "metadata": {"name": "scratch"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
WAITS = script("waits", "wait('gate')")


def claiming(template: Json, *claims: Json, **spec: Any) -> Json:
    return workflow(template, volumeClaimTemplates=list(claims or [SCRATCH]), **spec)


def claims_of(bench: Bench) -> list[str]:
    return bench.store.objects.names("persistentvolumeclaims")


def test_each_workflow_has_a_claim_of_its_own_that_goes_when_it_succeeds(bench: Bench) -> None:
    name = bench.create(claiming(WAITS))
    bench.until_running(name, name)

    volume = {"name": "scratch", "persistentVolumeClaim": {"claimName": f"{name}-scratch"}}
    assert claims_of(bench) == [f"{name}-scratch"]
    assert bench.store.get("", name).status["persistentVolumeClaims"] == [volume]
    assert volume in bench.runtime.pods[0].volumes

    bench.runtime.open("gate")
    assert "persistentVolumeClaims" not in bench.ended(name)["status"]
    assert claims_of(bench) == []


@pytest.mark.parametrize(
    ("template", "strategy", "left"),
    [
        (BAD, None, 1),
        (BAD, "OnWorkflowSuccess", 1),
        (BAD, "OnWorkflowCompletion", 0),
        (OK, "OnWorkflowCompletion", 0),
        (OK, "Nonsense", 1),
    ],
)
def test_when_it_goes(template: Json, strategy: str | None, left: int, bench: Bench) -> None:
    gc = {"volumeClaimGC": {"strategy": strategy}} if strategy else {}
    done = bench.run(claiming(template, **gc))
    assert len(claims_of(bench)) == left
    assert len(done["status"].get("persistentVolumeClaims", [])) == left


def test_a_retry_finds_what_the_first_attempt_left(bench: Bench) -> None:
    name = bench.create(claiming(BAD))
    bench.ended(name)
    kept = bench.store.objects.claim_path(f"{name}-scratch") / "kept"
    kept.write_text("1")
    bench.engine.retry("local", name)
    assert bench.ended(name)["status"]["phase"] == "Failed"
    assert kept.read_text() == "1"


def test_it_goes_with_its_workflow(bench: Bench) -> None:
    name = bench.create(claiming(BAD))
    bench.ended(name)
    bench.engine.delete("local", name)
    assert claims_of(bench) == []


def test_the_claim_of_another_is_not_taken(bench: Bench) -> None:
    taken = bench.store.objects.put("persistentvolumeclaims", "mine-scratch")
    (taken / "precious").write_text("1")
    manifest = claiming(OK)
    manifest["metadata"] = {"name": "mine", "namespace": "local"}

    done = bench.run(manifest)
    # Argo's own words.
    assert (done["status"]["phase"], done["status"]["message"]) == (
        "Error",
        "pvc create error: mine-scratch pvc already exists with different ownerreference",
    )
    bench.engine.delete("local", "mine")
    assert (taken / "precious").read_text() == "1"


@pytest.mark.parametrize(
    ("claim", "says"),
    [
        ({"spec": {}}, "pvc create error: volumeClaimTemplates[0].metadata.name is required"),
        (
            {"metadata": {"name": "Not_One"}},
            "pvc create error: 'w-00000-Not_One' is not a valid name",
        ),
        (
            {"metadata": {"name": "a"}, "spec": {}},
            'pvc create error: PersistentVolumeClaim "w-00000-a" is invalid: [spec.accessModes:'
            " Required value: at least 1 access mode is required, spec.resources[storage]:"
            " Required value]",
        ),
        (
            {
                "metadata": {"name": "a"},
                "spec": {
                    "accessModes": ["ReadWriteOncePod", "ReadWriteOnce"],
                    "resources": {"requests": {"storage": "0"}},
                },
            },
            'pvc create error: PersistentVolumeClaim "w-00000-a" is invalid: [spec.accessModes:'
            " Forbidden: may not use ReadWriteOncePod with other access modes,"
            ' spec.resources[storage]: Invalid value: "0": must be greater than zero]',
        ),
    ],
)
def test_a_claim_that_cannot_be_made_ends_the_workflow(
    claim: Json, says: str, bench: Bench
) -> None:
    done = bench.run(claiming(OK, claim))
    assert done["status"]["phase"] == "Error"
    assert done["status"]["message"].startswith(says)
    assert claims_of(bench) == []


def test_a_server_that_dies_leaves_the_claim_to_the_retry(
    make_bench: Callable[..., Bench],
) -> None:
    first = make_bench()
    name = first.create(claiming(WAITS))
    first.until_running(name, name)
    kept = first.store.objects.claim_path(f"{name}-scratch") / "kept"
    kept.write_text("1")

    second = make_bench(root=first.store.root)
    second.runtime.open("gate")
    assert second.store.get("", name).status["phase"] == "Error"
    second.engine.retry("local", name)
    assert second.ended(name)["status"]["phase"] == "Succeeded"
    assert not kept.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("selector", {"matchLabels": {"a": "b"}}), ("volumeName", "x"), ("dataSource", {"name": "x"})],
)
def test_what_a_folder_cannot_be_is_refused_by_name(field: str, value: Any, bench: Bench) -> None:
    claim = {**SCRATCH, "spec": {**SCRATCH["spec"], field: value}}
    with pytest.raises(Unsupported, match=rf"volumeClaimTemplates\[0\].spec.{field}"):
        bench.create(claiming(OK, claim))
