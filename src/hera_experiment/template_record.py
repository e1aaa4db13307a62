"""Which version of the template a project was made from, as ``experiment.toml`` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hera_experiment import __version__
from hera_experiment.errors import UserError

SHORT = 7


@dataclass(frozen=True)
class TemplateRecord:
    """The origin of a project.

    ``address`` is the template's, as cookiecutter takes it. ``version`` is the library's.
    ``commit`` is the template's full one, followed by ``-dirty`` where the template was changed;
    empty where it is not known. ``answers`` are those to all questions.
    """

    address: str
    version: str
    commit: str
    answers: Mapping[str, str]

    @classmethod
    def read(cls, document: Mapping[str, Any], where: str) -> TemplateRecord | None:
        """Return the record of an ``experiment.toml``; None where it has none.

        Raises
        ------
        UserError
            When the table is not as the template writes it; ``where`` names the file.
        """
        if "template" not in document:
            return None
        table = document["template"]
        names = ("address", "version", "commit")
        answers = table.get("answers") if isinstance(table, dict) else None
        texts = [table.get(name) for name in names] if isinstance(table, dict) else []
        if not isinstance(answers, dict) or not all(
            isinstance(text, str) for text in [*texts, *answers.values()]
        ):
            raise UserError(
                "[template] has no address, version, commit or answers, each of them a text",
                where=where,
                next_step="take it back from git: git checkout HEAD -- experiment.toml",
            )
        address, version, commit = map(str, texts)
        return cls(address, version, commit, answers)


def library(record: TemplateRecord | None) -> str:
    """Return the library's name, version and, where it is known, commit, for a person.

    For example ``hera_experiment 0.7.0 (commit abcdef1)``. ``record`` is that of the experiment at
    work; it says nothing about a library of another version.
    """
    text = f"hera_experiment {__version__}"
    if record is None or record.version != __version__ or not record.commit:
        return text
    commit, dash, changed = record.commit.partition("-")
    return f"{text} (commit {commit[:SHORT]}{dash}{changed})"
