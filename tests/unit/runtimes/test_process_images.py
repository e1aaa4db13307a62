"""Images of the experiment as processes: files, folders, variables, commands, packages."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from runtime_project import Project, shell, write_wheel

from hera_experiment.local.runtimes.base import BEGAN, BUBBLEWRAP, PROCESS, PodResult
from hera_experiment.local.runtimes.children import Children
from hera_experiment.local.runtimes.virtualenvs import (
    InstallationFailed,
    VirtualEnvironments,
    what_pip_said,
)

COLLECT = """\
ARG PYTHON_IMAGE=python:3.13-slim
FROM ${PYTHON_IMAGE}
# Where everything lies
WORKDIR /app
ENV MODE=fast \\
    TABLE=/app/data/census.csv
COPY --chown=1000:1000 *.py ./
COPY data/ data/
USER 1000
ENTRYPOINT ["python", "collect.py"]
CMD ["--verbose"]
"""
PROGRAM = """\
import os, sys
import helper
print(sys.argv[1:], os.environ["MODE"], open(os.environ["TABLE"]).read(), helper.NAME)
"""


@pytest.fixture
def collect(project: Project) -> str:
    files = {"collect_py": PROGRAM, "helper_py": "NAME = 'h'", "data__census_csv": "a,b"}
    return project.container("collect", COLLECT, **files)


def on(image: str, **container: object) -> dict[str, object]:
    return {"container": {"image": image, **container}}


def test_entry_point_and_command_of_the_image(run, collect):
    result, log = run(on(collect))
    assert result.result == "['--verbose'] fast a,b h", log


def test_arguments_replace_the_command_of_the_image_alone(run, collect):
    result, _ = run(on(collect, args=["--year", "2016"]))
    assert result.result == "['--year', '2016'] fast a,b h"


def test_a_command_replaces_both(run, collect):
    result, _ = run(on(collect, command=["sh", "-c"], args=["echo $MODE; ls; pwd"]))
    assert result.result.split() == ["fast", "collect.py", "data", "helper.py", "/app"]


def test_variables_of_the_template_win(run, collect):
    result, _ = run(on(collect, env=[{"name": "MODE", "value": "slow"}]))
    assert result.result == "['--verbose'] slow a,b h"


def test_a_task_changes_neither_the_experiment_nor_another_task(run, collect, project: Project):
    before = _content(project.containers)
    code = "echo x > new; echo y > data/new; rm helper.py; mv data/census.csv data/c.csv; ls . data"
    for _ in range(2):
        result, log = run(on(collect, command=["sh", "-c"], args=[code]))
        assert result.result.split() == [
            *(".:", "collect.py", "data", "new"),
            *("data:", "c.csv", "new"),
        ], log
    run(on(collect))
    assert _content(project.containers) == before


def test_a_workflow_keeps_the_program_it_began_with(project: Project, runtime, collect):
    def run(workflow: str) -> str | None:
        return runtime.run(project.pod(on(collect), workflow=workflow), lambda _: None).result

    assert run("one") == "['--verbose'] fast a,b h"
    (project.containers / "collect" / "helper.py").write_text("NAME = 'edited'")
    assert run("one") == "['--verbose'] fast a,b h"
    assert run("two") == "['--verbose'] fast a,b edited"
    runtime.refusals({"metadata": {"namespace": "local", "name": "one"}, "spec": {}})
    assert run("one") == "['--verbose'] fast a,b edited"


def test_shell_form_shell_words_and_quotes(run, project: Project):
    image = project.container(
        "shells",
        "FROM python:3.13\nENV GREETING='hello  world' OTHER=a\\ b\nENV OLD some old value\n"
        'CMD echo "$GREETING|$OTHER|$OLD"\n',
    )
    result, _ = run(on(image))
    assert result.result == "hello  world|a b|some old value"


def test_the_last_stage_counts_and_named_stages_are_inherited(run, project: Project):
    image = project.container(
        "stages",
        "FROM python:3.13 AS base\nENV A=1\nWORKDIR /srv\n"
        "FROM gcc:14 AS tool\nRUN make\n"
        "FROM base\nENV B=${A}2\nCOPY x.txt .\n",
        x_txt="content",
    )
    result, _ = run(on(image, command=["sh", "-c"], args=["echo $A $B; cat /srv/x.txt"]))
    assert result.result == "1 12\ncontent"


def test_dockerignore_globs_and_single_files(run, project: Project):
    (project.containers / "files").mkdir(parents=True)
    (project.containers / "files" / ".dockerignore").write_text("*.log\nbuild\n!keep.log\n")
    image = project.container(
        "files",
        'FROM python:3.13\nCOPY . /all\nCOPY ["a.txt", "b.txt", "/some/"]\nCOPY a.txt /etc2/name\n'
        "COPY sub/*.txt /g/\n",
        a_txt="A",
        b_txt="B",
        x_log="no",
        keep_log="yes",
        build__c_txt="no",
        sub__d_txt="D",
    )
    code = "cd /all; find . -not -type d | sort; ls /some /g; cat /etc2/name"
    result, log = run(on(image, command=["sh", "-c"], args=[code]))
    expected = "./.dockerignore ./Dockerfile ./a.txt ./b.txt ./keep.log ./sub/d.txt"
    assert result.result.split() == [
        *expected.split(),
        *("/g:", "d.txt", "/some:", "a.txt", "b.txt", "A"),
    ], log


def test_a_large_folder_is_there_too(run, project: Project):
    files = {f"data__f{n}_txt": str(n) for n in range(100)}
    image = project.container("large", "FROM python:3.13\nCOPY . /app\n", **files)
    project.objects.add_claim("c")
    template = on(
        image,
        command=["sh", "-c"],
        args=["ls /app/data | wc -l; touch /app/data/out/x; cat /app/data/f7.txt"],
        volumeMounts=[{"name": "v", "mountPath": "/app/data/out"}],
    )
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]
    result, log = run(template, volumes=volumes)
    assert result.result.split() == ["101", "7"], log
    assert (project.state / "claims" / "c" / "x").exists()
    assert not (project.containers / "large" / "data" / "out").exists()


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    write_wheel(folder, "tinylib", "VALUE = 42\ndef main():\n    print('console', VALUE)\n")
    return folder


def _pip(wheels: Path) -> dict[str, str]:
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "HOME": os.environ["HOME"]}


def _with_requirements(project: Project, name: str, requirements: str, more: str = "") -> str:
    return project.container(
        name,
        "FROM python:3.13-slim\nWORKDIR /app\nCOPY requirements.txt .\n"
        "RUN pip install --no-cache-dir -r requirements.txt && rm requirements.txt\n"
        "RUN mkdir -p /output && useradd -m runner\n" + more,
        requirements_txt=requirements,
    )


USE = ["import tinylib; print(tinylib.VALUE)"]


def test_a_program_copied_among_those_of_the_system(run, project: Project):
    image = project.container(
        "tools",
        "FROM python:3.13\nCOPY tool /usr/local/bin/\nCOPY tool /usr/bin/other\n"
        "COPY conf /etc/tool/conf\nRUN chmod +x /usr/local/bin/tool /usr/bin/other\n"
        "RUN mkdir -p /var/lib/tool /usr/local/share/none\n",
        tool="#!/usr/bin/env python3\nimport sys\nprint(open(sys.argv[1]).read())\n",
        conf="c",
    )
    for command in (["tool"], ["/usr/local/bin/tool"], ["env", "other"]):
        result, log = run(on(image, command=[*command, "/etc/tool/conf"]))
        assert result.result == "c", (result.message, log)
    code = "/usr/bin/env true && touch /var/lib/tool/x && ls /var/lib/tool"
    result, log = run(on(image, command=["sh", "-c"], args=[code]))
    assert result.result == "x", (result.message, log)


def test_chmod_changes_no_file_that_a_link_of_the_context_leads_to(run, project: Project):
    outside = project.root / "outside"
    outside.write_text("#!/bin/sh\n")
    outside.chmod(0o640)
    image = project.container("linked", "FROM python:3.13\nCOPY . /app\nRUN chmod +x /app/run\n")
    (project.containers / "linked" / "run").symlink_to(outside)
    run(on(image, command=["true"]))
    assert outside.stat().st_mode & 0o777 == 0o640


def test_requirements_are_installed_once_per_content(project: Project, wheels: Path):
    runtime = project.runtime(_pip(wheels))
    first = _with_requirements(project, "first", "tinylib==1.0\n")
    second = _with_requirements(project, "second", "tinylib==1.0\n", "ENV X=1\n")
    results: list[PodResult] = []

    def run(image: str) -> None:
        template = on(image, command=["python", "-c"], args=USE)
        results.append(runtime.run(project.pod(template), project.announce))

    threads = [threading.Thread(target=run, args=(image,)) for image in (first, second, first)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.result for result in results] == ["42"] * 3, results
    venvs = [path for path in (project.state / "venvs").iterdir() if path.is_dir()]
    assert len(venvs) == 1
    log = Path(f"{venvs[0]}.log").read_text()
    assert log.count("pip install") == 1
    assert any("installing the requirements of containers/" in text for text in project.announced)
    result = runtime.run(project.pod(on(second, command=["tinylib"])), project.announce)
    assert result.result == "console 42"
    result = runtime.run(
        project.pod(on(first, command=["/usr/local/bin/python", "-c"], args=USE)), project.announce
    )
    assert result.result == "42"


def test_a_mount_that_goes_meanwhile_is_no_failure(tmp_path: Path) -> None:
    # Bubblewrap shows all mounts of the machine, one by one; another program unmounts one.
    program = tmp_path / "bwrap"
    program.write_text(
        f"#!/bin/sh\n[ -e {tmp_path}/tried ] || {{ touch {tmp_path}/tried; "
        'echo "bwrap: Can\'t bind mount /oldroot/ on /newroot/" >&2; exit 1; }\n'
        'while [ "$1" != -- ]; do shift; done; shift; exec true\n'
    )
    program.chmod(0o755)
    made = VirtualEnvironments(tmp_path / "venvs", {}, place="/usr/local", bubblewrap=str(program))
    folder = made.provide([], "x", Children(), lambda _: None)
    assert (folder / "complete").exists() and (tmp_path / "tried").exists()

    program.write_text("#!/bin/sh\necho 'bwrap: no' >&2\nexit 1\n")
    other = VirtualEnvironments(tmp_path / "other", {}, place="/usr/local", bubblewrap=str(program))
    with pytest.raises(InstallationFailed, match="bwrap: no"):
        other.provide([], "x", Children(), lambda _: None)


def test_requirements_without_a_package_need_no_environment(project: Project, runtime):
    image = _with_requirements(project, "none", "# nothing yet\n\n")
    code = "import importlib.util as u; print(u.find_spec('pip'))"
    template = on(image, command=["python", "-c"], args=[code])
    assert runtime.run(project.pod(template), project.announce).result == "None"
    assert project.announced == [BEGAN, ""]


def test_a_path_of_the_image_comes_first(run, project: Project):
    image = project.container(
        "tools",
        "FROM python:3.13\nCOPY tool.sh /opt/tools/bin/tool\n"
        "ENV PATH=/opt/tools/bin:$PATH PYTHONPATH=/opt/tools/lib\n",
        tool_sh="#!/bin/sh\necho tool $PYTHONPATH\n",
    )
    (project.containers / "tools" / "tool.sh").chmod(0o755)
    result, log = run(on(image, command=["tool"]))
    assert result.result == "tool /opt/tools/lib", log
    result, _ = run(on(image, command=["/opt/tools/bin/tool"]))
    assert result.result == "tool /opt/tools/lib"
    result, _ = run(on(image, command=["sh", "-c"], args=["command -v python"]))
    places = {PROCESS: "/venvs/stdlib-", BUBBLEWRAP: "/usr/local/bin/python"}
    assert places[project.runtime_name] in result.result


def test_a_program_made_executable_by_run(project: Project):
    image = project.container(
        "run",
        "FROM python:3.13\nWORKDIR /app\nCOPY . .\nRUN chmod +x run.sh && chmod 0755 /app/two.sh\n",
        run_sh="#!/bin/sh\n./two.sh",
        two_sh="#!/bin/sh\necho ran\n",
    )
    for _ in range(2):
        pod = project.pod(on(image, command=["./run.sh"]))
        result = project.runtime().run(pod, project.announce)
        assert result.result == "ran", pod.log.read_text()


def test_an_unfinished_environment_is_made_again(project: Project, wheels: Path):
    image = _with_requirements(project, "half", "tinylib\n")
    template = on(image, command=["python", "-c"], args=USE)
    runtime = project.runtime(_pip(wheels))
    runtime.run(project.pod(template), project.announce)
    (venv,) = (path for path in (project.state / "venvs").iterdir() if path.is_dir())
    (venv / "complete").unlink()
    (venv / "bin" / "python").unlink()
    result = project.runtime(_pip(wheels)).run(project.pod(template), project.announce)
    assert result.result == "42"


def test_requirements_that_cannot_be_installed(project: Project, wheels: Path):
    image = _with_requirements(project, "bad", "no-such-package==9\n")
    runtime = project.runtime(_pip(wheels))
    result = runtime.run(project.pod(on(image, command=["python", "-V"])), project.announce)
    assert (result.exit_code, result.error) == (None, True)
    assert "the requirements of containers/bad cannot be installed" in result.message
    assert "no-such-package" in result.message
    assert not list((project.state / "venvs").glob("*/complete"))


NOT_FOUND = "ERROR: Could not find a version that satisfies the requirement "


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            f"{NOT_FOUND}tinylib==99.0 (from versions: 0.1rc1, 1.7, 1.8, 1.9)\nERROR: No\n",
            "tinylib==99.0 is asked for, and the newest there are 1.7, 1.8, 1.9",
        ),
        (
            f"{NOT_FOUND}absent (from versions: none)\n",
            "absent is asked for, and there is no package of that name",
        ),
        (
            "ERROR: Ignored the following versions that require a different python version:"
            " 2.4.0 Requires-Python >=3.99; 2.5.0 Requires-Python >=3.99\n"
            f"{NOT_FOUND}tinylib==2.5.0 (from versions: 1.7, 1.8)\n",
            "tinylib==2.5.0 needs Python >=3.99, and this is Python 3.",
        ),
        (
            "ERROR: Package 'tinylib' requires a different Python: 3.11.7 not in '>=9'\n",
            "tinylib needs Python >=9, and this is Python 3.",
        ),
        (f"a wall of text {'x' * 5000}\nERROR: no compiler\n", "xxx\nERROR: no compiler"),
    ],
)
def test_what_pip_says_is_bounded(tmp_path: Path, said: str, words: str):
    log = tmp_path / "log"
    log.write_text(f"$ pip install x\n{NOT_FOUND}earlier (from versions: 1)\n$ pip install\n{said}")
    reason = what_pip_said(log)
    assert words in reason and len(reason) < 300 and "earlier" not in reason
    assert "pip install" not in reason


def test_a_bad_pin_is_told_in_a_sentence_before_anything_runs(project: Project, wheels: Path):
    good = project.container("good", "FROM python:3.13\nRUN mkdir /output\n")
    bad = _with_requirements(project, "bad", "tinylib==99.0\n")
    runtime = project.runtime(_pip(wheels))
    first = on(good, command=["touch", "/output/ran"])
    templates = [{"name": n, **on(image)} for n, image in (("a", good), ("b", bad))]
    workflow = {"metadata": {"namespace": "local", "name": "run-abc"}}
    workflow["spec"] = {"templates": templates}
    assert runtime.refusals(workflow) == []
    for _ in range(2):
        pod = project.pod(first)
        result = runtime.run(pod, project.announce)
        assert (result.exit_code, result.error, pod.log.exists()) == (None, True, False)
        assert "containers/bad cannot be installed: tinylib==99.0 is asked" in result.message
        assert "\n" not in result.message
    logs = (project.state / "venvs").glob("*.log")
    assert sum(path.read_text().count("(from versions:") for path in logs) == 1
    # Once it is mended, a retry asks again.
    _with_requirements(project, "bad", "tinylib\n")
    assert runtime.refusals(workflow) == []
    assert runtime.run(project.pod(first), project.announce).exit_code == 0


def test_stop_ends_an_installation(project: Project, wheels: Path, tmp_path: Path):
    slow = tmp_path / "slow-python"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    image = _with_requirements(project, "slow", "tinylib\n")
    runtime = project.runtime(_pip(wheels))
    runtime._environments._python = str(slow)
    pod = project.pod(on(image, command=["python", "-V"]))
    installing = threading.Event()
    results: list[PodResult] = []
    thread = threading.Thread(
        target=lambda: results.append(runtime.run(pod, lambda _: installing.set()))
    )
    thread.start()
    assert installing.wait(20)
    runtime.stop(pod.node_id, 5)
    thread.join(20)
    assert results[0].message == "stopped before its process started"
    assert results[0].exit_code is None


def test_pip_sees_its_configuration_and_nothing_else(project: Project, tmp_path: Path):
    seen = tmp_path / "seen"
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nenv > {seen}\nexit 1\n")
    python.chmod(0o755)
    environ = {"PIP_INDEX_URL": "https://i", "https_proxy": "http://p", "TOKEN": "no", "PATH": "/x"}
    image = _with_requirements(project, "env", "tinylib\n")
    runtime = project.runtime(environ)
    runtime._environments._python = str(python)
    runtime.run(project.pod(on(image, command=["python", "-V"])), project.announce)
    names = {line.partition("=")[0] for line in seen.read_text().splitlines()}
    assert {"PIP_INDEX_URL", "https_proxy", "PATH"} <= names
    assert "TOKEN" not in names


@pytest.mark.parametrize("folder", ["it's here", "a b", "ünï", "a,b=c", "back\\slash"])
def test_folders_with_blanks_and_quotes(tmp_path: Path, folder: str, runtime_name: str):
    project = Project(tmp_path / folder, runtime_name)
    project.objects.add_claim("data")
    image = project.container("c", "FROM python:3.13\nWORKDIR /app\nCOPY . .\n", f_txt="f")
    source = "import os\nopen('/data/x', 'w').write(open('/app/f.txt').read())\nprint(os.getcwd())"
    template = {
        "script": {
            "image": image,
            "command": ["python"],
            "source": source,
            "volumeMounts": [{"name": "v", "mountPath": "/data"}],
        }
    }
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    pod = project.pod(template, volumes=volumes)
    result = project.runtime().run(pod, project.announce)
    assert result.result == "/app", pod.log.read_text()
    assert (project.state / "claims" / "data" / "x").read_text() == "f"
    result = project.runtime().run(project.pod(shell("cat /tmp/* || echo none")), project.announce)
    assert result.result == "none"


def _content(folder: Path) -> str:
    return json.dumps(
        {
            str(p.relative_to(folder)): p.read_text()
            for p in sorted(folder.rglob("*"))
            if p.is_file()
        }
    )
