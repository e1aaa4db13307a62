"""``python own_roots_kills.py COUNT``: servers and runs with tasks of all kinds, killed at random.

After each kill no process and no mount is left, and no folder but what the next server of the same
folder removes. :func:`apart` starts this in namespaces of its own, so that whatever is there in the
end was left by a run: nobody else's processes, mounts or folders are seen.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from local_serve import COMMAND, TEMPLATE, clean_environment, exports, start
from polling import until

from hera_experiment.waiting import poll

Json = dict[str, Any]

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL)
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ENDING_SECONDS = 40.0
"""What ends politely gives its tasks ten seconds each."""
LEFT_SECONDS = 10.0
"""What the kernel may take to end the tasks of a server that was killed."""

# A server finds the library as this program does: it may run with another Python than the tests.
PYTHONPATH = os.pathsep.join([str(TEMPLATE), *sys.path[1:]])

COPY = """
set -e
root=$1/root tmp=$1/tmp other=$1/var-tmp
shift
mount -t tmpfs over "$root"
mkdir "$root/upper" "$root/work" "$root/root"
mount -t overlay -o "userxattr,lowerdir=/,upperdir=$root/upper,workdir=$root/work" over "$root/root"
cd "$root/root"
others='^/((proc|dev|tmp|var|run|mnt|sys/fs)(/|$)|$)'
for folder in $(awk -v others="$others" '$5 !~ others {print $5}' /proc/self/mountinfo); do
  [ -d ".$folder" ] && mount --bind "$folder" ".$folder" && mount -o remount,bind,ro ".$folder"
done
mount -t tmpfs dev dev
mkdir dev/shm dev/pts
for name in null zero full random urandom tty; do
  : > dev/$name
  mount --bind /dev/$name dev/$name
done
mount --bind /dev/pts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount --bind "$other" var/tmp
mount --bind "$tmp" tmp
mount -t tmpfs shm dev/shm
mount -t proc proc proc
exec 9< "$root/upper"
pivot_root . .
umount -l .
cd /
set +e
"$@"
status=$?
cd /proc/self/fd/9
find . -mindepth 1 | sed 's/^/changed in the machine: /' | head -n 20 | grep . && exit 1
exit $status
"""
"""What root does: all that is written lands in memory, and is printed in the end."""
SHUT = """
set -e
exec 8< "$1/tmp"
mount --bind "$1/var-tmp" /var/tmp
mount --bind /proc/self/fd/8 /tmp
mount -t tmpfs shm /dev/shm
others='^/((proc|sys|dev|tmp|var/tmp)(/|$)|$)'
for folder in / $(awk -v others="$others" '$5 !~ others {print $5}' /proc/self/mountinfo); do
  mount -o remount,bind,ro "$folder" 2> /dev/null || [ "$folder" != / ]
