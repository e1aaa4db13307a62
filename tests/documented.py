"""The examples of the generated documentation, put together as a reader would put them."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import subprocess
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[1] / "{{cookiecutter.project_slug}}"
PAGE = TEMPLATE / "docs" / "volumes_and_containers.md"
_BLOCK = re.compile(r"```python\n# (environment|workflow)\.py\n(.*?)```", re.DOTALL)
_ARGUMENTS = re.compile(
    r"# in __init__\nsuper\(\).__init__\(\n    cluster,\n    args,\n"
    r"    # the others as they are, and:\n(.*?)^\)\n",
    re.DOTALL | re.MULTILINE,
)
_END = "# in __init__, at its end\n"

TOKEN = "the-t0ken-of-the-archive"
TABLE = "borough,area\n1,1.5\n"

PRINTED = {
    "keep-result": "",
    "write-here": "True",
    "read-reference": TABLE,
    "write-scratch": "",
    "read-scratch": "half way",
    "download": "http://proxy.example.org:3128",
    "read-settings": "3",
    "use-token": f"a token of {len(TOKEN)} characters",
    "expand": "chart-large.png $(TARGET) $(UNKNOWN)",
    "pulled": "pulled",
    "compute": "499500",
    "share": "7",
}
"""What each documented template prints."""


@dataclass(frozen=True)
class Section:
    """One heading of the page with its two blocks."""

    title: str
    environment: str
    workflow: str

    @property
    def templates(self) -> list[str]:
        """The names of its functions, in their order."""
        return re.findall(r"^def (\w+)\(", self.workflow, re.MULTILINE)


def sections() -> list[Section]:
    """Return the sections of the page that have examples."""
    found = []
    for part in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        blocks = {kind: text for kind, text in _BLOCK.findall(part)}
        assert set(blocks) == {"environment", "workflow"}, part
        found.append(Section(part.partition("\n")[0], blocks["environment"], blocks["workflow"]))
    return found


def write_project(folder: Path, storage_class: str) -> Path:
    """Write an experiment with everything that the page declares; return its script.

    ``storage_class`` takes the place of the page's ``fast``.
    """
    toml = '[experiment]\nname = "Documented"\nslug = "documented"\n'
    toml += '[defaults]\nk8s_volume_claim_name = "documented-results"\n'
    toml += 'k8s_configmap_name = "proxies"\n'
    (folder / "experiment.toml").write_text(toml)
    for name in ("inputs.py", "layout.py"):
        shutil.copy(TEMPLATE / name, folder)
    environment = (TEMPLATE / "environment.py").read_text(encoding="utf-8")
    for section in sections():
        environment = _declared(environment, section.environment)
    environment = environment.replace('"fast"', f'"{storage_class}"')
    (folder / "environment.py").write_text(environment)
    script = folder / "documented.py"
    script.write_text(_script())
    return script


def _declared(environment: str, block: str) -> str:
    """Return ``environment`` with one block where the page says that it goes."""
    rest, _, at_end = block.partition(_END)
    arguments = "".join(_ARGUMENTS.findall(rest))
    head = _ARGUMENTS.sub("", rest)
    for name, value in re.findall(r'^([A-Z_]+) = ("[^"]*")$', head, re.MULTILINE):
        line = re.compile(rf"^{name} = .*$", re.MULTILINE)
        if line.search(environment):
            environment = line.sub(f"{name} = {value}", environment)
            head = line.sub("", head)
    before_class = "\n\nclass numerical_experiment_environment"
    environment = _before(environment, before_class, f"\n{head.strip()}\n" if head.strip() else "")
    last_argument = "        )\n        # What a Workflow offers"
    environment = _before(environment, last_argument, textwrap.indent(arguments.rstrip(), " " * 8))
    end = "\n\ndef construct_environment"
    return _before(environment, end, textwrap.indent(at_end, " " * 8))


def _before(text: str, mark: str, insertion: str) -> str:
    assert text.count(mark) == 1, mark
    if not insertion.strip():
        return text
    insertion = insertion if insertion.endswith("\n") else f"{insertion}\n"
    return text.replace(mark, insertion + mark)


def _script() -> str:
    """Return a script with all templates; those of one section run one after the other."""
    calls = []
    for section in sections():
        tasks = []
        for name in section.templates:
            task = name.removesuffix("_container_constructor").replace("_", "-")
            if name.endswith("_constructor"):
                calls.append(f"{name}_c = {name}(environment)")
                tasks.append(f'Task(name="{task}", template={name}_c)')
            else:
                tasks.append(f'{name}(name="{task}")')
        calls += [" >> ".join(tasks)]
    body = textwrap.indent("\n".join(calls), " " * 4)
    blocks = "\n\n".join(section.workflow for section in sections())
    return f"""\
from hera.workflows import DAG, Container, Task, Workflow, script

import hera_utils
from environment import PERSISTED_VOLUME, construct_environment
from inputs import inputs

args = hera_utils.parse_arguments()
environment = construct_environment(args)

{blocks}

with Workflow(generate_name="documented-", entrypoint="dag") as w, DAG(name="dag"):
{body}
created = w.create()
print("created", created.metadata.name)
"""


def type_at_terminal(
    command: list[str], folder: Path, environ: dict[str, str], answers: dict[str, str]
) -> tuple[int, str]:
    """Run ``command`` at a terminal, answer each prompt, and return status and what was seen."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command, cwd=folder, env=environ, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    seen, waiting, end = "", dict(answers), time.monotonic() + 60
    with contextlib.suppress(OSError):  # it ends when the last process has closed the terminal
        while time.monotonic() < end:
            if select.select([master], [], [], 0.2)[0]:
                seen += os.read(master, 65536).decode()
            for prompt in [prompt for prompt in waiting if prompt in seen]:
                os.write(master, f"{waiting.pop(prompt)}\n".encode())
    status = process.wait(30)
    os.close(master)
    assert not waiting, seen
    return status, seen
