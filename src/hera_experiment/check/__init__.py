"""Whether the next submission can work, and if not, what to do and whom to ask.

The questions stand in ``checks/``; docs/check_cluster.md of a project, made of them, lists them.
"""
