"""The verbs run, test and lint, as far as they go without a server."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import UserError
from hera_experiment.verbs import lint, run
from hera_experiment.verbs import test as test_verb
from hera_utils.cli_context import CLIContext

SOURCES = Path(run.__file__).resolve().parents[2]

PYPROJECT = """
[tool.ruff]
fix = true
[tool.mypy]
files = ["*.py"]
strict = true
"""


WORKFLOW = """\
kind: Workflow
metadata: {generateName: w-}
spec:
  entrypoint: main
  templates:
  - name: main
    container:
      image: python
      command: [python]
"""


def parsed(verb: object, *words: str) -> argparse.Namespace:
    parser = VerbParser(CLIContext)
    verb.add_arguments(parser)  # type: ignore[attr-defined]
    return parser.parse_args(words, VerbArguments(CLIContext))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "experiment.toml").write_text('[experiment]\nname = "X"\nslug = "x"\n')
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    return tmp_path


def alone(code: str) -> subprocess.CompletedProcess[str]:
    """Run code of ours in an interpreter that sees no installed package."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES)}
    return subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, env=environment
    )


class TestRun:
    def test_everything_after_the_script_is_the_script_s(self) -> None:
        args = parsed(run, "--runtime", "docker", "s.py", "--cluster", "x", "-h", "--", "y")
        assert args.words == ["s.py", "--cluster", "x", "-h", "--", "y"]
        assert (args.runtime, args.cluster) == ("docker", "local")

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (("--cluster", "pagoda"), "run is for the laptop, not for the cluster 'pagoda'"),
            (("--runtime", "rkt"), "no runtime is named 'rkt' (--runtime"),
            (("nowhere.py",), "there is no script 'nowhere.py'"),
            ((".",), "'.' is a folder"),
            (("--script=there.py", "x"), "there is no script 'there.py'"),
            (("--args='", "s.py"), "have No closing quotation (--args)"),
            ((), "workflow.py' (the script that runs unless another is named)"),
        ],
    )
    def test_a_wrong_answer_is_one_sentence_and_starts_nothing(
        self, project: Path, words: tuple[str, ...], sentence: str
    ) -> None:
        with pytest.raises(UserError) as caught:
            run.main(parsed(run, *words))
        assert sentence in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not (project / ".hera").exists()

    def test_an_unreadable_script_is_refused(self, project: Path) -> None:
        (project / "sub" / "loop.py").symlink_to("loop.py")
        with pytest.raises(UserError, match=r"there is no script|cannot be read"):
            run.main(parsed(run, "loop.py"))


class TestTest:
    def test_the_project_s_tests_run_with_the_arguments(
        self, project: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (project / "test_it.py").write_text("def test_good(): pass\ndef test_bad(): assert False\n")
        assert test_verb.main(parsed(test_verb)) == 1
        assert test_verb.main(parsed(test_verb, "-k", "good")) == 0
        assert "1 passed, 1 deselected" in capfd.readouterr().out
        # As make hands its variables on: make test ARGS="-k 'good or bad' -x"
        assert test_verb.main(parsed(test_verb, "--args=-k 'good or bad' -x")) == 1
        assert test_verb.main(parsed(test_verb, "--args", "-k good", "-q")) == 0

    def test_no_test_is_a_sentence(self, project: Path) -> None:
        with pytest.raises(UserError, match="found no test"):
            test_verb.main(parsed(test_verb))

    def test_without_pytest_a_sentence_says_so(self) -> None:
        done = alone(
            "import argparse\n"
            "from hera_experiment import errors\n"
            "from hera_experiment.verbs import test\n"
            "errors.install_excepthook()\n"
            "test.main(argparse.Namespace(words=[]))"
        )
        assert done.returncode == 1
        assert done.stderr.startswith("hera_utils: pytest is not installed (")
        assert len(done.stderr.splitlines()) == 1

    def test_help_is_ours(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert test_verb.main(parsed(test_verb, "--help")) == 0
        assert "arguments for pytest" in capsys.readouterr().out


class TestLint:
    def test_a_clean_project_passes(self, project: Path) -> None:
        (project / "good.py").write_text("X: int = 1\n")
        assert lint.main(parsed(lint)) == 0

    def test_all_checks_run_and_nothing_is_changed(
        self, project: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        bad = "import os\nx : int = 'a'\n"
        (project / "bad.py").write_text(bad)
        assert lint.main(parsed(lint)) == 1
        out = capfd.readouterr().out
        assert "F401" in out  # ruff check, whose fix pyproject.toml asks for
        assert "would be reformatted" in out
        assert "Incompatible types in assignment" in out
        assert (project / "bad.py").read_text() == bad

    def test_missing_tools_are_one_sentence_each(self, project: Path) -> None:
        done = alone(
            "from argparse import Namespace\n"
            "from hera_experiment.verbs import lint\n"
            "args = Namespace(explain='', script='', words=[], output='text')\n"
            "raise SystemExit(lint.main(args))"
        )
        assert done.returncode == 1
        assert done.stdout.startswith("verify:\nhera_experiment ") and done.stdout.count("\n") == 2
        lines = done.stderr.splitlines()
        assert len(lines) == 2
        assert lines[0].startswith("hera_utils: ruff is not installed (")
        assert lines[1].startswith("hera_utils: mypy is not installed (")

    def test_a_file_is_judged_alone(
        self, project: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (project / "sub" / "w.yaml").write_text(WORKFLOW)
        assert lint.main(parsed(lint, "w.yaml")) == 0
        out = capsys.readouterr().out
        assert out.startswith("w.yaml:8: warning HE601 main: the image 'python' has no tag")
        (project / "pyproject.toml").write_text('[tool.hera_experiment.lint]\nignore = ["HE6"]\n')
        assert lint.main(parsed(lint, "--script=w.yaml")) == 0
        assert capsys.readouterr().out == "1 object: nothing to remark\n"
        # What is typed takes the place of what the experiment chooses.
        assert lint.main(parsed(lint, "--select=HE1,HE6", "-o", "github", "w.yaml")) == 0
        assert capsys.readouterr().out.startswith("::warning file=w.yaml,line=8,title=HE601 ")
        (project / "sub" / "w.yaml").write_text(WORKFLOW.replace("entrypoint: main", "{}"))
        assert lint.main(parsed(lint, "w.yaml")) == 1

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (("--explain=HE66",), "no rule has the code 'HE66' (--explain): did you mean HE60"),
            (("--ignore=X",), "no rule has the code 'X' (--ignore)"),
            (("--argo=new", "w.yaml"), "'new' is no version of Argo (--argo)"),
            (("w.yaml", "-o", "json"), "'-o' stands behind a file"),
            (("nowhere.py",), "there is no script 'nowhere.py'"),
        ],
    )
    def test_a_wrong_choice_is_one_sentence(
        self, project: Path, words: tuple[str, ...], sentence: str
    ) -> None:
        (project / "sub" / "w.yaml").write_text(WORKFLOW)
        if "w.yaml" not in words and "--explain" not in words[0]:
            words = (*words, "w.yaml")
        with pytest.raises(UserError) as caught:
            lint.main(parsed(lint, *words))
        assert sentence in str(caught.value)

    def test_a_rule_is_explained(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert lint.main(parsed(lint, "--explain=he101")) == 0
        assert capsys.readouterr().out.startswith("HE101 refused-by-argo (error)\n")
        assert lint.main(parsed(lint, "--explain=all")) == 0
        assert "HE801  quantity " in capsys.readouterr().out
