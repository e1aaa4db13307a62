"""Fixtures of the platform's tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_server import FakeServer

from hera_utils.cli_context import parse_arguments


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    paths = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-out", str(paths[0]), "-keyout", str(paths[1])),
        ],
        check=True,
        capture_output=True,
    )
    return paths


@pytest.fixture
def fake_tls(certificate: tuple[Path, Path]) -> Iterator[FakeServer]:
    server = FakeServer(certificate)
    yield server
    server.close()


@pytest.fixture
def parse(tmp_path: Path) -> Callable[..., Any]:
    """Parse a command line of options only, in an empty folder."""

    def parse(**options: str) -> Any:
        argv = [f"--{name}={value}" for name, value in options.items()]
        return parse_arguments(argv=argv, environ={}, folder=tmp_path, home=tmp_path)

    return parse
