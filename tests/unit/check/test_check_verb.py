"""``check-cluster`` as it is typed, where nothing can be checked at all."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from recorded_cluster import RecordedServer

import hera_utils
from hera_experiment.errors import UserError
from hera_experiment.verbs.check_cluster import check_cluster
from hera_utils.cli_context import parse_arguments
from hera_utils.cluster import k8s_cluster

TEMPLATE = Path(hera_utils.__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "experiment.toml").write_text('[experiment]\nname = "Try"\nslug = "try"\n')
    return tmp_path


def typed(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "hera_utils", "check-cluster", *words],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(TEMPLATE),
            "HOME": str(folder),
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr and "s3cret" not in done.stdout + done.stderr
    return done


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--cluster", "absent"), "no cluster is named 'absent' (--cluster on the command line)"),
        (("--cluster", "local"), "this machine needs no check"),
        (("--timeout", "soon"), "'soon' is not a number of seconds (--timeout)"),
        (("--timeout", "0"), "a time-out of 0 s"),
        (("--wait", "-1"), "'-1' is not a number of seconds (--wait)"),
        (("absent.py",), "there is no script 'absent.py'"),
        (("--only", "CLAIM-BOND"), "'CLAIM-BOND' (--only): did you mean CLAIM-BOUND?"),
        (("--only", "scirpt,GPU"), "'SCIRPT' (--only): did you mean SCRIPT?"),
        (("--skip", "0123"), "'0123' (--skip): docs/check_cluster.md lists them"),
        (("--only", "PROBE"), "the probe is not asked for (--only): type make check-cluster PROBE"),
        (("--only", "GPU,IMAGES", "--skip", "IMAGES"), "IMAGES stands in --only too (--skip)"),
    ],
)
def test_a_wrong_option_is_one_sentence(folder: Path, words: tuple[str, ...], says: str) -> None:
    done = typed(folder, *words)
    assert done.returncode == 2
    assert says in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_settings_that_others_can_read_or_nobody(folder: Path) -> None:
    (folder / "clusters").mkdir()
    profile = folder / "clusters" / "mine.config"
    profile.write_text("ARGO_TOKEN=s3cret\n")
    profile.chmod(0o644)
    done = typed(folder, "--cluster", "mine")
    assert done.returncode == 2
    assert "chmod 600 ./clusters/mine.config" in done.stderr
    profile.unlink()
    done = typed(folder, ARGOCONFIG="/proc/self/mem")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    (folder / "hera.config").write_text("ARGO_TOKEN='s3cret\n")
    done = typed(folder)
    assert done.returncode == 2
    assert "./hera.config, line 1" in done.stderr


def test_without_any_setting_one_sentence_says_how_to_begin(folder: Path) -> None:
    done = typed(folder)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.count("\n") == 1 and "make sign-in CLUSTER=name" in done.stderr
    done = typed(folder, "-o", "json")
    assert done.returncode == json.loads(done.stdout)["exit"] == 1, "machines get what they read"
    (folder / "clusters").mkdir()
    for name in ("lab", "other"):
        (folder / "clusters" / f"{name}.config").write_text("")
    done = typed(folder)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "of lab, other" in done.stderr
    assert done.stderr.rstrip().endswith("make check-cluster CLUSTER=lab")


SCRIPT = """
import hera_utils

args = hera_utils.parse_arguments()
server = hera_utils.argo_server(hera_utils.k8s_cluster(args), args)
server.define_argo_server_part_of_environment()

from hera.workflows import Container, Workflow

with Workflow(generate_name="try-", entrypoint="main") as w:
    Container(name="main", image="a:1")
