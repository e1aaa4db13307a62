"""How long check-cluster takes, against its slowest chain of dependent requests.

A proxy of our own adds 100 ms to each request to Kubernetes, Argo's server and the registry. The
chain is found in the checks' own needs: each check weighs the time that it waited for answers, and
the slowest way through them counts. Start-up (Python, imports, running the experiment's script) is
printed apart.

    source /var/tmp/hera-experiment-cluster/env
    python benchmarks/check_cluster.py          # exit status 1 where the ratio is above 1.2

On a machine with other work the median of several rounds counts (``--rounds``).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [
    str(REPOSITORY / "{{cookiecutter.project_slug}}"),
    str(REPOSITORY / "tests" / "cluster" / "check"),
]

DELAY = 0.1
GOAL = 1.2

SCRIPT = """
import hera_utils

args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
hera_utils.argo_server(cluster, args).define_argo_server_part_of_environment()
from hera.workflows import ConfigMapEnvFrom, Container, ExistingVolume, Workflow

image = f"{args.registry}/benchmark/probe"
results = ExistingVolume(name="data", claim_name=args.k8s_volume_claim_name, mount_path="/data")
settings = ConfigMapEnvFrom(name=args.k8s_configmap_name)
with Workflow(generate_name="try-", entrypoint="main") as w:
    Container(name="main", image=image, volumes=[results], env_from=[settings])
w.create()
"""


def main() -> int:
    """Print wall and chain of each round, and the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds

    from check_front import Front
    from check_place import kubeconfig_text

    begin = time.monotonic()
    import yaml
    from kubernetes.config import load_kube_config  # noqa: F401  start-up, not measured below

    from hera_experiment.check.capture import capture
    from hera_experiment.check.catalogue import CATALOGUE
    from hera_experiment.check.report import exit_status
    from hera_experiment.check.runner import run
    from hera_experiment.check.target import CheckTarget
    from hera_experiment.platform.http_session import Session
    from hera_utils.cli_context import parse_arguments

    imports = time.monotonic() - begin
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "workflow.py").write_text(SCRIPT)
        document = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
        cluster = document["clusters"][0]["cluster"]
        fronts = [
            Front(cluster["server"], delay=DELAY, authority=cluster["certificate-authority"]),
            Front(f"http://{os.environ['ARGO_SERVER']}", delay=DELAY),
            Front(f"http://{os.environ['REGISTRY']}", delay=DELAY),
        ]
        kubernetes, argo, registry = fronts
        user = document["users"][0]["user"]
        text = kubeconfig_text(f"http://{kubernetes.address}", "", user)
        (folder / "kubeconfig").write_text(text)
        environ = {
            **os.environ,
            "KUBECONFIG": str(folder / "kubeconfig"),
            "ARGO_SERVER": argo.address,
            "REGISTRY": registry.address,
        }
        context = parse_arguments(argv=[], environ=environ, folder=folder, home=folder)
        begin = time.monotonic()
        captured = capture(folder / "workflow.py", (), context, environ)
        script = time.monotonic() - begin
        print(f"start-up: imports {imports:.3f} s, running the script {script:.3f} s")
        requests = Requests(Session)
        measured = []
        for _ in range(rounds):
            target = CheckTarget(context, lambda: captured, environ=environ)
            begin = time.monotonic()
            results = list(run(CATALOGUE, target, limit=60))
            wall = time.monotonic() - begin
            assert exit_status(results) != 2, "the cluster could not be checked"
            chain, codes = slowest_chain(results, requests)
            number = requests.count()
            requests.clear()
            measured.append((wall, chain))
            print(f"wall {wall:.3f} s, slowest chain {chain:.3f} s ({number} requests): {codes}")
        for front in fronts:
            front.close()
    wall, chain = (statistics.median(column) for column in zip(*measured, strict=True))
    ratio = wall / chain
    print(f"median: wall {wall:.3f} s / slowest chain {chain:.3f} s = {ratio:.3f} (goal {GOAL})")
    return 0 if ratio <= GOAL else 1


class Requests:
    """Notes when each check waits for an answer; threads are named by the check they work for."""

    def __init__(self, session: Any) -> None:
        self._spans: dict[str, list[tuple[float, float]]] = {}
        self._request = session.request
        session.request = lambda *args, **options: self._note(args, options)

    def _note(self, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        begin = time.monotonic()
        try:
            return self._request(*args, **options)
        finally:
            code = threading.current_thread().name
            self._spans.setdefault(code, []).append((begin, time.monotonic()))

    def of(self, code: str) -> float:
        """Return the seconds that the check waited, requests side by side counted once."""
        waited, until = 0.0, 0.0
        for begin, end in sorted(self._spans.get(code, ())):
            waited += max(0.0, end - max(begin, until))
            until = max(until, end)
        return waited

    def count(self) -> int:
        return sum(map(len, self._spans.values()))

    def clear(self) -> None:
        self._spans.clear()


def slowest_chain(results: list[Any], requests: Requests) -> tuple[float, str]:
    """Return the seconds of the slowest way through the checks' needs, and its codes.

    What a check waits for that another one asked is not counted as its own: the chain is rather
    too short than too long.
    """
    by_code = {each.check.code: each for each in results}
    known: dict[str, tuple[float, list[str]]] = {}

    def chain(code: str) -> tuple[float, list[str]]:
        if code not in known:
            waited = requests.of(code)
            earlier = by_code[code].check.earlier
            before = max((chain(other) for other in earlier), default=(0.0, []))
            known[code] = (before[0] + waited, [*before[1], *([code] if waited else [])])
        return known[code]

    seconds, codes = max(map(chain, by_code))
    return seconds, " > ".join(codes)


if __name__ == "__main__":
    sys.exit(main())
