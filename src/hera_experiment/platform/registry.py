"""A small client of container registries (OCI distribution): what is there, and its bytes.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md, and for the token dance
https://distribution.github.io/distribution/spec/auth/token/.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from hera_experiment.errors import UserError
from hera_experiment.platform.http_session import (
    Authorization,
    Session,
    Unreachable,
    json_of,
    unreachable,
)
from hera_experiment.platform.proxies import is_loopback

DOCKER_HUB = "docker.io"
_HUB_HOST = "registry-1.docker.io"
_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
# It will be able to say later: an answer such as this is none.
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
# What a registry has to take at least (OCI distribution, "Pushing Manifests").
_LARGEST = 4 << 20
_LONGEST = 4096
_MOST_REDIRECTS = 5
_PIECE = 1 << 18
_PARTIAL = 206
_TRIES = 3
# What has a digest is wanted byte for byte.
_AS_IT_IS = {"Accept-Encoding": "identity"}


@dataclass(frozen=True)
class Image:
    """An image reference taken apart: ``reference`` is the tag or the digest."""

    registry: str
    repository: str
    reference: str

    def __str__(self) -> str:
        mark = "@" if ":" in self.reference else ":"
        return f"{self.registry}/{self.repository}{mark}{self.reference}"

    @classmethod
    def parse(cls, text: str) -> Image:
        """Take ``text`` apart as Docker does: no registry means Docker Hub, no tag ``latest``."""
        name, _, digest = text.partition("@")
        first, slash, rest = name.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost"):
            registry, path = first, rest
        else:
            registry, path = DOCKER_HUB, name
        repository, _, tag = path.partition(":")
        if registry == DOCKER_HUB and "/" not in repository:
            repository = f"library/{repository}"
        return cls(registry, repository, digest or tag or "latest")


def host_of(registry: str) -> str:
    """Return the registry's ``host[:port]``, without a scheme or the path of a project."""
    return registry.partition("://")[2].partition("/")[0] or registry.partition("/")[0]


@dataclass(frozen=True)
class ImageLookup:
    """What a registry says of an image: ``there`` is None when it does not let us know.

    ``digest`` is empty where the image is not there or the registry does not tell.
    """

    there: bool | None
    digest: str = ""


def is_sha256(digest: object) -> bool:
    """Say whether this is a digest of the one kind that every registry has."""
    return isinstance(digest, str) and _SHA256.fullmatch(digest) is not None


class Refused(UserError):
    """The registry answered, and it was not what was asked for: asking again does not help."""


