"""The checks, one a file, named by their codes."""
