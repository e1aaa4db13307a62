"""No file that may hold a secret is taken by git, or gets into an image."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from hera_experiment.images.context import Ignore

REPOSITORY = Path(__file__).resolve().parents[3]
TEMPLATE = REPOSITORY / "{{cookiecutter.project_slug}}"
MADE = REPOSITORY / "src" / "hera_experiment" / "new_container" / "dockerignore"
IMAGES = [*TEMPLATE.glob("containers/*/.dockerignore"), MADE]

MENTIONED = re.compile(
    r"(?<![\w.-])(?:\./)?((?:clusters/)?[\w-]*(?:\.?kubeconfig\.ya?ml|\.pem|\.key|(?<!\w)\.env|hera\.bash"
    r"|hera\.config|(?<=clusters/)[\w-]+\.config))(?![\w/-]|\.tmpl)"
)
SAID = ["clusters/lab.config", ".env", "hera.bash", "hera.config", "kubeconfig.yaml"]
LEFT = ["{}~", "{}.bak", ".{}.swp"]
OTHERS = """
    .env.local .env.bak .env~ production.env hera.config.old hera.bash.save .hera.config.swp
    clusters/lab.yaml clusters/lab.previous.config clusters/lab.config~ clusters/ca.crt
    kubeconfig kubeconfig.yml kubeconfig.json lab.kubeconfig my-kubeconfig.yaml .kube/config
    .ssh/id_rsa .ssh/config id_rsa id_ed25519 client.key client.pem client.p12 .netrc .pypirc
    .docker/config.json .git-credentials
""".split()
ANYWHERE = [name for name in [*SAID, *OTHERS] if not name.startswith("clusters/")]
# What looks like one, and is no secret.
WANTED = """
    hera.bash.tmpl hera.config.tmpl env.tmpl environment.py containers/clusters/clusters.py
    docs/kubeconfig.md tests/test_kubeconfig.py containers/chart/keys.py data/monkey.csv
    vendor/hera_experiment-1-py3-none-any.whl
""".split()


def mentioned() -> list[str]:
    """Return the names that documents and templates mention."""
    files = [*TEMPLATE.glob("*.tmpl"), *TEMPLATE.glob("docs/*.md"), *REPOSITORY.glob("*.md")]
    files += [TEMPLATE / name for name in ("README.md", "experiment.toml", "environment.py")]
    files += TEMPLATE.glob("hera_utils/*.py")
    texts = [file.read_text() for file in files]
    return sorted({name for text in texts for name in MENTIONED.findall(text)})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text((TEMPLATE / ".gitignore").read_text())
    return tmp_path


def taken(project: Path, names: list[str]) -> list[str]:
    """Return those of the files that git would take."""
    command = ["git", "-c", "core.excludesFile=/dev/null", "check-ignore", "--stdin"]
    done = subprocess.run(
        command, cwd=project, input="\n".join(names), capture_output=True, text=True
    )
    return sorted(set(names) - set(done.stdout.splitlines()))


def test_every_name_that_is_mentioned_is_found() -> None:
    assert {*SAID, "authorities.pem"} - {"clusters/lab.config"} <= {*mentioned()}
    assert [name for name in mentioned() if name.startswith("clusters/")]


def test_git_takes_none(project: Path) -> None:
    names = [*mentioned(), *OTHERS, *SAID]
    for name in [*mentioned(), *SAID]:
        folder, _, file = name.rpartition("/")
        names += [f"{folder}{'/' if folder else ''}{left.format(file)}" for left in LEFT]
    names += [f"containers/chart/{name}" for name in ANYWHERE]
    assert taken(project, names) == []


def test_git_takes_what_only_looks_like_one(project: Path) -> None:
    assert taken(project, WANTED) == sorted(WANTED)


@pytest.mark.parametrize("file", IMAGES, ids=lambda file: file.parent.name)
def test_no_image_takes_one(file: Path) -> None:
    ignore = Ignore(file.read_text())
    inside = [*ANYWHERE, ".git/config"]
    names = [*inside, *(f"deep/er/{name}" for name in inside)]
    assert [name for name in names if not ignore.ignores(name)] == []
    wanted = ["chart.py", "requirements.txt", "Dockerfile", "census.csv", "keys.py", "env.tmpl"]
    assert not any(map(ignore.ignores, wanted))


def test_there_is_one_list() -> None:
    lines = (TEMPLATE / ".gitignore").read_text().partition("\n!*.tmpl\n")[0].splitlines()
    names = [f"**/{line.rstrip('/')}" for line in lines if line and not line.startswith("#")]
    for file in IMAGES:
        listed = [line for line in file.read_text().splitlines() if not line.startswith("#")]
        assert listed == [*names, "**/.git", "**/.venv", "**/__pycache__"], file
