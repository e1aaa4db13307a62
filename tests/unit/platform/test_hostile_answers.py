"""Whatever a server answers: a right value or one sentence, in bounded time and memory."""

from __future__ import annotations

import resource
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hostile_server import HostileServer

from hera_experiment.errors import UserError
from hera_experiment.platform import argo_logs, http_session
from hera_experiment.platform import kubernetes_reviews as reviews
from hera_experiment.platform.argo_client import ArgoClient, StreamBroken
from hera_experiment.platform.argo_logs import archived_log, clock_of, events_now, log_entries
from hera_experiment.platform.cluster import Kind
from hera_experiment.platform.credentials import ServiceAccountToken
from hera_experiment.platform.registry import Image, Registry
from hera_utils.cli_context import parse_arguments
from hera_utils.cluster import KubernetesCluster
from hera_utils.server import ArgoServer

PATIENCE = (0.5, 0.5)
MOST_SECONDS = 4.0
MOST_MEMORY = 300 << 20


def drawn(items: Iterator[Any]) -> list[Any]:
    return list(islice(items, 2000))


def calls(port: int, folder: Path) -> list[Callable[[], Any]]:
    """Return each way to ask a server; each makes its own client, as a verb does."""
    url = f"http://127.0.0.1:{port}/"
    kubeconfig = folder / "kubeconfig.yaml"
    kubeconfig.write_text(
        f"clusters: [{{name: c, cluster: {{server: '{url}'}}}}]\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\n"
        "users: [{name: u, user: {token: t}}]\ncurrent-context: c\n"
    )

    def argo() -> ArgoClient:
        return ArgoClient(url, http_session.Session(lambda: "Bearer h.e30.s", timeout=PATIENCE))

    def args(**options: str) -> Any:
        given = {"argo_server": url, "argo_namespace": "n", **options}
        argv = [f"--{name}={value}" for name, value in given.items()]
        return parse_arguments(argv=argv, environ={}, folder=folder, home=folder)

    def cluster() -> KubernetesCluster:
        found = args(k8s_config_file=str(kubeconfig))
        return KubernetesCluster(found, asserting=False, timeout=PATIENCE)

    def server() -> ArgoServer:
        given = args(argo_token="t")
        found = ArgoServer(KubernetesCluster(given, asserting=False), given)
        found.session.timeout = PATIENCE
        return found

    host = f"127.0.0.1:{port}"
    image = Image.parse(f"{host}/a/b:1")

    def registry() -> Registry:
        return Registry(host, ("me", "s3cret"), timeout=PATIENCE[0])

    def watched() -> list[Any]:
        return [(kind, each.get("metadata")) for kind, each in drawn(argo().watch_workflows("n"))]

    return [
        lambda: argo().create_workflow("n", {"spec": {}}),
        lambda: argo().get_workflow("n", "w", fields="status.phase").get("status"),
        lambda: [each.get("metadata") for each in argo().list_workflows("n", labels="a=b")],
        lambda: [each.get("metadata") for each in argo().archived_workflows("n", "a=b")],
        lambda: argo().stop_workflow("n", "w", "m"),
        lambda: argo().retry_workflow("n", "w"),
        lambda: argo().delete_workflow("n", "w"),
        lambda: argo().version().get("version"),
        watched,
        lambda: drawn(argo().workflow_logs("n", "w")),
        lambda: drawn(log_entries(argo(), "n", "w")),
        lambda: drawn(archived_log(argo(), "n", "w", "node")),
        lambda: events_now(argo(), "n", "a=b", silence=0.3),
        lambda: clock_of(argo(), lambda: datetime.now(timezone.utc)),
        lambda: server().refusals(),
        lambda: server().assert_accessible(),
        lambda: cluster().find(Kind.CLAIM, "c"),
        lambda: cluster().assert_volume_claim("c"),
        lambda: cluster().assert_configmap("c"),
        lambda: cluster().assert_secret("c", ["k"]),
        lambda: cluster().assert_namespace(),
        lambda: cluster().reach(),
        lambda: cluster().may("create", "pods", "n"),
        lambda: [each.get("metadata") for each in cluster().client.get("/api/v1/pods").items()],
        lambda: reviews.account_may(cluster().client, "n", "a", reviews.RESULTS, "create"),
        lambda: reviews.user_name(reviews.user_review(cluster().client)),
        lambda: ServiceAccountToken(cluster(), "a").authorization(),
        lambda: registry().ping(),
        lambda: registry().accepts_credentials(),
        lambda: registry().find(image),
        lambda: registry().platforms(image),
    ]


def memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Asker:
    """Asks one server of ``seed`` so many times, and notes what went wrong."""

    def __init__(self, seed: int, folder: Path) -> None:
        folder.mkdir()
        self.server = HostileServer(seed)
        self.calls = calls(self.server.port, folder)
        # These last as long as the server wants: whoever asks hears of each line, and may leave.
        self.streams = self.calls[8:12]
        self.broken: list[str] = []
        self.values = self.sentences = 0

    def ask(self, times: int) -> None:
        try:
            for number in range(times):
                self.server.told, begun = "", time.monotonic()
                call = self.calls[number % len(self.calls)]
                wrong = self._wrong(call)
                seconds = time.monotonic() - begun
                if seconds > MOST_SECONDS and call not in self.streams:
                    wrong = wrong or f"{seconds:.1f} s"
                if wrong:
                    self.broken.append(f"{number % len(self.calls)}{self.server.told}: {wrong}")
        finally:
            self.server.close()

    def _wrong(self, call: Callable[[], Any]) -> str:
        try:
            call()
        except (UserError, StreamBroken) as error:
            said = str(error)
            self.sentences += 1
            return "" if said.strip() and "s3cret" not in said and len(said) < 1500 else repr(said)
        except Exception:
            return traceback.format_exc(limit=-2)
        self.values += 1
        return ""


@pytest.mark.parametrize("seed", [1, 2])
def test_no_answer_breaks_anything(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_session, "LARGEST", 1 << 20)
    monkeypatch.setattr(http_session, "LONGEST", 1.0)
    monkeypatch.setattr(argo_logs, "EVENTS_SECONDS", 1.0)
    before = memory()
    askers = [Asker(10 * seed + number, tmp_path / str(number)) for number in range(5)]
    with ThreadPoolExecutor(len(askers)) as pool:
        list(pool.map(lambda asker: asker.ask(100), askers))
    broken = [line for asker in askers for line in asker.broken]
    assert not broken, "\n".join([f"{len(broken)} broken of 500", *broken])
    assert sum(asker.values for asker in askers) > 50 < sum(asker.sentences for asker in askers)
    assert memory() - before < MOST_MEMORY
