"""``python own_roots_fuzz.py SECONDS``: pods with odd mounts and paths, straight against a runtime.

The claim holds links that lead out, the pods mount below them, work in them, write through them
and name them as outputs. Whatever happens, nothing is read and nothing changes but the claim:
neither a folder beside it, nor what the machine has, nor the runtime's own folders afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import hashlib
import json
import os
import re
import shlex
import stat
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "runtimes"))

from own_roots_kills import assert_apart, processes
from runtime_project import SLUG, Project

from hera_experiment.local.runtimes.registry import Runtimes

Json = dict[str, Any]

SECRET = "what-nobody-in-a-task-may-see"
TASK_SECONDS = 0.7
HANGS_SECONDS = 20.0
LONG = "n" * 255
NAMES = (
    *("a", "b c", "..", ".", "...", "-rf", "é" * 127, LONG, "n" * 256, "line\nend", "tab\there"),
    *("'quoted'", '"', "$HOME", "`x`", "a,b", "a:b", "a=b", "a\\b", "*", "{}", "%s", " ", "#", "~"),
    *("out", "up", "loop", "pipe", "file", "folder", "deep", "shut", "passwd-link", "to-scratch"),
)
ROOTS = (
    *("/data", "/data", "/data", "/data/folder", "/data/out", "/data/up", "/data/deep/er"),
    *("/", "/proc", "/proc/self", "/dev", "/dev/shm", "/sys", "/tmp", "/etc", "/usr", "/usr/bin"),
    *("/usr/share/doc", "/root", "/home", "/argo", "/argo/staging", "/bin", "/lib/x", "/x y"),
    *("/opt", "/var/tmp", "/etc/passwd", "/etc/ssl", "/run", "//double//", "/results", "/new/one"),
)


def look(folder: Path) -> dict[str, str]:
    """Return what is below ``folder``: kind, mode, owner, times, content; follow no link."""
    found = {}
    for path in _below(folder):
        one = os.lstat(path)
        text = f"{stat.filemode(one.st_mode)} {one.st_uid} {one.st_mtime_ns} {one.st_nlink}"
        if stat.S_ISLNK(one.st_mode):
            text += f" {os.readlink(path)}"
        elif stat.S_ISREG(one.st_mode):
            text += f" {hashlib.sha256(Path(path).read_bytes()).hexdigest()}"
        found[str(path)] = text
    return found


def _below(folder: Path) -> Iterator[str]:
    yield str(folder)
    for above, folders, names in os.walk(folder):
        yield from (os.path.join(above, name) for name in (*folders, *names))


def _of_task(path: str) -> bool:
    """Tell whether a task wrote a file of a root: others are empty, or the runtime's own."""
    one = os.lstat(path)
    if stat.S_ISDIR(one.st_mode):
        return False
    own = re.search(r"/roots/[^/]+/(?!\d)|/roots/[^/]+/\d+/file-\d+$", path)
    return not own and not (stat.S_ISREG(one.st_mode) and one.st_size == 0)


