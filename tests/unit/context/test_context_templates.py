"""The credential templates: complete, parsable by us and by a shell."""

import re
import subprocess
from pathlib import Path

import pytest

from hera_experiment.context import settings_file
from hera_experiment.context.arguments import SettingScope
from hera_utils.cli_context import ARGUMENTS, CLIContext, parse_arguments

TEMPLATE = Path(__file__).resolve().parents[3] / "{{cookiecutter.project_slug}}"
FILES = ["hera.bash.tmpl", "hera.config.tmpl", "env.tmpl"]
ASSIGNMENT = re.compile(r"^#? ?(\w+) ?=.*$", re.MULTILINE)


def active(text):
    """The text with every variable that is commented out made active."""
    return re.sub(r"^# ?(?=\w+ ?=)", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", FILES)
def test_a_template_has_each_variable_once(name):
    found = [key.lower() for key in ASSIGNMENT.findall((TEMPLATE / name).read_text())]
    assert len(found) == len(set(found))
    for argument in ARGUMENTS:
        for variable in argument.variables:
            known = {variable.lower()}
            if variable == argument.variables[-1]:
                known.add(argument.name)
            assert known & set(found), f"{variable} is not in {name}"


@pytest.mark.parametrize("name", FILES)
def test_a_template_is_read_without_a_note(name, tmp_path):
    text = active((TEMPLATE / name).read_text())
    text = re.sub(r"^cluster ?=.*$", "", text, flags=re.MULTILINE | re.IGNORECASE)
    (tmp_path / "hera.config").write_text(text)
    (tmp_path / "hera.config").chmod(0o600)
    args = parse_arguments(argv=[], environ={}, folder=tmp_path, home=tmp_path / "home")
    assert args.notes == []
    assert args.argo_server in ("nebari.example.org/argo", "host/argo")
    assert args.argo_namespace == "dev"


@pytest.mark.parametrize("text", ["as it is", "active"])
def test_both_ways_of_loading_hera_bash_agree_with_ours(tmp_path, text):
    template = (TEMPLATE / "hera.bash.tmpl").read_text()
    path = tmp_path / "hera.bash"
    path.write_text(active(template) if text == "active" else template)
    ours = {line.name: line.value for line in settings_file.read(path, {})}
    for load in ("export $(grep -v '^#' hera.bash | xargs)", "set -a; source hera.bash; set +a"):
        done = subprocess.run(
            ["bash", "-c", f"{load}; env -0"],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        shell = dict(pair.split("=", 1) for pair in done.stdout.split("\0") if pair)
        assert {name: shell.get(name) for name in ours} == ours
        assert done.stderr == ""


@pytest.mark.parametrize("name", FILES)
def test_a_template_holds_no_jinja_and_no_secret(name):
    text = (TEMPLATE / name).read_text()
    assert "{{" not in text and "{%" not in text
    lines = settings_file.parse(active(text), name, {})
    (token,) = (line.value for line in lines if line.name.lower() == "argo_token")
    assert token in ("", "Bearer TOKEN")


def test_the_page_on_settings_has_each_of_them():
    page = (TEMPLATE / "docs" / "settings.md").read_text()
    rows = {
        name
        for row in re.findall(r"^\| (`[^|]+) \| (`[^|]+) \|", page, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", " ".join(row))
    }
    for argument in ARGUMENTS:
        assert {argument.name, *argument.variables} <= rows
        marked = re.search(rf"`{argument.variables[-1]}`.* † \|", page) is not None
        assert marked is (argument.concern is SettingScope.RESOURCE)


def test_the_page_on_settings_tells_the_order(tmp_path):
    page = (TEMPLATE / "docs" / "settings.md").read_text()
    told = [row.group(1) for row in re.finditer(r"^\| \d \| (.*?) \|", page, re.MULTILINE)]
    named = tmp_path / "named"
    named.write_text("")
    files = CLIContext.settings_files(tmp_path, tmp_path / "home", {"ARGOCONFIG": str(named)})
    names = [".env", "ARGOCONFIG", "hera.config", "home folder"]
    places = [page.index(name, page.index("| 4 |")) for name in names]
    assert places == sorted(places) and len(files) == len(names)
    assert [told[0][:12], told[1][:10], told[-1][:4]] == ["`make submit", "`clusters/", "`[de"]
