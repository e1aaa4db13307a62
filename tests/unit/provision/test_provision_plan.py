"""What is to be done about each object, with a cluster made of a dictionary."""

from typing import Any

import pytest
import yaml

from hera_experiment.platform.kubernetes_errors import KubernetesRefusal
from hera_experiment.provision import desired_objects
from hera_experiment.provision.desired_objects import DesiredObject
from hera_experiment.provision.plan import Action, for_administrator, plan

SECRET = desired_objects.pull_secret("pull", "registry.example.org/me", ("me", "password"))


class Keeper:
    """Keeps objects; ``forbidden`` holds verbs and kinds, ``refusal`` what a dry run says."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.objects = {(each["kind"], each["metadata"]["name"]): each for each in objects}
        self.forbidden: set[tuple[str, str]] = set()
        self.refusal: KubernetesRefusal | None = None
        self.dry_runs: list[bool] = []

    def read(self, wanted: DesiredObject) -> dict[str, Any] | None:
        if ("read", wanted.kind) in self.forbidden:
            raise KubernetesRefusal("you may not", status=403)
        return self.objects.get((wanted.kind, wanted.name))

    def may_apply(self, wanted: DesiredObject) -> bool:
        return ("apply", wanted.kind) not in self.forbidden

    def apply(
        self, wanted: DesiredObject, *, dry_run: bool = False, force: bool = False
    ) -> dict[str, Any]:
        self.dry_runs.append(dry_run)
        if self.refusal:
            raise self.refusal
        live = self.objects.get((wanted.kind, wanted.name), {})
        return {**live, **wanted.manifest}


def one(wanted: DesiredObject, keeper: Keeper) -> Any:
    (step,) = plan([wanted], keeper)
    assert all(keeper.dry_runs), "a plan changes nothing"
    return step


def config_map(**data: str) -> dict[str, Any]:
    return {**desired_objects.config_map("settings", data).manifest}


def test_what_is_not_there_is_to_be_applied() -> None:
    step = one(desired_objects.config_map("settings", {"a": "1"}), Keeper())
    assert step.action is Action.APPLY
    assert "+  a: '1'" in step.difference


def test_more_than_is_wanted_is_enough() -> None:
    keeper = Keeper(config_map(a="1", b="2"))
    assert one(desired_objects.config_map("settings", {"a": "1"}), keeper).action is Action.NOTHING
    assert keeper.dry_runs == []


def test_a_changed_value_is_shown() -> None:
    step = one(desired_objects.config_map("settings", {"a": "2"}), Keeper(config_map(a="1")))
    assert step.action is Action.APPLY
    assert "-  a: '1'" in step.difference and "+  a: '2'" in step.difference


def test_without_the_right_it_is_for_the_administrator() -> None:
    keeper = Keeper()
    keeper.forbidden = {("apply", "ConfigMap")}
    step = one(desired_objects.config_map("settings", {"a": "1"}), keeper)
    assert step.action is Action.ASK
    assert keeper.dry_runs == []
    assert step.difference == "", "the whole of it is printed once, for the administrator"
    assert yaml.safe_load(for_administrator([step], "argo"))["data"] == {"a": "1"}
    keeper = Keeper(config_map(a="2"))
    keeper.forbidden = {("apply", "ConfigMap")}
    step = one(desired_objects.config_map("settings", {"a": "1"}), keeper)
    assert step.action is Action.ASK and "-  a: '2'" in step.difference


def test_the_values_of_a_secret_are_for_a_person_to_type() -> None:
    needed = desired_objects.secret("archive", ("USER", "TOKEN"))
    assert one(needed, Keeper()).action is Action.TYPE
    half = {**needed.manifest, "data": {"USER": "bWU="}}
    step = one(needed, Keeper(half))
    assert (step.action, step.remark) == (Action.TYPE, "it lacks TOKEN")
    whole = {**needed.manifest, "data": {"USER": "bWU=", "TOKEN": "eA==", "MORE": "eQ=="}}
    assert one(needed, Keeper(whole)).action is Action.NOTHING

    keeper = Keeper()
    keeper.forbidden = {("apply", "Secret")}
    step = one(needed, keeper)
    assert step.action is Action.ASK
    (asked,) = yaml.safe_load_all(for_administrator([step], "argo"))
    assert asked["stringData"] == {"USER": "REPLACE-ME", "TOKEN": "REPLACE-ME"}
    keeper.forbidden = {("read", "Secret")}
    assert one(needed, keeper).action is Action.UNKNOWN


def test_what_may_not_even_be_read_is_unknown_unless_known_to_be_missing() -> None:
    keeper = Keeper()
    keeper.forbidden = {(verb, kind) for verb in ("read", "apply") for kind in ("Secret", "Role")}
    assert one(SECRET, keeper).action is Action.UNKNOWN
    role, _ = desired_objects.results_binding("pods", "argo", is_missing=True)
    assert one(role, keeper).action is Action.ASK
    role, _ = desired_objects.results_binding("pods", "argo")
    assert one(role, keeper).action is Action.UNKNOWN


@pytest.mark.parametrize(
    ("status", "action"), [(403, Action.ASK), (409, Action.BLOCKED), (422, Action.BLOCKED)]
)
def test_a_refused_dry_run(status: int, action: Action) -> None:
    keeper = Keeper()
    keeper.refusal = KubernetesRefusal("because", status=status)
    step = one(desired_objects.config_map("settings", {"a": "1"}), keeper)
    assert step.action is action
    assert "because" in step.remark
    assert ("FORCE=1" in step.remark) == (status == 409)


def test_a_server_in_trouble_is_no_plan() -> None:
    keeper = Keeper()
    keeper.refusal = KubernetesRefusal("broken", status=500)
    with pytest.raises(KubernetesRefusal):
        plan([desired_objects.config_map("settings", {})], keeper)


def test_a_claim_that_is_there_stays_with_a_remark() -> None:
    live = desired_objects.claim("results", access_modes=["ReadWriteOnce"]).manifest
    step = one(desired_objects.claim("results", size="9Gi"), Keeper(dict(live)))
    assert step.action is Action.NOTHING
    assert "ReadWriteOnce" in step.remark
    step = one(
        desired_objects.claim("results", size="9Gi", access_modes=["ReadWriteOnce"]),
        Keeper(dict(live)),
    )
    assert (step.action, step.remark) == (Action.NOTHING, "")


def test_a_config_map_without_entries_of_its_own_stays() -> None:
    assert (
        one(desired_objects.config_map("settings", {}), Keeper(config_map(a="1"))).action
        is Action.NOTHING
    )


def test_the_administrators_yaml_has_the_namespace_and_no_password() -> None:
    keeper = Keeper()
    keeper.forbidden = {("apply", "Secret"), ("apply", "PersistentVolumeClaim")}
    steps = plan(
        [SECRET, desired_objects.claim("results"), desired_objects.config_map("settings", {})],
        keeper,
    )
    text = for_administrator(steps, "argo")
    secret, claim = yaml.safe_load_all(text)
    assert {secret["metadata"]["namespace"], claim["metadata"]["namespace"]} == {"argo"}
    assert "REPLACE-ME" in secret["stringData"][".dockerconfigjson"]
    assert "data" not in secret
    assert str(SECRET.manifest["data"][".dockerconfigjson"]) not in text
    assert for_administrator([], "argo") == ""
