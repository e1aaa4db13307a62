"""Prints what the validator of RO-Crates finds in the crate of the first argument, as JSON.

It runs in an environment of its own, without network: the one context that the crate names is put
into the validator's cache, as RO-Crate 1.1 has it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import rocrate
from requests import Request
from requests_cache import CachedRequest, CachedResponse, CachedSession
from rocrate_validator import models, services

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
_BIOSCHEMAS = "https://bioschemas.org/"
# What rocrate brings along is the context of a newer version. These are all the terms that 1.1 has
# otherwise, as https://w3id.org/ro/crate/1.1/context says, of those that a crate of ours uses.
OLDER = {
    "ComputationalWorkflow": f"{_BIOSCHEMAS}ComputationalWorkflow",
    "FormalParameter": f"{_BIOSCHEMAS}FormalParameter",
    "input": f"{_BIOSCHEMAS}ComputationalWorkflow#input",
    "output": f"{_BIOSCHEMAS}ComputationalWorkflow#output",
}


def fill(cache: Path) -> None:
    """Put the context into the cache, under each key that it is asked for by."""
    data = Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld"
    terms = json.loads(data.read_text(encoding="utf-8"))["@context"] | OLDER
    session = CachedSession(str(cache), backend="sqlite", expire_after=-1)
    answer = CachedResponse(
        url=CONTEXT,
        status_code=200,
        reason="OK",
        headers={"Content-Type": "application/ld+json"},
        encoding="utf-8",
    )
    answer._content = json.dumps({"@context": terms}).encode()
    answer.request = CachedRequest(method="GET", url=CONTEXT)
    key = session.cache.create_key(Request("GET", CONTEXT).prepare())
    session.cache.save_response(answer, cache_key=key)
    session.close()


def main(crate: str, profile: str) -> int:
    """Judge by all that the profile requires."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        fill(cache)
        settings = models.ValidationSettings(
            rocrate_uri=crate,
            profile_identifier=profile,
            requirement_severity=models.Severity.REQUIRED,
            offline=True,
            cache_path=str(cache),
        )
        result = services.validate(settings)
        issues = [f"{each.check.identifier}: {each.message}" for each in result.get_issues()]
    print(json.dumps(issues))
    return 0 if result.passed() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
