"""Writes docs/check_cluster.md, the documentation of the checks, out of their docstrings.

After a change: ``python -m hera_experiment.check.documentation > docs/check_cluster.md``.
"""

from __future__ import annotations

from itertools import groupby

from hera_experiment.check.catalogue import CATALOGUE
from hera_experiment.check.probe.results import CHECK as PROBE
from hera_experiment.check.runner import OWN, Check

_HEAD = """\
# What `make check-cluster` checks

<!-- Made from the tables in check/checks/: python -m hera_experiment.check.documentation -->

One line a check: √ well, ‼ a warning, × failed, ? unknown. A check that needs another one is
unknown when that one failed or is unknown, so that one fault shows as one ×; such checks side by
side share a line. Nothing on the cluster is changed, unless the [probe](#probe) is asked for. Exit
status: 0 all well (warnings, and unknowns that do not matter to a submission), 1 a check failed (or
no cluster is set up), 2 it could not be found out whether a submission can work (an *essential*
check is unknown, or the settings cannot be read).

`-o json` prints one document for machines, `-o junit` the XML that CI systems read (what is unknown
is skipped there), `--wait SECONDS` tries again until all is well, `--timeout SECONDS` bounds each
request. `--only CODE,CODE` makes these checks alone, with what they need (then each of them is
essential), `--skip CODE,CODE` all but these; with make: `make check-cluster ONLY=IMAGES`.

`make check-cluster PROBE=1` also tries it with one small workflow, which tells those who have no
kubeconfig what else stays unknown. It asks before the first time in each namespace; `PROBE=yes`
agrees.

A code is explained at its own address on this page, such as [#images](#images).
"""


_OWN = f"""
<a id="{OWN.lower()}"></a>

## of hera_utils

Each method `assert_…` of the cluster or of the Argo server in `hera_utils/` that needs no argument
is a check, too: `assert_gpu_quota` is {OWN}-GPU-QUOTA. It is well when the method returns True,
unknown when it returns False, and failed when it raises `UserError`, which says why.
"""


def as_markdown() -> str:
    """Return the documentation of all checks, by category."""
    parts = [_HEAD]
    for category, checks in groupby((*CATALOGUE, PROBE), key=lambda each: each.category):
        parts.append(f"\n## {category}\n")
        parts += [_section(each) for each in checks]
    parts.append(_OWN)
    return "".join(parts)


def _section(check: Check) -> str:
    notes = []
    if check.essential:
        notes.append("Essential.")
    if check.needs:
        notes.append(f"Needs {', '.join(check.needs)}.")
    if check.unless_failed:
        notes.append(f"Left out when one failed of {', '.join(check.unless_failed)}.")
    if check.informed_by:
        notes.append(f"Looks at what {', '.join(check.informed_by)} finds.")
    tail = f"\n\n{' '.join(notes)}" if notes else ""
    hint = f"When it fails: {check.hint}."
    text = check.documentation.replace("``", "`")
    head = f'<a id="{check.anchor}"></a>\n\n### {check.code}: {check.title}'
    return f"\n{head}\n\n{text}\n\n{hint}{tail}\n"


if __name__ == "__main__":
    print(as_markdown(), end="")
