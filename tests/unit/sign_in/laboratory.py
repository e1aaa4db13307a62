"""The functions of a sign-in, with the arguments of the vendored ``hera_utils``."""

from __future__ import annotations

from functools import partial

from hera_experiment.sign_in import dialogue, profile
from hera_utils.cli_context import ARGUMENTS


class Profile(profile.Profile):
    def __init__(self, path, found, arguments=ARGUMENTS):
        super().__init__(path, found, arguments)

    @classmethod
    def read(cls, path, arguments=ARGUMENTS):
        return super().read(path, arguments)


correct = partial(dialogue.correct, arguments=ARGUMENTS)
from_block = partial(profile.from_block, arguments=ARGUMENTS)
gather = partial(dialogue.gather, arguments=ARGUMENTS)
in_order = partial(profile.in_order, arguments=ARGUMENTS)
normalized = partial(profile.normalized, arguments=ARGUMENTS)
