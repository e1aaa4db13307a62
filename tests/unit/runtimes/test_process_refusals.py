"""What a process refuses by name before anything runs, and what it does not."""

from __future__ import annotations

import pytest
from runtime_project import PYTHON, Project


@pytest.fixture
def runtime_name() -> str:
    return "process"


def workflow(*templates: dict, **spec: object) -> dict:
    return {
        "metadata": {"namespace": "local", "name": "w"},
        "spec": {"entrypoint": "main", "templates": list(templates), **spec},
    }


def container(name: str = "main", **fields: object) -> dict:
    inputs = fields.pop("inputs", None)
    volumes = fields.pop("volumes", None)
    template = {"name": name, "container": {"image": PYTHON, "command": ["true"], **fields}}
    if inputs:
        template["inputs"] = {"parameters": inputs}
    if volumes:
        template["volumes"] = volumes
    return template


def dag(*tasks: dict, name: str = "main", **fields: object) -> dict:
    return {"name": name, "dag": {"tasks": list(tasks)}, **fields}


def test_an_ordinary_workflow_is_not_refused(project: Project, runtime):
    project.objects.add_claim("data")
    image = project.container(
        "c", "FROM python:3.13\nWORKDIR /app\nCOPY . .\nCMD python /app/x.py\n"
    )
    template = container(
        image=image,
        command=["sh", "-c"],
        args=[
            "python x.py --out=/data/{{inputs.parameters.year}} > /dev/null; sed 's/a/b/' /app/x"
        ],
        inputs=[{"name": "year"}],
        volumeMounts=[{"name": "v", "mountPath": "/data"}],
        resources={"limits": {"cpu": "1"}},
        imagePullPolicy="Always",
        volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}],
    )
    assert runtime.refusals(workflow(template)) == []


@pytest.mark.parametrize(
    "image", ["alpine:3", "runtime-other-nowhere:1", "pythonic:3", "x/python-ml:1"]
)
def test_foreign_images(runtime, image):
    (sentence,) = runtime.refusals(workflow(container("far", image=image)))
    assert "'far'" in sentence and repr(image) in sentence and "RUNTIME=docker" in sentence


@pytest.mark.parametrize(
    "command",
    [
        ["cat", "/nowhere/x"],
        ["cat", "--file=/nowhere/x"],
        ["cat", "FILE=/nowhere/x"],
        ["sh", "-c", "cd /tmp && cat /nowhere/x | wc"],
        ["bash", "-ec", "cat </nowhere/x"],
        ["sh", "-c", 'cat "/nowhere/x"'],
        ["sh", "-c", "cat /etc/os-release > /nowhere/x"],
    ],
)
def test_a_path_that_maps_nowhere(runtime, command):
    (sentence,) = runtime.refusals(workflow(container(command=command)))
    assert "'/nowhere/x'" in sentence and "RUNTIME=docker" in sentence and "'main'" in sentence


@pytest.mark.parametrize(
    "command",
    [
        ["/bin/sh", "-c", "exit 0"],
        ["/usr/bin/env", "python", "-V"],
        ["/usr/local/bin/python", "-V"],
        ["cat", "/dev/null"],
        ["ls", "/"],
        ["awk", "-F", "/", "{print $1}"],
        ["sh", "-c", "echo a/b | sed -e 's/a/b/' -e '/x/d' | awk '/foo/ {print}'"],
        ["sh", "-c", "curl https://host/nowhere/x; echo $HOME/nowhere; ls ./nowhere"],
        ["python", "-c", "print('/nowhere/x')"],
        ["cat", "/tmp/x", "{{workflow.parameters.path}}"],
        ["curl", "//host/path"],
        ["cat", "/etc/os-release"],
        ["sh", "-c", "uname -a ; cat /etc/os-release"],
    ],
)
def test_what_is_no_path_or_exists_everywhere(runtime, command):
    assert runtime.refusals(workflow(container(command=command))) == []


@pytest.mark.parametrize(
    "command",
    [
        ["touch", "/etc/new"],
        ["cp", "/tmp/x", "/etc/new"],
        ["sh", "-c", "cat /etc/new; echo x > /etc/new"],
    ],
)
def test_a_file_of_the_machine_is_not_written(runtime, command):
    (sentence,) = runtime.refusals(workflow(container(command=command)))
    assert "'/etc/new'" in sentence


def test_an_artifact_of_the_machine_is_not_taken(runtime):
    outputs = {"artifacts": [{"name": "all", "path": "/etc"}]}
    (sentence,) = runtime.refusals(workflow({**container(command=["true"]), "outputs": outputs}))
    assert "output artifact in /etc," in sentence
    made = container(command=["sh", "-c", "mkdir -p /etc/made && touch /etc/made/x"])
    outputs = {"artifacts": [{"name": "made", "path": "/etc/made"}]}
    assert runtime.refusals(workflow({**made, "outputs": outputs})) == []


