"""What a script would submit is learned without a cluster."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hera_experiment.check.capture import capture
from hera_experiment.check.outcome import CannotTell
from hera_experiment.check.requirements import Requirements
from hera_experiment.errors import UserError
from hera_utils.cli_context import CLIContext, parse_arguments

SECRET = "token-s3cret"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    # Addresses at which nothing could answer: a request there would be an error.
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "KUBECONFIG": str(tmp_path / "absent"),
        "ARGO_SERVER": "127.0.0.1:9",
        "ARGO_BASE_HREF": "/argo",
        "ARGO_TOKEN": SECRET,
        "ARGO_NAMESPACE": "lab",
        "ARGO_SERVICE_ACCOUNT": "pods",
        "KUBEVOLUMECLAIMNAME": "results",
        "KUBECONFIGMAP": "settings",
        "REGISTRY": "registry.example.org/project",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }


@pytest.fixture
def context(tmp_path: Path, environ: dict[str, str]) -> CLIContext:
    (tmp_path / "experiment.toml").write_text('[experiment]\nname = "Try"\nslug = "try"\n')
    return parse_arguments(argv=[], environ=environ, folder=tmp_path, home=tmp_path)


WORKFLOW = """
from hera.workflows import Container, Workflow
with Workflow(generate_name="try-", entrypoint="main") as w:
    Container(name="main", image="any", command=["true"])
"""

EXPERIMENT = f"""
import hera_utils
args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
cluster.assert_volume_claim(args.k8s_volume_claim_name)
hera_utils.argo_server(cluster, args).define_argo_server_part_of_environment()
from hera_utils import EnvironmentOfExecution
environment = EnvironmentOfExecution(
    cluster, args, claim_name=args.k8s_volume_claim_name, mount_path="/data",
    configmap_name=args.k8s_configmap_name, registry=args.registry,
)
from hera.workflows import Container, Workflow
with Workflow(generate_name="try-", entrypoint="main") as w:
    Container(
        name="main", image=environment.image("collect"), command=["true"],
        volumes=environment.volumes, env_from=environment.env_from,
    )
created = w.create(wait=True)
assert {SECRET!r} not in repr(vars(args)) + args.argo_token
"""


def test_an_experiment_keeps_its_needs(
    tmp_path: Path, context: CLIContext, environ: dict[str, str]
) -> None:
    script = tmp_path / "workflow.py"
    script.write_text(EXPERIMENT)
    container = tmp_path / "containers" / "collect"
    container.mkdir(parents=True)
    (container / "Dockerfile").write_text("FROM scratch\n")
    (submitted,) = capture(script, (), context, environ).objects
    manifest = submitted.manifest
    assert manifest["metadata"]["namespace"] == "lab"
    assert manifest["spec"]["serviceAccountName"] == "pods"
    container = manifest["spec"]["templates"][0]["container"]
    assert container["image"].startswith("registry.example.org/project/try-collect:")
    assert container["envFrom"][0]["configMapRef"]["name"] == "settings"
    assert Requirements([manifest]).claims == ["results"]
    assert SECRET not in str(manifest)
    assert not (tmp_path / ".hera" / "submissions").exists(), "something was recorded"


def test_a_script_that_names_a_server_of_its_own(
    tmp_path: Path, context: CLIContext, environ: dict[str, str]
) -> None:
    script = tmp_path / "own.py"
    head = """
