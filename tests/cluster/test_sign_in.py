"""Signing in: four ways, tried before they are kept, and never a token on the screen."""

import os
import pty
import re
import select
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from argo_front import Front, free_port
from real_cluster import Done, Project, RealCluster

Submit = Callable[..., Done]


@pytest.fixture
def token(cluster: RealCluster, project: Project, namespace: str) -> str:
    token = cluster.token("argo-user", namespace)
    project.secrets.append(token)
    return token


@pytest.fixture
def block(front: Front, token: str, namespace: str) -> str:
    """What the button of Argo's user interface copies, the command to try included."""
    return f"""export ARGO_SERVER='localhost:{front.port}'
export ARGO_HTTP1=true
export ARGO_SECURE=true
export ARGO_BASE_HREF=/argo
export ARGO_TOKEN='Bearer {token}'
export ARGO_NAMESPACE={namespace} ;# or whatever your namespace is
export KUBECONFIG=/dev/null ;# recommended

# check it works:
argo list
"""


def profile(project: Project, name: str = "mine") -> Path:
    return project.folder / "clusters" / f"{name}.config"


def sign_in(project: Project, *options: str, text: str | None = None, **environ: str) -> Done:
    return project.run("hera_utils", "sign-in", "--cluster=mine", *options, text=text, **environ)


class TestByOptions:
    def test_kubeconfig_and_service_account(
        self, project: Project, cluster: RealCluster, namespace: str, submit: Submit
    ) -> None:
        done = sign_in(
            project,
            "--preset=kubeconfig",
            f"--k8s_config_file={os.path.relpath(cluster['KUBECONFIG'], project.folder)}",
            f"--argo_server=http://{cluster['ARGO_SERVER']}/workflows/argo",
            f"--argo_namespace={namespace}",
            "--argo_service_account=argo-user",
        )
        assert done.status == 0, done.err
        assert "the service account 'argo-user'" in done.err
        assert done.err.rstrip().endswith("next: make check-cluster CLUSTER=mine")
        lines = profile(project).read_text().splitlines()
        assert f"KUBECONFIG={cluster['KUBECONFIG']}" in lines
        assert f"ARGO_SERVER={cluster['ARGO_SERVER']}" in lines
        assert "ARGO_SECURE=false" in lines
        assert "ARGO_TOKEN" not in profile(project).read_text()
        assert stat.S_IMODE(profile(project).stat().st_mode) == 0o600
        assert submit("--cluster=mine").status == 0

    def test_the_block_of_argos_user_interface(
        self, project: Project, block: str, front: Front, submit: Submit, token: str
    ) -> None:
        authority = {"REQUESTS_CA_BUNDLE": str(front.authority)}
        done = sign_in(project, "--preset=argo-ui", "--from=-", text=block, **authority)
        assert done.status == 0, done.err
        assert token in profile(project).read_text()
        assert submit("--cluster=mine", **authority).status == 0
        kept = "REQUESTS_CA_BUNDLE in the environment holds for this cluster too"
        assert kept in done.err

    def test_a_token_protected_server_with_its_own_authority(
        self, project: Project, front: Front, token: str, namespace: str, submit: Submit
    ) -> None:
        done = sign_in(
            project,
            "--preset=token",
            f"--argo-server=https://localhost:{front.port}/argo",
            f"--argo-namespace={namespace}",
            f"--ca-bundle={os.path.relpath(front.authority, project.folder)}",
            ARGO_TOKEN=token,
        )
        assert done.status == 0, done.err
        assert f"REQUESTS_CA_BUNDLE={front.authority}" in profile(project).read_text()
        assert "KUBECONFIG" not in profile(project).read_text()
        assert submit("--cluster=mine").status == 0

    def test_git_takes_no_token(
        self, project: Project, block: str, front: Front, token: str, submit: Submit
    ) -> None:
        """Wherever a token may be written, and whatever is run with it: git ignores that place."""
        authority = {"REQUESTS_CA_BUNDLE": str(front.authority)}
        options = ("--preset=argo-ui", "--from=-", "--yes=1")
        settings = block.partition("# check it works")[0]
        for changed in ("", "export ARGO_INSECURE_SKIP_VERIFY=false\n"):
            # The second time keeps what the profile said before.
            done = sign_in(project, *options, text=block + changed, **authority)
            assert done.status == 0, done.err
            for name in (".env", "hera.config", "hera.bash"):
                project.write(name, settings)
            project.commit()
        assert submit("--cluster=mine", **authority).status == 0
        assert submit(**authority).status == 0
        project.run("hera_utils", "config", **authority)
        project.run("hera_utils", "check-cluster", "--cluster=mine", "submit.py", **authority)
        assert profile(project).exists() and profile(project, "mine.previous").exists()
        project.commit()
        committed = project.assert_history_holds_no_secret()
        assert {"submit.py", "environment.py", "experiment.toml"} <= set(committed)
        assert not [name for name in committed if "config" in name or "env" in name.split("/")[-1:]]

    def test_what_does_not_work_is_not_written_unless_forced(
        self, project: Project, cluster: RealCluster, namespace: str
    ) -> None:
        options = (
            "--preset=token",
            f"--argo_server=http://{cluster['ARGO_SERVER']}",
            f"--argo_namespace={namespace}",
            "--from=token.txt",
        )
        project.write("token.txt", "ARGO_TOKEN='this-is-no-token'\n")
        project.secrets.append("this-is-no-token")
        done = sign_in(project, *options)
        assert done.status == 1
        assert "does not accept the token" in done.err
        assert "FORCE=1" in done.err
        assert not list((project.folder / "clusters").iterdir())
        done = sign_in(project, *options, "--force=1")
        assert done.status == 0, done.err
        assert "does not accept the token" in done.err
        assert profile(project).exists()

    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            (("--preset=magic",), "no way to sign in is named 'magic'"),
            ((), "for the way to sign in"),
            (("--preset=token",), "ARGO_SERVER is missing"),
            (("--preset=token", "--from=absent.txt"), "cannot read absent.txt"),
            (("--preset=token", "--cluster=../x"), "cannot be the name of a cluster"),
            (("--preset=token", "--cluster=local"), "needs no sign-in"),
            (("--preset=token", "--force=perhaps"), "neither yes nor no"),
            (
                ("--preset=token", "--argo_server=a b", "--argo_token=x", "--argo_namespace=x"),
                "is not the address of an Argo server",
            ),
        ],
    )
    def test_bad_input_is_one_sentence(
        self, options: tuple[str, ...], sentence: str, project: Project
    ) -> None:
        done = sign_in(project, *options)
        assert done.status == 1
        assert sentence in done.err
        assert len(done.err.splitlines()) == 1
        assert not (project.folder / "clusters").exists()


