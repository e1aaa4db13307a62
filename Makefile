# The repository's own checks; a generated project has its own Makefile.
# PYTHON names the Python (3.10 or newer) that .venv is made with, TESTS what pytest is told.
PYTHON = python3
TESTS =
# .venv is made anew when the lock holds something else, whatever its time says.
LOCKED := .venv/locked-$(shell cksum < requirements/test.txt | tr ' ' -)
LIBRARY := .venv/library-$(shell cat requirements/test.txt pyproject.toml | cksum | tr ' ' -)
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL = help
.PHONY: help test lint

# Exported, make would expand what was typed ($ and all) for each command's environment.
$(foreach name,$(.VARIABLES),$(if $(filter command%,$(origin $(name))),$(eval unexport $(name))))

help:
	@echo 'make test   all tests, or some: make test TESTS="tests/bake -k git"'
	@echo 'make lint   ruff and mypy, over the template too; changes nothing'

test: $(LIBRARY)
	.venv/bin/python -m pytest $(TESTS)

# The template's own pyproject.toml is for researchers, whose style is theirs.
lint: $(LIBRARY)
	.venv/bin/python -m ruff check --config pyproject.toml
	.venv/bin/python -m ruff format --config pyproject.toml --check
	.venv/bin/python -m mypy

$(LOCKED):
	rm -rf .venv
	'$(subst ','\'',$(value PYTHON))' -m venv .venv
	$(PIP) --require-hashes -r requirements/test.txt
	touch $@

$(LIBRARY): $(LOCKED)
	$(PIP) --no-deps --no-build-isolation --no-index --editable .
	touch $@
