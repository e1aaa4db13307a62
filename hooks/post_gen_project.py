"""Adds the library and the project's origin, makes the git repository, says what to type next."""

# More is imported where it is used: generation waits for this hook, which mostly needs no more.
import json
import os
import sys

COOKIECUTTER = json.loads(r"""{{ cookiecutter | tojson }}""")
ANSWERS = {name: answer for name, answer in COOKIECUTTER.items() if not name.startswith("_")}
# cruft alone names the commit. It compares scratch folders: a repository in them would hide all.
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
    sys.path.insert(0, os.path.join(template, "src"))
    remove_left_overs()
    try:
        origin = add_library(template)
    except (OSError, ValueError) as error:
        sys.exit(f"Nothing was generated: the library cannot be added: {error}")
    if CRUFT:
        # Its updates generate in scratch folders: where to go next would be wrong there.
        tell("A new project needs 'git init', 'git add --all' and 'git commit', then 'make run'.")
        return
    try:
        problem = make_repository(origin)
    except OSError as error:
        problem = str(error)
    lines = [f"No git repository was made: {problem}."] if problem else []
    commands = (f"cd {folder_to_enter()}", "make run", "make test")
    tell("\n".join([*lines, "Next:", *(f"  {command}" for command in commands)]))


def tell(text: str) -> None:
    """Print what the person should read; that nobody reads is no failure."""
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
    commit = repository.commit() or COOKIECUTTER.get("_commit") or ""
    typed = COOKIECUTTER["_template"]
    address = origin.address((as_typed(typed) or [typed])[0], template, repository.remote())
    version = name.split("-")[1]
    with open("experiment.toml", "a", encoding="utf-8", newline="\n") as file:
        file.write(origin.table(address, version, commit, ANSWERS))
    return f"hera_experiment {version}\ncommit {commit or 'unknown'}\nfrom {address}"


def remove_left_overs() -> None:
    """Remove the caches and the runs that came over from a template in use."""
    for folder, folders, _ in os.walk("."):
        # Runs lie at the top alone: hera_utils has a folder named results, too.
        left_over = (CACHES | RUNS if folder == "." else CACHES).intersection(folders)
        for name in left_over:
            import shutil

            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
        folders[:] = [name for name in folders if name not in left_over]


def make_repository(origin: str) -> str:
    """Make a git repository with a first commit; return why not, or nothing when it is there."""
    if not any(os.access(os.path.join(path, "git"), os.X_OK) for path in os.get_exec_path()):
        return "git is not installed"
    # git need not be asked what no folder above has.
    if any(os.path.lexists(os.path.join(folder, ".git")) for folder in folders_above()):
        around = git("rev-parse", "--show-toplevel")
        if around.returncode == 0 and git("check-ignore", "--quiet", ".").returncode:
            return f"this folder is part of the one at {around.stdout.strip()}"
    # With this setting git does not make an identity up from the names of user and machine.
    strict = ("-c", "user.useConfigOnly=true")
    message = ("-m", "Generate the experiment", "-m", origin)
    steps = (
        ("-c", "init.defaultBranch=main", "init", "--quiet"),
        # Most of it is packed already.
        ("-c", "core.looseCompression=0", "add", "--all"),
        (*strict, "-c", "gc.auto=0", "commit", "--quiet", "--no-verify", "--no-gpg-sign", *message),
    )
    for step in steps:
        done = git(*step)
        if done.returncode:
            import shutil

            shutil.rmtree(".git", ignore_errors=True)
            if git(*strict, "var", "GIT_AUTHOR_IDENT").returncode:
                return "git does not know you (git config --global user.name NAME, then user.email)"
            said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            return f"git said: {said[-1].rstrip('.')}"
    return ""


def folders_above() -> "list[str]":
    """Return the folders that this one lies in."""
    folders = [os.path.dirname(os.getcwd())]
    while folders[-1] != os.path.dirname(folders[-1]):
        folders.append(os.path.dirname(folders[-1]))
    return folders


def git(*arguments: str):  # type: ignore[no-untyped-def]  # subprocess.CompletedProcess[str]
    """Run git in the current folder, whatever repository the caller was at work in."""
    import subprocess

    from hera_experiment.packaging.origin import environ_for_git

    return subprocess.run(
        ["git", *arguments],
        env=environ_for_git(os.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )


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