class TestExistingProfile:
    OLD = "# mine\nARGO_SERVER=old.example.org:443\nARGO_TOKEN=old-secret\nREGISTRY=reg/me\n"

    def again(self, project: Project, cluster: RealCluster, namespace: str, *more: str) -> Done:
        project.secrets.append("old-secret")
        return sign_in(
            project,
            "--preset=kubeconfig",
            f"--k8s_config_file={cluster['KUBECONFIG']}",
            f"--argo_server=http://{cluster['ARGO_SERVER']}",
            f"--argo_namespace={namespace}",
            "--argo_service_account=argo-user",
            *more,
        )

    def test_shows_the_changes_and_is_kept_without_consent(
        self, project: Project, cluster: RealCluster, namespace: str
    ) -> None:
        project.write("clusters/mine.config", self.OLD)
        done = self.again(project, cluster, namespace)
        assert done.status == 1
        change = f"~ ARGO_SERVER=old.example.org:443 -> {cluster['ARGO_SERVER']}"
        assert change in done.err
        assert "- ARGO_TOKEN=********" in done.err
        assert "+ ARGO_SERVICE_ACCOUNT=argo-user" in done.err
        assert "REGISTRY" not in done.err
        assert profile(project).read_text() == self.OLD

    def test_consent_keeps_the_old_one_beside_and_what_is_not_of_the_cluster(
        self, project: Project, cluster: RealCluster, namespace: str
    ) -> None:
        project.write("clusters/mine.config", self.OLD)
        done = self.again(project, cluster, namespace, "--yes=1")
        assert done.status == 0, done.err
        assert "old-secret" not in profile(project).read_text()
        assert "REGISTRY=reg/me" in profile(project).read_text()
        previous = profile(project, "mine.previous")
        assert previous.read_text() == self.OLD
        assert stat.S_IMODE(previous.stat().st_mode) == 0o600

    def test_a_second_time_nothing_changes(
        self, project: Project, cluster: RealCluster, namespace: str
    ) -> None:
        assert self.again(project, cluster, namespace).status == 0
        before = profile(project).stat().st_mtime_ns
        done = self.again(project, cluster, namespace)
        assert done.status == 0
        assert "says so already" in done.err
        assert profile(project).stat().st_mtime_ns == before


