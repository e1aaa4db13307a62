"""Absolute paths in scripts: what a process refuses by name, what it only tells, what is fine."""

from __future__ import annotations

from pathlib import Path

import pytest
from runtime_project import Project, script, shell

from hera_experiment.local.runtimes.process_runtime import ProcessRuntime
from hera_experiment.local.runtimes.script_paths import PathUse, python_paths, shell_paths

CLAIM = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
MOUNT = [{"name": "data", "mountPath": "/results"}]


@pytest.fixture
def runtime_name() -> str:
    return "process"


def workflow(*templates: dict, **spec: object) -> dict:
    named = [{"name": "main", **template} for template in templates]
    return {
        "metadata": {"namespace": "local", "name": "w"},
        "spec": {"entrypoint": "main", "templates": named, **spec},
    }


@pytest.mark.parametrize(
    "line",
    [
        'open("/nowhere/x", "w")',
        'open("/nowhere/x")',
        'with open("/nowhere/x", mode="a") as f: pass',
        'Path("/nowhere/x").write_text("")',
        'pathlib.Path("/nowhere/x").open()',
        'gzip.open("/nowhere/x")',
        'os.makedirs("/nowhere/x", exist_ok=True)',
        'shutil.copy("a", "/nowhere/x")',
        'frame.to_csv("/nowhere/x")',
        'OUT = "/nowhere/x"; open(OUT, "w")',
        'p = Path("/nowhere/x"); p.mkdir()',
        'print(open("/nowhere/x").read())',
        'if x.startswith(open("/nowhere/x").read()): pass',
    ],
)
def test_a_literal_path_that_is_opened_is_refused(runtime: ProcessRuntime, line: str):
    (sentence,) = runtime.refusals(workflow(script(f"import os\n{line}\n")))
    assert sentence == (
        "template 'main' uses the path '/nowhere/x' (line 2 of its script), which none of its"
        " volumes and none of its image's folders covers: mount a volume there, or run it with"
        " RUNTIME=docker (or podman)"
    ) or ("Path('/nowhere/x')" in sentence and "(line 2 of its script)" in sentence)


@pytest.mark.parametrize(
    "line",
    [
        'open(f"/{name}", "w")',
        'open("/" + name, "w")',
        'open("/%s" % name, "w")',
        'open("/{}".format(name), mode=mode)',
        'os.makedirs(os.path.join("/", "results", name))',
        'Path("/", name).write_text("")',
        '(Path("/") / name).touch()',
        'top = "/"; open(top + name, "x")',
        'frame.to_csv(f"/{name}.csv")',
        'open(f"/nowhere/{name}", "w")',
    ],
)
def test_a_computed_path_that_is_written_to_is_refused(runtime: ProcessRuntime, line: str):
    found = runtime.refusals(workflow(script(line, volumeMounts=MOUNT), volumes=CLAIM))
    (sentence,) = (each for each in found if "claim" not in each)
    assert sentence.startswith("template 'main' writes to ")
    assert "(line 1 of its script), a path that it computes: in RUNTIME=process" in sentence
    assert sentence.endswith("run it with RUNTIME=docker (or podman), or allow user namespaces")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('open(f"/{name}")', "computes the path f'/{name}'"),
        ('path = f"/{name}"', "computes the path f'/{name}'"),
        ('path = os.path.join("/", name)', "computes the path os.path.join('/', name)"),
        ('write(to="/nowhere/x")', "names the path '/nowhere/x'"),
        ('run(["cat", "/nowhere/x"])', "names the path '/nowhere/x'"),
        ('paths.remove("/nowhere/x")', "names the path '/nowhere/x'"),
        ('OUT = "/nowhere/x"', "names the path '/nowhere/x'"),
        ('"/{{inputs.parameters.x}}".strip(); y = "/{{inputs.parameters.x}}"', "computes the path"),
    ],
)
def test_what_may_lead_to_the_machine_is_told(runtime: ProcessRuntime, line: str, shown: str):
    made = workflow(script(f"\n{line}"))
    assert runtime.refusals(made) == []
    (sentence,) = runtime.warnings(made)
    assert sentence.startswith(f"template 'main' {shown}")
    assert "(line 2 of its script)" in sentence and "RUNTIME=docker" in sentence


