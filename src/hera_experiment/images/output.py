"""What engines print while they build: Docker's classic builder, BuildKit, Podman, Buildah."""

from __future__ import annotations

import re

_LAST_LINES = 30
_STEP = re.compile(r"^(?:\[\d+/\d+\] )?(?:STEP|Step) (\d+/\d+) ?: (.*)$", re.MULTILINE)
_BUILDKIT_STEP = re.compile(r"^#(\d+) \[(?:[^]]* )?(\d+/\d+)\] (.*)$", re.MULTILINE)
_BUILDKIT_ERROR = re.compile(r"^#(\d+) ERROR", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PASSWORD = re.compile(r"(://)[^/\s@]+@")


def cleaned(text: str) -> str:
    """Return ``text`` without colours, and without the passwords of addresses."""
    return _PASSWORD.sub(r"\1…@", _COLOUR.sub("", text))


def step_of(line: str) -> str:
    """Return the instruction that ``line`` begins, as ``2/5 RUN …``; empty when it begins none."""
    line = cleaned(line).rstrip()
    if found := _STEP.match(line):
        return f"{found[1]} {found[2]}"
    if found := _BUILDKIT_STEP.match(line):
        return f"{found[2]} {found[3]}"
    return ""


def failing_instruction(output: str) -> tuple[str, str]:
    """Return the instruction at which a build stopped, and the end of what it printed.

    The instruction is empty when none was reached.
    """
    output = cleaned(output)
    instruction = ""
    if failed := _BUILDKIT_ERROR.search(output):
        steps = {match[1]: match[3] for match in _BUILDKIT_STEP.finditer(output)}
        instruction = steps.get(failed[1], "")
        # Steps run side by side: only what this one printed, and what follows them all.
        others = re.compile(rf"#(?!{failed[1]} )\d+ |#\d+ sha256:")
        output = "\n".join(line for line in output.splitlines() if not others.match(line))
    elif steps_seen := list(_STEP.finditer(output)):
        instruction = steps_seen[-1][2]
        output = output[steps_seen[-1].start() :]
    lines = [line.rstrip() for line in output.splitlines() if line.strip(" -")]
    return instruction.strip(), "\n".join(lines[-_LAST_LINES:])