class TestPortForwardPreset:
    def test_opens_one_for_the_trial(
        self, project: Project, cluster: RealCluster, relayed_argo: str
    ) -> None:
        port = free_port()
        done = sign_in(
            project,
            "--preset=port-forward",
            f"--k8s_config_file={cluster['KUBECONFIG']}",
            f"--argo_server=127.0.0.1:{port}",
            "--argo_secure=false",
            f"--argo_namespace={relayed_argo}",
            "--argo_service_account=argo-user",
        )
        assert done.status == 0, done.err
        assert f"make port-forward CLUSTER=mine PORT={port}" in done.err


class Screen:
    """A person at a terminal who types ``sign-in``."""

    def __init__(self, project: Project, *options: str, **environ: str) -> None:
        self.seen = ""
        self._told = 0
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hera_utils", "sign-in", "--cluster=mine", *options],
            cwd=project.folder,
            env={**project.environ, **environ},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def wait_for(self, text: str, seconds: float = 40) -> None:
        """Wait until ``text`` is seen after what was waited for before."""
        end = time.monotonic() + seconds
        while text not in self.seen[self._told :]:
            assert time.monotonic() < end, f"no {text!r} in {self.seen!r}"
            if select.select([self._master], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self._master, 65536).decode(errors="replace")
                except OSError:
                    assert text in self.seen[self._told :], self.seen
        self._told = self.seen.index(text, self._told) + len(text)

    def type(self, text: str) -> None:
        data = text.encode()
        while data:
            data = data[os.write(self._master, data[:512]) :]

    def enter_for(self, *names: str) -> None:
        """Answer the questions of what the experiment uses there by nothing."""
        for name in names:
            self.wait_for(f"\n{name}: ")
            self.wait_for(f"\n{name}: ")
            self.type("\n")

    def end(self) -> int:
        status = self.process.wait(40)
        while select.select([self._master], [], [], 0.2)[0]:
            try:
                self.seen += os.read(self._master, 65536).decode(errors="replace")
            except OSError:
                break
        os.close(self._master)
        return status


class TestAtATerminal:
    def test_pastes_the_block_of_argos_user_interface(
        self, project: Project, block: str, front: Front, token: str
    ) -> None:
        screen = Screen(project, REQUESTS_CA_BUNDLE=str(front.authority))
        screen.wait_for("1 to 4: ")
        screen.type("2\n")
        screen.wait_for("Ctrl-D.")
        time.sleep(0.3)
        screen.type(block)
        screen.type("\x04")
        screen.enter_for("KUBEVOLUMECLAIMNAME", "REGISTRY")
        screen.wait_for("next: make check-cluster CLUSTER=mine")
        assert screen.end() == 0
        assert token not in screen.seen
        assert token in profile(project).read_text()

    def test_corrects_a_value_and_hides_the_token(
        self, project: Project, cluster: RealCluster, namespace: str, token: str
    ) -> None:
        screen = Screen(project, "--preset=token")
        screen.wait_for("ARGO_SERVER: ")
        screen.type(cluster["ARGO_SERVER"] + "\n")
        screen.wait_for("(not shown): ")
        time.sleep(0.3)
        screen.type(token + "\n")
        screen.wait_for("ARGO_NAMESPACE: ")
        screen.type(namespace + "\n")
        screen.wait_for("REQUESTS_CA_BUNDLE: ")
        screen.type("\n")
        screen.wait_for("speaks plain HTTP")
        screen.wait_for("> ")
        screen.type("ARGO_SECURE=false\n")
        screen.enter_for("KUBEVOLUMECLAIMNAME", "REGISTRY")
        screen.wait_for("next: make check-cluster")
        assert screen.end() == 0
        assert token not in screen.seen
        assert "ARGO_SECURE=false" in profile(project).read_text()

    def test_leaves_without_a_trace_and_insists(self, project: Project, namespace: str) -> None:
        options = (
            "--preset=token",
            "--argo_server=127.0.0.1:9",
            "--argo_token=abc",
            f"--argo_namespace={namespace}",
            "--ca_bundle=",
        )
        screen = Screen(project, *options)
        screen.wait_for("nothing listens")
        screen.wait_for("> ")
        screen.type("\n")
        assert screen.end() == 1
        assert not list((project.folder / "clusters").iterdir())
        screen = Screen(project, *options)
        screen.wait_for("> ")
        screen.type("write\n")
        assert screen.end() == 0
        assert re.search("^ARGO_TOKEN=abc$", profile(project).read_text(), re.MULTILINE)
