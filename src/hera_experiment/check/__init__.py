"""Whether the next submission can work, and if not, what to do and whom to ask.

Every question is one file below ``checks/``; README.md, made of their docstrings, lists them.
"""
