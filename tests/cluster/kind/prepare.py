"""Makes on any cluster with Argo what its tests expect, and writes their env file.

    python tests/cluster/kind/prepare.py --kubeconfig ADMIN --argo-server HOST:PORT

``ADMIN`` is the kubeconfig of an administrator; Argo's server has to answer at HOST:PORT in plain
HTTP, with ``--auth-mode client``. The last line printed is what to export before the tests. What it
makes is removed by ``--remove``. Only the standard library and kubectl are needed.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
from pathlib import Path

OBJECTS = Path(__file__).with_name("objects.yaml")


def main() -> None:
    """Do what the command line says."""
    args = _arguments()
    kubeconfig = args.kubeconfig.absolute()

    def kubectl(*words: str, text: str | None = None) -> str:
        command = ["kubectl", "--kubeconfig", str(kubeconfig), *words]
        done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    objects = OBJECTS.read_text(encoding="utf-8")
    objects = objects.replace("HALF_CONFIGURED", f"{args.namespace}-half-configured")
    objects = objects.replace("NAMESPACE", args.namespace)
    if args.remove:
        kept = [each for each in objects.split("\n---\n") if "kind: ClusterRole\n" not in each]
        kubectl("delete", "--ignore-not-found", "-f", "-", text="\n---\n".join(kept))
        return
    kubectl("apply", "-f", "-", text=objects)
    bound = "jsonpath={.status.phase}=Bound"
    kubectl("wait", f"--for={bound}", "pvc/results", "-n", args.namespace, "--timeout=60s")

    args.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    researcher = args.folder.absolute() / "researcher.kubeconfig"
    view = json.loads(kubectl(*"config view --raw --minify --flatten -o json".split()))
    token = kubectl("create", "token", "researcher", "-n", args.namespace, "--duration=24h")
    view["users"] = [{"name": "researcher", "user": {"token": token.strip()}}]
    view["contexts"][0]["context"] |= {"user": "researcher", "namespace": args.namespace}
    _write(researcher, json.dumps(view, indent=2))
    settings = {
        "ADMIN_KUBECONFIG": str(kubeconfig),
        "KUBECONFIG": str(researcher),
        "ARGO_SERVER": args.argo_server,
        "ARGO_SECURE": "false",
        "ARGO_NAMESPACE": args.namespace,
        "ARGO_SERVICE_ACCOUNT": "experiment",
        "KUBEVOLUMECLAIMNAME": "results",
        "KUBECONFIGMAP": "proxy-environment",
        "HALF_CONFIGURED_NAMESPACE": f"{args.namespace}-half-configured",
        "REGISTRY": args.registry,
        "PYTHON_IMAGE": "python:3.13-slim",
    }
    env = args.folder.absolute() / "env"
    lines = [f"export {name}={shlex.quote(value)}" for name, value in settings.items() if value]
    _write(env, "\n".join(lines) + "\n")
    print(f"export HERA_TEST_CLUSTER_ENV={env}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kubeconfig", type=Path, required=True, help="the administrator's")
    parser.add_argument("--argo-server", default="127.0.0.1:2746", metavar="HOST:PORT")
    parser.add_argument("--registry", default="127.0.0.1:5000", help="where tests push images to")
    parser.add_argument("--namespace", default="experiments")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/hera-experiment-kind"))
    parser.add_argument("--remove", action="store_true", help="remove it all instead")
    return parser.parse_args()


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
