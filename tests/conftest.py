"""Puts the template's Python on the path: it is tested where it stands."""

import signal
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
TEMPLATE = REPOSITORY / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(TEMPLATE))

# A runner started by nohup, or in the background of a shell, hands its ignored signals on to every
# program that a test starts and then interrupts.
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )
