"""Adds the library and the project's origin, makes the git repository, says what to type next."""

# More is imported where it is used: generation waits for this hook, which mostly needs no more.
import os
import sys

# Python's own notation of whatever the answers hold; it needs no import, unlike JSON.
OrderedDict = dict
COOKIECUTTER: "dict[str, str]" = {{"%r" | format(dict(cookiecutter))}}  # type: ignore  # noqa: F821
ANSWERS = {name: answer for name, answer in COOKIECUTTER.items() if not name.startswith("_")}
# cruft alone names the commit.
CRUFT = "_commit" in COOKIECUTTER

# What a template that was worked on has lying about; a fresh clone has none of it.
CACHES = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
RUNS = {".hera", ".venv", "results"}


def main() -> None:
    """Finish the generated project, the current folder.

    Where this fails cookiecutter removes what it has generated, which is right without the
    library alone.
    """
    template = template_folder()
    if not template:
        sys.exit(
            "Nothing was generated: this way of calling cookiecutter does not show where the"
            " template's files are; give it the template's absolute path or its git address"
        )
    sys.dont_write_bytecode = True
    # Without a standard output (>&-) the next file that is opened would be taken for it.
    while (opened := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(opened)
    sys.path.insert(0, os.path.join(template, "src"))
    remove_left_overs(template)
    # cruft's updates compare scratch folders: a repository in them would hide all that is new.
    history = None if CRUFT else History()
    try:
        origin = add_library(template)
    except (OSError, ValueError) as error:
        if history:
            history.abandon()
        sys.exit(f"Nothing was generated: the library cannot be added: {error}")
    if history is None:
        # Nor is a scratch folder one to go to.
        tell("A new project needs 'git init', 'git add --all' and 'git commit', then 'make run'.")
        return
    problem = history.commit(origin)
    lines = [f"No git repository was made: {problem}."] if problem else []
    commands = (f"cd {folder_to_enter()}", "make run", "make test")
    tell("\n".join([*lines, "Next:", *(f"  {command}" for command in commands)]))


def tell(text: str) -> None:
    """Print what the person should read; that nobody reads is no failure."""
    if sys.stdout is None:
        return
    # A path may have letters that the terminal's encoding has not.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        print(text, flush=True)
    except OSError:
        # Nobody reads any more; without this Python would fail on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def template_folder() -> str:
    """Return the absolute path of the template's folder; empty when it cannot be found."""
    said = COOKIECUTTER.get("_repo_dir") or ""
    # What was typed may be relative to the caller's folder, which no hook is told, and cruft
    # tells nothing. But both are at work in the template's folder while a hook runs.
    folders = [said] if os.path.isabs(said) else [callers_folder(), *as_typed(said)]
    library = os.path.join("src", "hera_experiment", "packaging", "wheel.py")
    found = [folder for folder in folders if os.path.isfile(os.path.join(folder, library))]
    return found[0] if found else ""


def callers_folder() -> str:
    """Return the folder that the program which runs this hook is at work in."""
    try:
        return os.readlink(f"/proc/{os.getppid()}/cwd")
    except OSError:
        # Not Linux.
        import subprocess

    command = ["lsof", "-a", "-p", str(os.getppid()), "-d", "cwd", "-F", "n"]
    try:
        said = subprocess.run(command, capture_output=True, encoding="utf-8").stdout
    except OSError:
        return ""
    return "".join(line[1:] for line in said.splitlines() if line.startswith("n"))


def as_typed(path: str) -> "list[str]":
    """Return what is there of a path that was typed, seen from where it was probably typed."""
    folders = (os.pardir, os.environ.get("PWD", os.pardir))
    paths = [os.path.abspath(os.path.join(folder, path)) for folder in folders if path]
    return [path for path in paths if os.path.exists(path)]


def add_library(template: str) -> str:
    """Add the library's wheel, its lock, all hashes and the origin; return the origin in words."""
    from hera_experiment.packaging import origin, vendored, wheel

    repository = origin.Repository(template, os.environ)
    name, content = wheel.build(template)
    vendored.write(".", name, content)
    commit, remote = repository.answers()
    commit = commit or COOKIECUTTER.get("_commit") or ""
    typed = COOKIECUTTER["_template"]
    address = origin.address((as_typed(typed) or [typed])[0], template, remote)
    version = name.split("-")[1]
    with open("experiment.toml", "a", encoding="utf-8", newline="\n") as file:
        file.write(origin.table(address, version, commit, ANSWERS))
    return f"hera_experiment {version}\ncommit {commit or 'unknown'}\nfrom {address}"


def remove_left_overs(template: str) -> None:
    """Remove the caches and the runs that came over from a template in use."""
    source = os.path.join(template, "{" + "{cookiecutter.project_slug}" + "}")
    for folder, folders, _ in os.walk(source):
        left_over = (CACHES | RUNS if folder == source else CACHES).intersection(folders)
        for name in left_over:
            import shutil

            copy = os.path.relpath(os.path.join(folder, name), source)
            shutil.rmtree(copy, ignore_errors=True)
        folders[:] = [name for name in folders if name not in left_over]


class History:
    """The project's git repository with its first commit, made while the library is packed.

    ``problem`` says why there is none; what was begun is gone then.
    """

    # All of the template is meant to be there, whatever a person ignores elsewhere. Most of it is
    # packed already.
    ALL = ("-c", "core.excludesFile=/dev/null", "-c", "core.looseCompression=0")
    ADD = (*ALL, "add", "--all")
    # With this setting git does not make an identity up from the names of user and machine.
    STRICT = ("-c", "user.useConfigOnly=true", "-c", "maintenance.auto=false")
    COMMIT = (*STRICT, "commit", "--quiet", "--no-verify", "--no-gpg-sign")

    def __init__(self) -> None:
        self._adding = None
        try:
            self.problem = self._obstacle()
            if not self.problem:
                making = git("-c", "init.defaultBranch=main", "init", "--quiet")
                # Takes as long as git does.
                from hera_experiment.packaging import vendored, wheel  # noqa: F401

                self._heed(*making.answer())
            if not self.problem:
                self._set_aside(True)
                self._adding = git(*self.ADD)
        except OSError:
            self.problem = "git is not installed"

    def commit(self, origin: str) -> str:
        """Commit all files, with the origin in words; return the problem, if any."""
        if self._adding:
            self._heed(*self._adding.answer())
        for words in (self.ADD, (*self.COMMIT, "-m", "Generate the experiment", "-m", origin)):
            if not self.problem:
                self._do(*words)
        if not self.problem:
            self._set_aside(False)
        return self.problem

    def abandon(self) -> None:
        """Remove what was begun."""
        if self._adding:
            self._adding.answer()
            self._remove()

    def _obstacle(self) -> str:
        # git need not be asked about a repository that no folder has.
        if not any(os.path.lexists(os.path.join(folder, ".git")) for folder in folders_up()):
            return ""
        status, around = git("rev-parse", "--show-toplevel").answer()
        if status or not git("check-ignore", "--quiet", ".").answer()[0]:
            return ""
        return f"this folder is part of the one at {around.strip()}"

    def _do(self, *words: str) -> None:
        self._heed(*git(*words).answer())

    def _heed(self, status: int, text: str) -> None:
        if not status:
            return
        self._remove()
        said = text.strip().splitlines() or [f"exit status {status}"]
        self.problem = f"git said: {said[-1].rstrip('.')}"
        if git(*self.STRICT, "var", "GIT_AUTHOR_IDENT").answer()[0]:
            self.problem = (
                "git does not know you (git config --global user.name NAME, then user.email)"
            )

    @staticmethod
    def _set_aside(aside: bool) -> None:
        """Keep what a person's template of repositories ignores from the first commit."""
        names = [os.path.join(".git", "info", name) for name in ("exclude", "exclude.aside")]
        old, new = names if aside else reversed(names)
        if os.path.exists(old):
            os.replace(old, new)

    def _remove(self) -> None:
        import shutil

        shutil.rmtree(".git", ignore_errors=True)


def git(*words: str):  # type: ignore[no-untyped-def]  # origin.Git
    """Call git in the current folder, whatever repository the caller was at work in."""
    from hera_experiment.packaging.origin import Git

    return Git(".", os.environ, *words, errors=True)


def folders_up() -> "list[str]":
    """Return this folder and those that it lies in."""
    folders = [os.getcwd()]
    while folders[-1] != os.path.dirname(folders[-1]):
        folders.append(os.path.dirname(folders[-1]))
    return folders


def folder_to_enter() -> str:
    """Return this folder, quoted, as the shell that cookiecutter was called from would name it."""
    here = os.getcwd()
    # PWD is that shell's folder, unless a program called cookiecutter from elsewhere.
    if os.path.realpath(os.environ.get("PWD", "")) == os.path.dirname(here):
        # The slug, which needs no quotes.
        return os.path.basename(here)
    import shlex

    return shlex.quote(here)


main()