@pytest.mark.parametrize(
    "line",
    [
        'print("/nowhere/x", f"/{name}")',
        'logging.info("/nowhere/x")',
        '"/nowhere/x"',
        "# open('/nowhere/x')",
        '"""The paths\n/nowhere/x\n"""',
        're.compile("/a/b"); re.sub("/a", "/b", text)',
        'text.replace("/a", "/b"); text.split("/a"); "/a".join(words)',
        'if name.startswith("/nowhere") or name == "/nowhere/x": pass',
        'if os.path.exists("/nowhere/x"): pass',
        'client.get("/api/items"); requests.post(f"http://host/{name}")',
        'url = "https://host/nowhere"; url = base + "/" + name',
        'open("/etc/hostname"); open("/usr/share/x"); open("/dev/null", "w")',
        'open("/proc/self/status"); os.listdir("/sys/class")',
        'open("/tmp/x", "w"); open(f"/tmp/{name}", "w"); open("/root/x", "a")',
        'open("/results/x", "w"); open(f"/results/{name}/x", "w"); Path("/results").mkdir()',
        'open(os.path.join("/results", name), "w"); open("/results/" + name, "w")',
        'OUT = Path("/results"); (OUT / name).write_text("")',
        'open("relative", "w"); open(name, "w"); open(f"{name}/x", "w"); a = b / c; 3 / 4',
        "words = 'a / b'; x = '/'; y = '//'; z = '/ not a path'; w = '/a|b/'",
        "this is no Python /nowhere/x",
    ],
)
def test_what_is_fine(project: Project, runtime: ProcessRuntime, line: str):
    project.objects.add_claim("data")
    made = workflow(script(line, volumeMounts=MOUNT), volumes=CLAIM)
    assert runtime.refusals(made) == []
    assert runtime.warnings(made) == []


def test_the_systems_own_files_are_not_written_to(runtime: ProcessRuntime):
    (sentence,) = runtime.refusals(workflow(script('open("/etc/hosts", "a")')))
    assert "writes to '/etc/hosts' (line 1 of its script)" in sentence


def test_a_name_that_is_given_twice_is_not_known():
    assert python_paths('a = "/x"\na = y\nopen(a)')[-1].opened is False
    assert python_paths('for a in b: a = "/x"\nopen(a)')[-1].opened is False
    assert python_paths('def f(a):\n open(a)\na = "/x"')[-1].opened is False


@pytest.mark.parametrize("source", ["x = " + "-" * 100_000 + "1", "(" * 10_000, "\0", "open(" * 99])
def test_a_source_that_cannot_be_read_says_nothing(source: str):
    assert python_paths(source) == ()


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("echo x > /nowhere/x", "uses the path '/nowhere/x'"),
        ("echo x >> '/nowhere/x'", "uses the path '/nowhere/x'"),
        ("mkdir -p /nowhere/x && true", "uses the path '/nowhere/x'"),
        ("for i in 1 2; do touch /nowhere/x; done", "uses the path '/nowhere/x'"),
        ("cat /nowhere/x | wc", "uses the path '/nowhere/x'"),
        ("name=a\necho x > /$name", "writes to '/$name'"),
        ('echo x > "/${name}"', "writes to '/${name}'"),
        ("cp x /nowhere/$name", "writes to '/nowhere/$name'"),
        ("echo x > /etc/hosts", "writes to '/etc/hosts'"),
    ],
)
def test_a_script_of_a_shell(runtime: ProcessRuntime, code: str, refused: str):
    (sentence,) = runtime.refusals(workflow(script(f"#!/bin/sh\n{code}\n", command="sh")))
    assert refused in sentence and "of its script" in sentence


@pytest.mark.parametrize(
    "code",
    [
        "# > /nowhere/x",
        "echo /nowhere/x; printf '/nowhere/x'",
        "sed -e '/x/d' a | awk '/foo/ {print}' | grep /nowhere",
        "curl https://host/nowhere/x",
        "echo x > /dev/null 2>&1; cat < /etc/hostname",
        "echo x > /results/$name; cp a /results/x; mkdir -p /tmp/x",
        "cp /etc/hosts /usr/share/x /tmp/; ln -s /usr/bin/python3 /tmp/python",
        "/usr/bin/env python -V",
        "echo 'it is",
    ],
)
def test_a_script_of_a_shell_that_is_fine(project: Project, runtime: ProcessRuntime, code: str):
    project.objects.add_claim("data")
    made = workflow(
        script(f"#!/bin/sh\n{code}\n", command="bash", volumeMounts=MOUNT), volumes=CLAIM
    )
    assert runtime.refusals(made) == []
    assert runtime.warnings(made) == []


def test_what_a_shells_script_may_use_is_told(runtime: ProcessRuntime):
    made = workflow(script("python x.py /nowhere/x /$name\n", command="sh"))
    assert runtime.refusals(made) == []
    (sentence,) = runtime.warnings(made)
    assert "names the path '/nowhere/x' (line 1 of its script)" in sentence
    assert "(and 1 more like it)" in sentence