def test_a_volume_that_a_variable_names_is_found_when_its_task_begins(runtime):
    mounts = [{"name": "{{inputs.parameters.v}}", "mountPath": "/v"}]
    inputs = {"parameters": [{"name": "v", "value": "w"}]}
    main = {**container(command=["true"], volumeMounts=mounts), "inputs": inputs}
    assert runtime.refusals(workflow(main)) == []


def test_a_literal_that_reaches_a_command_through_inputs(runtime):
    collect = container(
        "collect", args=["{{inputs.parameters.folder}}/out"], inputs=[{"name": "folder"}]
    )
    inner = dag(
        {
            "name": "c",
            "template": "collect",
            "arguments": {
                "parameters": [{"name": "folder", "value": "{{inputs.parameters.base}}"}]
            },
        },
        name="inner",
        inputs={"parameters": [{"name": "base", "value": "/tmp/ok"}]},
    )
    main = dag(
        {
            "name": "i",
            "template": "inner",
            "withItems": ["/tmp/a", "/nowhere", {"x": 1}],
            "arguments": {"parameters": [{"name": "base", "value": "{{item}}"}]},
        },
        {"name": "j", "template": "inner"},
    )
    (sentence,) = runtime.refusals(workflow(main, inner, collect))
    assert "'collect'" in sentence and "'/nowhere/out'" in sentence


def test_arguments_of_the_workflow_reach_its_entry_point(runtime):
    template = container(
        args=["{{inputs.parameters.out}}", "{{workflow.parameters.log}}"], inputs=[{"name": "out"}]
    )
    arguments = {
        "parameters": [{"name": "out", "value": "/nowhere/a"}, {"name": "log", "value": "/other"}]
    }
    found = runtime.refusals(workflow(template, arguments=arguments))
    assert ["/nowhere/a" in found[0], "/other" in found[1], len(found)] == [True, True, 2]


def test_recursion_ends(runtime):
    step = {
        "name": "again",
        "template": "main",
        "arguments": {"parameters": [{"name": "n", "value": "{{inputs.parameters.n}}1"}]},
    }
    recursive = {"name": "main", "inputs": {"parameters": [{"name": "n"}]}, "steps": [[step]]}
    arguments = {"parameters": [{"name": "n", "value": "1"}]}
    assert runtime.refusals(workflow(recursive, arguments=arguments)) == []


def test_a_path_known_only_at_run_time_ends_the_task_as_an_error(project: Project, runtime):
    result = runtime.run(project.pod(container(args=["/nowhere/x"])), project.announce)
    (sentence,) = runtime.refusals(workflow(container(args=["/nowhere/x"])))
    assert (result.exit_code, result.error, result.message) == (None, True, sentence)


def test_missing_objects(runtime):
    template = container(
        env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "token", "key": "k"}}}],
        envFrom=[{"configMapRef": {"name": "proxy"}}],
        volumeMounts=[{"name": n, "mountPath": f"/{n}"} for n in ("v", "w", "x", "y")],
        volumes=[
            {"name": "v", "persistentVolumeClaim": {"claimName": "data"}},
            {"name": "w", "hostPath": {"path": "/"}},
            {"name": "y", "configMap": {"name": "files"}},
        ],
    )
    text = "\n".join(runtime.refusals(workflow(template)))
    assert text.count("template 'main'") == 6
    for part in (
        *(".hera/configmaps/proxy", ".hera/secrets/token", ".hera/claims/data"),
        *(".hera/configmaps/files", "of type hostPath", "the volume 'x'"),
    ):
        assert part in text


def test_a_variable_with_which_argo_would_wait(runtime):
    env = [{"name": "ARGO_DEBUG_PAUSE_AFTER", "value": "true"}]
    (sentence,) = runtime.refusals(workflow(container(command=["true"], env=env)))
    assert "sets ARGO_DEBUG_PAUSE_AFTER" in sentence


def test_a_missing_key(project: Project, runtime):
    project.objects.values["configmaps", "proxy"] = {"a": b"1"}
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "proxy", "key": "b"}}}]
    (sentence,) = runtime.refusals(workflow(container(env=env)))
    assert "the key 'b'" in sentence and ".hera/configmaps/proxy/b" in sentence