done
shift
cd /
"$@"
exit $?
"""
"""What another user can do: nothing can be written."""

TASKS = {
    "brief": "echo done > /brief; echo x > /data/brief; exec sleep 0.1",
    "long": "exec sleep 600",
    "session": "for n in 1 2 3; do setsid sleep 600 & done; exec sleep 600",
    "forked": "python3 -c 'import os, time\n"
    'if not os.fork():\n    os.setsid()\n    if not os.fork(): os.chdir("/"); time.sleep(600)\n'
    "time.sleep(0.3)'",
    "bare": "(cd /; env -i setsid sleep 600 < /dev/null > /dev/null 2>&1 &); sleep 0.3",
    "many": "for n in $(seq 40); do sleep 600 & done; wait",
    "memory": "head -c 4000000 /dev/zero | tee /memory/x > /dev/shm/x; exec sleep 600",
    "nested": "echo x > /data/inner/x; mkdir -p /data/made; mkfifo /data/made/$$; exec sleep 600",
    "written": "rm -r /usr/share/doc; mkdir /usr/share/doc; echo x > /etc/x; chmod 1777 /opt;"
    " ln -s / /link; mkdir -p /tmp/a/b; exec sleep 600",
    "shut": "mkdir -p /shut/deep /tmp/shut; touch /shut/deep/x; chmod 000 /shut/deep /tmp/shut;"
    " chmod 000 /shut; exec sleep 0.2",
    "stopped": "kill -STOP $$",
    "ipc": "python3 -c 'import multiprocessing as m, time; q = m.Queue();"
    " s = m.shared_memory.SharedMemory(create=True, size=1000)\nimport os; os._exit(0)'"
    " || exec sleep 600",
}
STUBBORN = "trap '' TERM INT HUP; while :; do sleep 0.1; done"

SUBMIT = """
import json, os, sys, urllib.request
request = urllib.request.Request(
    os.environ["GLOBAL_CONFIG_HOST"].rstrip("/") + "/api/v1/workflows/local",
    open(sys.argv[1], "rb").read(),
    {"Authorization": os.environ["ARGO_TOKEN"], "Content-Type": "application/json"},
)
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).read()
"""

VOLUMES = [
    {"name": "data", "persistentVolumeClaim": {"claimName": "results"}},
    {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
    {"name": "inner", "emptyDir": {}},
    {"name": "settings", "configMap": {"name": "settings"}},
]
MOUNTS = [
    {"name": "data", "mountPath": "/data"},
    {"name": "memory", "mountPath": "/memory"},
    {"name": "inner", "mountPath": "/data/inner"},
    {"name": "settings", "mountPath": "/etc/settings"},
]


def apart(base: Path, command: Sequence[str], user: int | None = None) -> list[str]:
    """Return ``command`` as one that has processes, mounts and temporary folders of its own.

    Below ``base`` lie its /tmp and /var/tmp; the machine stays as it is, whatever is written.
    Where root starts it, what would have changed is printed in the end, and makes the status 1;
    ``user`` is another user to run it as then.
    """
    for name in ("root", "tmp", "var-tmp"):
        (base / name).mkdir(parents=True, exist_ok=True)
        (base / name).chmod(0o1777)
    root = os.getuid() == 0
    # A shell stays process 1, which takes in orphans: a zombie would be nobody's fault.
    unshare = ["unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"]
    if not root:
        unshare.insert(1, "--map-root-user")
    words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    return [*unshare, "sh", "-c", COPY if root else SHUT, "sh", str(base), *words, *command]


def assert_apart() -> None:
    """Make sure that :func:`apart` started this: what follows is done to no machine."""
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    (root,) = [mount for mount in mounts if mount[4] == "/"][-1:]
    assert root[-2] == "over" or "ro" in root[5].split(","), "start this by apart()"


class Killer:
    """Starts servers and runs in ``folder`` and kills them; counts what it did.

    ``left`` lists what was there afterwards and had not been there before.
    """

    def __init__(self, folder: Path, seed: str, runtime: str) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self.left: list[str] = []
        self._random = Random(seed)
        self._runtime = ["--runtime", runtime] if runtime else []
        self._number = 0
        folder.mkdir(parents=True)
        (folder / "experiment.toml").write_text('[experiment]\nname = "Kill"\nslug = "kill"\n')
        (folder / "submit.py").write_text(SUBMIT)
        (folder / ".hera" / "claims" / "results").mkdir(parents=True)
        settings = folder / ".hera" / "configmaps" / "settings"
        settings.mkdir(parents=True)
        (settings / "a.ini").write_text("a = 1\n")
        (folder / ".hera").chmod(0o700)
        self._clean_run()
        self._before = seen(folder)

    def case(self) -> None:
        """Start, kill, and look at what is left."""
        self._number += 1
        kind = self._random.choice(("serve", "serve", "serve", "run"))
        number = self._random.choice(SIGNALS)
        process = self._begun(kind)
        if self._random.random() < 0.2:
            self._kill_some_task(process)
        group = self._random.random() < 0.4
        hard = number == signal.SIGKILL
        name = f"{kind}: {number.name} to {'its group' if group else 'it'}"
        self.counts[name] += 1
        _send(process, number, group)
        if number != signal.SIGKILL and self._random.random() < 0.2:
            time.sleep(self._random.uniform(0, 0.3))
            again = self._random.choice(SIGNALS)
            name += f", then {again.name}"
            self.counts["killed twice"] += 1
            _send(process, again, group)
            hard = True
        try:
            process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._note(name, ["it did not end"])
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
        if kind == "run" and (hard or not self._all_ended(ENDING_SECONDS)):
            self._end_server("killed" if hard else name)
        if self._all_ended(LEFT_SECONDS if kind == "serve" else ENDING_SECONDS):
            # What a killed server cannot remove goes a moment later.
            poll(lambda: not self._differences(()), LEFT_SECONDS, 0.05)
        self._note(name, self._differences(()))
        _end_all_but(self._before["processes"])

    def _all_ended(self, patience: float) -> bool:
        return poll(lambda: processes() == self._before["processes"], patience, 0.02)

    def _end_server(self, why: str) -> None:
        """End the server of a run that goes on: one that was killed does, as on a cluster."""
        for number, command in processes().items():
            if "verbs.serve" in command:
                self.counts[f"a run went on: {why}"] += 1
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGTERM)

    def finish(self) -> None:
        """Let a server come and go, which removes what those that were killed could not."""
        self._clean_run()
        self._note("in the end", self._differences(()))

    def _clean_run(self) -> None:
        process = start(self.folder, PYTHONPATH=PYTHONPATH)
        exports(process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=ENDING_SECONDS)

    def _begun(self, kind: str) -> subprocess.Popen[str]:
        """Return a server with tasks, or a run, or one that has hardly started."""
        wait = self._random.uniform(0, 0.8)
        if kind == "run":
            order = self.folder / "order.json"
            order.write_text(json.dumps({"workflow": self._workflow()}))
            process = subprocess.Popen(
                [*COMMAND[:-1], "run", "submit.py", str(order)],
                cwd=self.folder,
                env=clean_environment(PYTHONPATH=PYTHONPATH),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
            time.sleep(wait * 3)
            return process
        process = start(self.folder, *self._runtime, apart=True, PYTHONPATH=PYTHONPATH)
        if self._random.random() < 0.2:
            self.counts["early"] += 1
            time.sleep(wait / 2)
            return process
        variables = exports(process)
        for _ in range(self._random.choice((1, 1, 2))):
            _ask(variables, {"workflow": self._workflow()})
        time.sleep(wait)
        return process

    def _workflow(self) -> Json:
        kinds = self._random.sample(sorted(TASKS), self._random.randint(1, 5))
        codes = [TASKS[kind] for kind in kinds]
        self.counts.update(f"task {kind}" for kind in kinds)
        if self._random.random() < 0.04:
            codes.append(STUBBORN)
            self.counts["task stubborn"] += 1
        templates = [
            {
                "name": f"t{at}",
                "container": {
                    "image": "python:3.13-slim",
                    "command": ["sh", "-c", code],
                    "volumeMounts": MOUNTS,
                },
            }
            for at, code in enumerate(codes)
        ]
        for template in templates:
            self._add_containers(template)
        tasks = [{"name": t["name"], "template": t["name"]} for t in templates]
        return {
            "metadata": {"generateName": f"killed-{self._number}-"},
            "spec": {
                "entrypoint": "main",
                "volumes": VOLUMES,
                "templates": [{"name": "main", "dag": {"tasks": tasks}}, *templates],
            },
        }

    def _add_containers(self, template: Json) -> None:
        """Make a pod of several containers of some templates, or a daemon."""
        kind = self._random.choice(("alone", "alone", "daemon", "sidecar", "init", "set"))
        other = {**template["container"], "name": "other"}
        other["command"] = ["sh", "-c", TASKS[self._random.choice(sorted(TASKS))]]
        if kind == "daemon":
            template["daemon"] = True
        elif kind == "sidecar":
            template["sidecars"] = [other]
        elif kind == "init":
            template["initContainers"] = [{**other, "command": ["sleep", "0.1"]}]
        elif kind == "set":
            main = {**template.pop("container"), "name": "main"}
            template["containerSet"] = {"containers": [main, other]}
        self.counts[f"pod {kind}"] += 1

    def _kill_some_task(self, process: subprocess.Popen[str]) -> None:
        """Kill one process of those that the server has started, whichever it is."""
        known = self._before["processes"].keys() | {process.pid}
        others = {
            number
            for number, command in processes().items()
            # The shell that clears up after a killed server is not to be killed as well.
            if number not in known and "read -r _" not in command
        }
        if others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._random.choice(sorted(others)), signal.SIGKILL)
                self.counts["a process of a task killed before"] += 1

    def _differences(self, only: Sequence[str]) -> list[str]:
        now = seen(self.folder)
        return [
            f"{kind}: {key} {value}"
            for kind in (only or now)
            for mine, yours in ((now[kind], self._before[kind]), (self._before[kind], now[kind]))
            for key, value in mine.items()
            if yours.get(key) != value
        ]

    def _note(self, name: str, found: Sequence[str]) -> None:
        self.left += (lines := [f"{self._number} ({name}): {each}" for each in found])
        print(*lines, sep="\n", end="\n" if lines else "", file=sys.stderr, flush=True)


def processes() -> dict[int, str]:
    """Return the command of each process here, zombies excluded."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if command := Path(f"/proc/{name}/cmdline").read_bytes():
                    found[int(name)] = command.replace(b"\0", b" ").decode(errors="replace")[:200]
    return found


