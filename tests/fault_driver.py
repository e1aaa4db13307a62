"""``python fault_driver.py``: submits in child processes that are killed at a step of their own.

Reads one JSON object a line, answers each with one: how the children ended, and how many steps the
first one took. A child is forked off this process, which has imported everything already.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

TEMPLATE = Path(__file__).resolve().parents[1] / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(TEMPLATE))

from fault_case import READ_TIMEOUT, options  # noqa: E402
from fault_proxy import PID_HEADER  # noqa: E402
from hera.workflows.models import Workflow, WorkflowCreateRequest  # noqa: E402
from hera.workflows.service import WorkflowsService  # noqa: E402

from hera_experiment.context.inherited import EndpointAddress  # noqa: E402
from hera_experiment.endpoint.defaults import Defaults  # noqa: E402
from hera_experiment.endpoint.server import Endpoint  # noqa: E402
from hera_experiment.endpoint.submission import Submission  # noqa: E402
from hera_experiment.errors import UserError  # noqa: E402
from hera_experiment.platform.argo_client import ArgoClient  # noqa: E402
from hera_experiment.platform.endpoint_session import EndpointSession  # noqa: E402
from hera_experiment.platform.http_session import Session  # noqa: E402
from hera_experiment.record.records import Files, Records  # noqa: E402
from hera_experiment.submission.once import resume, submit_once  # noqa: E402
from hera_experiment.submission.submitter import Submitter  # noqa: E402


class Steps:
    """Counts the steps of this process and ends it at one of them (0 for none)."""

    def __init__(self, last: int) -> None:
        self.count = 0
        self._last = last

    def __call__(self) -> None:
        self.count += 1
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalFiles(Files):
    """The file system, with a step before and after each operation and within each writing."""

    def __init__(self, step: Steps) -> None:
        self._step = step
        for name in ("make_folder", "open_draft", "sync", "close", "replace", "sync_folder"):
            setattr(self, name, partial(self._around, getattr(self, name)))

    def write(self, descriptor: int, data: bytes) -> None:
        half = len(data) // 2
        super().write(descriptor, data[:half])
        self._step()
        super().write(descriptor, data[half:])

    def _around(self, do: Any, *arguments: Any) -> Any:
        self._step()
        found = do(*arguments)
        self._step()
        return found


class MortalSession(Session):
    """HTTP, with a step before each request and between an answer and what is made of it."""

    def __init__(self, token: str, step: Steps) -> None:
        super().__init__(lambda: token, timeout=(5.0, READ_TIMEOUT))
        self._step = step
        self.headers[PID_HEADER] = str(os.getpid())

    def request(self, *arguments: Any, **named: Any) -> Any:
        self._step()
        response = super().request(*arguments, **named)
        self._step()
        return response


def act(order: dict[str, Any], step: Steps) -> None:
    """Submit as a script does, or resume."""
    client = ArgoClient(order["url"], MortalSession(order["token"], step))
    records = Records(Path(order["folder"]), MortalFiles(step), lambda sentence: None)
    if order["resume"]:
        record = records.find(order["resume"])
        if record is not None:
            resume(record, client, records, **options())
        return
    submitter = Submitter(
        client,
        records,
        "",
        random=Random(order["seed"]),
        once=partial(submit_once, **options()),
    )
    endpoint = Endpoint(Submission(submitter, defaults=Defaults()))
    url, namespace = order["url"], order["namespace"]
    address = EndpointAddress(endpoint.url, endpoint.token, server=url, namespace=namespace)
    service = WorkflowsService(
        url, token="t", namespace=namespace, session=EndpointSession(address)
    )
    service.create_workflow(WorkflowCreateRequest(workflow=Workflow(**order["manifest"])))


def child(order: dict[str, Any], report: int) -> None:
    """Act, and report the steps; never returns."""
    status = 1
    step = Steps(order["kill_at"])
    try:
        act(order, step)
        status = 0
    except UserError:
        status = 3
    except Exception:
        import traceback

        traceback.print_exc()
    finally:
        os.write(report, step.count.to_bytes(4, "big"))
        os._exit(status)


def main() -> None:
    gc.freeze()  # what is imported stays; a child need not touch it
    for line in sys.stdin:
        order = json.loads(line)
        pipes, pids = [], []
        for number in range(order.get("processes", 1)):
            reading, writing = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(reading)
                child({**order, "kill_at": order["kill_at"] if not number else 0}, writing)
            os.close(writing)
            pipes.append(reading)
            pids.append(pid)
        ends = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        steps = int.from_bytes(os.read(pipes[0], 4), "big")
        for pipe in pipes:
            os.close(pipe)
        print(json.dumps({"ends": ends, "steps": steps}), flush=True)


if __name__ == "__main__":
    main()