class Registry:
    """One registry, ``host[:port]``.

    Plain HTTP is spoken to this machine alone, as Docker does. ``credentials`` are user and
    password, None for nobody; an empty user means that the password is an identity token.
    ``setting`` is what names the registry, for the advice to correct it. Methods raise
    :class:`~hera_experiment.platform.http_session.Unreachable` when there is no answer.
    """

    def __init__(
        self,
        host: str,
        credentials: tuple[str, str] | None = None,
        *,
        timeout: float = 10.0,
        where: str = "",
        setting: str = "REGISTRY",
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.host = host
        self.has_credentials = credentials is not None
        self._credentials = credentials
        self._where = where
        verify = _authority(host)
        self._setting = setting
        self._session = Session(
            lambda: "", verify=verify, timeout=(timeout, timeout), where=where, environ=environ
        )
        self._base = ""
        self._tokens: dict[str, str] = {}

    def ping(self) -> requests.Response:
        """Ask nothing in particular, as nobody: 200, or 401 where the registry wants to know who.

        Raises ``UserError`` when what answers is no registry.
        """
        response = self._reach()
        version = response.headers.get("Docker-Distribution-Api-Version", "")
        challenged = response.status_code == _UNAUTHORIZED and bool(_challenge(response)[0])
        if challenged or "registry/2" in version or _is_empty_object(response):
            return response
        raise UserError(
            f"{self.host} does not answer as a container registry (status {response.status_code})",
            self._where,
            "correct REGISTRY to host[:port][/project]",
        )

    def wants_sign_in(self) -> bool:
        """Say whether the registry asks who someone is before anything else."""
        return self.ping().status_code == _UNAUTHORIZED

    def accepts_credentials(self) -> bool:
        """Say whether the registry knows whoever the credentials name."""
        response = self.ping()
        if response.status_code != _UNAUTHORIZED:
            return True
        authorization = self._authorization(response, "")
        if not authorization:
            return False
        return self._request("GET", "/v2/", authorization).status_code != _UNAUTHORIZED

    def has(self, image: Image) -> bool | None:
        """Say whether the image is there; None when the registry does not let us know."""
        return self.find(image).there

    def find(self, image: Image) -> ImageLookup:
        """Say whether the image is there, and under which digest."""
        self._reach()
        response = self._ask("HEAD", image.repository, f"manifests/{image.reference}")
        if response.status_code == _NOT_FOUND:
            return ImageLookup(False)
        if response.status_code != 200:
            return ImageLookup(None)
        digest = response.headers.get("Docker-Content-Digest", "")
        return ImageLookup(True, digest if _DIGEST.fullmatch(digest) else "")

    def digest(self, image: Image) -> str:
        """Return the digest of ``image``.

        Raises :class:`Refused` when the registry does not have it or does not show it to us.
        """
        if is_sha256(image.reference):
            return image.reference
        self._reach()
        response = self._ask("HEAD", image.repository, f"manifests/{image.reference}")
        self._check(response, image)
        digest = response.headers.get("Docker-Content-Digest", "")
        return digest if is_sha256(digest) else _digest_of(self._bytes(image))

    def manifest(self, image: Image, digest: str) -> dict[str, Any]:
        """Return the manifest ``digest`` of ``image``, or the index that it is.

        Raises :class:`Refused` as :meth:`digest`, and when the bytes are not those of the digest.
        """
        return self._document(
            self._bytes(Image(image.registry, image.repository, digest)), image, digest
        )

    def config(self, image: Image, digest: str, size: int) -> dict[str, Any]:
        """Return the configuration of ``image``, a blob; raises :class:`Refused` as above."""
        if size > _LARGEST:
            raise self._refused(image, f"its configuration has more than {_LARGEST >> 20} MiB")
        return self._document(b"".join(self.blob(image, digest, size)), image, digest)

    def blob(
        self,
        image: Image,
        digest: str,
        size: int,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[bytes]:
        """Yield the blob ``digest`` of ``image``, piece by piece, as it comes.

        A connection that breaks is taken up where it ended, unless ``stopped``. The digest is
        checked when all of it was there, so nothing that comes out is to be trusted before the end.

        Raises
        ------
        Refused
            When there is no such blob, or other bytes came.
        """
        if not self._base:
            self._reach()
        hash_ = hashlib.sha256()
        done = tries = 0
        while done < size:
            before = done
            try:
                for piece in self._stream(image, digest, done):
                    done += len(piece)
                    if done > size:
                        raise self._refused(image, f"{_short(digest)} is longer than {size} bytes")
                    hash_.update(piece)
                    yield piece
                if done < size:
                    raise Unreachable(f"{self.host} ended {_short(digest)} after {done} bytes")
            except Unreachable:
                tries = 0 if done > before else tries + 1
                if done < size and (tries == _TRIES or stopped()):
                    raise
        if f"sha256:{hash_.hexdigest()}" != digest:
            raise self._refused(image, f"other bytes came than those of {_short(digest)}")

    def platforms(self, image: Image) -> frozenset[str] | None:
        """Return what the image was built for, as Docker writes it (``linux/arm64/v8``).

        None when it is not there or the registry does not let us know.
        """
        self._reach()
        manifest = self._json(image.repository, f"manifests/{image.reference}")
        if isinstance(listed := manifest.get("manifests"), list):
            # What says how an image was built is listed beside it, for "unknown/unknown".
            named = [each.get("platform") for each in listed if isinstance(each, dict)]
            found = frozenset(platform_of(each) for each in named) - {"", "unknown/unknown"}
        else:
            config = manifest.get("config")
            digest = str(config.get("digest")) if isinstance(config, dict) else ""
            is_safe = _DIGEST.fullmatch(digest)
            # A manifest of the oldest form tells the architecture itself.
            image_of = self._json(image.repository, f"blobs/{digest}") if is_safe else manifest
            found = frozenset((platform_of({"os": "linux", **image_of}),)) - {""}
        return found or None

    def _json(self, repository: str, path: str) -> dict[str, Any]:
        """Return the JSON object at ``path``, an empty one where there is none."""
        response = self._followed(self._ask("GET", repository, path))
        if not response.ok or len(response.content) > _LARGEST:
            return {}
        return _object(response)

    def _bytes(self, image: Image) -> bytes:
        """Return the manifest of ``image`` as it is; raises :class:`Refused`."""
        if not self._base:
            self._reach()
        path = f"manifests/{image.reference}"
        response = self._followed(self._ask("GET", image.repository, path, stream=True), image)
        with response:
            self._check(response, image)
            pieces, size = [], 0
            for piece in self._pieces(response):
                pieces.append(piece)
                size += len(piece)
                if size > _LARGEST:
                    raise self._refused(image, f"its manifest has more than {_LARGEST >> 20} MiB")
        return b"".join(pieces)

    def _document(self, content: bytes, image: Image, digest: str) -> dict[str, Any]:
        if _digest_of(content) != digest:
            raise self._refused(image, f"other bytes came than those of {_short(digest)}")
        try:
            found = json_of(content)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self._refused(image, f"{_short(digest)} is no JSON object")
        return found

    def _stream(self, image: Image, digest: str, begin: int) -> Iterator[bytes]:
        """Yield the bytes of a blob from ``begin`` on."""
        headers = {"Range": f"bytes={begin}-"} if begin else {}
        path = f"blobs/{digest}"
        answer = self._ask("GET", image.repository, path, stream=True, headers=headers)
        with self._followed(answer, image, headers) as response:
            self._check(response, image)
            # A server that knows no ranges begins at the beginning.
            skipped = begin if response.status_code != _PARTIAL else 0
            for piece in self._pieces(response):
                yield from (piece[skipped:],) if skipped < len(piece) else ()
                skipped = max(0, skipped - len(piece))

    def _pieces(self, response: requests.Response) -> Iterator[bytes]:
        """Yield what comes, as it is; raises :class:`Unreachable` when the connection breaks."""
        raw: Any = response.raw
        try:
            while piece := raw.read(_PIECE, decode_content=False):
                yield piece
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise unreachable(requests.ConnectionError(error), response.url, self._where) from None

    def _followed(
        self,
        response: requests.Response,
        image: Image | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Return the answer of where ``response`` leads to, itself where it leads nowhere.

        Raises :class:`Refused` when it leads ``image`` to where nobody may go.
        """
        for _ in range(_MOST_REDIRECTS):
            if not response.is_redirect:
                break
            try:
                there = urljoin(response.url, response.headers["Location"])
                host = urlsplit(there).hostname
            except ValueError:
                there, host = "", None
            if not there.startswith("https:") and not is_loopback(there):
                if image is None:
                    break
                elsewhere = f" at {host}" if host else ""
                raise self._refused(image, f"it is to be had in plain HTTP only{elsewhere}")
            response.close()
            # A blob may lie elsewhere, at an address that is secret enough: nobody signs in there.
            response = self._session.request(
                "GET",
                there,
                auth=Authorization(lambda: ""),
                stream=image is not None,
                headers={**_AS_IT_IS, **(headers or {})},
            )
        return response

    def _check(self, response: requests.Response, image: Image) -> None:
        """Raise what ``response`` has against us: :class:`Refused`, or Unreachable for not now."""
        status = response.status_code
        if response.ok and not response.is_redirect:
            return
        if status in _BUSY:
            what = f"{self.host} does not answer now (status {status})"
            raise Unreachable(what, self._where, "try again later")
        if status == _NOT_FOUND:
            raise Refused(f"{self.host} has no image {image}", self._where, "correct its name")
        if status in (_UNAUTHORIZED, _FORBIDDEN):
            # A name that does not exist looks the same to whoever is not known.
            advice = f"correct its name, or sign in: docker login {self.host}"
            raise Refused(f"{self.host} does not show the image {image}", self._where, advice)
        raise self._refused(image, f"the registry answers with status {status}")

    def _refused(self, image: Image, why: str) -> Refused:
        what = f"the image {image} cannot be pulled from {self.host}: {why}"
        return Refused(what, self._where, "ask whoever keeps the registry")

    def _ask(
        self,
        method: str,
        repository: str,
        path: str,
        *,
        stream: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Ask about what is in ``repository``, with a token for it where that is wanted."""
        path = f"/v2/{repository}/{path}"
        options: dict[str, Any] = {"stream": stream, "headers": headers}
        response = self._request(method, path, self._tokens.get(repository, ""), **options)
        if response.status_code == _UNAUTHORIZED:
            authorization = self._authorization(response, f"repository:{repository}:pull")
            if authorization:
                response.close()
                self._tokens[repository] = authorization
                response = self._request(method, path, authorization, **options)
        return response

    def _reach(self) -> requests.Response:
        if not self._base and is_loopback(f"http://{self.host}"):
            try:
                self._base = f"http://{self.host}"
                response = self._request("GET", "/v2/")
                if response.status_code != 400:  # what a TLS port says to plain HTTP
                    return response
            except Unreachable as error:
                if "without an answer" not in error.what:
                    self._base = ""
                    raise
            self._base = ""
        self._base = self._base or f"https://{_HUB_HOST if self.host == DOCKER_HUB else self.host}"
        return self._request("GET", "/v2/")

    def _request(
        self,
        method: str,
        path: str,
        authorization: str = "",
        *,
        stream: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        try:
            return self._session.request(
                method,
                self._base + path,
                headers={"Accept": _ACCEPT, **_AS_IT_IS, **(headers or {})},
                auth=Authorization(lambda: authorization),
                stream=stream,
            )
        except Unreachable as error:
            error.next_step = _advice(error, self._setting)
            raise

    def _authorization(self, response: requests.Response, scope: str) -> str:
        """Return the header that answers the challenge of ``response``, empty for none."""
        scheme, parameters = _challenge(response)
        if scheme == "basic":
            return _basic(self._credentials) if self._credentials else ""
        if scheme != "bearer" or "realm" not in parameters:
            return ""
        return self._token(parameters, scope)

    def _token(self, challenge: Mapping[str, str], scope: str) -> str:
        realm = challenge["realm"]
        if not (realm.startswith("https://") or is_loopback(realm)):
            # A password would travel in the clear.
            return ""
        wanted = {"service": challenge.get("service", ""), "scope": scope}
        params = {name: value for name, value in wanted.items() if value}
        if self._credentials and not self._credentials[0]:
            form = {
                **params,
                "grant_type": "refresh_token",
                "client_id": "hera-utils",
                "refresh_token": self._credentials[1],
            }
            response = self._session.request("POST", realm, data=form)
        else:
            password = _basic(self._credentials) if self._credentials else ""
            auth = Authorization(lambda: password)
            response = self._session.request("GET", realm, params=params, auth=auth)
        if not response.ok:
            return ""
        found = _object(response)
        token = found.get("token") or found.get("access_token")
        return f"Bearer {token}" if token else ""


def _authority(host: str) -> bool | str:
    """Return the file in which engines look for the authority of a registry, True for none."""
    for folder in ("/etc/docker/certs.d", "/etc/containers/certs.d"):
        path = Path(folder) / host / "ca.crt"
        if path.is_file():
            return str(path)
    return True


def _advice(error: Unreachable, setting: str) -> str:
    """Return what to do about a registry, where the general advice is about Argo's server."""
    if "not trusted" in error.what:
        return (
            "name the file of its authority in REQUESTS_CA_BUNDLE, or ask whoever keeps the "
            "registry for it"
        )
    if "plain HTTP" in error.what:
        return f"only a registry on this machine may speak plain HTTP: correct {setting}"
    if "proxy" in error.what or "no host is named" in error.what:
        return error.next_step
    return f"correct {setting}, join the VPN, or start the registry"


def _digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _short(digest: str) -> str:
    """Return so much of a digest as tells it from others, for a sentence."""
    return digest[:19]


def _challenge(response: requests.Response) -> tuple[str, dict[str, str]]:
    scheme, _, rest = response.headers.get("WWW-Authenticate", "")[:_LONGEST].partition(" ")
    return scheme.lower(), dict(_CHALLENGE.findall(rest))


def _basic(credentials: tuple[str, str]) -> str:
    return "Basic " + base64.b64encode(":".join(credentials).encode()).decode("ascii")


def platform_of(found: Any) -> str:
    """Return what a document says an image was built for (``linux/arm64/v8``), empty for none."""
    if not isinstance(found, dict):
        return ""
    parts = [found.get(key) for key in ("os", "architecture", "variant")]
    if not all(isinstance(each, str) and each for each in parts[:2]):
        return ""
    return "/".join(str(each) for each in parts if each)


def _is_empty_object(response: requests.Response) -> bool:
    try:
        return bool(response.ok and json_of(response.content) == {})
    except ValueError:
        return False


def _object(response: requests.Response) -> dict[str, Any]:
    """Return the JSON object of an answer, an empty one where it is none."""
    try:
        found = json_of(response.content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
