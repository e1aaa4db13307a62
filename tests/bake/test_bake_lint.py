"""``make lint`` and ``make test`` of a generated project judge what its researcher wrote.

One project for all tests of this file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from plain_scripts import PLAIN_SCRIPTS
from shared_environments import SharedEnvironments
from stranger import Shell, copy_template

# What a line's comment says must be found in it; the other lines are right.
SEEDED = """\
import json  # F401
import os

from hera.workflows import script

from inputs import inputs
from layout import experiment_layout


def density(population: int, area: float) -> float:
    return population / area


def mean(values, weights=[]):  # B006
    total = 0
    for value, weight in zip(values, weights):
        total += value * weight
    return totl / len(values)  # F821


@script()
def task(x: int = 1):
    names: list[int] = ["a"]  # list-item
    print(names.push(x), os.name)  # attr-defined


def mean(values):  # F811
    try:
        return sum(values) / len(values)
    except:  # E722
        return None


print(density("12", 3.0))  # arg-type
print(density(12))  # call-arg
print(inputs.parameters.vintagess)  # attr-defined
print(experiment_layout(inputs.constants).chart_pth())  # attr-defined
year: int = density(1, 2.0)  # assignment
print(1 + "a")  # operator
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lint")
    copy_template(folder / "template")
    command = f'"{sys.executable}" -m cookiecutter --no-input ./template project_slug=lyon'
    done = Shell(folder)(command)
    assert done.returncode == 0, done.stderr
    SharedEnvironments.of(tmp_path_factory).lend_venv(Shell(folder / "lyon"))
    return folder / "lyon"


@pytest.fixture
def shell(generated: Path) -> Iterator[Shell]:
    """The project as it was generated; what a test changes is undone."""
    shell = Shell(generated)
    yield shell
    assert shell("git checkout --quiet . && git clean --quiet -d --force").returncode == 0


def test_a_generated_project_is_clean_and_has_the_format_of_ruff(shell: Shell) -> None:
    done = shell("make lint")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "would be reformatted" not in done.stdout


def test_ordinary_hera_passes_and_its_format_is_no_mistake(shell: Shell) -> None:
    for name, text in PLAIN_SCRIPTS.items():
        (shell.folder / f"{name}.py").write_text(text)
    done = shell("make lint")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(PLAIN_SCRIPTS)} files would be reformatted" in done.stdout
    for name in PLAIN_SCRIPTS:
        made = shell(f".venv/bin/python -c 'import {name}; {name}.w.to_yaml()'")
        assert made.returncode == 0, made.stderr


def test_mistakes_are_found_where_they_are_and_only_there(shell: Shell) -> None:
    (shell.folder / "seeded.py").write_text(SEEDED)
    done = shell("make lint")
    assert done.returncode != 0
    lines = SEEDED.splitlines()
    wanted = {
        (number, line.rpartition("# ")[2])
        for number, line in enumerate(lines, 1)
        if re.search(r"  # [\w-]+$", line)
    }
    found = {
        (int(number), code)
        for number, code in re.findall(r"^seeded.py:(\d+): error: .*\[(.+)\]$", done.stdout, re.M)
    } | {
        (int(number), code)
        for code, number in re.findall(
            r"^([A-Z]+\d+) .*\n *--> seeded.py:(\d+):", done.stdout, re.MULTILINE
        )
    }
    assert wanted <= found
    assert {number for number, _ in found} == {number for number, _ in wanted}


def test_the_workflow_is_judged_and_its_lines_are_named(shell: Shell) -> None:
    done = shell("make lint")
    assert "workflow.py, what it submits:\n1 object: nothing to remark" in done.stdout, done.stdout
    workflow = shell.folder / "workflow.py"
    text = workflow.read_text().replace('"borough": "{{item}}"', '"burough": "{{item}}"')
    workflow.write_text(text.replace("image=inputs.constants.python_image", "image='python'"))
    lines = workflow.read_text().splitlines()
    task = next(n for n, line in enumerate(lines, 1) if "collect_t = Task(" in line)
    script = next(n for n, line in enumerate(lines, 1) if line.startswith("@script("))
    done = shell("make lint")
    assert done.returncode != 0
    assert re.search(
        rf"^workflow.py:{task}: error HE101 .*inputs.parameters.borough was not supplied: .*"
        "did you mean 'borough'",
        done.stdout,
        re.MULTILINE,
    ), done.stdout
    assert f"workflow.py:{script}: warning HE601 print-script: " in done.stdout
    done = shell("make run")
    assert done.returncode != 0 and done.stderr.count("error HE101") == 1
    assert "nothing was submitted: lyon-… has 1 error" in done.stderr
    assert not (shell.folder / "results").exists()
    done = shell("make lint EXPLAIN=HE311")
    assert done.returncode == 0 and done.stdout.startswith("HE311 surplus-argument (warning)")


