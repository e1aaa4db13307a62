"""What this machine lends to the roots of tasks: its programs, its Python, a few settings.

The experiment's own containers are made here without their base image: a slim Debian with Python,
for which this machine's system stands in.
"""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from hera_experiment.local.runtimes.bubblewrap import Overlay

LOCAL = "/usr/local"
"""Where Python's own images have Python and its packages: environments lie there in a root."""
_ELSEWHERE = "/opt/venv"

_FOLDERS = (
    "boot etc home media mnt opt proc root run/lock srv sys dev usr var/backups var/cache var/lib"
    " var/local var/log var/mail var/opt var/spool"
).split()
_LOCAL_FOLDERS = "bin etc games include lib sbin share src".split()
_LINKS = {"var/run": "../run", "var/lock": "../run/lock"}
_EVERYBODYS = ("tmp", "var/tmp")
# Programs that are no part of /usr yet, or never: systems without a merged /usr, NixOS and Guix.
_SYSTEM = "bin lib lib32 lib64 libx32 sbin nix gnu".split()

# Settings of the system's programs and libraries. Accounts, names of this machine, its time zone
# and keys are not a task's.
_SETTINGS = frozenset(
    (
        "alternatives bash.bashrc bindresvport.blacklist ca-certificates ca-certificates.conf"
        " crypto-policies debian_version default fonts gai.conf glvnd gss host.conf"
        " ld.so.cache ld.so.conf ld.so.conf.d"
        " libaudit.conf libnl-3 locale.alias locale.conf locale.gen login.defs magic magic.mime"
        " mime.types mke2fs.conf networks nsswitch.conf nvidia OpenCL openmpi os-release perl pki"
        " profile profile.d protocols python3 redhat-release rpc services shells skel"
        " ssl static system-release terminfo vulkan xattr.conf xml"
    ).split()
)
_ACCOUNTS = """root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
sys:x:3:3:sys:/dev:/usr/sbin/nologin
games:x:5:60:games:/usr/games:/usr/sbin/nologin
man:x:6:12:man:/var/cache/man:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_GROUPS = "".join(
    f"{name}:x:{number}:\n"
    for name, number in {
        **{"root": 0, "daemon": 1, "bin": 2, "sys": 3, "adm": 4, "tty": 5, "disk": 6, "man": 12},
        **{"mail": 8, "www-data": 33, "staff": 50, "games": 60, "users": 100, "nogroup": 65534},
    }.items()
)


@dataclass(frozen=True)
class Interpreter:
    """The Python that environments are made of: its program, and the ``folders`` it lies in.

    ``home`` is where a root has the environment: :data:`LOCAL`, unless Python itself is there.
    """

    program: str
    folders: tuple[str, ...]
    home: str = LOCAL

    @classmethod
    def here(cls) -> Interpreter:
        """Return the base interpreter of the one that runs this."""
        program = getattr(sys, "_base_executable", "") or sys.executable
        found: list[str] = []
        for prefix in (sys.base_prefix, os.path.realpath(sys.base_prefix)):
            shown = prefix.startswith("/usr/") and not prefix.startswith(f"{LOCAL}/")
            if prefix not in (*found, "/usr", LOCAL) and not shown:
                found.append(prefix)
        # Its program may be a link from elsewhere: the folder of the link is seen as well.
        for folder in (os.path.dirname(program), os.path.dirname(os.path.realpath(program))):
            if not any(f"{folder}/".startswith(f"{each}/") for each in (*found, "/usr", "/bin")):
                found.append(folder)
        is_local = any(f"{each}/".startswith(f"{LOCAL}/") for each in (sys.base_prefix, *found))
        return cls(program, tuple(found), _ELSEWHERE if is_local else LOCAL)


class MachineRoot:
    """The lowest folders of the roots of tasks, made anew below ``folder``.

    ``binds`` are what of this machine is seen where it is: ``interpreter``, and its system;
    ``home`` is where the environment lies, ``empty`` a folder with nothing in it.
    """

    def __init__(self, folder: Path, interpreter: Interpreter) -> None:
        self.home = interpreter.home
        self.skeleton = folder / "skeleton"
        self.settings = folder / "settings"
        self.local = folder / "local"
        self.empty = folder / "empty"
        self.empty.mkdir(parents=True)
        self.binds: list[tuple[str, str]] = []
        for name in _FOLDERS:
            (self.skeleton / name).mkdir(parents=True)
        for name in _LOCAL_FOLDERS:
            (self.local / name).mkdir(parents=True)
        (self.skeleton / "root").chmod(0o700)
        for name in _EVERYBODYS:
            (self.skeleton / name).mkdir()
            (self.skeleton / name).chmod(0o1777)
        for name, target in _LINKS.items():
            (self.skeleton / name).symlink_to(target)
        for name in _SYSTEM:
            self._lend(name)
        for path in interpreter.folders:
            (self.skeleton / path[1:]).mkdir(parents=True, exist_ok=True)
            self.binds.append((path, path))
        self._hide_settings()

    def overlays(self, image: str, packages: str) -> tuple[Overlay, ...]:
        """Return the overlays of a root with the files of ``image`` and an environment.

        ``image`` is the folder with the image's own files, or empty, ``packages`` that of the
        environment.
        """

        def own(path: str) -> tuple[str, ...]:
            return (image + path,) if image and os.path.isdir(image + path) else ()

        local = (str(self.local),) if self.home == LOCAL else ()
        return (
            Overlay("/", (str(self.skeleton), *((image,) if image else ()))),
            Overlay("/usr", ("/usr", *own("/usr"))),
            Overlay("/etc", ("/etc", str(self.settings), *own("/etc"))),
            Overlay(self.home, (*local, packages, *own(self.home))),
        )

    def add_account(self, image: str, name: str) -> None:
        """Let ``image`` have the user ``name``, as its RUN useradd would."""
        if not name or name.isdigit() or f"\n{name}:" in f"\n{_ACCOUNTS}":
            return
        settings, home = Path(image, "etc"), Path(image, "home", name)
        settings.mkdir(exist_ok=True)
        home.mkdir(parents=True, exist_ok=True)
        for file, text in (
            ("passwd", f"{_ACCOUNTS}{name}:x:1000:1000::/home/{name}:/bin/sh\n"),
            ("group", f"{_GROUPS}{name}:x:1000:\n"),
        ):
            if not (settings / file).exists():
                (settings / file).write_text(text, "ascii")

    def _lend(self, name: str) -> None:
        path = Path("/", name)
        if path.is_symlink():
            (self.skeleton / name).symlink_to(os.readlink(path).lstrip("/"))
        elif path.is_dir():
            (self.skeleton / name).mkdir()
            self.binds.append((str(path), str(path)))

    def _hide_settings(self) -> None:
        self.settings.mkdir()
        for name in os.listdir("/etc"):
            if name not in _SETTINGS and not name.startswith("java-"):
                # An overlay takes this device, which every user may make, for "removed".
                os.mknod(self.settings / name, stat.S_IFCHR | 0o600, os.makedev(0, 0))
        (self.settings / "mtab").unlink(missing_ok=True)
        (self.settings / "mtab").symlink_to("/proc/mounts")
        names = {"hosts": "", "hostname": "", "resolv.conf": ""}
        for name, text in {**names, "passwd": _ACCOUNTS, "group": _GROUPS}.items():
            path = self.settings / name
            path.unlink(missing_ok=True)
            path.write_text(text, "ascii")
