"""Both sides have changed, in every way."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from made_template import FILES, SLUG, Project, Template, git, lines

from hera_experiment.experiment import Experiment


def record_commit(project: Project) -> str:
    record = Experiment.load(project.folder).template
    assert record is not None
    return record.commit


def test_untouched_files_follow_and_one_commit_can_be_reverted(
    template: Template, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    old = git(template.folder, "rev-parse", "HEAD").strip()
    template.write(f"{SLUG}/workflow.py", lines("w", line3="new"))
    template.write(f"{SLUG}/docs/page.md", "A page\n")
    (template.folder / SLUG / "library" / "names.py").unlink()
    (template.folder / SLUG / "run.sh").chmod(0o755)
    new = template.release("0.3.0")
    (project.folder / "library" / "__pycache__").mkdir()
    project.write("library/__pycache__/names.pyc", b"x")
    before = project.state()
    head = project.git("rev-parse", "HEAD")

    assert project.update() == 0

    out = capsys.readouterr()
    assert out.err == ""
    assert f"from 0.2.0 ({old[:10]}) to 0.3.0 ({new[:10]}):" in out.out
    assert "added          docs/page.md" in out.out
    assert "a line of the hook" not in out.out
    assert project.read("workflow.py") == lines("w", line3="new")
    assert project.read("docs/page.md") == "A page\n"
    assert not (project.folder / "library" / "names.py").exists()
    assert (project.folder / "run.sh").stat().st_mode & 0o111
    assert [each.name for each in (project.folder / "vendor").iterdir()] == [
        "hera_experiment-0.3.0.whl"
    ]
    assert record_commit(project) == new
    assert project.git("status", "--porcelain") == ""
    assert project.git("rev-parse", "HEAD^") == head
    message = project.git("log", "-1", "--format=%an %B")
    assert message.startswith("Ada Update the template from 0.2.0 ") and "to 0.3.0 (" in message
    assert old in message and new in message
    assert list(project.folder.glob(".git/hera_update*")) == []
    # Not a word of anything that is dangling.
    assert project.git("fsck", "--strict") == ""

    project.git("revert", "--no-edit", "HEAD")
    after = project.state()
    assert {**after, "HEAD": ""} == {**before, "HEAD": ""}


@pytest.mark.parametrize("name", FILES)
def test_both_sides_of_a_file_are_merged(template: Template, project: Project, name: str) -> None:
    template.write(f"{SLUG}/{name}", lines(name[0], line2="theirs = 1"))
    template.release("0.3.0")
    project.write(name, lines(name[0], line18="mine = 1"))
    project.commit()
    assert project.update() == 0
    assert project.read(name) == lines(name[0], line2="theirs = 1", line18="mine = 1")
    assert project.git("status", "--porcelain") == ""


@pytest.mark.parametrize("name", FILES)
def test_a_conflict_is_left_to_resolve(
    template: Template, project: Project, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    template.write(f"{SLUG}/{name}", lines(name[0], line9="theirs = 1"))
    template.write(f"{SLUG}/docs/page.md", "A page\n")
    new = template.release("0.3.0")
    project.write(name, lines(name[0], line9="mine = 1"))
    head = project.commit()
    before = project.state()

    assert project.update("--dry_run") == 0
    dry = capsys.readouterr().out
    assert f"conflict       {name}: changed here and in the template" in dry
    assert project.state() == before

    assert project.update() == 1
    assert f"conflict       {name}" in (out := capsys.readouterr().out)
    assert "1 in conflict: edit these files, then type 'git add --all && git commit" in out
    assert "<<<<<<< yours\nmine = 1\n=======\ntheirs = 1\n>>>>>>> template\n" in project.read(name)
    assert project.git("rev-parse", "HEAD").strip() == head
    assert f"UU {name}\n" in project.git("status", "--porcelain")
    assert "A  docs/page.md\n" in project.git("status", "--porcelain")
    assert [line.split()[2] for line in project.git("ls-files", "-u").splitlines()] == list("123")
    assert project.git("show", f":2:{name}") == lines(name[0], line9="mine = 1")

    assert project.update() == 1
    assert "changes that are not committed" in capsys.readouterr().err

    project.write(name, lines(name[0], line9="both = 1"))
    project.git("add", "--all")
    project.git("commit", "--no-edit")
    assert project.git("log", "-1", "--format=%s").startswith("Update the template from 0.2.0")
    assert record_commit(project) == new
    assert project.update() == 0
    assert "nothing to do" in capsys.readouterr().out


def test_conflicts_are_undone_by_a_reset(template: Template, project: Project) -> None:
    template.write(f"{SLUG}/inputs.py", lines("i", line9="theirs = 1"))
    template.write(f"{SLUG}/docs/page.md", "A page\n")
    template.release("0.3.0")
    project.write("inputs.py", lines("i", line9="mine = 1"))
    project.commit()
    before = project.state()
    assert project.update() == 1
    project.git("reset", "--hard")
    assert project.state() == before


def test_the_settings_are_merged_and_the_record_is_never_in_conflict(
    template: Template, project: Project
) -> None:
    place = template.folder / SLUG / "experiment.toml"
    place.write_text(place.read_text() + 'image = "new"\n')
    new = template.release("0.3.0")
    text = project.read("experiment.toml").replace("Depth of the Lake", "Depth")
    project.write("experiment.toml", text + '# mine\n[mine]\nkey = "value"\n')
    project.commit()
    assert project.update() == 0
    merged = project.read("experiment.toml")
    assert 'description = "Depth"' in merged and 'image = "new"' in merged
    assert merged.endswith('\n# mine\n[mine]\nkey = "value"\n')
    assert merged.count("[template]") == merged.count("# Where it is from.") == 1
    assert f'address = "{template.folder}"' in merged
    assert f'commit = "{new}"' in merged


def test_what_was_deleted_stays_deleted(
    template: Template, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    template.write(f"{SLUG}/library/engine.py", lines("engine", line3="new"))
    template.release("0.3.0")
    project.git("rm", "-q", "library/engine.py", "run.sh")
    project.commit()
    assert project.update() == 0
    assert "stays deleted  library/engine.py" in capsys.readouterr().out
    assert not (project.folder / "library" / "engine.py").exists()
    assert not (project.folder / "run.sh").exists()


def test_what_was_renamed_is_followed(template: Template, project: Project) -> None:
    template.write(f"{SLUG}/library/engine.py", lines("engine", line3="new"))
    template.write(f"{SLUG}/library/added.py", "added\n")
    template.release("0.3.0")
    project.git("mv", "library", "machinery")
    project.commit()
    assert project.update() == 0
    assert project.read("machinery/engine.py") == lines("engine", line3="new")
    assert project.read("machinery/added.py") == "added\n"
    assert not (project.folder / "library").exists()


def test_changed_here_and_removed_from_the_template_is_a_conflict(
    template: Template, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (template.folder / SLUG / "library" / "engine.py").unlink()
    template.release("0.3.0")
    project.write("library/engine.py", lines("engine", line3="mine"))
    project.commit()
    assert project.update() == 1
    out = capsys.readouterr().out
    assert "library/engine.py: changed here, removed from the template" in out
    assert project.read("library/engine.py") == lines("engine", line3="mine")
    assert "UD library/engine.py" in project.git("status", "--porcelain")


def test_files_added_on_both_sides(template: Template, project: Project) -> None:
    template.write(f"{SLUG}/same.py", "same\n")
    template.write(f"{SLUG}/other.py", "theirs\n")
    template.release("0.3.0")
    project.write("same.py", "same\n")
    project.write("other.py", "mine\n")
    project.commit()
    assert project.update() == 1
    assert "AA other.py" in project.git("status", "--porcelain").splitlines()
    assert project.git("ls-files", "-u", "--", "same.py") == ""
    assert project.read("same.py") == "same\n"


def test_a_binary_file_of_both_sides_is_a_conflict_that_keeps_the_researchers(
    template: Template, project: Project
) -> None:
    template.write(f"{SLUG}/map.png", b"\0\1old")
    template.release("0.3.0")
    assert project.update() == 0
    template.write(f"{SLUG}/map.png", b"\0\1theirs")
    template.release("0.4.0")
    project.write("map.png", b"\0\1mine")
    project.commit()
    assert project.update() == 1
    assert (project.folder / "map.png").read_bytes() == b"\0\1mine"
    assert "UU map.png" in project.git("status", "--porcelain")


def test_a_wheel_is_replaced_whatever_its_bytes_and_stays_away_where_it_was_removed(
    template: Template, project: Project
) -> None:
    # The same version, packed by another zlib.
    project.write("vendor/hera_experiment-0.2.0.whl", b"\0\1other bytes")
    project.write("vendor/mine.whl", b"\0\1mine")
    project.commit()
    template.commit("Nothing but a commit")
    assert project.update() == 0
    wheel = project.folder / "vendor" / "hera_experiment-0.2.0.whl"
    assert wheel.read_bytes().startswith(b"\0\0010.2.0")
    template.release("0.3.0")
    assert project.update() == 0
    names = {each.name for each in (project.folder / "vendor").iterdir()}
    assert names == {"hera_experiment-0.3.0.whl", "mine.whl"}
    project.git("rm", "-q", "vendor/hera_experiment-0.3.0.whl")
    project.commit()
    template.release("0.4.0")
    assert project.update() == 0
    assert [each.name for each in (project.folder / "vendor").iterdir()] == ["mine.whl"]


def test_modes_and_links_are_kept(template: Template, project: Project) -> None:
    template.write(f"{SLUG}/workflow.py", lines("w", line3="new"))
    (template.folder / SLUG / "link").symlink_to("workflow.py")
    template.release("0.3.0")
    (project.folder / "workflow.py").chmod(0o755)
    project.commit()
    assert project.update() == 0
    assert (project.folder / "workflow.py").stat().st_mode & 0o111
    assert project.read("workflow.py") == lines("w", line3="new")


def test_names_that_are_no_ascii_and_a_file_that_becomes_a_folder(
    template: Template, project: Project
) -> None:
    template.write(f"{SLUG}/données/é 'à\".md", "text\n")
    (template.folder / SLUG / "run.sh").unlink()
    template.write(f"{SLUG}/run.sh/start", "start\n")
    template.release("0.3.0")
    odd = os.fsdecode(b"\xff\n.txt")
    project.write(odd, "mine\n")
    project.commit()
    assert project.update() == 0
    assert project.read("données/é 'à\".md") == "text\n"
    assert project.read("run.sh/start") == "start\n"
    assert project.git("status", "--porcelain") == ""
    project.git("revert", "--no-edit", "HEAD")
    assert project.read("run.sh") == "#!/bin/sh\n"


def test_settings_and_hooks_of_the_person_do_not_get_in_the_way(
    template: Template, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template.write(f"{SLUG}/workflow.py", lines("w", line3="new"))
    template.write(f"{SLUG}/docs/page.tmpl", "A page\n")
    template.release("0.3.0")
    hook = tmp_path / "hooks"
    hook.mkdir()
    for name in ("pre-commit", "reference-transaction", "post-checkout", "commit-msg"):
        (hook / name).write_text("#!/bin/sh\nexit 1\n")
        (hook / name).chmod(0o755)
    (hook / "fsmonitor").write_text(f"#!/bin/sh\npwd >>{tmp_path}/called\nexit 1\n")
    (hook / "fsmonitor").chmod(0o755)
    (tmp_path / "ignored").write_text("*.tmpl\n")
    (tmp_path / "attributes").write_text("* text eol=crlf\n")
    (tmp_path / "config").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.org\n"
        f"[core]\n\thooksPath = {hook}\n\tautocrlf = true\n\tfsmonitor = {hook}/fsmonitor\n"
        f"\texcludesFile = {tmp_path / 'ignored'}\n"
        "[commit]\n\tgpgSign = true\n[merge]\n\trenames = false\n\tff = only\n"
        "[status]\n\tshowUntrackedFiles = no\n[diff]\n\tnoprefix = true\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    project.git("mv", "workflow.py", "model.py")
    plain = ("-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=no")
    project.git(*plain, "commit", "-qm", "Mine")
    # As in a hook of another repository.
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    (tmp_path / "called").write_text("")
    assert project.update() == 0
    # The hooks of the template's versions are theirs.
    assert str(project.folder) not in (tmp_path / "called").read_text().splitlines()
    monkeypatch.delenv("GIT_DIR")
    assert project.git("show", "HEAD:model.py") == lines("w", line3="new")
    assert (project.folder / "model.py").read_bytes().startswith(b"w = 1\r\n")
    assert project.git("show", "HEAD:docs/page.tmpl") == "A page\n"
    assert project.git("status", "--porcelain") == ""


@pytest.mark.parametrize("conflict", [False, True])
def test_a_project_inside_a_bigger_repository(
    template: Template, project: Project, tmp_path: Path, conflict: bool
) -> None:
    around = tmp_path / "around"
    (around / "deep").mkdir(parents=True)
    project.git("rm", "-q", "--cached", "-r", ".")
    subprocess.run(["rm", "-rf", ".git"], cwd=project.folder, check=True)
    project.folder.rename(around / "deep" / "lake")
    git(around, "init", "--quiet")
    inside = Project(around / "deep" / "lake")
    (around / "own.txt").write_text("mine\n")
    Template(around).commit()
    template.write(f"{SLUG}/workflow.py", lines("w", line3="new"))
    template.write(f"{SLUG}/own.txt", "theirs\n")
    template.release("0.3.0")
    if conflict:
        inside.write("workflow.py", lines("w", line3="mine"))
        Template(around).commit()
    assert inside.update() == int(conflict)
    assert inside.read("own.txt") == "theirs\n"
    assert (around / "own.txt").read_text() == "mine\n"
    status = git(around, "status", "--porcelain")
    assert ("UU deep/lake/workflow.py" in status) == conflict
    if not conflict:
        assert inside.read("workflow.py") == lines("w", line3="new")
        assert status == ""


def test_a_linked_work_tree(template: Template, project: Project, tmp_path: Path) -> None:
    template.write(f"{SLUG}/workflow.py", lines("w", line3="new"))
    template.release("0.3.0")
    project.git("worktree", "add", "-q", str(tmp_path / "linked"))
    linked = Project(tmp_path / "linked")
    assert linked.update() == 0
    assert linked.read("workflow.py") == lines("w", line3="new")
    assert project.read("workflow.py") == lines("w")
    assert project.git("status", "--porcelain") == linked.git("status", "--porcelain") == ""


def test_a_file_whose_name_is_no_text(
    template: Template, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    name = os.fsdecode(b"\xff.txt")
    template.write(f"{SLUG}/{name}", lines("t", line3="theirs"))
    template.release("0.3.0")
    project.write(name, lines("t", line3="mine"))
    project.commit()
    assert project.update("--dry_run") == 0
    assert "conflict       \\udcff.txt: added here and in the template" in capsys.readouterr().out
    assert project.update() == 1
    assert "<<<<<<< yours" in project.read(name)


def test_a_bare_template(template: Template, project: Project, tmp_path: Path) -> None:
    template.write(f"{SLUG}/workflow.py", lines("w", line3="new"))
    template.release("0.3.0")
    git(tmp_path, "clone", "-q", "--bare", str(template.folder), "bare.git")
    assert project.update("--from", str(tmp_path / "bare.git")) == 0
    assert project.read("workflow.py") == lines("w", line3="new")
