"""Writes down what each case came to, and the table of it in README.md.

    python tests/fidelity/fidelity_table.py

``results.json`` has the verdict of each case for each release of Argo, and which file it was.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
README = FOLDER / "README.md"
sys.path.insert(0, str(FOLDER.parent))

from fidelity_cases import all_cases  # noqa: E402
from fidelity_known import known_to  # noqa: E402

AGREES, REFUSED, DIFFERS, NOT_RUN = "agrees", "refused", "differs", "not run"
VERDICTS = (AGREES, REFUSED, DIFFERS, NOT_RUN)
Results = dict[str, dict[str, dict[str, str]]]


def results() -> Results:
    """Return what was recorded of each case as it is now: by release its verdict and its file."""
    found: Results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    files = {name: case.digest for name, case in all_cases().items()}
    return {
        version: {name: each for name, each in recorded.items() if files.get(name) == each["file"]}
        for version, recorded in found.items()
    }


def record(version: str, verdicts: Mapping[str, str]) -> None:
    """Write down what came out against Argo ``version``, and the table anew."""
    cases, kept = all_cases(), results()
    known = dict(kept.get(version, {}))
    for name, verdict in verdicts.items():
        known[name] = {"verdict": verdict, "file": cases[name].digest}
    kept[version] = known
    RESULTS.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    README.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return README.md as the recorded results and the cases make it."""
    recorded = results()
    versions = sorted(recorded)
    return (
        "\n".join([_INTRODUCTION, *_table(recorded, versions), "", *_exceptions(versions)]) + "\n"
    )


def _table(recorded: Results, versions: list[str]) -> list[str]:
    cases = all_cases()
    heads = [f"{version}: {verdict}" for version in versions for verdict in VERDICTS]
    lines = ["| feature | " + " | ".join(["cases", *heads]) + " |"]
    lines.append("|---|" + "---:|" * (len(heads) + 1))
    features = sorted({case.feature for case in cases.values()})
    for feature in [*features, ""]:
        names = [name for name, case in cases.items() if feature in ("", case.feature)]
        cells = [str(len(names))]
        for version in versions:
            of = recorded[version]
            count = Counter(of[name]["verdict"] if name in of else NOT_RUN for name in names)
            cells += [str(count[verdict] or "") for verdict in VERDICTS]
        title = feature.replace("_", " ") or "**all**"
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return lines


def _exceptions(versions: list[str]) -> list[str]:
    lines = []
    for version in versions:
        found = [(name, known_to(name, version)) for name in all_cases()]
        listed = [(name, known) for name, known in found if known]
        if listed:
            lines += [f"What does not agree with {version}:", ""]
            lines += [f"- `{name}` {known.verdict}: {known.why}" for name, known in listed]
            lines.append("")
    return lines[:-1] or ["Nothing is refused, nothing differs."]


_INTRODUCTION = """# Fidelity

Each workflow in `cases/` shows a rule of Argo; its first line says which. `make test
TESTS=tests/fidelity` runs them on a cluster's Argo and on the local server, through the same
client, and compares the verdict, the nodes (type, name, phase, inputs, outputs, children) and the
messages. *refused* means that the local server says by name what it does not interpret, *not run*
that the case is newer than the last record.

A case is a file. Where releases differ the local server does as the newest, 4.1 (August 2026),
whose mends 3.7.18 (of that month) has too, and 4.0.5 (April) has not. What is refused or differs
stands in `fidelity_known.py` with its reason; once it agrees the test fails until it is taken out.
This page is made by `FIDELITY_RECORD=1 make test TESTS=tests/fidelity`, and without a
cluster from what was recorded by `python tests/fidelity/fidelity_table.py`.
"""


if __name__ == "__main__":
    README.write_text(page(), encoding="utf-8")
