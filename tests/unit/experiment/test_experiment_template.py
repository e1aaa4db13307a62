"""What an experiment was generated from: read from experiment.toml, said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hera_experiment import __version__
from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.packaging import origin
from hera_experiment.template_record import TemplateRecord, library

NAMED = '[experiment]\nname = "Lyon"\nslug = "lyon"\n'
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def load(folder: Path, text: str) -> TemplateRecord | None:
    (folder / "experiment.toml").write_text(NAMED + text, encoding="utf-8")
    return Experiment.load(folder).template


def test_what_the_hook_wrote_is_read(tmp_path: Path) -> None:
    answers = {"project_name": 'L\'été "n°1"', "license": "MIT"}
    table = origin.table("gh:org/t", "0.2.0", COMMIT, answers)
    assert load(tmp_path, table) == TemplateRecord("gh:org/t", "0.2.0", COMMIT, answers)


def test_without_a_table_there_is_no_record(tmp_path: Path) -> None:
    assert load(tmp_path, "") is None
    assert Experiment.find(tmp_path / "elsewhere").template is None


@pytest.mark.parametrize(
    "text",
    [
        "[template]\n",
        '[template]\naddress = "a"\nversion = "1"\ncommit = ""\n',
        '[template]\naddress = "a"\nversion = 1\ncommit = ""\n[template.answers]\n',
        '[template]\naddress = "a"\nversion = "1"\ncommit = ""\n[template.answers]\nx = 1\n',
        '[template]\naddress = "a"\nversion = "1"\ncommit = ""\nanswers = "none"\n',
        '[[template]]\naddress = "a"\n',
    ],
)
def test_a_table_of_another_form_is_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError) as refused:
        load(tmp_path, text)
    assert str(refused.value) == (
        "[template] has no address, version, commit or answers, each of them a text"
        f" ({tmp_path / 'experiment.toml'}): take it back from git: git checkout HEAD --"
        " experiment.toml"
    )


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (None, ""),
        (TemplateRecord("a", __version__, COMMIT, {}), " (commit 0123456)"),
        (TemplateRecord("a", __version__, f"{COMMIT}-dirty", {}), " (commit 0123456-dirty)"),
        (TemplateRecord("a", __version__, "", {}), ""),
        (TemplateRecord("a", "0.0.1", COMMIT, {}), ""),
    ],
)
def test_the_library_in_words(record: TemplateRecord | None, expected: str) -> None:
    assert library(record) == f"hera_experiment {__version__}{expected}"