w.create()
"""


@pytest.mark.parametrize(
    ("environ", "code"),
    [
        ({"KUBECONFIG": "absent"}, "KUBECONFIG-FILE"),
        ({"ARGO_SERVER": "127.0.0.1:9"}, "ARGO-REACHABLE"),
        ({"ARGO_SERVER": "127.0.0.1:9", "ARGO_NAMESPACE": "lab"}, "ARGO-REACHABLE"),
    ],
)
def test_one_fault_is_one_failure(folder: Path, environ: dict[str, str], code: str) -> None:
    (folder / "workflow.py").write_text(SCRIPT)
    done = typed(folder, **environ)
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("× ")]
    assert failed[0] == code, done.stdout
    assert [each for each in failed[1:-1] if each != "ARGO-REACHABLE"] == [], done.stdout
    assert "√ SCRIPT" in done.stdout and "√ REGISTRY" not in done.stdout
    assert "‼" not in done.stdout, "what follows of the fault is no word of its own"


def test_what_is_chosen_is_what_is_checked(folder: Path) -> None:
    done = typed(folder, "--only", "kubeconfig-context", "-o", "json")
    document = json.loads(done.stdout)
    assert [each["code"] for each in document["checks"]] == [
        "KUBECONFIG-FILE",
        "KUBECONFIG-CONTEXT",
    ]
    assert len(document["left_out"]) == 37
    assert done.returncode == document["exit"] == 2, "it was asked for, and could not be checked"
    done = typed(folder, "--skip", "ARGO-REACHABLE, SCRIPT")
    assert "SCRIPT " not in done.stdout and "ARGO-TOKEN " in done.stdout
    assert done.stdout.splitlines()[-1].split(":")[0].startswith("about ")


def test_checks_of_a_laboratory_can_be_chosen(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def assert_gpu_quota(self: k8s_cluster) -> bool:
        """Assert that GPUs are left."""
        return True

    monkeypatch.setattr(k8s_cluster, "assert_gpu_quota", assert_gpu_quota, raising=False)
    environ = {"HOME": "/"}
    context = parse_arguments(argv=[], environ=environ, folder=folder, home=folder)
    out = io.StringIO()
    assert check_cluster(context, None, only="OWN-GPU-QUOTA", environ=environ, out=out) == 0
    assert "√ OWN-GPU-QUOTA  GPUs are left: holds" in out.getvalue()
    with pytest.raises(UserError, match="did you mean OWN-GPU-QUOTA"):
        check_cluster(context, None, skip="OWN-GPU-QUOTE", environ=environ, out=out)
    out = io.StringIO()
    check_cluster(context, None, skip="OWN-GPU-QUOTA", output="junit", environ=environ, out=out)
    names = [case.get("name") for case in ElementTree.fromstring(out.getvalue()).iter("testcase")]
    assert len(names) == 39 and not any("OWN" in str(name) for name in names)


@pytest.fixture
def black_hole() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_waiting_is_bounded_and_says_what_for(
    folder: Path, black_hole: int, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"ARGO_SERVER": f"127.0.0.1:{black_hole}", "ARGO_SECURE": "false", "HOME": "/"}
    context = parse_arguments(argv=[], environ=environ, folder=folder, home=folder)
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    out = io.StringIO()
    status = check_cluster(
        context,
        None,
        output="json",
        timeout=0.05,
        wait=5,
        environ=environ,
        out=out,
        sleep=sleep,
        clock=lambda: now[0],
    )
    assert status == 1 and now[0] == 5
    document = json.loads(out.getvalue())
    assert document["exit"] == 1
    waiting = capsys.readouterr().err.splitlines()
    assert len(waiting) == 3 and "ARGO-REACHABLE" in waiting[0]


def test_what_cannot_be_checked_is_status_2(folder: Path) -> None:
    """Argo's server answers, and there is neither a script nor a way to know more."""
    server = RecordedServer(
        {
            "GET /api/v1/version": (200, {"version": "v3.7.0"}),
            "GET /api/v1/workflows/lab": (200, {"items": None}),
        }
    )
    environ = {
        "ARGO_SERVER": server.address,
        "ARGO_SECURE": "false",
        "ARGO_NAMESPACE": "lab",
        "ARGO_TOKEN": "s3cret",
        "HOME": "/",
    }
    context = parse_arguments(argv=[], environ=environ, folder=folder, home=folder)
    out = io.StringIO()
    status = check_cluster(context, None, environ=environ, out=out)
    server.close()
    text = out.getvalue()
    assert status == 2, text
    assert text.splitlines()[-2].startswith("? could not check; first SCRIPT: there is no workflow")
    assert "s3cret" not in text
