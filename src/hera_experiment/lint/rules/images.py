"""Images: what a container is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hera_experiment.argo.images import LOCAL_REGISTRY
from hera_experiment.lint.rule import ERROR, WARNING, Finding, Rule
from hera_experiment.lint.subject import Subject, text

_HERE = f"{LOCAL_REGISTRY}/"
"""Before the experiment's own images on the laptop, which are made there for each run."""
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[-.A-Za-z0-9]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d+)?"
_REFERENCE = re.compile(
    rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::(?P<tag>[\w][\w.-]{{0,127}}))?"
    r"(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)


def moving_tag(subject: Subject) -> Iterator[Finding]:
    """An image has no tag, or `latest`.

    Which image that is changes with time: a run of today cannot be made again tomorrow, and tasks
    of one run may have two.

    Fails::

        entrypoint: main
        templates:
        - name: main
          container: {image: python, command: [python]}

    Passes::

        entrypoint: main
        templates:
        - name: main
          container: {image: "python:3.12", command: [python]}
    """
    told: set[str] = set()
    for part in subject.containers:
        image = text(part.body.get("image"))
        found = _REFERENCE.fullmatch(image)
        if found is None or found["digest"] or image in told or image.startswith(_HERE):
            continue
        if found["tag"] in (None, "latest"):
            told.add(image)
            how = "has the tag 'latest'" if found["tag"] else "has no tag"
            advice = "name a version, or a digest: make push hands on those of your own images"
            yield Finding(f"the image '{image}' {how}", (*part.path, "image"), advice)


def not_an_image(subject: Subject) -> Iterator[Finding]:
    """What is written is no name of an image.

    A repository has no capitals and no blanks. The pod stays in `InvalidImageName`, for ever.

    Fails::

        entrypoint: main
        templates:
        - name: main
          container: {image: "Python:3.12", command: [python]}

    Passes::

        entrypoint: main
        templates:
        - name: main
          container: {image: "python:3.12", command: [python]}
    """
    for part in subject.containers:
        image = text(part.body.get("image"))
        if image and "{{" not in image and not _REFERENCE.fullmatch(image):
            lower = image.lower().strip()
            advice = f"did you mean '{lower}'?" if _REFERENCE.fullmatch(lower) else ""
            yield Finding(f"'{image}' is no name of an image", (*part.path, "image"), advice)


RULES = (
    Rule("HE601", "moving-tag", WARNING, "an image without a tag, or 'latest'", moving_tag),
    Rule("HE602", "not-an-image", ERROR, "no name of an image", not_an_image),
)