def seen(folder: Path) -> dict[str, dict[Any, str]]:
    """Return what a run may leave: processes, mounts, shared memory, names of files."""
    mounts = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        mounts[words[0]] = " ".join(words[3:])
    ipc = {name: Path(f"/proc/sysvipc/{name}").read_text() for name in ("shm", "msg", "sem")}
    files = {}
    state = folder / ".hera"
    for place in ("/tmp", "/var/tmp", "/dev/shm"):
        for path in _below(place):
            if path != str(folder) and not path.startswith(f"{folder}/"):
                files[path] = "is there"
    for place in ("scratch", "roots"):
        files |= dict.fromkeys(_below(str(state / place)), "is there")
    for path in _below(str(state / "runs")):
        # The record of a run stays, what its pods had does not.
        if "/pods/" in path:
            files[path] = "is there"
    for place in ("/", "/usr", "/etc", "/results"):
        with contextlib.suppress(FileNotFoundError):
            files[place] = " ".join(sorted(os.listdir(place)))
    return {"processes": processes(), "mounts": mounts, "ipc": ipc, "files": files}


def _below(place: str) -> Iterator[str]:
    for folder, folders, names in os.walk(place):
        yield from (os.path.join(folder, name) for name in (*folders, *names))


def _send(process: subprocess.Popen[str], number: int, group: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        if group:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def _end_all_but(kept: dict[int, str]) -> None:
    for number in processes().keys() - kept.keys():
        with contextlib.suppress(OSError):
            os.kill(number, signal.SIGKILL)
    until(lambda: not processes().keys() - kept.keys(), 10)


def _ask(variables: dict[str, str], body: Json) -> None:
    request = urllib.request.Request(
        f"{variables['GLOBAL_CONFIG_HOST']}api/v1/workflows/local",
        json.dumps(body).encode(),
        {"Authorization": variables["ARGO_TOKEN"]},
    )
    try:
        OPENER.open(request, timeout=20).read()
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from None


def main() -> int:
    """Kill COUNT times; print what was counted and what was left as JSON."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("count", type=int)
    options.add_argument("--seed", default="")
    options.add_argument("--runtime", default="")
    args = options.parse_args()
    assert_apart()
    # Started by nohup, or in the background of a shell, all would ignore these.
    for number in SIGNALS[:-1]:
        signal.signal(number, signal.SIG_DFL)
    os.environ.update(HOME="/tmp/home", TMPDIR="/tmp")
    Path("/tmp/home").mkdir(exist_ok=True)
    killer = Killer(Path("/var/tmp/project"), args.seed or str(time.time_ns()), args.runtime)
    for number in range(1, args.count + 1):
        killer.case()
        if number % 50 == 0:
            print(f"{number}: {len(killer.left)} left", file=sys.stderr, flush=True)
        if len(killer.left) > 20:
            break
    killer.finish()
    print(json.dumps({"counts": killer.counts, "left": killer.left}))
    return 1 if killer.left else 0


if __name__ == "__main__":
    raise SystemExit(main())
