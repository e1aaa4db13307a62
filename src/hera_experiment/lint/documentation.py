"""Writes docs/lint.md, the documentation of the rules, out of their docstrings.

After a change: ``python -m hera_experiment.lint.documentation > docs/lint.md``.
"""

from __future__ import annotations

from itertools import groupby
from textwrap import indent

from hera_experiment.lint.catalogue import CATALOGUE
from hera_experiment.lint.rule import Rule

_HEAD = """\
# What `make lint` judges in a workflow

<!-- Made from the rules in lint/rules/: python -m hera_experiment.lint.documentation -->

`make lint` looks at your files with ruff and mypy, runs `workflow.py` with nothing behind it,
judges each object that it would submit by the rules below, and verifies the library. `make lint
SCRIPT=FILE` judges that alone: a script, a file of YAML or JSON, or a folder of them.

An *error* is refused by Argo or Kubernetes, or fails wherever it runs; it also stops `make run` and
`make submit` before anything is sent. A *warning* is told, once, and stops nothing. Each names the
line in which the template or the task was made.

`make lint EXPLAIN=HE101` prints one rule, `SELECT=HE1,HE302` judges by some, `IGNORE=HE6` by all
but some; codes or their beginnings, and for always in `pyproject.toml`:

```toml
[tool.hera_experiment.lint]
ignore = ["HE601"]
```

`-o json`, `-o sarif` and `-o github` (`python -m hera_utils lint -o sarif`) are for machines, and
print this judgement alone. `ARGO=3.7` judges for that version of Argo. Exit status: 0 where there
is no error, otherwise 1.

Examples show the `spec` of a Workflow where they do not begin with its kind; `TEXT_1000` stands for
a text of 1000 characters, `TASKS_201` for as many tasks.
"""


def as_markdown() -> str:
    """Return the documentation of all rules, by family."""
    parts = [_HEAD]
    for family, rules in groupby(CATALOGUE, key=lambda rule: rule.family):
        parts.append(f"\n## {family}\n")
        parts += [f"\n{page(rule)}" for rule in rules]
    return "".join(parts)


def page(rule: Rule) -> str:
    """Return the documentation of one rule."""
    return (
        f'<a id="{rule.code.lower()}"></a>\n\n### {rule.code}: {rule.name} ({rule.severity})\n\n'
        f"{rule.explanation}\n\nFails:\n\n```yaml\n{rule.fails}\n```\n\n"
        f"Passes:\n\n```yaml\n{rule.passes}\n```\n"
    )


def explained(rule: Rule) -> str:
    """Return a rule as a person reads it in a terminal."""
    return (
        f"{rule.code} {rule.name} ({rule.severity})\n\n{rule.explanation}\n\n"
        f"Fails:\n\n{indent(rule.fails, '    ')}\n\nPasses:\n\n{indent(rule.passes, '    ')}"
    )


def table() -> str:
    """Return a line for each rule."""
    width = max(len(rule.name) for rule in CATALOGUE)
    return "\n".join(
        f"{rule.code}  {rule.name.ljust(width)}  {rule.severity.ljust(7)}  {rule.summary}"
        for rule in CATALOGUE
    )


if __name__ == "__main__":
    print(as_markdown(), end="")
