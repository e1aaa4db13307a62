from __future__ import annotations

import os
from pathlib import Path

import pytest
from bakery import Bake
from pytest_cookies.plugin import Cookies, Result
from stranger import copy_template


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.bake)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a fresh clone has it."""
    clone = tmp_path_factory.mktemp("clone") / "hera-experiment"
    copy_template(clone)
    return clone


@pytest.fixture(autouse=True)
def a_person(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A person whom git knows, with no setting of the machine's own, who has typed no make."""
    config = tmp_path_factory.mktemp("git") / "config"
    config.write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    for name in [name for name in os.environ if name.startswith(("GIT_", "MAKE", "MFLAGS"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)


@pytest.fixture
def bake(cookies: Cookies, template: Path) -> Bake:
    """Generates a project from answers; ``result.exception`` is why not."""

    def run(**answers: str) -> Result:
        return cookies.bake(extra_context=answers, template=str(template))

    return run
