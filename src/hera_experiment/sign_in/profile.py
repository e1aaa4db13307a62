"""The profile of one cluster, ``clusters/NAME.config``: its values, read, compared, written."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hera_experiment.context import profiles, settings_file
from hera_experiment.context.address import host_and_port, server_url
from hera_experiment.context.arguments import Arguments, SettingScope
from hera_experiment.context.masking import MASK
from hera_experiment.context.sources import display
from hera_experiment.errors import UserError
from hera_experiment.sign_in.presets import variable


@dataclass(frozen=True)
class Profile:
    """A profile on disk, ``values`` by the names they have there; empty when there is none yet."""

    path: Path
    values: Mapping[str, str]
    arguments: Arguments

    @classmethod
    def read(cls, path: Path, arguments: Arguments) -> Profile:
        """Return what ``path`` holds at present; raises ``UserError`` where it cannot be read."""
        if not path.exists():
            return cls(path, {}, arguments)
        return cls(path, {line.name: line.value for line in settings_file.read(path)}, arguments)

    @property
    def previous(self) -> Path:
        """Where the profile goes that a new one takes the place of; usable as a profile too."""
        return self.path.with_name(f"{self.path.stem}.previous{self.path.suffix}")

    def value(self, key: str) -> str:
        """Return the value of the argument whose variable is ``key``, empty for none."""
        named = self.arguments.named
        return next((v for k, v in self.values.items() if named(k) == named(key)), "")

    def merged(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return the new profile: ``values``, and what the old one says of other matters.

        A value of the old one that tells how the cluster is reached does not outlive a sign-in: an
        old token would go to the new server.
        """
        kept = {key: value for key, value in self.values.items() if not self._is_of_cluster(key)}
        return {**values, **{key: value for key, value in kept.items() if key not in values}}

    def changes(self, new: Mapping[str, str]) -> list[str]:
        """Return one line per key that differs from ``new``, secrets masked."""
        lines = []
        for key in dict.fromkeys((*self.values, *new)):
            before, after = self.values.get(key), new.get(key)
            if before == after:
                continue
            if before is None:
                lines.append(f"+ {key}={self._shown(key, after)}")
            elif after is None:
                lines.append(f"- {key}={self._shown(key, before)}")
            else:
                lines.append(f"~ {key}={self._shown(key, before)} -> {self._shown(key, after)}")
        return lines

    def write(self, new: Mapping[str, str], comment: str) -> None:
        """Write ``new`` in the place of this profile, which is kept as :attr:`previous`.

        The file is readable by its owner alone and is there as a whole or not at all. Raises
        ``UserError`` when it cannot be written.
        """
        lines = [f"# {line}" for line in comment.splitlines()]
        lines += [f"{key}={shlex.quote(value)}" for key, value in new.items()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                _put(self.previous, self.path.read_bytes())
            _put(self.path, ("\n".join(lines) + "\n").encode())
        except OSError as error:
            raise UserError(
                f"cannot write the profile: {error.strerror}", where=display(self.path)
            ) from None

    def keep(self, answers: Mapping[str, str]) -> None:
        """Write those of ``answers`` that are no secret, as the draft of a profile."""
        self.path.unlink(missing_ok=True)
        plain = {key: value for key, value in answers.items() if self._shown(key, value) == value}
        self.write(plain, "Answers of a sign-in that did not end; no secrets.")

    def forget(self) -> None:
        """Remove the draft."""
        self.path.unlink(missing_ok=True)

    def protect(self) -> None:
        """Take from others the right to read the profile."""
        self.path.chmod(0o600)

    def _is_of_cluster(self, key: str) -> bool:
        argument = self.arguments.named(key)
        return argument is not None and argument.concern is SettingScope.CLUSTER

    def _shown(self, key: str, value: str | None) -> str:
        argument = self.arguments.named(key)
        known = argument is not None and not argument.secret
        # What is not known may be anything, a password of a registry for example.
        return str(value) if known else MASK


def draft_of(state: Path, name: str, arguments: Arguments) -> Profile:
    """Return the draft of the profile ``name``: what was answered before a sign-in broke off."""
    return Profile.read(state / f"sign-in-{name}{profiles.SUFFIX}", arguments)


def _put(path: Path, data: bytes) -> None:
    # mkstemp makes a file of mode 600, so that a token is never readable by others, even briefly.
    # Its name ends as profiles do, so that git ignores what a crash may leave.
    descriptor, name = tempfile.mkstemp(prefix=".", suffix=path.suffix, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def in_order(values: Mapping[str, str], arguments: Arguments) -> dict[str, str]:
    """Return ``values`` in the order of ``arguments``, for a profile that reads well."""
    order = [variable(each) for each in arguments.about(SettingScope.CLUSTER)]
    known = [key for key in order if key in values]
    return {key: values[key] for key in (*known, *(key for key in values if key not in order))}


def path_for(folder: Path, name: str) -> Path:
    """Return the file of the profile ``name``, whether or not there is one.

    Raises ``UserError`` when no profile can be named so.
    """
    if not name:
        raise UserError(
            "the cluster to sign in to has no name yet",
            next_step="choose one: make sign-in CLUSTER=name",
        )
    if name == profiles.LOCAL:
        raise UserError("'local' is this machine, which needs no sign-in", "--cluster")
    if not profiles.NAME.fullmatch(name):
        raise UserError(
            f"'{name}' cannot be the name of a cluster",
            "--cluster",
            "use letters, digits, '-', '_' and '.', and begin with a letter or digit",
        )
    return folder / profiles.FOLDER / f"{name}{profiles.SUFFIX}"


_ASSIGNMENT = re.compile(r"\s*(export\s+)?[A-Za-z_][\w-]*\s*[=:]")


def from_block(text: str, name: str, arguments: Arguments) -> dict[str, str]:
    """Return the values by variable of a pasted text; of two for one argument, the one that counts.

    Lines that are no assignments are passed over: Argo's user interface copies a command to try
    along with the variables. ``name`` stands for the text in messages, which never show a line.
    Raises ``UserError`` for a quote that is not closed.
    """
    kept = [line if _ASSIGNMENT.match(line) else "" for line in text.splitlines()]
    found: dict[str, tuple[int, str]] = {}
    for line in settings_file.parse("\n".join(kept), name):
        argument = arguments.named(line.name)
        if argument is None:
            continue
        names = [each.lower() for each in argument.variables]
        written = line.name.lower().replace("-", "_")
        rank = names.index(written) if written in names else len(names)
        key = variable(argument)
        if key not in found or rank <= found[key][0]:
            found[key] = (rank, line.value)
    return {key: value for key, (_, value) in found.items()}


def normalized(values: Mapping[str, str], folder: Path, arguments: Arguments) -> dict[str, str]:
    """Return ``values`` as a profile holds them, empty ones left out.

    An address from a browser becomes what Argo calls ARGO_SERVER (host:port), ARGO_SECURE and
    ARGO_BASE_HREF; a path that is relative to ``folder`` becomes absolute.
    """
    result = {key: value.strip() for key, value in values.items() if value.strip()}
    if server := result.get("ARGO_SERVER", ""):
        result.update(_address(server, result))
    for key, value in result.items():
        argument = arguments.named(key)
        if argument is not None and argument.path:
            parts = [Path(os.path.expandvars(part)) for part in value.split(os.pathsep)]
            result[key] = os.pathsep.join(
                os.path.normpath(folder / part.expanduser()) for part in parts
            )
    return result


def whole_address(value: Callable[[str], str]) -> str:
    """Return what the three variables of an address say, as one; ``value`` returns each."""
    server, secure = value("ARGO_SERVER"), value("ARGO_SECURE").lower() != "false"
    try:
        return server_url(server, secure=secure, base_path=value("ARGO_BASE_HREF")).rstrip("/")
    except UserError:
        return server


def _address(server: str, values: Mapping[str, str]) -> dict[str, str]:
    secure = values.get("ARGO_SECURE", "true").lower() != "false"
    url = urlsplit(server_url(server, secure=secure, base_path=values.get("ARGO_BASE_HREF", "")))
    found = {"ARGO_SERVER": host_and_port(url.geturl())}
    if url.path != "/":
        found["ARGO_BASE_HREF"] = url.path.rstrip("/")
    if "://" in server or url.scheme == "http":
        found["ARGO_SECURE"] = "true" if url.scheme == "https" else "false"
    return found
