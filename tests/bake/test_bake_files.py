"""What is generated: the exact set of files, each of them valid, whatever the options."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from bakery import Bake, project
from stranger import REPOSITORY

from hera_experiment import __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OWN_FILES = """
    .gitignore CITATION.cff LICENSE Makefile README.md
    environment.py experiment.toml inputs.py layout.py pyproject.toml workflow.py
    hera.bash.tmpl hera.config.tmpl env.tmpl
    containers/collect/.dockerignore containers/collect/Dockerfile containers/collect/collect.py
    containers/collect/census_lyon.csv containers/collect/requirements.txt
    containers/chart/.dockerignore containers/chart/Dockerfile containers/chart/chart.py
    containers/chart/requirements.txt
    docs/volumes_and_containers.md docs/check_cluster.md docs/settings.md docs/record.md
    docs/report.png
    hera_utils/LICENSE hera_utils/__init__.py hera_utils/__main__.py hera_utils/bootstrap.py
    hera_utils/cli_context.py hera_utils/cluster.py hera_utils/environment_of_execution.py
    hera_utils/environment_of_submission.py hera_utils/execution_platform.py hera_utils/server.py
    requirements/run.txt requirements/dev.txt requirements/library.txt
    tests/conftest.py tests/test_inputs.py tests/test_layout.py tests/test_workflow.py
    vendor/SHA256SUMS
