"""Reading Dockerfiles: instructions, words, variables, the final stage."""

from __future__ import annotations

from pathlib import Path

import pytest

from hera_experiment.errors import UserError
from hera_experiment.images.dockerfile import Dockerfile, expand, split_words
from hera_experiment.images.recipe import Copy, Recipe, RunStep, read_recipe


def read(tmp_path: Path, text: str, **arguments: str) -> Recipe:
    path = tmp_path / "Dockerfile"
    path.write_text(text)
    return read_recipe(Dockerfile.read(path), arguments)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a  b\tc", ["a", "b", "c"]),
        ("'a b' \"c d\"e f\\ g", ["a b", "c de", "f g"]),
        ('A="x \\"y\\" $V" B=\'$V\' C=\\$V', ['A=x "y" value', "B=$V", "C=$V"]),
        ("${V}s ${N:-else} ${V:+then}${N:+no} $N.", ["values", "else", "then", "."]),
        ('""', [""]),
        ("", []),
    ],
)
def test_words_are_split_as_a_shell_does(text, words):
    assert split_words(text, {"V": "value"}.get) == words


def test_expand_keeps_the_rest():
    assert expand("'$A' \"${B:-$A}\"", {"A": "1"}.get) == "'1' \"1\""


def test_lines_flags_comments_and_heredocs(tmp_path: Path):
    path = tmp_path / "Dockerfile"
    path.write_text(
        "# syntax=docker/dockerfile:1\nfrom python:3.13\n\n"
        "RUN a && \\\n  # inside\n\n  b\n"
        "COPY --chown=1:1 --link x y\n"
        "RUN --mount=type=cache,target=/c <<EOF sh\nset -e\necho 1\nEOF\n"
        'CMD [ "a", "b c" ]\n'
    )
    _, run, copy, heredoc, command = Dockerfile.read(path).instructions
    assert (run.keyword, run.value.split(), run.line) == ("RUN", ["a", "&&", "b"], 4)
    assert (copy.flags, copy.value) == ({"chown": "1:1", "link": ""}, "x y")
    assert (heredoc.heredocs, heredoc.line) == (("set -e\necho 1",), 9)
    assert command.words() == ["a", "b c"]
    assert heredoc.words() is None


def test_a_backtick_as_the_escape_character(tmp_path: Path):
    path = tmp_path / "Dockerfile"
    path.write_text("# escape=`\nFROM a\nRUN x `\n y\\\nCMD z\n")
    assert [each.value for each in Dockerfile.read(path).instructions] == ["a", "x  y\\", "z"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("FROM a\nRUNN b\n", "'RUNN'"),
        ("RUN b\n", "does not begin with FROM"),
        ("", "does not begin with FROM"),
        ("FROM a\nRUN <<EOF\nx\n", "'EOF' has no end"),
        ("FROM a\nWORKDIR\n", "WORKDIR has no value"),
    ],
)
def test_what_is_no_dockerfile(tmp_path: Path, text: str, part: str):
    path = tmp_path / "Dockerfile"
    path.write_text(text)
    with pytest.raises(UserError, match="Dockerfile") as caught:
        Dockerfile.read(path)
    assert part in str(caught.value)
    with pytest.raises(UserError, match="cannot read"):
        Dockerfile.read(tmp_path / "absent")


def test_arguments_and_their_scope(tmp_path: Path):
    text = (
        "ARG BASE=python:3.13\nARG OTHER=1\nFROM ${BASE}\n"
        "ARG OTHER\nARG HERE=2\nENV A=$OTHER$HERE$BASE HERE=env\nENV B=$HERE\n"
    )
    recipe = read(tmp_path, text)
    assert recipe.base == "python:3.13"
    assert recipe.environment == {"A": "12", "HERE": "env", "B": "env"}
    recipe = read(tmp_path, text, BASE="mirror/python:3", HERE="9")
    assert (recipe.base, recipe.environment["A"]) == ("mirror/python:3", "19")


def test_values_of_one_env_see_what_was_before_it(tmp_path: Path):
    recipe = read(tmp_path, "FROM a\nENV X=1\nENV X=2 Y=$X\n")
    assert recipe.environment == {"X": "2", "Y": "1"}


def test_the_final_stage_with_what_it_inherits(tmp_path: Path):
    recipe = read(
        tmp_path,
        "FROM python:3 AS Base\nENV A=1\nWORKDIR /srv\nFROM gcc\nRUN make\n"
        "FROM base AS last\nWORKDIR app\nCOPY a b /c/\nRUN x\n",
    )
    assert (recipe.base, recipe.base_line, recipe.workdir) == ("python:3", 1, "/srv/app")
    assert recipe.environment == {"A": "1"}
    assert recipe.steps == [
        Copy(("a", "b"), "/c", True, 8),
        RunStep("x", None, "/srv/app", 9),
    ]


def test_entry_point_and_command(tmp_path: Path):
    recipe = read(tmp_path, 'FROM a\nCMD ["x"]\nENTRYPOINT ["e"]\n')
    assert (recipe.entrypoint, recipe.command) == (("e",), ("x",))
    recipe = read(tmp_path, "FROM a\nENTRYPOINT e $A\n")
    assert (recipe.entrypoint, recipe.command) == (("/bin/sh", "-c", "e $A"), ())
    recipe = read(tmp_path, 'FROM a\nSHELL ["bash", "-ec"]\nCMD x y\n')
    assert (recipe.entrypoint, recipe.command) == (None, ("bash", "-ec", "x y"))
    recipe = read(tmp_path, "FROM a\n")
    assert (recipe.entrypoint, recipe.command) == (None, None)


def test_copy_destinations(tmp_path: Path):
    recipe = read(
        tmp_path, 'FROM a\nWORKDIR /w\nCOPY x .\nCOPY ./x/ y\nCOPY ["a b", "/c d/"]\nADD . /\n'
    )
    assert recipe.steps == [
        Copy(("x",), "/w", True, 3),
        Copy(("x",), "/w/y", False, 4),
        Copy(("a b",), "/c d", True, 5),
        Copy((".",), "/", True, 6),
    ]


def test_what_only_an_engine_can_do(tmp_path: Path):
    recipe = read(
        tmp_path,
        "FROM a\nCOPY --from=b /x /y\nADD https://h/x /y\nADD x.tar.gz /y\nCOPY <<EOF /y\n1\nEOF\n",
    )
    assert [line for line, _ in recipe.unreadable] == [2, 3, 4, 5]
    assert recipe.steps == []