class Fuzz:
    """Runs random pods in ``root``; ``wrong`` says what went wrong, ``counts`` what was met."""

    def __init__(self, root: Path, seed: str, runtime: str) -> None:
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._random = Random(seed)
        self._seed = seed
        self.project = Project(root / "project")
        self.guard = root / "guard"
        (self.guard / "folder" / "deep").mkdir(parents=True)
        for path in ("file", "folder/file", "folder/deep/file", "out"):
            (self.guard / path).write_text(SECRET)
        objects = self.project.objects
        self.claim = objects.add_claim("results")
        other = objects.add_claim("other")
        (other / "file").write_text(SECRET)
        objects.values["configmaps", "settings"] = {"a.ini": b"a = 1\n", "b": b""}
        objects.values["secrets", "token"] = {"token": b"known"}
        (self.project.root / "secret").write_text(SECRET)
        self.runtime = Runtimes(
            slug=SLUG,
            containers=self.project.containers,
            state=self.project.state,
            objects=objects,
            environ=dict(os.environ),
        ).get(runtime)
        self._run({"container": {"image": "python:3.13-slim", "command": ["true"]}}, [])
        self._before = self._outside()

    def case(self) -> None:
        """Run one pod and look at everything around it."""
        number = self.counts.total()
        self._plant()
        template, volumes = self._pod()
        seen = self._run(template, volumes)
        now = self._outside()
        changes = [
            f"{path}: {self._before.get(path)} -> {now.get(path)}"
            for path in sorted(now.keys() | self._before.keys())
            if now.get(path) != self._before.get(path)
        ]
        if SECRET in seen:
            changes.append(f"the secret was read: {seen[:500]!r}")
        if changes:
            case = json.dumps({"template": template, "volumes": volumes})
            self.wrong += [f"{self._seed} {number}: {each}" for each in [*changes[:10], case]]
            self._before = now

    def _run(self, template: Json, volumes: list[Json]) -> str:
        """Return all that a person gets to see of a pod."""
        pod = self.project.pod(template, volumes=volumes)
        # A task may wait for ever, for the other end of a pipe.
        stop = threading.Timer(TASK_SECONDS, self.runtime.stop, (pod.node_id, 0))
        stop.start()
        result = self.runtime.run(pod, self.project.announce)
        stop.cancel()
        if result.exit_code is None:
            self.counts["not started"] += 1
        else:
            ended = "failed" if result.exit_code else "error" if result.error else "succeeded"
            self.counts[ended] += 1
        log = pod.log.read_text(errors="replace") if pod.log.exists() else ""
        pod.log.unlink(missing_ok=True)
        return f"{result} {log}"

    def _outside(self) -> dict[str, str]:
        """Return all that no task may change, and all that is to go with it."""
        found = look(self.guard)
        state = self.project.state
        for path in self.project.root.iterdir():
            if path != state:
                found |= look(path)
        for path in state.iterdir():
            if path.name not in ("claims", "roots", "runs"):
                found |= look(path)
        for path in state.glob("roots/*/*"):
            if not path.name.isdigit():
                found |= look(path)
        # A root that is used again has no more than what things are mounted on.
        found["of tasks"] = " ".join(filter(_of_task, _below(state / "roots")))
        found |= look(state / "claims" / "other")
        found["claims"] = " ".join(sorted(os.listdir(state / "claims")))
        found["runs"] = " ".join(p for p in _below(state / "runs") if not os.path.isdir(p))
        for place in ("/tmp", "/var/tmp", "/dev/shm"):
            names = os.listdir(place) if os.path.isdir(place) else []
            found[place] = " ".join(sorted(set(names) - {"fuzz"}))
        for place in (
            "/",
            "/etc",
            "/usr",
            "/usr/bin",
            "/root",
            "/home",
            "/opt",
            "/mnt",
            "/results",
        ):
            with contextlib.suppress(OSError):
                found[place] = f"{os.stat(place).st_mtime_ns} {sorted(os.listdir(place))}"
        found["mounts"] = " ".join(
            sorted(
                line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()
            )
        )
        found["processes"] = " ".join(sorted(processes().values()))
        return found

    def _plant(self) -> None:
        """Put some of what misleads into the claim, as an earlier task may have done."""
        if self._random.random() < 0.1:
            _empty(self.claim)
        targets = (
            *(str(self.guard), f"{self.guard}/file", "../../../../guard", "../other", "..", "/"),
            *("/etc/passwd", "/data", "/data/folder", ".", "loop", "folder", "/proc/self/root"),
            *("/proc/1/root", str(self.project.state / "scratch"), "/dev/shm", "nowhere"),
        )
        for _ in range(self._random.randint(0, 4)):
            path = self.claim / self._name()
            if self._random.random() < 0.3 and not (self.claim / "folder").is_symlink():
                path = self.claim / "folder" / self._name()
            with contextlib.suppress(OSError, ValueError):
                path.parent.mkdir(exist_ok=True)
                kind = self._random.choice(("link", "link", "link", "folder", "file", "pipe"))
                if kind == "link":
                    path.symlink_to(self._random.choice(targets))
                elif kind == "folder":
                    path.mkdir()
                elif kind == "file":
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                else:
                    os.mkfifo(path)

    def _name(self) -> str:
        return self._random.choice(NAMES)

    def _path(self) -> str:
        """Return an absolute path of a container, odd in one way or another."""
        path = self._random.choice(ROOTS)
        for _ in range(self._random.choice((0, 0, 1, 1, 2, 4))):
            path += f"/{self._name()}"
        if self._random.random() < 0.1:
            path = f"/data/../../..{path}"
        if self._random.random() < 0.1:
            path = str(self.guard / self._random.choice(("new", "folder/new", "file", "folder")))
        return path

    def _pod(self) -> tuple[Json, list[Json]]:
        volumes: list[Json] = [
            {"name": "claim", "persistentVolumeClaim": {"claimName": "results"}},
            {"name": "empty", "emptyDir": {}},
            {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "4Mi"}},
            {"name": "settings", "configMap": {"name": "settings", "defaultMode": 0o444}},
            {"name": "token", "secret": {"secretName": "token"}},
            {"name": "items", "configMap": {"name": "settings", "items": [self._item()]}},
        ]
        mounts = [{"name": "claim", "mountPath": "/data"}] if self._random.random() < 0.8 else []
        for _ in range(self._random.choice((0, 1, 1, 2, 3))):
            mount: Json = {"name": self._random.choice(volumes)["name"], "mountPath": self._path()}
            if self._random.random() < 0.4:
                mount["subPath"] = "/".join(
                    self._name() for _ in range(self._random.choice((1, 1, 2, 3)))
                )
            if self._random.random() < 0.2:
                mount["readOnly"] = True
            mounts.append(mount)
        container: Json = {
            "image": "python:3.13-slim",
            "command": ["sh", "-c"],
            "args": [self._code(mounts)],
            "volumeMounts": mounts,
        }
        if self._random.random() < 0.4:
            container["workingDir"] = self._path()
        if self._random.random() < 0.15:
            container["securityContext"] = self._random.choice(
                ({"runAsUser": 1000}, {"readOnlyRootFilesystem": True}, {"runAsUser": 0})
            )
        outputs = [
            {"name": f"o{at}", "valueFrom": {"path": self._path(), "default": "none"}}
            for at in range(self._random.choice((0, 1, 2, 3)))
        ]
        return {"container": container, "outputs": {"parameters": outputs}}, volumes

    def _item(self) -> Json:
        path = "/".join(self._name() for _ in range(self._random.choice((1, 1, 2))))
        return {"key": "a.ini", "path": path, "mode": self._random.choice((0o644, 0o400, 0o755))}

    def _code(self, mounts: list[Json]) -> str:
        """Return what a task does: it tries to write, read and mislead."""
        quote = shlex.quote
        lines = []
        for _ in range(self._random.randint(1, 5)):
            path, other = self._path(), self._path()
            inside = (
                f"{self._random.choice(mounts)['mountPath']}/{self._name()}" if mounts else path
            )
            guard = str(self.guard / self._random.choice(("file", "new", "folder", "folder/new")))
            lines.append(
                self._random.choice(
                    (
                        f"mkdir -p {quote(path)}; echo written > {quote(path)}/file",
                        f"echo written > {quote(path)}",
                        f"echo written > {quote(guard)}; mkdir -p {quote(guard)}",
                        f"cat {quote(guard)} {quote(path)} {quote(inside)}",
                        f"ln -sfn {quote(guard)} {quote(inside)}",
                        f"ln -sfn {quote(other)} {quote(path)}; cat {quote(path)}",
                        f"ln -sfn ../../../../../../../{quote(guard.lstrip('/'))} {quote(inside)}",
                        f"rm -rf {quote(inside)}; mkfifo {quote(inside)}",
                        f"rm -rf {quote(path)}",
                        f"mv {quote(path)} {quote(other)}",
                        f"mkdir -p {quote(inside)}/x; chmod 000 {quote(inside)}",
                        f"touch {quote(inside)}; ln {quote(inside)} {quote(other)}",
                        f"cd {quote(inside)} && mkdir -p up/er && cd up && ln -s ../../.. er/up",
                        f"mknod {quote(inside)} c 0 0; mknod {quote(other)} c 1 3",
                        f"mount --bind / {quote(inside)}; chroot {quote(path)} true",
                        f"(while :; do ln -sfn {quote(guard)} {quote(inside)};"
                        f" rm -rf {quote(inside)}; echo x > {quote(inside)}; done) & sleep 0.05",
                        f"setsid sleep 600 & cat /proc/*/root{quote(guard)}",
                        "cat /proc/*/cwd/../../guard/file",
                        "rm -rf --one-file-system /usr/share /etc/* 2> /dev/null",
                        "for at in / /tmp /data; do cd $at; mkdir shut; touch shut/x;"
                        " chmod 000 shut; done",
                    )
                )
            )
        return "\n".join([*lines, self._random.choice(("true", "exit 3", "kill -9 $$"))])


def _empty(folder: Path) -> None:
    for above, folders, names in os.walk(folder, topdown=False):
        for name in (*folders, *names):
            path = os.path.join(above, name)
            with contextlib.suppress(OSError):
                os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(
                    path
                )


def main() -> int:
    """Run pods for so many seconds; print what was counted and what went wrong as JSON."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("seconds", type=float)
    options.add_argument("--seed", default="")
    options.add_argument("--runtime", default="bubblewrap")
    args = options.parse_args()
    assert_apart()
    os.environ.update(HOME="/tmp", TMPDIR="/tmp")
    fuzz = Fuzz(Path("/var/tmp/fuzz"), args.seed or str(time.time_ns()), args.runtime)
    # What hangs shows where.
    faulthandler.dump_traceback_later(args.seconds + HANGS_SECONDS, exit=True)
    end = time.monotonic() + args.seconds
    while time.monotonic() < end and len(fuzz.wrong) < 20:
        fuzz.case()
    print(json.dumps({"counts": fuzz.counts, "wrong": fuzz.wrong}))
    return 1 if fuzz.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
