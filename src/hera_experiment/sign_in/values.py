"""What a person typed or pasted, made into the values of a profile."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from hera_experiment.context import settings_file
from hera_experiment.context.address import server_url
from hera_experiment.context.arguments import Arguments
from hera_experiment.sign_in.presets import variable

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


def _address(server: str, values: Mapping[str, str]) -> dict[str, str]:
    secure = values.get("ARGO_SECURE", "true").lower() != "false"
    url = urlsplit(server_url(server, secure=secure, base_path=values.get("ARGO_BASE_HREF", "")))
    port = "" if url.port is not None else (":443" if url.scheme == "https" else ":80")
    found = {"ARGO_SERVER": url.netloc.rstrip(":") + port}
    if url.path != "/":
        found["ARGO_BASE_HREF"] = url.path.rstrip("/")
    if "://" in server or url.scheme == "http":
        found["ARGO_SECURE"] = "true" if url.scheme == "https" else "false"
    return found
