"""HTTP templates against a server of this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from engine_bench import SAY, Bench, by_name, dag, task, workflow

from hera_experiment.local.store.objects import SECRETS


class _Echo(BaseHTTPRequestHandler):
    """Answers with what it was sent; below /missing with 404, below /slow when it is told to."""

    go_on = threading.Event()

    def do_GET(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        told = {
            "method": self.command,
            "body": self.rfile.read(size).decode(),
            "headers": {key.lower(): value for key, value in self.headers.items()},
        }
        if self.path.startswith("/slow"):
            self.go_on.wait(20)
        body = json.dumps(told).encode()
        self.send_response(404 if self.path.startswith("/missing") else 200)
        self.send_header("X-Kind", "echo")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _Echo.go_on.clear()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    _Echo.go_on.set()
    server.shutdown()
    server.server_close()


def http(name: str = "main", **fields: Any) -> Any:
    return {"name": name, "http": fields}


def told(done: Any, name: str = "") -> Any:
    node = by_name(done)[name or done["metadata"]["name"]]
    return json.loads(node["outputs"]["result"])


def test_the_body_of_the_answer_is_the_result(bench: Bench, url: str) -> None:
    use = task("use", "say", "ask", with_={"text": "{{tasks.ask.outputs.result}}"})
    done = bench.run(workflow(dag(task("ask"), use), http("ask", url=url), SAY))
    node = by_name(done)["ask"]
    assert (node["type"], node["phase"], node["progress"]) == ("HTTP", "Succeeded", "1/1")
    assert told(done, "ask")["method"] == "GET"
    given = by_name(done)["use"]["inputs"]["parameters"][0]["value"]
    assert json.loads(given) == told(done, "ask")


def test_sends_body_and_headers_and_shows_no_secret(bench: Bench, url: str) -> None:
    bench.store.objects.put(SECRETS, "token", {"key": b"hidden"})
    secret = {"secretKeyRef": {"name": "token", "key": "key"}}
    headers = [{"name": "X-Plain", "value": "text"}, {"name": "X-Secret", "valueFrom": secret}]
    condition = 'response.statusCode == 200 && request.headers["X-Plain"][0] == "text"'
    fields = {"method": "POST", "body": "ü", "headers": headers, "successCondition": condition}
    done = bench.run(workflow(http(url=url, **fields)))
    assert done["status"]["phase"] == "Succeeded"
    sent = told(done)
    assert (sent["method"], sent["body"]) == ("POST", "ü")
    assert (sent["headers"]["x-plain"], sent["headers"]["x-secret"]) == ("text", "hidden")
    assert "content-type" not in sent["headers"]
    assert "hidden" not in json.dumps(done["spec"])

    done = bench.run(workflow(http(url=url, method="PUT", bodyFrom={"bytes": "dGV4dA=="})))
    assert told(done)["body"] == "text"


def message(done: Any) -> str:
    node = by_name(done)[done["metadata"]["name"]]
    assert node["phase"] == done["status"]["phase"] == "Failed"
    text: str = node["message"]
    return text


def test_what_fails_says_why(bench: Bench, url: str) -> None:
    missing = f"{url}/missing"
    done = bench.run(workflow(http(url=missing)))
    assert message(done) == "received non-2xx response code: 404"
    assert told(done)["method"] == "GET"
    done = bench.run(workflow(http(url=url, successCondition="response.statusCode == 201")))
    assert message(done) == "successCondition 'response.statusCode == 201' evaluated false"
    done = bench.run(workflow(http(url=url, successCondition="response.statusCode")))
    assert message(done).endswith("to bool")
    done = bench.run(workflow(http(url=f"{url}/slow", timeoutSeconds=1)))
    assert message(done) == f'Get "{url}/slow": context deadline exceeded'
    done = bench.run(workflow(http(url="nowhere")))
    assert message(done) == 'Get "nowhere": unsupported protocol scheme ""'
    source = {"secretKeyRef": {"name": "none", "key": "key"}}
    done = bench.run(workflow(http(url=url, headers=[{"name": "X", "valueFrom": source}])))
    assert message(done) == 'secrets "none" not found'
    condition = 'response.headers["X-Kind"][0] == "echo" && response.statusCode == 404'
    done = bench.run(workflow(http(url=missing, successCondition=condition)))
    assert done["status"]["phase"] == "Succeeded"


def test_a_request_under_way_ends_when_the_workflow_is_stopped(bench: Bench, url: str) -> None:
    name = bench.create(workflow(dag(task("ask")), http("ask", url=f"{url}/slow")))
    bench.until(name, lambda run: len(run.nodes) == 2)
    bench.engine.stop("local", name)
    assert by_name(bench.ended(name))["ask"]["message"] == "Stopped with strategy 'Stop'"


def test_is_tried_again(bench: Bench, url: str) -> None:
    again = {**http("again", url=f"{url}/missing"), "retryStrategy": {"limit": 1}}
    done = bench.run(workflow(dag(task("again")), again))
    assert by_name(done)["again"]["message"] == "No more retries left"
    assert {"again(0)", "again(1)"} <= set(by_name(done))
