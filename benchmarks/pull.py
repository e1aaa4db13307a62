"""Pulling and unpacking an image without an engine, against ``docker pull`` of the same.

    python benchmarks/pull.py

The image has about 190 MB of files of this machine's ``/usr/lib`` in four layers, the sizes of one
with Python and some packages; both sides take it from a registry on this machine and have nothing
of it before. Ours is a program of its own that ends with the files unpacked and all digests
checked, Python's start included; theirs is ``docker pull --quiet``, after ``docker rmi``. Needs
Docker and Debian's ``docker-registry``; DOCKER_HOST may name another daemon on this machine.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from measure import Row, conclude, medians, parser, ratio, wall

LIMIT = 1.30
MEGABYTES = (120, 45, 20, 5)
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

OURS = """
import os, sys
from pathlib import Path
from hera_experiment.images.store import ImageStore
ImageStore(Path(sys.argv[1]), os.environ).provide(sys.argv[2], lambda text: None)
"""


def layers() -> Iterator[bytes]:
    """Yield tar files of this machine's files, about as large as ``MEGABYTES`` says."""
    files = (
        Path(folder) / name
        for folder, _, names in sorted(os.walk("/usr/lib"))
        for name in sorted(names)
    )
    for megabytes in MEGABYTES:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path in files:
                # One library of a GPU would be the whole layer.
                if path.is_symlink() or (path.is_file() and path.stat().st_size < 20_000_000):
                    tar.add(path, str(path)[1:], recursive=False)
                if archive.tell() > megabytes * 1_000_000:
                    break
        yield archive.getvalue()


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Run a registry on this machine; yields its host."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
    settings = folder / "registry.yml"
    settings.write_text(
        f"version: 0.1\nhttp: {{addr: '{host}'}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}\n"
    )
    program = ["docker-registry", "serve", str(settings)]
    process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                requests.get(f"http://{host}/v2/", timeout=1)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield host
    finally:
        process.terminate()
        process.wait()


def push(host: str) -> tuple[str, int, int]:
    """Push the image; return its reference and its bytes, unpacked and packed."""

    def blob(content: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        begun = requests.post(f"http://{host}/v2/pull/image/blobs/uploads/", timeout=60)
        begun.raise_for_status()
        place = begun.headers["Location"]
        requests.put(place, data=content, params={"digest": digest}, timeout=300).raise_for_status()
        return {"digest": digest, "size": len(content)}

    unpacked = packed = 0
    diff_ids, entries = [], []
    for layer in layers():
        content = gzip.compress(layer, 6)
        unpacked, packed = unpacked + len(layer), packed + len(content)
        diff_ids.append(f"sha256:{hashlib.sha256(layer).hexdigest()}")
        entries.append({"mediaType": _LAYER, **blob(content)})
    config = {
        "os": "linux",
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": _CONFIG, **blob(json.dumps(config).encode())},
        "layers": entries,
    }
    requests.put(
        f"http://{host}/v2/pull/image/manifests/1",
        data=json.dumps(manifest),
        headers={"Content-Type": _MANIFEST},
        timeout=60,
    ).raise_for_status()
    return f"{host}/pull/image:1", unpacked, packed


def main() -> int:
    """Measure both sides in turn and print the table."""
    options = parser("Pull an image without an engine, against docker pull.", rounds=7)
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as name, registry(Path(name)) as host:
        reference, unpacked, packed = push(host)
        store = Path(name) / "images"

        def ours() -> float:
            shutil.rmtree(store, ignore_errors=True)
            return wall([sys.executable, "-c", OURS, str(store), reference])

        def theirs() -> float:
            subprocess.run(["docker", "rmi", reference], capture_output=True, check=False)
            return wall(["docker", "pull", "--quiet", reference])

        try:
            found = medians({"ours": ours, "docker": theirs}, arguments.rounds)
        finally:
            subprocess.run(["docker", "rmi", reference], capture_output=True, check=False)
        rows = [
            Row("the image, unpacked", unpacked / 1e6, "MB", None),
            Row("the image, packed", packed / 1e6, "MB", None),
            ratio("pull and unpack", found["ours"], found["docker"], LIMIT),
        ]
    return conclude(rows, arguments.check)


if __name__ == "__main__":
    sys.exit(main())
