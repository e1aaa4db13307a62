"""A healthy place on the real cluster, to be broken in one way: namespace, person, settings."""

from __future__ import annotations

import argparse
import copy
import io
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml

from hera_experiment.argo.objects import Captured, Submitted
from hera_experiment.check.catalogue import CATALOGUE
from hera_experiment.check.outcome import Outcome, Status
from hera_experiment.check.report import TextReport, as_json, as_junit, exit_status, first_step
from hera_experiment.check.runner import Result, run
from hera_experiment.check.target import CheckTarget
from hera_experiment.experiment import Experiment
from hera_utils.cli_context import CLIContext

_TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]+\.[\w-]*")
_COMMAND = re.compile(r"((?:kubectl|docker) .*)$")


class Admin(Protocol):
    """The administrator of a cluster."""

    def kubectl(self, *arguments: str, text: str | None = None, check: bool = True) -> str: ...


@dataclass
class Report:
    """What one run of the checks found."""

    results: dict[str, Result]
    text: str

    def __getitem__(self, code: str) -> Outcome:
        return self.results[code].outcome

    def having(self, status: Status) -> set[str]:
        return {code for code, each in self.results.items() if each.outcome.status is status}

    @property
    def failed(self) -> set[str]:
        return self.having(Status.FAILURE)

    @property
    def unknown(self) -> set[str]:
        return self.having(Status.UNKNOWN)

    @property
    def status(self) -> int:
        return exit_status(self.results.values())


@dataclass
class Place:
    """Where and as whom the checks are made.

    ``settings`` are environment variables, ``manifest`` the workflow that would be submitted.
    Whatever is shown is searched for ``secrets`` and for anything that looks like a token.
    """

    admin: Admin
    admin_kubeconfig: str
    program_path: str
    namespace: str
    folder: Path
    settings: dict[str, str]
    manifest: dict[str, Any]
    secrets: list[str] = field(default_factory=list)
    find_submitted: Callable[[], Captured] | None = None

    @property
    def kubeconfig(self) -> Path:
        return Path(self.settings["KUBECONFIG"])

    @property
    def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = self.manifest["spec"]
        return spec

    @property
    def main(self) -> dict[str, Any]:
        """The container of the first template."""
        container: dict[str, Any] = self.spec["templates"][0]["container"]
        return container

    def context(self) -> CLIContext:
        experiment = Experiment.find(self.folder)
        return CLIContext.resolve(argparse.Namespace(), experiment, self.settings, self.folder)

    def target(self, timeout: float = 10) -> CheckTarget:
        find = self.find_submitted or (lambda: Captured([Submitted(copy.deepcopy(self.manifest))]))
        return CheckTarget(self.context(), find, timeout=timeout, environ=self.settings)

    def check(self, timeout: float = 10) -> Report:
        found = {
            each.check.code: each
            for each in run(CATALOGUE, self.target(timeout), limit=4 * timeout)
        }
        results = [found[each.code] for each in CATALOGUE]
        out = io.StringIO()
        text = TextReport(CATALOGUE, out)
        for each in results:
            text.add(each)
        text.close()
        shown = out.getvalue() + as_json(results) + as_junit(results)
        self.assert_no_secret(shown)
        assert "the check itself failed" not in shown, shown
        assert out.getvalue().splitlines()[-2] == first_step(results)
        return Report({each.check.code: each for each in results}, out.getvalue())

    def assert_no_secret(self, text: str) -> None:
        assert not _TOKEN.search(text), "a token was shown"
        assert not any(each and each in text for each in self.secrets), "a secret was shown"

    def assert_alone(self, code: str) -> Outcome:
        """Assert that ``code`` alone fails, and says what to do; return its outcome."""
        report = self.check()
        assert report.failed == {code}, report.text
        assert report.status == 1
        outcome = report[code]
        assert outcome.cause and outcome.advice and "\n" not in outcome.advice, report.text
        return outcome

    def assert_well(self, code: str) -> Report:
        """Assert that ``code`` is √ and nothing fails, at once or once the cluster knows."""
        end = time.monotonic() + 15
        while True:
            report = self.check()
            well = not report.failed and report[code].status is Status.OK
            if well or time.monotonic() > end:
                break
            time.sleep(0.2)
        assert well, report.text
        return report

    def paste(self, outcome: Outcome, **capitals: str) -> None:
        """Be the administrator who applies the printed YAML, its capitals filled in."""
        text = outcome.paste
        for word, value in capitals.items():
            text = text.replace(word, value)
        assert text
        self.admin.kubectl("apply", "-f", "-", text=text)

    def type(self, outcome: Outcome, **capitals: str) -> str:
        """Type the command that the advice ends with, its capitals filled in."""
        found = _COMMAND.search(outcome.advice)
        assert found, outcome.advice
        command = found[1]
        for word, value in capitals.items():
            command = command.replace(word, value)
        return self.shell(command)

    def shell(self, command: str) -> str:
        """Type ``command``: kubectl is the administrator's where it names no kubeconfig."""
        environ = {
            "PATH": f"{self.program_path}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "KUBECONFIG": self.admin_kubeconfig,
            **{k: v for k, v in self.settings.items() if k == "DOCKER_CONFIG"},
            "DOCKER_BUILDKIT": "0",
        }
        done = subprocess.run(
            ["bash", "-c", command], env=environ, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return done.stdout

    def change_kubeconfig(self, change: Callable[[dict[str, Any]], None]) -> None:
        document = yaml.safe_load(self.kubeconfig.read_text())
        change(document)
        self.kubeconfig.write_text(yaml.safe_dump(document))

    @contextmanager
    def saved_kubeconfig(self) -> Iterator[Callable[[], None]]:
        """Yield what puts the kubeconfig back, as a new one from the administrator would be."""
        text = self.kubeconfig.read_text()
        yield lambda: self.kubeconfig.write_text(text) and None


def kubeconfig_text(
    server: str, authority: str, user: Mapping[str, Any], name: str = "person"
) -> str:
    """Return a kubeconfig with one cluster, user and context."""
    cluster = {"server": server, **({"certificate-authority": authority} if authority else {})}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": name, "user": dict(user)}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
            "current-context": "test",
        }
    )


