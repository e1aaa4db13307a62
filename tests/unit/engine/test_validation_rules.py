"""Argo's rules, each by a specification that breaks it and one that keeps it.

That the words are Argo's is tested on a cluster.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hera_experiment.local.engine.validation import judged
from hera_experiment.local.errors import InvalidWorkflow

REPOSITORY = Path(__file__).resolve().parents[3]
RULES = yaml.safe_load((REPOSITORY / "tests/cluster/workflows/rules.yml").read_text())


def workflow(spec: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"generateName": "w-"}, "spec": {"entrypoint": "main", **spec}}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["rule"])
def test_a_rule_of_argo(rule: dict[str, Any]) -> None:
    with pytest.raises(InvalidWorkflow) as refused:
        judged(workflow(rule["bad"]))
    assert refused.value.message.startswith(rule["says"])
    judged(workflow(rule["good"]))


def test_no_two_rules_have_one_name() -> None:
    assert len({rule["rule"] for rule in RULES}) == len(RULES)
