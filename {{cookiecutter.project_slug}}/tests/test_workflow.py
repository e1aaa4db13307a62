from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Collect

from environment import MOUNT_PATH, numerical_experiment_environment
from inputs import Inputs, Parameters, inputs
from layout import RUN, experiment_layout
from workflow import experiment_workflow, print_script


def spec_of(
    environment: numerical_experiment_environment, inputs: Inputs, layout: experiment_layout
) -> Any:
    return experiment_workflow(environment, inputs, layout).to_dict()["spec"]


def template_of(spec: Any, name: str) -> Any:
    return next(template for template in spec["templates"] if template["name"] == name)


def test_every_vintage_is_collected_for_every_borough(
    environment: numerical_experiment_environment, layout: experiment_layout
) -> None:
    few = replace(inputs, parameters=Parameters(vintages=[2006, 2016], boroughs=["A", "B"]))
    spec = spec_of(environment, few, layout)
    tasks = {task["name"]: task for task in template_of(spec, "dag")["dag"]["tasks"]}
    assert set(tasks) == {"collect-2006", "collect-2016", "print-results", "chart"}
    assert tasks["collect-2006"]["withItems"] == ["A", "B"]
    assert tasks["print-results"]["depends"] == "collect-2006 && collect-2016"
    assert tasks["chart"]["depends"] == "print-results"
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
    (volume,) = spec["volumes"]
    claim = environment.persisted_volume.claim_name
    assert volume["persistentVolumeClaim"]["claimName"] == claim
    for name in ("collect", "chart"):
        container = template_of(spec, name)["container"]
        assert container["image"] == environment.image(name)
        assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": MOUNT_PATH}]
    mounts = template_of(spec, "print-script")["script"]["volumeMounts"]
    assert mounts == [{"name": volume["name"], "mountPath": MOUNT_PATH}]


def test_the_table_has_what_was_collected(
    collect: Collect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for borough in inputs.parameters.boroughs:
        done = collect(1999, borough, tmp_path / "1999")
        assert done.returncode == 0, done.stderr
    print_script(results_dir=str(tmp_path))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["borough", "1999"]
    assert ["LYON_3EME", "82568"] in [line.split() for line in lines]
    assert lines[-1].split() == ["sum", str(inputs.constants.city_totals[1999])]


def test_a_sum_that_is_not_the_published_one_fails_and_names_the_vintage(
    collect: Collect, tmp_path: Path
) -> None:
    for vintage in (1999, 2006):
        for borough in inputs.parameters.boroughs:
            collect(vintage, borough, tmp_path / str(vintage))
    changed = tmp_path / "2006" / "LYON_7EME.json"
    changed.write_text(changed.read_text().replace("69331", "69332"))
    with pytest.raises(SystemExit, match=r"^vintage 2006: .* 472306 .* 472305$"):
        print_script(results_dir=str(tmp_path))


def test_a_borough_that_the_census_does_not_have_is_named(collect: Collect, tmp_path: Path) -> None:
    done = collect(1999, "LYON_10EME", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("the census has no borough LYON_10EME; it has LYON_1ER, ")
    assert not list(tmp_path.iterdir())
