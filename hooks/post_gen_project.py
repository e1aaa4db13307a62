"""Makes the git repository and says what to type next."""

# More is imported where it is used: generation waits for this hook, which mostly needs no more.
import os
import sys

# What a template that was worked on has lying about; a fresh clone has none of it.
CACHES = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
RUNS = {".hera", ".venv", "results"}


def main() -> None:
    """Finish the generated project, the current folder.

    Nothing here may fail: cookiecutter would remove what it has generated.
    """
    remove_left_overs()
    try:
        problem = make_repository()
    except OSError as error:
        problem = str(error)
    lines = [f"No git repository was made: {problem}."] if problem else []
    commands = (f"cd {folder_to_enter()}", "make run", "make test")
    lines += ["Next:", *(f"  {command}" for command in commands)]
    # A path may have letters that the terminal's encoding has not.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        print("\n".join(lines), flush=True)
    except OSError:
        # Nobody reads any more; without this Python would fail on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def remove_left_overs() -> None:
    """Remove the caches and the runs that came over from a template in use."""
    for folder, folders, _ in os.walk("."):
        # Runs lie at the top alone: hera_utils has a folder named results, too.
        left_over = (CACHES | RUNS if folder == "." else CACHES).intersection(folders)
        for name in left_over:
            import shutil

            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
        folders[:] = [name for name in folders if name not in left_over]


def make_repository() -> str:
    """Make a git repository with a first commit; return why not, or nothing when it is there."""
    if not any(os.access(os.path.join(path, "git"), os.X_OK) for path in os.get_exec_path()):
        return "git is not installed"
    around = git("rev-parse", "--show-toplevel")
    if around.returncode == 0 and git("check-ignore", "--quiet", ".").returncode:
        return f"this folder is part of the one at {around.stdout.strip()}"
    # With this setting git does not make an identity up from the names of user and machine.
    if git("-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT").returncode:
        return "git does not know you (git config --global user.name NAME, then user.email)"
    steps = (
        ("-c", "init.defaultBranch=main", "init", "--quiet"),
        ("add", "--all"),
        ("commit", "--quiet", "--no-verify", "--no-gpg-sign", "-m", "Generate the experiment"),
    )
    for step in steps:
        done = git(*step)
        if done.returncode:
            import shutil

            shutil.rmtree(".git", ignore_errors=True)
            said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            return f"git said: {said[-1].rstrip('.')}"
    return ""


def git(*arguments: str):  # type: ignore[no-untyped-def]  # subprocess.CompletedProcess[str]
    """Run git in the current folder, whatever repository the caller was at work in."""
    import subprocess

    heeded = ("GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_CONFIG_", "GIT_EXEC_PATH")
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(heeded)
    }
    return subprocess.run(
        ["git", *arguments],
        env=environ,
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