import os, sys
from hera.shared import global_config
global_config.host = "https://127.0.0.1:9/argo/"
global_config.token = os.environ["ARGO_TOKEN"].replace("Bearer ", "")
global_config.namespace = sys.argv[1]
"""
    script.write_text(head + WORKFLOW + "w.create()\n")
    (submitted,) = capture(script, ("elsewhere",), context, environ).objects
    assert submitted.manifest["metadata"]["generateName"] == "try-"
    assert submitted.namespace == "elsewhere"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import absent_module\n", "No module named 'absent_module'"),
        ("def (:\n", "invalid syntax"),
        ("raise SystemExit(3)\n", "exit status 3"),
        ("import hera_utils\nraise hera_utils.UserError('no vintage', 'inputs.py')", "no vintage"),
    ],
)
def test_a_script_that_fails_is_named_with_what_it_said(
    tmp_path: Path, context: CLIContext, environ: dict[str, str], text: str, says: str
) -> None:
    script = tmp_path / "workflow.py"
    script.write_text(text)
    with pytest.raises(UserError) as caught:
        capture(script, (), context, environ)
    assert says in str(caught.value) and "workflow.py" in str(caught.value)


def test_a_script_that_submits_nothing_cannot_tell(
    tmp_path: Path, context: CLIContext, environ: dict[str, str]
) -> None:
    script = tmp_path / "workflow.py"
    script.write_text("print('nothing')\n")
    with pytest.raises(CannotTell, match="submits nothing"):
        capture(script, (), context, environ)
    with pytest.raises(CannotTell, match=r"no workflow.py"):
        capture(None, (), context, environ)


def test_what_a_script_does_after_its_submission_is_not_waited_for(
    tmp_path: Path, context: CLIContext, environ: dict[str, str]
) -> None:
    script = tmp_path / "workflow.py"
    script.write_text(WORKFLOW + "w.create()\nimport time\ntime.sleep(60)\n")
    begin = time.monotonic()
    captured = capture(script, (), context, environ)
    assert len(captured.objects) == 1 and not captured.remark
    assert time.monotonic() - begin < 30


SEVERAL = """
import time
from hera.workflows import ClusterWorkflowTemplate, CronWorkflow, WorkflowTemplate
from hera.workflows.models import WorkflowTemplateRef
w.create(wait=True)
time.sleep(0.5)
assert w.workflows_service.get_workflow(w.name).status.phase == "Succeeded"
with WorkflowTemplate(name="kept", entrypoint="main") as template:
    Container(name="main", image="any", command=["true"])
try:
    template.get()
except Exception:
    template.create()
template.update()
from hera.shared import global_config
namespace, global_config.namespace = global_config.namespace, None  # or Hera refuses
with ClusterWorkflowTemplate(name="shared", entrypoint="main") as shared:
    Container(name="main", image="any", command=["true"])
shared.create()
global_config.namespace = namespace
ref = WorkflowTemplateRef(name="kept")
with CronWorkflow(name="nightly", workflow_template_ref=ref, schedules=["0 3 * * *"]) as cron:
    pass
cron.create()
"""


def test_everything_that_a_script_submits(
    tmp_path: Path, context: CLIContext, environ: dict[str, str]
) -> None:
    script = tmp_path / "workflow.py"
    script.write_text(WORKFLOW + SEVERAL)
    captured = capture(script, (), context, environ)
    assert captured.remark == ""
    assert [(each.kind.name, each.name) for each in captured.objects] == [
        ("Workflow", "try-…"),
        ("WorkflowTemplate", "kept"),
        ("WorkflowTemplate", "kept"),
        ("ClusterWorkflowTemplate", "shared"),
        ("CronWorkflow", "nightly"),
    ]
    assert [each.namespace for each in captured.objects] == ["lab", "lab", "lab", "", "lab"]
    assert captured.objects[-1].templates_used == {"kept"}


def test_a_failure_after_a_submission_is_remarked(
    tmp_path: Path, context: CLIContext, environ: dict[str, str]
) -> None:
    script = tmp_path / "workflow.py"
    script.write_text(WORKFLOW + "w.create()\nraise RuntimeError('no results')\n")
    captured = capture(script, (), context, environ)
    assert len(captured.objects) == 1
    assert captured.remark == (
        "workflow.py failed after it submitted try-…: RuntimeError: no results"
    )


def test_no_token_reaches_the_script_whatever_its_arguments(
    tmp_path: Path, context: CLIContext, environ: dict[str, str]
) -> None:
    profile = tmp_path / "clusters" / "far.config"
    profile.parent.mkdir()
    profile.write_text(f"ARGO_SERVER=127.0.0.1:9\nARGO_TOKEN={SECRET}\n")
    profile.chmod(0o600)
    script = tmp_path / "workflow.py"
    script.write_text(
        f"""
import os, hera_utils
args = hera_utils.parse_arguments()
assert {SECRET!r} not in str(dict(os.environ)) + args.argo_token, "a token"
assert args.argo_server != "127.0.0.1:9" and args.cluster == "", args
{WORKFLOW}
w.create()
"""
    )
    arguments = ("--cluster=far", "--argo_server=127.0.0.1:9")
    assert not capture(script, arguments, context, environ).remark


def test_a_script_that_hangs_is_ended(
    tmp_path: Path, context: CLIContext, environ: dict[str, str]
) -> None:
    script = tmp_path / "workflow.py"
    script.write_text("import sys, time\nprint('x' * 10**6, file=sys.stderr)\ntime.sleep(60)\n")
    with pytest.raises(UserError, match="submitted nothing within 1 s"):
        capture(script, (), context, environ, limit=1)