def test_shell_code_of_a_command(runtime: ProcessRuntime):
    (sentence,) = runtime.refusals(workflow(shell("echo x > /$HOSTNAME")))
    assert "writes to '/$HOSTNAME' (line 1 of its command)" in sentence
    (sentence,) = runtime.refusals(
        workflow(
            {
                "container": {
                    **shell("")["container"],
                    "command": ["python", "-c"],
                    "args": ['open("/nowhere/x", "w")'],
                }
            }
        )
    )
    assert "'/nowhere/x' (line 1 of its command)" in sentence


def test_a_path_that_a_parameter_completes(runtime: ProcessRuntime):
    leaf = {
        "name": "leaf",
        "inputs": {"parameters": [{"name": "x"}]},
        **script('open("{{inputs.parameters.x}}/y", "w")'),
    }
    task = {"name": "t", "template": "leaf"}
    steps = {
        "name": "main",
        "steps": [[{**task, "arguments": {"parameters": [{"name": "x", "value": "/nowhere"}]}}]],
    }
    (sentence,) = runtime.refusals(workflow(steps, leaf))
    assert "template 'leaf' uses the path '/nowhere/y'" in sentence
    steps["steps"][0][0]["arguments"]["parameters"][0]["value"] = "/tmp/z"
    assert runtime.refusals(workflow(steps, leaf)) == []


def test_heras_example_leaves_nothing_on_the_machine(run, runtime: ProcessRuntime, tmp_path: Path):
    name = f"hera-{tmp_path.name}"
    source = (
        f'for output in ["{name}"]:\n    with open(f"/{{output}}", "w") as file:\n        pass\n'
    )
    template = {
        **script(source),
        "outputs": {"parameters": [{"name": "a", "valueFrom": {"path": f"/{name}"}}]},
    }
    (sentence,) = runtime.refusals(workflow(template))
    assert "writes to f'/{output}' (line 2 of its script)" in sentence
    # As it is known at run time alone, too.
    result, _ = run(template)
    assert (result.exit_code, result.error, result.message) == (None, True, sentence)
    assert not Path("/", name).exists()


def test_a_claim_that_is_not_mounted_leaves_nothing_on_the_machine(run, tmp_path: Path):
    folder = f"/results-{tmp_path.name}"
    source = f'import os\nos.makedirs("{folder}", exist_ok=True)\nopen("{folder}/x", "w")\n'
    result, _ = run(script(source))
    assert result.error and f"uses the path '{folder}' (line 2 of its script)" in result.message
    assert not Path(folder).exists()


def test_an_output_that_nothing_names_is_told(runtime: ProcessRuntime):
    outputs = {"outputs": {"parameters": [{"name": "a", "valueFrom": {"path": "/made/a"}}]}}
    (sentence,) = runtime.warnings(workflow({**script("import tool; tool.run()"), **outputs}))
    assert "has its output parameter 'a' in /made/a, which neither" in sentence
    for source in (
        'open("/made/a", "w")',
        'Path("/made").mkdir()',
        "x = '{{inputs.parameters.x}}'",
    ):
        assert runtime.warnings(workflow({**script(source), **outputs})) == []


DOCKERFILE = 'FROM python:3.13\nWORKDIR /app\nCOPY . .\nENTRYPOINT ["python", "chart.py"]\n'


@pytest.mark.parametrize(
    ("code", "refused", "told"),
    [
        ('open("/results/x", "w")', True, False),
        ('open(f"/{name}", "w")', True, False),
        ('open("/tmp/x", "w")', False, True),
        ('open("/app/settings")', False, True),
        ('parser.add_argument("--out", default="/results")', False, False),
        ('open(arguments.out / "x", "w"); open("/etc/hostname")', False, False),
    ],
)
def test_a_containers_own_program(
    project: Project, runtime: ProcessRuntime, code: str, refused: bool, told: bool
):
    image = project.container("chart", DOCKERFILE, chart_py=code)
    project.objects.add_claim("data")
    made = workflow({"container": {"image": image, "volumeMounts": MOUNT}}, volumes=CLAIM)
    found = runtime.refusals(made)
    assert bool(found) is refused
    assert all("(line 1 of containers/chart/chart.py)" in each for each in found)
    told_of = runtime.warnings(made)
    assert bool(told_of) is told
    assert all("(line 1 of containers/chart/chart.py)" in each for each in told_of)


def test_what_is_known_of_a_path():
    assert python_paths('x = 1\nopen(f"/results/{name}.csv", "w")') == (
        PathUse("/results/", "f'/results/{name}.csv'", 2, True, True, True),
    )
    assert shell_paths("true\ncat /a/$b") == (PathUse("/a/", "'/a/$b'", 2, True, True, False),)
