"""Submitting an experiment: what is checked first, the script's process, what came of it."""
