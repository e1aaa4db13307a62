"""The errors of the local platform, as Argo's server answers them.

Source: ``server/utils/errors.go`` of argoproj/argo-workflows and the table of gRPC codes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class ApiError(Exception):
    """A request that Argo's server would refuse.

    ``http`` is the HTTP status, ``code`` the gRPC number that goes with it, ``message`` Argo's
    words.
    """

    http = 500
    code = 13

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidWorkflow(ApiError):
    """The submitted object breaks one of Argo's rules."""

    http, code = 400, 3


@contextmanager
def within(prefix: str) -> Iterator[None]:
    """Put ``prefix`` before the message of an :class:`InvalidWorkflow`."""
    try:
        yield
    except InvalidWorkflow as error:
        raise InvalidWorkflow(f"{prefix}{error.message}") from None


class Undecodable(InvalidWorkflow):
    """What was sent is not even of the form of a workflow."""


class MissingTemplate(InvalidWorkflow):
    """The workflow refers as a whole to an object that is not there."""

    http, code = 404, 5


class Unsupported(InvalidWorkflow):
    """The workflow is valid, yet asks for something the local engine does not interpret."""


class Unauthenticated(ApiError):
    """The bearer token is missing or not this server's."""

    http, code = 401, 16


class NotFound(ApiError):
    """No such object."""

    http, code = 404, 5


class AlreadyExists(ApiError):
    """An object of that name exists."""

    http, code = 409, 6


class Unimplemented(ApiError):
    """A part of Argo's API that the local server does not speak."""

    http, code = 501, 12
