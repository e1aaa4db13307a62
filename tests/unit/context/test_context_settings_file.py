"""One parser for shell exports, .env files and option files."""

import subprocess

import pytest

from hera_experiment.context.settings_file import Line, parse, read
from hera_experiment.errors import UserError


def values(text, **environ):
    return {line.name: line.value for line in parse(text, "f", environ)}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=plain", "plain"),
        ("A = spaced out ", "spaced out"),
        ("A: colon", "colon"),
        ("export A=exported", "exported"),
        ("--a='option'", "option"),
        ("A='single $HOME \\ # not a comment'", "single $HOME \\ # not a comment"),
        ('A="double $HOME"', "double /home/ada"),
        ('A="a \\"quote\\" and \\$HOME"', 'a "quote" and $HOME'),
        ("A=half'and'\"half\"", "halfandhalf"),
        ("A=a\\ b", "a b"),
        ("A=${HOME}/x", "/home/ada/x"),
        ("A=~/kube", "/home/ada/kube"),
        ("A='~/kube'", "~/kube"),
        ("A=a~b", "a~b"),
        ("A=$UNKNOWN", "$UNKNOWN"),
        ("A=argo ;# or whatever", "argo"),
        ("A=argo # comment", "argo"),
        ("A=argo ; comment", "argo"),
        ("A=a#b;c", "a#b;c"),
        ("A='v' # it's a comment", "v"),
        ("A=Bearer abc", "Bearer abc"),
        ("A=", ""),
        ("A='' # nothing", ""),
        ("A= # nothing", ""),
        ("A=http://h:1/p?q=1", "http://h:1/p?q=1"),
        ("\tA=tab\r", "tab"),
    ],
)
def test_a_value_is_quoted_commented_and_expanded_as_in_a_shell(line, value):
    assert list(values(line, HOME="/home/ada").values()) == [value]


@pytest.mark.parametrize("line", ["", "   ", "# A=1", "; A=1", ";# A=1", "[section]", "[s] # c"])
def test_a_line_without_a_value(line):
    assert parse(line, "f", {}) == []


def test_export_takes_several_assignments_as_a_shell_does():
    assert values("export A=1 B='2 3' C=4 # D=5") == {"A": "1", "B": "2 3", "C": "4"}


def test_a_variable_may_refer_to_an_earlier_one_of_the_file():
    assert values("A=1\nB=$A/2", A="0") == {"A": "1", "B": "1/2"}


def test_lines_are_counted_from_one():
    assert parse("# c\n\nA=1\n", "f", {}) == [Line("A", "1", 3)]


@pytest.mark.parametrize("line", ["ARGO_TOKEN secret", "=secret", "A='secret", 'A="secret', "1A=x"])
def test_a_malformed_line_is_named_but_not_shown(line):
    with pytest.raises(UserError) as raised:
        parse(f"# one\n{line}", "./hera.config", {})
    assert raised.value.where == "./hera.config, line 2"
    assert "secret" not in str(raised.value)


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "f").write_bytes(b"A=\xff\xfe")
    with pytest.raises(UserError, match="UTF-8"):
        read(tmp_path / "f", {})


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbfA=1\r\nB=2\r\n")
    assert [line.name for line in read(tmp_path / "f", {})] == ["A", "B"]


def test_what_a_shell_reads_is_what_is_read(tmp_path):
    text = """
# a comment
export A=plain
export B='single # quoted'  # comment
C="double $A"
D=${A}/x
E=a#b
export F=1 G='2 3'
H=half'and'"half"
"""
    path = tmp_path / "hera.bash"
    path.write_text(text)
    script = 'set -a; . "$0"; printf "%s\\0" "$A" "$B" "$C" "$D" "$E" "$F" "$G" "$H"'
    shell = subprocess.run(["bash", "-c", script, path], capture_output=True, text=True, check=True)
    ours = {line.name: line.value for line in read(path, {})}
    assert list(ours.values()) == shell.stdout.split("\0")[:-1]
