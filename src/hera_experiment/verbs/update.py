"""Follow the template: merge what is new in it into this project, as one commit."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hera_experiment.errors import UserError
from hera_experiment.experiment import SETTINGS, Experiment, read_toml
from hera_experiment.verbs._options import add_switch, is_on

if TYPE_CHECKING:
    from hera_experiment.update.applying import Project
    from hera_experiment.update.merging import Merge
    from hera_experiment.update.rendering import Template

_DIRTY = "-dirty"
_SHORT = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: from where, from what, to what."""
    parser.add_argument(
        "--from",
        dest="address",
        default="",
        metavar="ADDRESS",
        help="the template's repository, an address or a path (default: the recorded one)",
    )
    parser.add_argument(
        "--to", default="", metavar="TAG", help="a tag, branch or commit (default: the newest)"
    )
    parser.add_argument(
        "--base",
        default="",
        metavar="COMMIT",
        help="what the project was made from (default: the recorded commit)",
    )
    add_switch(parser, "--dry_run", "show what would change; nothing is touched")


def main(args: argparse.Namespace) -> int:
    """Update the experiment's project.

    Returns 0 when it is up to date in the end, 1 when conflicts are left to resolve.
    """
    # Late: the help of all verbs imports this module.
    from hera_experiment.git import GitError
    from hera_experiment.signals import ended_in_order
    from hera_experiment.update.applying import Project

    dry_run = is_on(args.dry_run, "--dry_run")
    if find_spec("cookiecutter") is None:
        raise UserError(
            "cookiecutter is not installed",
            where=sys.executable,
            next_step="'make update' installs it, or: python -m pip install cookiecutter",
        )
    here = Path.cwd().resolve()
    folder = next((each for each in (here, *here.parents) if (each / SETTINGS).is_file()), None)
    if folder is None:
        raise UserError(f"there is no {SETTINGS}", str(here), "go into the project's folder")
    project = Project(folder)
    with (
        ended_in_order(),
        TemporaryDirectory(prefix="hera-update-", ignore_cleanup_errors=True) as scratch,
    ):
        try:
            if dry_run:
                return _update(project, folder, args, Path(scratch), dry_run=True)
            with project.alone():
                return _update(project, folder, args, Path(scratch), dry_run=False)
        except GitError as error:
            raise UserError(f"git said: {error}", str(folder), "correct that first") from None


def _update(
    project: Project, folder: Path, args: argparse.Namespace, scratch: Path, *, dry_run: bool
) -> int:
    from hera_experiment.update import changelog
    from hera_experiment.update.merging import Workshop
    from hera_experiment.update.rendering import Template, ask, fits

    if dry_run and project.is_halfway:
        raise UserError(
            "an update was killed halfway", str(folder), "make update, without DRY_RUN, mends it"
        )
    _remark("" if dry_run else project.put_back())
    tree = project.begin(may_commit=not dry_run)
    experiment = Experiment.load(folder)
    record = experiment.template
    address = args.address or (record.address if record else "")
    base = args.base or (record.commit if record else "")
    if not address or not base:
        known = "" if address else " FROM=address-or-path"
        raise UserError(
            "it is not recorded which template this project was made from",
            f"[template] in {folder / SETTINGS}",
            f"name the commit: make update BASE=commit{known}",
        )
    if base.endswith(_DIRTY):
        base = base.removesuffix(_DIRTY)
        _remark(f"made from a template with changes of its own: compared with {base[:_SHORT]}")
    template = Template(address, scratch)
    if template.is_dirty:
        _remark(f"{template.address} has changes that are not committed: they are left out")
    old, new = _commits(template, base, args.to)
    if old == new:
        print(f"nothing to do: the project was made from {new[:_SHORT]}, and so is that version")
        return 0
    answers = dict(record.answers) if record else _answers_of(folder, template.questions(old))
    before = template.render(old, answers)
    questions = template.questions(new)
    if not dry_run and sys.stdin.isatty() and sys.stdout.isatty():
        answers = ask(questions, answers)
    for question in (each for each in questions if not each.startswith("_")):
        if not fits(questions, question, answers):
            _remark(f"the template's question '{question}' takes its default answer")
    after = template.render(new, answers)
    workshop = Workshop(project.git, scratch)
    # A path is for once; an address is where the template is from now on.
    kept = address if not (record and record.address and template.is_path) else record.address
    merge = workshop.merge(tree, before, after, (kept, new))
    names = _named(before, old), _named(after, new)
    _show(merge, names)
    old_text, new_text = (template.file(commit, "CHANGELOG.md") for commit in (old, new))
    news = changelog.between(old_text, new_text, _version(before))
    _print(news or "The CHANGELOG says nothing of it.")
    if dry_run:
        return 0
    workshop.hand_over(merge, project.git)
    commit = project.apply(
        merge,
        f"Update the template from {names[0]} to {names[1]}\n\n"
        f"From commit {old}\nto commit   {new}\n",
    )
    if commit:
        print(f"\ncommitted as {commit[:_SHORT]}; git revert {commit[:_SHORT]} undoes it")
        return 0
    print(
        f"\nnot committed, {len(merge.conflicts)} in conflict: edit these files, then type"
        " 'git add --all && git commit --no-edit'; 'git reset --hard' undoes the update",
    )
    return 1


