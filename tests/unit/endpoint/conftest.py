"""The small HTTP server of the platform's tests, behind an endpoint."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "platform"))

from fake_server import FakeServer


@pytest.fixture
def fake():
    server = FakeServer()
    yield server
    server.close()
