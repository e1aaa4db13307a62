# The repository's own checks; a generated project has its own Makefile.
# PYTHON names the Python (3.10 or newer) that .venv is made with, TESTS what pytest is told.
PYTHON = python3
TESTS =

.DEFAULT_GOAL = help
.PHONY: help test lint

help:
	@echo 'make test   all tests, or some: make test TESTS="tests/bake -k git"'
	@echo 'make lint   ruff and mypy, over the template too; changes nothing'

test: .venv/complete
	.venv/bin/python -m pytest $(TESTS)

lint: .venv/complete
	.venv/bin/python -m ruff check
	.venv/bin/python -m ruff format --check
	cd '{{cookiecutter.project_slug}}' && ../.venv/bin/python -m hera_utils lint

.venv/complete: requirements/test.txt
	rm -rf .venv
	"$(PYTHON)" -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@