def test_fields_that_are_not_interpreted(runtime):
    env = [
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
    ]
    text = "\n".join(runtime.refusals(workflow(container(env=env))))
    assert "status.podIP" in text and "resourceFieldRef" in text


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("RUN apt-get update && apt-get install -y gdal-bin", "RUN apt-get update"),
        ("RUN curl https://x | sh", "curl"),
        ("RUN pip install .", "pip install ."),
        ("COPY --from=build /x /y", "COPY --from=build"),
        ("ADD https://x/y.tar.gz /y", "ADD https://x"),
        ("RUN ln -s /a /b", "ln -s"),
    ],
)
def test_instructions_that_a_process_cannot_honour(project: Project, runtime, line, part):
    image = project.container("c", f"FROM python:3.13\n\n# comment\n{line}\nCMD true\n")
    (sentence,) = runtime.refusals(workflow(container(image=image)))
    assert "containers/c/Dockerfile, line 4" in sentence
    assert part in sentence and "RUNTIME=docker" in sentence
    result = runtime.run(project.pod(container(image=image)), project.announce)
    assert result.error and part in result.message


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "COPY requirement.txt /y",
            "requirement.txt: did you mean 'requirements.txt'",
        ),
        ("COPY a.txt zzz/ /y/", "COPY zzz: there is no containers/c/zzz"),
        ("COPY *.md /y/", "there is no containers/c/*.md"),
        ("COPY kept.out /y", "containers/c/.dockerignore keeps kept.out out of the image"),
        ("RUN pip install -r other.txt", "no COPY before it brings other.txt"),
    ],
)
def test_a_file_that_is_missing_is_missing_everywhere(project: Project, runtime, line, sentence):
    files = {"requirements_txt": "", "a_txt": "", "kept_out": "", "_dockerignore": "kept.out\n"}
    image = project.container("c", f"FROM python:3.13\n{line}\nCMD true\n", **files)
    (found,) = runtime.refusals(workflow(container(image=image)))
    assert found.startswith("containers/c/Dockerfile, line 2: ") and sentence in found
    assert "RUNTIME" not in found
    result = runtime.run(project.pod(container(image=image)), project.announce)
    assert result.error and result.message == found


def test_a_container_that_is_not_there(project: Project, runtime):
    image = project.container("growth", "FROM python:3.13\n")
    project.container("chart", "FROM python:3.13\n")
    typo = image.replace("growth", "growht")
    (found,) = runtime.refusals(workflow(container(image=typo)))
    assert "there is no containers/growht/Dockerfile: did you mean 'growth'?" in found
    assert "'main'" in found and "RUNTIME" not in found
    for name, there, advice in (
        ("unlike", "", "there is: chart, growth"),
        ("empty", "growth.py", "write one"),
        ("lower", "dockerfile", "rename 'dockerfile', which is there"),
    ):
        if there:
            (project.containers / name).mkdir()
            (project.containers / name / there).write_text("FROM python\n")
        (found,) = runtime.refusals(workflow(container(image=image.replace("growth", name))))
        assert f"there is no containers/{name}/Dockerfile: {advice}" in found


def test_one_cause_is_told_once(project: Project, runtime):
    code = (
        "FROM python:3.13\nCOPY requirement.txt .\nRUN pip install -r requirement.txt\nCMD true\n"
    )
    image = project.container("c", code, requirements_txt="tinylib\n")
    templates = [container(name, image=image) for name in ("a", "b")]
    (found,) = runtime.refusals(workflow(*templates))
    assert "line 2" in found and "did you mean 'requirements.txt'?" in found


def test_a_base_that_is_no_python(project: Project, runtime):
    image = project.container("c", "FROM nvidia/cuda:12\nCMD true\n")
    (sentence,) = runtime.refusals(workflow(container(image=image)))
    assert "line 1" in sentence and "nvidia/cuda:12" in sentence


def test_harmless_instructions(project: Project, runtime):
    image = project.container(
        "c",
        "FROM python:3.13\nRUN set -eux; mkdir -p /out/a && chmod 777 /out; \\\n"
        "  # a comment inside\n  useradd runner\n"
        "RUN <<EOF\npip install --upgrade pip\npip --version\nEOF\n"
        "LABEL a=b\nEXPOSE 80\nSTOPSIGNAL SIGTERM\nHEALTHCHECK NONE\nVOLUME /vol\nUSER 1000\n"
        'CMD ["sh", "-c", "touch /out/a/x /vol/x"]\n',
    )
    template = {"name": "main", "container": {"image": image}}
    assert runtime.refusals(workflow(template)) == []
    result = runtime.run(project.pod(template), project.announce)
    assert result.exit_code == 0, result


def test_a_broken_dockerfile_is_named(project: Project, runtime):
    image = project.container("c", "FROM python:3.13\nRUNN true\n")
    (sentence,) = runtime.refusals(workflow(container(image=image)))
    assert "RUNN" in sentence and "line 2" in sentence