def _commits(template: Template, base: str, to: str) -> tuple[str, str]:
    old = template.commit(base)
    if not old:
        shallow = "; it is shallow: git fetch --unshallow there" if template.is_shallow else ""
        raise UserError(
            f"the template has no commit {base}, which the project was made from",
            f"{template.address}{shallow}",
            "name a clone that has it: make update FROM=address-or-path (or another BASE=commit)",
        )
    new = template.commit(to) if to else template.newest
    if not new:
        tags = ", ".join(template.tags[:5]) or "none"
        raise UserError(
            f"the template has no tag, branch or commit '{to}'",
            template.address,
            f"name one of its tags ({tags}): make update TO=tag",
        )
    return old, new


def _answers_of(folder: Path, questions: dict[str, Any]) -> dict[str, Any]:
    """Return what a project from before 0.2.0, which has no record, says of its answers."""
    table = read_toml(folder / SETTINGS)["experiment"]
    answers = {
        "project_name": table["name"],
        "project_slug": table["slug"],
        "description": table.get("description", ""),
        "author_name": ", ".join(table.get("authors", [])),
        "orcid": table.get("orcid", ""),
    }
    licence = folder / "LICENSE"
    words = licence.read_text(errors="replace").split() if licence.is_file() else []
    for choice in questions.get("license", []):
        if words[:1] == choice.replace("-", " ").split()[:1]:
            answers["license"] = choice
    return {key: value for key, value in answers.items() if value}


def _version(folder: Path) -> str:
    settings = folder / SETTINGS
    table = read_toml(settings).get("template", {}) if settings.is_file() else {}
    return str(table.get("version", ""))


def _named(folder: Path, commit: str) -> str:
    version = _version(folder)
    return f"{version} ({commit[:_SHORT]})" if version else commit[:_SHORT]


def _show(merge: Merge, names: tuple[str, str]) -> None:
    print(f"from {names[0]} to {names[1]}:")
    for path in sorted({*merge.before, *merge.after, *merge.conflicts, *merge.deleted}):
        old, new = merge.before.get(path), merge.after.get(path)
        if path in merge.conflicts:
            _print(f"  conflict       {path}: {merge.conflicts[path]}")
        elif path in merge.deleted:
            _print(f"  stays deleted  {path}")
        elif old != new:
            _print(f"  {'added' if not old else 'removed' if not new else 'changed':13}  {path}")
    print(flush=True)


def _print(text: str) -> None:
    # Names of files need not be text, nor the terminal's letters those of the template.
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def _remark(text: str) -> None:
    if text:
        print(f"hera_utils: {text}", file=sys.stderr, flush=True)
