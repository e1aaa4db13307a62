"""Runs a task of any run again on the laptop, with what it had there; see ``verbs/replay.py``."""
