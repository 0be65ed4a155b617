# Thin: each target calls one command in .venv, which is made anew when pyproject.toml changes. Without make, as on
# Windows: the commands of README.md, section Systems.

PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: site test thorough serve bench check mutate clean

site: .venv/site.stamp
	$(BIN)/asrun build

test: .venv/dev.stamp
	$(BIN)/python -m pytest -n auto --dist loadgroup

thorough: .venv/dev.stamp
	$(BIN)/python -m pytest -n auto --dist loadgroup -m "thorough or asrun_slow"

serve: .venv/site.stamp
	$(BIN)/asrun serve --open

bench: .venv/dev.stamp
	$(BIN)/python -m benchmarks.trainer
	$(BIN)/python -m benchmarks.site
	$(BIN)/python -m benchmarks.decks
	$(BIN)/python -m benchmarks.observing

check: .venv/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy --platform darwin
	$(BIN)/mypy --platform win32

mutate: .venv/site.stamp
	$(BIN)/asrun mutate

clean:
	rm -rf .venv site .asrun

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/site.stamp: .venv/bin/python pyproject.toml src/asrun/assets/package-lock.json
	$(BIN)/python -m pip install --quiet --editable '.[lab,site]'
	touch $@

.venv/dev.stamp: .venv/bin/python pyproject.toml src/asrun/assets/package-lock.json
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ .venv/site.stamp
