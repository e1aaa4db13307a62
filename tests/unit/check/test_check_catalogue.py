"""The list of checks, and its documentation."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import hera_experiment.check
from hera_experiment.check.catalogue import CATALOGUE, select
from hera_experiment.check.documentation import as_markdown
from hera_experiment.check.outcome import ok
from hera_experiment.check.runner import Check

FOLDER = Path(hera_experiment.check.__file__).parent
TEMPLATE = Path(__file__).resolve().parents[3] / "{{cookiecutter.project_slug}}"
PAGE = TEMPLATE / "docs" / "check_cluster.md"
CODES = """
KUBECONFIG-FILE KUBECONFIG-CONTEXT KUBECONFIG-CERTIFICATE KUBECONFIG-TOKEN KUBECONFIG-EXEC
API-REACHABLE API-READY API-VERSION IDENTITY NAMESPACE
RIGHTS-WORKFLOWS RIGHTS-PODS RIGHTS-LOGS RIGHTS-TOKEN
ARGO-CRDS ARGO-REACHABLE ARGO-VERSION ARGO-MODE ARGO-TOKEN SCRIPT RIGHTS-TEMPLATES
ACCOUNT-EXISTS ACCOUNT-RESULTS CLAIM-BOUND CLAIM-ACCESS CLAIM-NODE STORAGE-CLASS
CONFIGMAP SECRET PULL-SECRET ARTIFACTS
QUOTA LIMIT-RANGE TAINTS GPU REGISTRY-REACHABLE REGISTRY-SIGNED-IN IMAGES WORKFLOW
"""


def test_codes_are_stable() -> None:
    assert [each.code for each in CATALOGUE] == CODES.split()


def test_a_family_a_file_declares_its_checks_and_holds_their_functions() -> None:
    files = sorted((FOLDER / "checks").glob("[!_]*.py"))
    declared = []
    for path in files:
        family = importlib.import_module(f"hera_experiment.check.checks.{path.stem}")
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path.name
        for each in family.CHECKS:
            assert each.function.__module__ == family.__name__, each.code
            assert each.function.__name__ == each.code.lower().replace("-", "_")
            declared.append(each)
    assert sorted(each.code for each in declared) == sorted(CODES.split())
    assert all(each in declared for each in CATALOGUE)
    assert len(files) <= 10


def test_a_category_is_one_block() -> None:
    blocks = [category for category, _ in groupby(CATALOGUE, key=lambda each: each.category)]
    assert len(blocks) == len(set(blocks))


def test_every_check_is_documented_and_needs_only_what_exists() -> None:
    codes = {each.code for each in CATALOGUE}
    for each in CATALOGUE:
        assert each.documentation.startswith("Check that "), each.code
        assert each.hint and "\n" not in each.hint, each.code
        assert set(each.earlier) <= codes - {each.code}, each.code


def test_the_documentation_is_current() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == as_markdown(), "python -m hera_experiment.check.documentation"


def test_every_check_has_a_test_that_breaks_the_real_cluster() -> None:
    folder = Path(__file__).resolve().parents[2] / "cluster" / "check"
    text = "".join(path.read_text() for path in folder.glob("test_*.py"))
    alone = set(re.findall(r'assert_alone\("([A-Z-]+)"\)', text))
    mended = set(re.findall(r'assert_well\("([A-Z-]+)"\)', text))
    mended |= set(re.findall(r'\["([A-Z-]+)"\]\.status is(?: not)? Status\.OK', text))
    assert alone == mended & alone == {each.code for each in CATALOGUE}


def test_every_check_has_a_test_that_breaks_the_recorded_cluster() -> None:
    folder = Path(__file__).parent
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("test_checks_*.py"))
    for kind in ("ok", "failure"):
        tested = set(re.findall(rf'recorded\.{kind}\("([A-Z-]+)"\)', text))
        assert tested == {each.code for each in CATALOGUE}, kind


def test_every_code_has_an_address_in_the_documentation() -> None:
    anchors = re.findall(r'<a id="([a-z-]+)"></a>', PAGE.read_text(encoding="utf-8"))
    assert anchors == [*(each.code.lower() for each in CATALOGUE), "probe", "own"]
    for each in CATALOGUE:
        assert each.address == f"docs/{PAGE.name}#{each.anchor}" and each.anchor in anchors
    own = Check("OWN-GPU-QUOTA", "of hera_utils", "", lambda _: ok(""))
    assert own.address == f"docs/{PAGE.name}#own"


def codes(checks: Iterable[Check]) -> list[str]:
    return [each.code for each in checks]


def test_only_some_checks_come_with_what_they_need() -> None:
    found = codes(select(CATALOGUE, ["CLAIM-NODE"]))
    assert found == [
        *("KUBECONFIG-FILE", "KUBECONFIG-CONTEXT", "KUBECONFIG-CERTIFICATE", "KUBECONFIG-TOKEN"),
        *("KUBECONFIG-EXEC", "API-REACHABLE", "IDENTITY", "NAMESPACE"),
        *("SCRIPT", "CLAIM-BOUND", "CLAIM-NODE"),
    ]


def test_a_check_that_is_skipped_hands_on_what_it_needs() -> None:
    found = {each.code: each for each in select(CATALOGUE, skip=["NAMESPACE", "IDENTITY", "QUOTA"])}
    assert len(found) == len(CATALOGUE) - 3
    assert found["CONFIGMAP"].needs == ("API-REACHABLE",)
    assert found["WORKFLOW"].unless_failed == ("API-REACHABLE", "SCRIPT")
    assert codes(select(CATALOGUE, ["CONFIGMAP"], codes(CATALOGUE))) == []


def test_hints_are_commands_as_this_person_types_them() -> None:
    for cluster, words in (("lab", "make provision CLUSTER=lab"), ("", "make provision")):
        for each in select(CATALOGUE, cluster=cluster):
            assert "python -m" not in each.hint and "CLUSTER=NAME" not in each.hint
            if "make provision" in each.hint:
                assert words in each.hint and ("CLUSTER" in each.hint) is bool(cluster)


def test_help_imports_nothing_heavy() -> None:
    program = """
import sys
from hera_experiment.cli import main
import hera_utils
try:
    main(["check-cluster", "--help"], hera_utils)
except SystemExit:
    pass
heavy = {"hera", "kubernetes", "requests", "rich", "yaml"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=TEMPLATE, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "--wait" in done.stdout and "--timeout" in done.stdout
