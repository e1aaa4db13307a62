from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from made_template import Project, Template


@pytest.fixture(autouse=True)
def a_person(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A person whom git knows, with no setting of the machine's own."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    set_person(monkeypatch, tmp_path_factory.mktemp("git"))


def set_person(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    config = folder / "config"
    config.write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template at 0.2.0 and a project made from it, to be copied."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as monkeypatch:
        set_person(monkeypatch, tmp_path_factory.mktemp("git"))
        template = Template.make(folder / "template")
        (folder / "out").mkdir()
        template.generate(folder / "out")
    return folder


@pytest.fixture
def template(made: Path, tmp_path: Path) -> Template:
    shutil.copytree(made / "template", tmp_path / "template")
    return Template(tmp_path / "template")


@pytest.fixture
def project(made: Path, template: Template, tmp_path: Path) -> Project:
    """A project that records where its template is."""
    shutil.copytree(made / "out" / "lake", tmp_path / "lake")
    project = Project(tmp_path / "lake")
    text = project.read("experiment.toml").replace(str(made / "template"), str(template.folder))
    project.write("experiment.toml", text)
    project.commit("The template is elsewhere")
    return project
