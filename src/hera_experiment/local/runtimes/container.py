"""The main container of a template: what Kubernetes would be asked to run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SCRIPT_PATH = "/argo/staging/script"
"""Where Argo puts the source of a script template."""

Json = Mapping[str, Any]

_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` by its value; ``$$`` is a dollar, an unknown name stays as it is.

    A name is all up to the next closing parenthesis, so what an unknown one encloses stays too.

    Source: ``third_party/forked/golang/expansion/expand.go`` of k8s.io/kubernetes.
    """
    if "$" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        if match[1] is None:
            return "$"
        return values.get(match[1], match[0])

    return _REFERENCE.sub(replace, text)


@dataclass(frozen=True)
class MainContainer:
    """A container or script template's main container, in Kubernetes' terms.

    ``source`` is None for a container template; a script's source is the last argument of its
    command, as a file.
    """

    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    source: str | None
    working_dir: str
    variables: Sequence[Json]
    variable_sources: Sequence[Json]
    mounts: Sequence[Json]

    def argv(
        self, entrypoint: Sequence[str], command: Sequence[str], variables: Mapping[str, str]
    ) -> list[str]:
        """Return what is executed, given the image's ENTRYPOINT and CMD.

        A command replaces both of them; arguments alone replace CMD. ``$(NAME)`` is expanded
        from ``variables`` in the template's words, not in the image's.
        """
        args = [expand(word, variables) for word in self.args]
        if self.source is not None:
            args.append(SCRIPT_PATH)
        if self.command:
            return [*(expand(word, variables) for word in self.command), *args]
        return [*entrypoint, *(args or command)]


def main_container(template: Json) -> MainContainer | None:
    """Return the main container of ``template``, None when it is of another type."""
    script = template.get("script")
    container: Json | None = script or template.get("container")
    if container is None:
        return None
    return MainContainer(
        image=container.get("image") or "",
        command=tuple(map(str, container.get("command") or ())),
        args=tuple(map(str, container.get("args") or ())),
        source=str(container.get("source") or "") if script else None,
        working_dir=container.get("workingDir") or "",
        variables=container.get("env") or (),
        variable_sources=container.get("envFrom") or (),
        mounts=container.get("volumeMounts") or (),
    )


def containers_of(workflow: Json) -> Iterator[tuple[Json, MainContainer]]:
    """Yield each template of ``workflow`` that has a main container, with that container."""
    for template in (workflow.get("spec") or {}).get("templates") or ():
        container = main_container(template)
        if container is not None:
            yield template, container
