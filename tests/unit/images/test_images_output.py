"""What the engines print: steps, the failing instruction, nothing that is a secret."""

from __future__ import annotations

import pytest

from hera_experiment.images.output import cleaned, failing_instruction, step_of

CLASSIC = """Sending build context to Docker daemon  2.048kB
Step 1/3 : FROM python:3.13-slim
 ---> 35f72e553e00
Step 2/3 : RUN pip install nothing
 ---> Running in 5f39548cf417
\x1b[91mERROR: No matching distribution found for nothing
\x1b[0mThe command '/bin/sh -c pip install nothing' returned a non-zero code: 1
"""
BUILDKIT = """#1 [internal] load build definition from Dockerfile
#1 DONE 0.0s
#5 [1/3] FROM docker.io/library/python:3.13-slim
#6 [2/3] RUN pip install nothing
#6 sha256:53878a6d42132db990f7365c6740421e16a0d2101a66c574c4de5a98f2e6f76b
#7 [other 3/3] COPY . .
#7 CACHED
#6 1.2 ERROR: No matching distribution found for nothing
#6 ERROR: process "/bin/sh -c pip install nothing" did not complete successfully: exit code: 1
"""
PODMAN = """[2/2] STEP 1/3: FROM python:3.13-slim
[2/2] STEP 2/3: RUN pip install nothing
ERROR: No matching distribution found for nothing
Error: building at STEP "RUN pip install nothing": while running runtime: exit status 1
"""


@pytest.mark.parametrize("output", [CLASSIC, BUILDKIT, PODMAN])
def test_the_failing_instruction_and_what_it_printed(output: str):
    instruction, end = failing_instruction(output)
    assert instruction == "RUN pip install nothing"
    assert "No matching distribution found for nothing" in end
    assert "FROM" not in end and "COPY" not in end and "sha256" not in end and "\x1b" not in end


def test_a_build_that_never_began():
    assert failing_instruction("Cannot connect to the daemon\n") == (
        "",
        "Cannot connect to the daemon",
    )


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("Step 2/3 : RUN true", "2/3 RUN true"),
        ("STEP 2/3: RUN true", "2/3 RUN true"),
        ("[1/2] STEP 2/3: RUN true", "2/3 RUN true"),
        ("#6 [2/3] RUN true", "2/3 RUN true"),
        ("#6 [stage-1 2/3] RUN true", "2/3 RUN true"),
        ("#1 [internal] load build definition from Dockerfile", ""),
        (" ---> Running in 5f39548cf417", ""),
    ],
)
def test_the_step_that_a_line_begins(line: str, step: str):
    assert step_of(line) == step


def test_passwords_of_addresses_are_not_shown():
    assert cleaned("\x1b[31mGET https://me:s3cret@host/x and http://t0ken@h") == (
        "GET https://…@host/x and http://…@h"
    )
