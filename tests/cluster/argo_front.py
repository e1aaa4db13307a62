"""What stands before Argo's server, or carries connections to it."""

import json
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from polling import until


@dataclass(frozen=True)
class Front:
    """nginx before Argo's server: ``port`` speaks TLS, ``authority`` signed its certificate."""

    port: int
    authority: Path
    folder: Path


def wait_for_argo(port: int, seconds: float = 30) -> None:
    """Wait for what is behind the port: it listens before each part of it can answer."""
    url = f"https://127.0.0.1:{port}/api/v1/workflows/default"
    context = ssl._create_unverified_context()
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    answer = 0

    def answers() -> bool:
        nonlocal answer
        try:
            opener.open(url, timeout=5).close()
        except urllib.error.HTTPError as error:
            answer = error.code
            return answer == 401  # it wants a token: it is there
        return True

    until(answers, seconds, 0.1, seen=lambda: f"argo-server answers {answer}")


def make_certificates(folder: Path) -> Path:
    """Make a certificate authority and a certificate of it for localhost."""
    commands = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.crt -subj /CN=test-ca"
        " -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign",
        "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost",
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out server.crt"
        " -extfile names",
    )
    (folder / "names").write_text("subjectAltName=DNS:localhost,DNS:argo.test,IP:127.0.0.1\n")
    for command in commands:
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return folder / "ca.crt"


NGINX = """
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    server_name localhost;
    ssl_certificate {folder}/server.crt;
    ssl_certificate_key {folder}/server.key;
    default_type text/html;
    location /argo/ {{ proxy_pass http://{argo}/; proxy_buffering off; }}
    location = /auth/login {{ return 200 "<!DOCTYPE html><html><body>Sign in</body></html>"; }}
    location /signed-out/ {{ return 302 /auth/login; }}
    location / {{ return 200 "<!DOCTYPE html><html><body>Welcome, sign in</body></html>"; }}
  }}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def wait_for_port(port: int, seconds: float = 10) -> None:
    def listens() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    until(listens, seconds, seen=lambda: f"nothing listens on port {port}")


_RELAY = """
import socket, threading
def carry(a, b):
    try:
        while block := a.recv(65536):
            b.sendall(block)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass
listener = socket.create_server(("", 2746), backlog=64)
while True:
    client, _ = listener.accept()
    server = socket.create_connection(("{host}", {port}))
    for pair in ((client, server), (server, client)):
        threading.Thread(target=carry, args=pair, daemon=True).start()
"""


def relay_pod(name: str, namespace: str, host: str, port: int) -> str:
    """Return a pod that carries its port 2746 to Argo's server, which runs on the host."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": {"app": "argo-server"}},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "automountServiceAccountToken": False,
                "containers": [
                    {
                        "name": "relay",
                        "image": "python:3.13-slim",
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["python3", "-c", _RELAY.format(host=host, port=port)],
                        "ports": [{"name": "web", "containerPort": 2746}],
                        "readinessProbe": {"tcpSocket": {"port": 2746}, "periodSeconds": 1},
                    }
                ],
            },
        }
    )
