"""The experiment as Argo sees it: what print-results does once it has left workflow.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOTALS = {"1999": 30, "2006": 42}


@pytest.fixture
def spec(tmp_path: Path) -> Any:
    import hera_utils
    from environment import numerical_experiment_environment
    from hera_utils.cluster import RecordingCluster
    from inputs import inputs
    from layout import experiment_layout
    from workflow import experiment_workflow

    (tmp_path / "experiment.toml").write_text(
        '[experiment]\nname = "Lyon"\nslug = "lyon"\n'
        '[defaults]\nk8s_volume_claim_name = "lyon-results"\nregistry = "r.example.org/p"\n'
    )
    args = hera_utils.parse_arguments(argv=["--cluster=local"], environ={}, folder=tmp_path)
    environment = numerical_experiment_environment(RecordingCluster(args), args)
    layout = experiment_layout(inputs.constants)
    return experiment_workflow(environment, inputs, layout).to_dict()


def test_the_environment_supplies_names_registry_and_claim(spec: Any) -> None:
    assert spec["metadata"]["generateName"] == "lyon-"
    templates = {each["name"]: each for each in spec["spec"]["templates"]}
    assert templates["chart"]["container"]["image"] == "r.example.org/p/lyon-chart:latest"
    (volume,) = spec["spec"]["volumes"]
    assert volume["persistentVolumeClaim"] == {"claimName": "lyon-results"}


def run_print_results(spec: Any, parameters: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the script that is sent, with the values that Argo would put into it."""
    script = next(each for each in spec["spec"]["templates"] if each["name"] == "print-script")
    source = script["script"]["source"]
    for declared in script["inputs"]["parameters"]:
        name = declared["name"]
        value = parameters.get(name, declared["default"])
        source = source.replace("{{inputs.parameters." + name + "}}", value)
    assert "{{" not in source
    return subprocess.run([sys.executable, "-I", "-"], input=source, capture_output=True, text=True)


@pytest.fixture
def collected(tmp_path: Path) -> Path:
    """Two boroughs in two vintages."""
    for vintage, populations in {1999: (10, 20), 2006: (20, 22)}.items():
        folder = tmp_path / "collect" / str(vintage)
        folder.mkdir(parents=True)
        for borough, population in zip("AB", populations, strict=True):
            found = {"borough": borough, "vintage": vintage, "population": population}
            (folder / f"{borough}.json").write_text(json.dumps(found))
    return tmp_path / "collect"


def of(collected: Path, **totals: int) -> dict[str, str]:
    return {
        "results_dir": str(collected),
        "city_totals": json.dumps({**TOTALS, **{key[1:]: total for key, total in totals.items()}}),
        "city_boroughs": "2",
    }


def test_the_script_prints_the_table(spec: Any, collected: Path) -> None:
    done = run_print_results(spec, of(collected))
    assert done.returncode == 0, done.stderr
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["Population", "[inhabitants]"],
        ["borough", "1999", "2006"],
        ["A", "10", "20"],
        ["B", "20", "22"],
        ["sum", "30", "42"],
    ]


def test_each_vintage_that_differs_is_named(spec: Any, collected: Path) -> None:
    done = run_print_results(spec, of(collected, _1999=31, _2006=43))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "vintage 1999: the boroughs add up to 30 inhabitants,"
        " the published total of the city is 31",
        "vintage 2006: the boroughs add up to 42 inhabitants,"
        " the published total of the city is 43",
    ]


def test_a_part_of_the_city_is_not_compared_and_said_not_to_be(spec: Any, collected: Path) -> None:
    (collected / "1999" / "A.json").unlink()
    done = run_print_results(spec, of(collected))
    assert done.returncode == 0, done.stderr
    assert "1999: not compared" in done.stdout and "2006: not compared" not in done.stdout


def test_nothing_collected_is_a_failure(spec: Any, tmp_path: Path) -> None:
    done = run_print_results(spec, of(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert done.stderr == f"nothing was collected below {tmp_path / 'nowhere'}\n"
