"""What a retry runs: the code of the submission or today's, and what has changed since."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.argo.images import container_of
from hera_experiment.argo.tasks import parsed
from hera_experiment.argo.workflows import programs_of
from hera_experiment.errors import UserError
from hera_experiment.runs.find import Run

if TYPE_CHECKING:
    from hera_experiment.experiment import Experiment

_SHORT = 12


def what_retry_runs(run: Run, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return what a person should know of the code that a retry of ``run`` runs."""
    experiment = run.server.context.experiment
    created = run.record.created if run.record else run.workflow["metadata"]["creationTimestamp"]
    moment = parsed(created)
    changed = _changed_since(experiment, moment) if run.record or run.server.is_local else []
    lines = []
    if run.server.is_local:
        lines.append(
            "its programs run as containers/ is now, by the workflow as it was submitted on "
            f"{_shown(created)}"
        )
        lines += [f"  {name}/ has changed since" for name in changed_containers(experiment, moment)]
        new = "make run"
    else:
        lines.append(f"it runs what was submitted on {_shown(created)}, with these images:")
        described = list(_images(run, environ))
        lines += [f"  {text}" for text, _ in described]
        is_old = any(differs for _, differs in described)
        new = "make build push submit" if is_old else "make submit" if changed else ""
    if changed:
        lines.append(f"  what {', '.join(changed)} says now is not used: changed since")
    if new and (changed or not run.server.is_local):
        lines.append(f"a new run with today's code: {new}")
    if (experiment.results / run.name).is_dir():
        folder = f"{experiment.results.name}/{run.name}/"
        lines.append(
            f"{folder} holds what it made before: 'make results RUN={run.name}' brings the rest "
            "once it has ended"
        )
    return lines


def _images(run: Run, environ: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """Yield what to say of each image of ``run``, and whether its files are others now."""
    from hera_experiment.images.ledger import Ledger
    from hera_experiment.images.published import Published, find_image

    experiment = run.server.context.experiment
    entries = list(Ledger.of(experiment).entries().values())
    named = (str(each.get("image") or "") for _, each in programs_of(run.workflow))
    for image in filter(None, dict.fromkeys(named)):
        container = container_of(image, experiment.slug)
        if container is None:
            yield image, False
            continue
        known = [
            each
            for each in entries
            if each.container == container
            and (image.endswith(f":{each.tag}") or (each.digest and image.endswith(each.digest)))
        ]
        when = next((each.built or each.pushed for each in known), "")
        text = _short(image) + (f", of {_shown(when)}" if when else "")
        registry = image.rpartition(f"/{experiment.slug}-{container}")[0]
        try:
            published = Published(experiment, registry, environ)
            now = published.source(container)
            if known:
                differs = now.tag not in [each.tag for each in known]
            elif "@" in image:
                found = find_image(published.tagged(now), environ)
                if found.there is None:
                    raise UserError("the registry lets you see nothing")
                differs = not image.endswith(f"@{found.digest}")
            else:
                differs = image != published.tagged(now)
        except UserError as error:
            yield f"{text}; whether it is today's is not known: {error.what}", False
            continue
        yield text + (f": containers/{container}/ has changed since" if differs else ""), differs


def _changed_since(experiment: Experiment, moment: datetime | None) -> list[str]:
    """Return the files of the experiment that were written after it was submitted."""
    return [path.name for path in sorted(experiment.folder.glob("*.py")) if _newer(path, moment)]


def changed_containers(experiment: Experiment, moment: datetime | None) -> list[str]:
    """Return the folders of containers with a file that was written after ``moment``."""
    folders = sorted(path for path in experiment.containers.glob("*") if path.is_dir())
    name = experiment.containers.name
    return [
        f"{name}/{folder.name}"
        for folder in folders
        if any(_newer(path, moment) for path in folder.rglob("*") if _is_source(path))
    ]


def _is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def _newer(path: Path, moment: datetime | None) -> bool:
    # Dates of a server are whole seconds.
    return moment is not None and path.stat().st_mtime >= moment.timestamp() + 1


def _short(image: str) -> str:
    name, separator, digest = image.partition("@")
    kind, colon, value = digest.partition(":")
    return f"{name}{separator}{kind}{colon}{value[:_SHORT]}"


def _shown(created: str) -> str:
    moment = parsed(created)
    return f"{moment.astimezone():%Y-%m-%d %H:%M}" if moment else created
