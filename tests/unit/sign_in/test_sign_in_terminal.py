"""A real terminal (a pseudo one): nothing hidden is echoed, however long."""

import fcntl
import io
import os
import pty
import select
import struct
import termios
import threading
from collections.abc import Callable, Iterator

import pytest
from polling import until

from hera_experiment.errors import UserError
from hera_experiment.sign_in.terminal import Terminal


class Desk:
    """Both sides of a terminal."""

    def __init__(self) -> None:
        self.master, slave = pty.openpty()
        self.source = os.fdopen(slave, "r")
        self.sink = os.fdopen(os.dup(slave), "w")
        self.terminal = Terminal(self.source, self.sink)

    def type(self, text: str) -> None:
        data = text.encode()
        while data:
            data = data[os.write(self.master, data[:256]) :]

    def during(self, ask: Callable[[], str], typed: str) -> str:
        """Return the answer to ``ask``, while ``typed`` is typed once nothing is echoed."""
        answers: list[str] = []
        thread = threading.Thread(target=lambda: answers.append(ask()))
        thread.start()
        until(lambda: not termios.tcgetattr(self.source.fileno())[3] & termios.ECHO, 5, 0.01)
        self.type(typed)
        thread.join(10)
        return answers[0]

    def screen(self) -> str:
        seen = b""
        while select.select([self.master], [], [], 0.1)[0]:
            seen += os.read(self.master, 65536)
        return seen.decode()


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.source.close()
    desk.sink.close()
    os.close(desk.master)


def test_a_token_longer_than_a_terminals_line(desk: Desk) -> None:
    token = "secret" * 2000
    assert desk.during(lambda: desk.terminal.ask_hidden("token: "), token + "\n") == token
    assert desk.screen() == "token: \r\n"
    assert termios.tcgetattr(desk.source.fileno())[3] & termios.ECHO


def test_a_correction_while_typing(desk: Desk) -> None:
    typed = "secrex\x7ft\n"
    assert desk.during(lambda: desk.terminal.ask_hidden("token: "), typed) == "secret"


def test_a_pasted_block_ends_with_ctrl_d(desk: Desk) -> None:
    block = "A='1'\n\n# check\nargo list\n"
    assert desk.during(lambda: desk.terminal.ask_block("paste"), block + "\x04") == block
    assert desk.screen() == "paste\r\n"


def test_lines_pasted_after_a_token_answer_no_later_question(desk: Desk) -> None:
    typed = "secret\nARGO_NAMESPACE=argo\nargo list\n"
    assert desk.during(lambda: desk.terminal.ask_hidden("token: "), typed) == "secret"
    desk.type("dev\n")
    assert desk.terminal.ask("namespace: ") == "dev"


def test_a_pipe_in_place_of_a_person() -> None:
    sink = io.StringIO()
    terminal = Terminal(io.StringIO("one\n two \nthree\nfour"), sink)
    assert not terminal.is_interactive
    assert terminal.ask("a: ") == "one"
    assert terminal.ask_hidden("b: ") == "two"
    assert terminal.ask_block("c:") == "three\nfour"
    with pytest.raises(UserError, match="the input ended"):
        terminal.ask("d: ")
    assert "two" not in sink.getvalue()


def test_what_is_said_is_wrapped_between_words(desk: Desk) -> None:
    fcntl.ioctl(desk.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    sentence = "  1  a kubeconfig and a-service-account (as on PaGoDA), and https://one.word.that.is.too.long.for.it"
    desk.terminal.say(sentence)
    lines = desk.screen().split("\r\n")
    assert " ".join(lines).split() == sentence.split()
    assert [line for line in lines if len(line) > 40] == [
        "    https://one.word.that.is.too.long.for.it"
    ]
    assert all(line.startswith("    ") for line in lines[1:-1])
