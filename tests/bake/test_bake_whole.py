"""A stranger's way through one generated project, from the empty folder to the chart.

One project for all tests of this file, in their order: its environment is made from nothing once.
"""

from __future__ import annotations

import json
import re
import struct
import sys
from pathlib import Path

import pytest
from stranger import Shell, copy_template

from hera_experiment import __version__

CENSUS = "containers/collect/census_lyon.csv"

SHORT = """\
import hera_utils
args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
argo_server = hera_utils.argo_server(cluster, args)
argo_server.define_argo_server_part_of_environment()
from environment import numerical_experiment_environment
environment = numerical_experiment_environment(cluster, args)
from inputs import inputs
from layout import experiment_layout
layout = experiment_layout(inputs.constants)
from workflow import define_hera_workflow
define_hera_workflow(environment, inputs, layout)
"""

FULLER = """\
import os
if __name__ == "__main__":
    from hera_utils import parse_arguments
    args = parse_arguments()
    from environment import construct_environment
    environment = construct_environment(args)
    from inputs import inputs
    from layout import experiment_layout
    layout = experiment_layout(inputs.constants)
    from workflow import collect_container_constructor, print_script
    from hera.workflows import DAG, Task, Workflow
    with Workflow(generate_name="do-some-stuff-", entrypoint="dag") as w:
        with DAG(name="dag"):
            dummy_fanin_t = print_script(name="print-results")
            collect_c = collect_container_constructor(
                environment,
                inputs.constants,
            )
            for vintage in inputs.parameters.vintages:
                results_dir = os.path.join(
                    environment.persisted_volume.mount_path,
                    layout.collect_output_dir(vintage)
                )
                collect_t = Task(
                    name="collect-" + layout.container_name_postend(vintage),
                    template=collect_c,
                    arguments={
                        "vintage": vintage,
                        "results_dir": results_dir,
                        "borough": "{{item}}",
                    },
                    with_items=inputs.parameters.boroughs,
                )
                collect_t >> dummy_fanin_t
    w.create()
"""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Generates, and types what it says to type next; returns the project and what was printed.

    The template is gone by then: a project needs it no more.
    """
    folder = tmp_path_factory.mktemp("a stranger's folder")
    copy_template(folder / "template")
    shell = Shell(folder)
    generated = shell(f'"{sys.executable}" -m cookiecutter --no-input ./template project_slug=lyon')
    assert generated.returncode == 0, generated.stderr
    printed = re.fullmatch(r"Next:\n((?:  .+\n){3})", generated.stdout)
    assert printed, generated.stdout
    (folder / "template").rename(folder / "moved away")
    typed = shell(printed[1])
    assert typed.returncode == 0, typed.stdout + typed.stderr
    return folder / "lyon", typed.stdout, typed.stderr


@pytest.fixture
def shell(first: tuple[Path, str, str]) -> Shell:
    return Shell(first[0])


def test_the_three_lines_work_as_printed(first: tuple[Path, str, str]) -> None:
    folder, output, error = first
    (run,) = filter(Path.is_dir, (folder / "results").iterdir())
    assert re.search(r"^[├└]─ ✔ print-results  ", output, re.MULTILINE)
    assert f"workflow {run.name}: Succeeded" in output
    assert f"results/{run.name}/population.png" in output
    assert f"report:  results/{run.name}.html\n" in output
    assert re.search(r"^=+ \d+ passed in ", output, re.MULTILINE)
    assert error.count("setting up .venv") == 1


def test_the_results_are_the_published_figures_and_a_chart(first: tuple[Path, str, str]) -> None:
    (run,) = filter(Path.is_dir, (first[0] / "results").iterdir())
    found = json.loads((run / "collect" / "2016" / "LYON_3EME.json").read_text())
    assert found == {
        "borough": "LYON_3EME",
        "vintage": 2016,
        "population": 101992,
        "area_ha": 635.0,
        "density_per_km2": 16061.7,
    }
    assert len(list(run.glob("collect/*/*.json"))) == 27
    chart = (run / "population.png").read_bytes()
    assert chart.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", chart[16:24]) == (1650, 900)


def test_nothing_that_ran_is_new_to_git(shell: Shell) -> None:
    assert shell("git status --porcelain").stdout == ""


def test_style_format_and_types_are_clean(shell: Shell) -> None:
    done = shell("make lint")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("name", "script"), [("short", SHORT), ("fuller", FULLER)])
def test_both_forms_of_script_run(shell: Shell, name: str, script: str) -> None:
    (shell.folder / f"{name}.py").write_text(script)
    done = shell(f".venv/bin/python -m hera_utils run {name}.py")
    (shell.folder / f"{name}.py").unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^[├└]─ ✔ print-results  ", done.stdout, re.MULTILINE)
    run = re.search(r"^workflow (\S+): Succeeded", done.stdout, re.MULTILINE)
    assert run
    logs = (shell.folder / ".hera" / "runs" / run[1] / "logs").iterdir()
    tables = [text for log in logs if "Population [inh" in (text := log.read_text())]
    assert len(tables) == 1
    assert tables[0].splitlines()[-1].split() == ["sum", "445452", "472305", "515695"]


def test_a_second_run_installs_nothing_and_has_results_of_its_own(shell: Shell) -> None:
    before = set((shell.folder / "results").iterdir())
    done = shell("make run")
    assert done.returncode == 0, done.stderr
    assert "setting up" not in done.stderr and "installing" not in done.stdout
    (new,) = filter(Path.is_dir, set((shell.folder / "results").iterdir()) - before)
    assert (new / "population.png").exists()


def test_a_changed_figure_fails_the_run_and_names_the_vintage(shell: Shell) -> None:
    census = shell.folder / CENSUS
    published = census.read_text()
    assert published.count("69331") == 1
    census.write_text(published.replace("69331", "69313"))
    try:
        done = shell("make run")
    finally:
        census.write_text(published)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "vintage 2006: the boroughs add up to 472287 inhabitants" in said
    assert "vintage 1999" not in said and "vintage 2016" not in said
    assert re.search(r"^[├└]─ ✖ print-results  ", said, re.MULTILINE)
    assert "Traceback" not in said


def test_fewer_vintages_and_boroughs_are_an_experiment_too(shell: Shell) -> None:
    inputs = shell.folder / "inputs.py"
    before = inputs.read_text()
    few = before.replace("[1999, 2006, 2016]", "[2016]").replace('            "LYON_1ER",\n', "")
    inputs.write_text(few)
    try:
        done = shell("make run")
    finally:
        inputs.write_text(before)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("collect-2016(0:LYON_2EME)") >= 1


def test_help_has_one_line_for_every_target_of_the_makefile(shell: Shell) -> None:
    lines = shell("make").stdout.splitlines()
    helped = {line.split()[0]: line.split(None, 1)[1] for line in lines if line.startswith("  ")}
    named = shell("make -pn | sed -n 's/^.PHONY: //p'").stdout.split()
    assert set(helped) == set(named) >= {"help", "run", "serve", "test", "lint", "config"}
    assert all(len(text) > 20 for text in helped.values())


def test_all_is_as_shipped_until_it_is_changed(shell: Shell) -> None:
    library = f"hera_experiment {__version__}"
    assert shell("make verify").stdout == f"{library}, as shipped; hera_utils as shipped\n"
    installed = next(shell.folder.glob(".venv/lib/*/site-packages/hera_experiment/errors.py"))
    for changed, status in ((shell.folder / "hera_utils" / "cluster.py", 0), (installed, 2)):
        before = changed.read_text()
        changed.write_text(f"{before}# Changed.\n")
        done = shell("make verify")
        changed.write_text(before)
        assert done.returncode == status
        assert changed.name in done.stdout + done.stderr


def test_one_flipped_byte_of_the_library_is_refused(shell: Shell) -> None:
    (wheel,) = (shell.folder / "vendor").glob("*.whl")
    content = wheel.read_bytes()
    flipped = bytearray(content)
    flipped[1000] ^= 1
    wheel.write_bytes(flipped)
    try:
        for command in ("make", "make run", "make config"):
            done = shell(command)
            assert done.returncode == 2 and done.stdout == ""
            sentence, _ = done.stderr.splitlines()
            assert sentence == (
                f"hera_utils: {wheel} is not the file of requirements/library.txt:"
                " git checkout HEAD -- vendor requirements/library.txt"
            )
        assert shell(sentence.rpartition(": ")[2]).returncode == 0
    finally:
        wheel.write_bytes(content)
    assert shell("make").returncode == 0 and shell("git status --porcelain").stdout == ""


def test_a_wrong_option_is_one_sentence(shell: Shell) -> None:
    done = shell("make config CLUSTERR=local")
    assert done.returncode != 0
    assert "there is no option '--clusterr'" in done.stderr and "--cluster'?" in done.stderr
    assert "Traceback" not in done.stderr