@pytest.mark.parametrize("file", ["containers/chart/chart.py", "tests/test_layout.py"])
def test_programs_of_containers_and_tests_are_looked_at(shell: Shell, file: str) -> None:
    with (shell.folder / file).open("a") as opened:
        opened.write('\n\nnumber: int = "one"\n')
    done = shell("make lint")
    assert done.returncode != 0
    assert re.search(rf"^{file}:\d+: error: .*\[assignment\]$", done.stdout, re.MULTILINE)


def test_containers_may_have_files_of_the_same_name_and_files_beside_them(shell: Shell) -> None:
    for name, value in (("warm-up", "1"), ("cool-down", '"1"'), ("numbers", "2")):
        folder = shell.folder / "containers" / name
        folder.mkdir()
        (folder / "main.py").write_text(
            f"import helper\nimport numpy\n\nhelper.f({value}, numpy)\n"
        )
        (folder / "helper.py").write_text("def f(a: int, numpy) -> None:\n    print(a, numpy)\n")
    done = shell("make lint")
    assert done.returncode != 0
    errors = [line for line in done.stdout.splitlines() if "error:" in line]
    assert len(errors) == 1 and errors[0].startswith("containers/cool-down/main.py:4: error:")


def test_the_laboratorys_module_is_not_judged_but_its_types_are_known(shell: Shell) -> None:
    with (shell.folder / "hera_utils" / "server.py").open("a") as file:
        file.write('import json\nnumber: int = "one"\n')
    (shell.folder / "typed.py").write_text(
        "import hera_utils\n\nargs = hera_utils.parse_arguments()\nprint(args.experiment.nam)\n"
    )
    done = shell("make lint")
    said = [line for line in done.stdout.splitlines() if "hera_utils/" in line]
    assert not [line for line in said if re.search(r":\d+", line)], done.stdout
    assert re.search(r'^typed.py:4: error: "Experiment" has no attribute "nam"', done.stdout, re.M)


def test_a_laboratory_may_change_its_module_but_not_the_sums(shell: Shell) -> None:
    with (shell.folder / "hera_utils" / "server.py").open("a") as file:
        file.write("\nNUMBER = 1\n")
    done = shell("make lint")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "as shipped; hera_utils changed: server.py" in done.stdout
    (shell.folder / "vendor" / "SHA256SUMS").write_text("")
    done = shell("make lint")
    assert done.returncode != 0
    assert "is not as shipped" in done.stderr


@pytest.mark.parametrize(
    "few",
    [
        pytest.param({"[1999, 2006, 2016]": "[2016]"}, id="a vintage"),
        pytest.param(
            {'            "LYON_1ER",\n': "", '            "LYON_9EME",\n': ""}, id="boroughs"
        ),
        pytest.param({"[1999, 2006, 2016]": "[2006]", '            "LYON_3EME",\n': ""}, id="both"),
    ],
)
def test_the_experiments_tests_pass_with_fewer_vintages_or_boroughs(
    shell: Shell, few: dict[str, str]
) -> None:
    inputs = shell.folder / "inputs.py"
    text = inputs.read_text()
    for old, new in few.items():
        assert old in text
        text = text.replace(old, new)
    inputs.write_text(text)
    done = shell("make test lint")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_experiments_tests_pass_with_an_inline_task_and_another_volume(shell: Shell) -> None:
    workflow = shell.folder / "workflow.py"
    text = workflow.read_text()
    text = text.replace(
        "def experiment_workflow(",
        "@script()\ndef say_goodbye():\n    print('goodbye')\n\n\ndef experiment_workflow(",
    ).replace(
        "        print_t >> chart_t\n",
        "        goodbye = say_goodbye()\n        [print_t, chart_t] >> goodbye\n"
        "        print_t >> chart_t\n",
    )
    workflow.write_text(text)
    environment = shell.folder / "environment.py"
    text = environment.read_text()
    text = text.replace("volumes=self.volumes,", "volumes=[*self.volumes, SCRATCH],").replace(
        "\n\nclass numerical",
        "\nSCRATCH = Volume(name='a', mount_path='/a', size='1Gi')\n\n\nclass numerical",
    )
    environment.write_text(text.replace("import Workflow\n", "import Volume, Workflow\n"))
    done = shell("make test lint")
    assert done.returncode == 0, done.stdout + done.stderr
