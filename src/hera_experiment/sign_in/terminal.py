"""Asking a person: what they type is shown, secrets are not, pasted text comes in whole."""

from __future__ import annotations

import os
import select
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from hera_experiment.errors import UserError

_END_OF_TRANSMISSION = b"\x04"
_ERASE = (b"\x7f", b"\x08")
_PASTING = 0.3
"""Seconds without a character after which a paste is over."""


class Terminal:
    """A terminal, or a pipe that answers in a person's place (where nothing is ever shown)."""

    def __init__(self, source: TextIO = sys.stdin, sink: TextIO = sys.stderr) -> None:
        self._source = source
        self._sink = sink

    @property
    def is_interactive(self) -> bool:
        """Whether a person sits there."""
        return self._source.isatty()

    def say(self, line: str = "") -> None:
        """Show one line, on a terminal in as many as it takes, parted between words."""
        print(self._wrapped(line), file=self._sink, flush=True)

    def ask(self, prompt: str) -> str:
        """Return what is typed on one line; raises ``UserError`` when the input has ended."""
        self._prompt(prompt)
        line = self._source.readline()
        if not line:
            self.say()
            raise UserError("the input ended before all questions were answered")
        return line.strip()

    def ask_hidden(self, prompt: str) -> str:
        """Return one line that is not shown. A token may be longer than a terminal's line."""
        if not self.is_interactive:
            return self.ask(prompt)
        with self._silence():
            self._prompt(prompt)
            typed = self._read(until=b"\n")
        self.say()
        return typed.strip()

    def ask_block(self, prompt: str) -> str:
        """Return several lines that are not shown, up to Ctrl-D or the end of the input."""
        self.say(prompt)
        if not self.is_interactive:
            return self._source.read()
        with self._silence():
            text = self._read(until=_END_OF_TRANSMISSION)
        return text

    def _wrapped(self, line: str) -> str:
        if not self._sink.isatty():
            return line
        # A terminal that does not know how wide it is says 0.
        width = os.get_terminal_size(self._sink.fileno()).columns or 80
        return textwrap.fill(
            line,
            max(width - 1, 20),
            subsequent_indent=" " * (len(line) - len(line.lstrip()) + 2),
            break_long_words=False,
            break_on_hyphens=False,
        )

    def _prompt(self, prompt: str) -> None:
        print(prompt, end="", file=self._sink, flush=True)

    def _read(self, until: bytes) -> str:
        descriptor = self._source.fileno()
        typed = bytearray()
        while True:
            char = os.read(descriptor, 1)
            if char in (b"", _END_OF_TRANSMISSION):
                break
            if char == until:
                # A pasted text may have more lines than wanted: they are no answer to what
                # comes next.
                while select.select([descriptor], [], [], _PASTING)[0]:
                    if os.read(descriptor, 4096) == b"":
                        break
                break
            if char in _ERASE:
                del typed[-1:]
            else:
                typed += char
        return typed.decode(errors="replace")

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Show nothing that is typed.

        Not by ``getpass``: the kernel's line editing, which it leaves on, cuts a line at 4096
        characters, and it throws away what was pasted before the question.
        """
        import termios

        descriptor = self._source.fileno()
        before = termios.tcgetattr(descriptor)
        silent = termios.tcgetattr(descriptor)
        silent[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, silent)
        try:
            yield
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