def objects_of(namespace: str, submit: str = "", more: str = "") -> str:
    """Return what an administrator prepares for one person, ``alice``, in a fresh namespace.

    ``pods`` is the account of the pods; ``both`` may do what both may, as PaGoDA hands it out.
    ``submit`` takes the place of alice's rules about workflows, pods, logs and tokens; ``more`` is
    added to them.
    """
    submit = submit or RULES
    return f"""
apiVersion: v1
kind: Namespace
metadata: {{name: {namespace}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: alice, namespace: {namespace}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: pods, namespace: {namespace}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: both, namespace: {namespace}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: person, namespace: {namespace}}}
rules:
{submit}
{READING}
{more}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: executor, namespace: {namespace}}}
rules:
- {{apiGroups: [argoproj.io], resources: [workflowtaskresults], verbs: [create, patch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: person, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: person}}
subjects:
- {{kind: ServiceAccount, name: alice, namespace: {namespace}}}
- {{kind: ServiceAccount, name: both, namespace: {namespace}}}
- {{kind: User, name: bob, apiGroup: rbac.authorization.k8s.io}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: executor, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: executor}}
subjects:
- {{kind: ServiceAccount, name: pods, namespace: {namespace}}}
- {{kind: ServiceAccount, name: both, namespace: {namespace}}}
"""


WORKFLOW_RULE = """\
- apiGroups: [argoproj.io]
  resources: [workflows]
  verbs: [create, get, list, watch, update, patch, delete]
"""
PODS_RULE = "- {apiGroups: [''], resources: [pods], verbs: [get, list, watch]}\n"
LOGS_RULE = "- {apiGroups: [''], resources: [pods/log], verbs: [get]}\n"
TOKEN_RULE = "- {apiGroups: [''], resources: [serviceaccounts/token], verbs: [create]}\n"
RULES = WORKFLOW_RULE + PODS_RULE + LOGS_RULE + TOKEN_RULE
SECRETS_RULE = "- {apiGroups: [''], resources: [secrets], verbs: [get]}\n"
READING = """\
- apiGroups: ['']
  resources:
  - namespaces
  - configmaps
  - persistentvolumeclaims
  - serviceaccounts
  - resourcequotas
  - limitranges
  - events
  verbs: [get, list, watch]
- {apiGroups: [authorization.k8s.io], resources: [localsubjectaccessreviews], verbs: [create]}
"""


def workflow_of(namespace: str, image: str, account: str = "pods") -> dict[str, Any]:
    """Return a small workflow whose tasks run at once."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "checked-", "namespace": namespace},
        "spec": {
            "entrypoint": "dag",
            "serviceAccountName": account,
            "templates": [
                {"name": "one", "container": {"image": image, "command": ["/probe"]}},
                {
                    "name": "dag",
                    "dag": {
                        "tasks": [
                            {"name": "a", "template": "one"},
                            {"name": "b", "template": "one"},
                        ]
                    },
                },
            ],
        },
    }


def one_pod_at_a_time(place: Place) -> None:
    """Make the workflow of ``place`` a single pod."""
    place.spec["entrypoint"] = "one"
    del place.spec["templates"][1]


def uses_claim(place: Place, name: str) -> None:
    """Make the workflow of ``place`` use the claim ``name``."""
    place.settings["KUBEVOLUMECLAIMNAME"] = name
    place.spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]
    place.main["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