""".split()
WHEEL = f"vendor/hera_experiment-{__version__}-py3-none-any.whl"
MOST_FILES = 47

LICENCES = {
    "MIT": "MIT License",
    "BSD-3-Clause": "BSD 3-Clause License",
    "Apache-2.0": "                                 Apache License",
    "Not open source": "All rights reserved",
}

OPTIONS = [
    pytest.param({}, id="defaults"),
    *[pytest.param({"license": licence}, id=licence) for licence in LICENCES],
    pytest.param({"project_slug": "0"}, id="shortest slug"),
    pytest.param({"project_slug": "a" * 57}, id="longest slug"),
    pytest.param({"project_name": 'L\'été à Lyon, "deux fois" \\o/'}, id="quotes"),
    pytest.param({"description": ""}, id="no description"),
]


def files_of(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    return {path.as_posix() for path in found if path.parts[0] != ".git"}


@pytest.mark.parametrize("answers", OPTIONS)
def test_the_exact_set_of_files_each_valid_and_without_jinja(
    bake: Bake, template: Path, answers: dict[str, str]
) -> None:
    folder = project(bake(**answers))
    files = files_of(folder)
    assert files == {*OWN_FILES, WHEEL} and len(files) <= MOST_FILES
    vendored = template / "{{cookiecutter.project_slug}}" / "hera_utils"
    assert files_of(folder / "hera_utils") == files_of(vendored)
    for file in files_of(vendored):
        assert (folder / "hera_utils" / file).read_bytes() == (vendored / file).read_bytes()
    assert_all_parse(folder)
    for file in ("experiment.toml", "README.md", "LICENSE", "CITATION.cff"):
        text = (folder / file).read_text(encoding="utf-8")
        assert "{{" not in text and "{%" not in text and "cookiecutter." not in text
    for file in files_of(folder):
        assert b"{{ cookiecutter" not in (folder / file).read_bytes(), file


def assert_all_parse(folder: Path) -> None:
    """Parse every file that has a grammar; run make without doing anything."""
    counts = {".py": 0, ".toml": 0}
    for path in folder.rglob("*"):
        if ".git" in path.parts or path.is_dir() or path.suffix in (".whl", ".png"):
            continue
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            ast.parse(text, str(path), feature_version=(3, 10))
        elif path.suffix == ".toml":
            tomllib.loads(text)
        elif path.suffix in (".yaml", ".yml", ".cff"):
            list(yaml.safe_load_all(text))
        elif path.suffix == ".json":
            json.loads(text)
        if path.suffix in counts:
            counts[path.suffix] += 1
    assert counts[".py"] > 10 and counts[".toml"] == 2
    targets = ("help", "run", "serve", "test", "lint", "config")
    done = subprocess.run(["make", "-n", *targets], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    calls = [f"'python3' -IS hera_utils/bootstrap.py {target}" for target in targets]
    assert done.stdout.splitlines() == calls


@pytest.mark.parametrize("licence", LICENCES)
def test_the_licence_is_the_chosen_one_and_names_the_author(bake: Bake, licence: str) -> None:
    folder = project(bake(license=licence, author_name="Équipe O'Neil <eau>"))
    text = (folder / "LICENSE").read_text(encoding="utf-8")
    assert LICENCES[licence] in "\n".join(text.splitlines()[:3])
    assert re.search(r"Copyright (\(c\) )?20\d\d,? Équipe O'Neil <eau>", text)
    assert re.search(r"Hera Experiment, for hera_utils/ and vendor/: see hera_utils/LICENSE", text)


def test_the_librarys_own_licence_comes_along(bake: Bake) -> None:
    folder = project(bake(license="Not open source"))
    licence = (REPOSITORY / "LICENSE").read_bytes()
    assert (folder / "hera_utils" / "LICENSE").read_bytes() == licence
    with zipfile.ZipFile(folder / WHEEL) as wheel:
        path = f"hera_experiment-{__version__}.dist-info/licenses/LICENSE"
        assert wheel.read(path) == licence


def test_the_answers_come_back_out_of_experiment_toml(bake: Bake) -> None:
    answers = {
        "project_name": 'L\'été \\ "n°1" 🎉',
        "project_slug": "summer-1",
        "description": 'C:\\new, \\u0041, """ and \'',
        "author_name": "Ada & Bob <a@b>",
    }
    folder = project(bake(**answers))
    document = tomllib.loads((folder / "experiment.toml").read_text(encoding="utf-8"))
    table = document["experiment"]
    assert table["name"] == answers["project_name"]
    assert table["slug"] == answers["project_slug"]
    assert table["description"] == answers["description"]
    assert table["authors"] == [answers["author_name"]]
    assert document["template"]["answers"] == {**answers, "orcid": "", "license": "MIT"}


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"description": "", "license": "Not open source"},
        {"project_name": 'L\'été \\ "n°1" 🎉', "author_name": "Ada: & {Bob} <a@b>"},
        {"author_name": "Ada", "orcid": "0000-0002-1694-233X"},
    ],
)
def test_the_citation_is_valid_by_its_schema(
    bake: Bake, judges: Path, answers: dict[str, str]
) -> None:
    file = project(bake(**answers)) / "CITATION.cff"
    command = [str(judges.with_name("cffconvert")), "--validate", "-i", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "valid" in done.stdout, done.stdout + done.stderr
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    names = {"title": "project_name", "abstract": "description", "license": "license"}
    for key, question in names.items():
        if question in answers:
            absent = answers[question] in ("", "Not open source")
            assert document.get(key) == (None if absent else answers[question])
    if "author_name" in answers:
        author = {"name": answers["author_name"]}
        if "orcid" in answers:
            author["orcid"] = f"https://orcid.org/{answers['orcid']}"
        assert document["authors"] == [author]


def test_the_hashes_are_those_of_the_files(bake: Bake) -> None:
    folder = project(bake())
    check = ["sha256sum", "--strict", "--check", "vendor/SHA256SUMS"]
    done = subprocess.run(check, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    named = {line.partition(": ")[0] for line in done.stdout.splitlines()}
    assert named == {WHEEL, *(file for file in OWN_FILES if file.startswith("hera_utils/"))}
    locked = (folder / "requirements" / "library.txt").read_text().splitlines()[-1]
    digest = hashlib.sha256((folder / WHEEL).read_bytes()).hexdigest()
    assert locked == f"./{WHEEL} --hash=sha256:{digest}"


def test_the_locks_have_hashes_for_everything_and_name_no_registry(bake: Bake) -> None:
    folder = project(bake())
    wanted = tomllib.loads((folder / "pyproject.toml").read_text())["dependency-groups"]
    for group in ("run", "dev"):
        text = (folder / "requirements" / f"{group}.txt").read_text()
        assert "://" not in text and "index" not in text
        pins = re.split(r"\n(?=\S)", text.strip())
        for pin in pins:
            assert re.match(r"[a-z0-9-]+==\S+( ;[^\\]+)? \\\n +--hash=sha256:[0-9a-f]{64}", pin)
        locked = {pin.partition("==")[0] for pin in pins}
        names = [each for each in wanted[group] if isinstance(each, str)]
        assert names
        for name in names:
            assert re.match(r"[a-z0-9-]+", name)[0] in locked


def test_what_the_library_needs_is_locked(bake: Bake) -> None:
    folder = project(bake())
    with zipfile.ZipFile(folder / WHEEL) as wheel:
        metadata = wheel.read(f"hera_experiment-{__version__}.dist-info/METADATA").decode()
    # What only an extra asks for is nobody's but who types it.
    needed = re.findall(r"^Requires-Dist: ([a-z0-9-]+)(?!.*extra ==)", metadata, re.MULTILINE)
    locked = re.findall(
        r"^([a-z0-9-]+)==", (folder / "requirements" / "run.txt").read_text(), re.MULTILINE
    )
    assert needed and set(needed) <= set(locked)


@pytest.mark.parametrize("name", ["hera.bash", "hera.config", ".env", "clusters/pagoda.config"])
def test_filled_in_credentials_are_ignored_by_git(bake: Bake, name: str) -> None:
    folder = project(bake())
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("ARGO_TOKEN=secret\n")
    status = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert status.stdout == ""


def test_caches_of_a_template_in_use_do_not_come_along(
    bake: Bake, template: Path, request: pytest.FixtureRequest
) -> None:
    """Last in this file, since it spoils the template of the session for a moment."""
    inside = template / "{{cookiecutter.project_slug}}"
    left = [inside / "hera_utils" / "__pycache__", inside / ".mypy_cache" / "3.10"]
    for folder in left:
        folder.mkdir(parents=True)
        (folder / "junk.bin").write_bytes(b"\xa2\x00{{ cookiecutter.nothing }}")
    try:
        files = files_of(project(bake()))
    finally:
        for folder in left:
            (folder / "junk.bin").unlink()
            folder.rmdir()
        (inside / ".mypy_cache").rmdir()
    assert not [file for file in files if "junk" in file]
