from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Census, Collect

from environment import MOUNT_PATH, PERSISTED_VOLUME, numerical_experiment_environment
from inputs import Inputs, Parameters, inputs
from layout import RUN, experiment_layout
from workflow import experiment_workflow, print_script


def spec_of(
    environment: numerical_experiment_environment, inputs: Inputs, layout: experiment_layout
) -> Any:
    return experiment_workflow(environment, inputs, layout).to_dict()["spec"]


def template_of(spec: Any, name: str) -> Any:
    return next(template for template in spec["templates"] if template["name"] == name)


def waits_for(task: Any) -> set[str]:
    return set(task["depends"].split(" && "))


# The tests look at the tasks that came with the experiment; there may be others beside them.


def test_every_vintage_is_collected_for_every_borough(
    environment: numerical_experiment_environment, layout: experiment_layout
) -> None:
    few = replace(inputs, parameters=Parameters(vintages=[2006, 2016], boroughs=["A", "B"]))
    spec = spec_of(environment, few, layout)
    tasks = {task["name"]: task for task in template_of(spec, "dag")["dag"]["tasks"]}
    collects = {name for name in tasks if name.startswith("collect-")}
    assert collects == {"collect-2006", "collect-2016"} <= waits_for(tasks["print-results"])
    assert "print-results" in waits_for(tasks["chart"])
    assert tasks["collect-2006"]["withItems"] == ["A", "B"]
    arguments = {p["name"]: p["value"] for p in tasks["collect-2016"]["arguments"]["parameters"]}
    assert arguments == {
        "vintage": "2016",
        "borough": "{{item}}",
        "results_dir": f"{MOUNT_PATH}/{RUN}/collect/2016",
    }


def test_the_containers_run_the_images_of_the_experiment_and_see_the_volume(
    environment: numerical_experiment_environment, layout: experiment_layout
) -> None:
    spec = spec_of(environment, inputs, layout)
    mount = {"name": PERSISTED_VOLUME.name, "mountPath": MOUNT_PATH}
    volume = next(volume for volume in spec["volumes"] if volume["name"] == mount["name"])
    claim = environment.persisted_volume.claim_name
    assert volume["persistentVolumeClaim"]["claimName"] == claim
    for name in ("collect", "chart"):
        container = template_of(spec, name)["container"]
        assert container["image"] == environment.image(name)
        assert mount in container["volumeMounts"]
    assert mount in template_of(spec, "print-script")["script"]["volumeMounts"]


VINTAGE = next(iter(inputs.constants.city_totals))


@pytest.fixture
def collected(collect: Collect, census: Census, tmp_path: Path) -> Path:
    """One vintage of the whole city."""
    for borough in census:
        done = collect(VINTAGE, borough, tmp_path / str(VINTAGE))
        assert done.returncode == 0, done.stderr
    return tmp_path


def test_the_table_has_what_was_collected(
    collected: Path, census: Census, capsys: pytest.CaptureFixture[str]
) -> None:
    print_script(results_dir=str(collected))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["borough", str(VINTAGE)]
    assert lines[2:-1] == sorted([borough, row[str(VINTAGE)]] for borough, row in census.items())
    assert lines[-1] == ["sum", str(inputs.constants.city_totals[VINTAGE])]


def test_a_sum_that_is_not_the_published_one_fails_and_names_the_vintage(collected: Path) -> None:
    total = inputs.constants.city_totals[VINTAGE]
    with pytest.raises(SystemExit, match=rf"^vintage {VINTAGE}: .* {total} .* {total + 1}$"):
        print_script(results_dir=str(collected), city_totals={VINTAGE: total + 1})


def test_a_borough_that_the_census_does_not_have_is_named(collect: Collect, tmp_path: Path) -> None:
    done = collect(VINTAGE, "LYON_10EME", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("the census has no borough LYON_10EME; it has LYON_1ER, ")
    assert not list(tmp_path.iterdir())
