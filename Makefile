# `make demo` and `make test` do all the set-up from a fresh clone: they need Python >= 3.11 with venv, and a C++ compiler.
PYTHON ?= python3
VENV ?= .venv-make
BIN = $(VENV)/bin
SOURCES := $(shell find src cpp -type f -not -name '*.pyc' 2>/dev/null) pyproject.toml CMakeLists.txt

.PHONY: help demo test lint types rooms docs bench clean

help:
	@echo "make demo   build emkit and fit a Gaussian mixture to Old Faithful"
	@echo "make test   build emkit and run the tests"
	@echo "make lint | types | rooms | docs | bench | clean"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "emkit needs Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/.demo: $(BIN)/python $(SOURCES)
	@command -v c++ >/dev/null || { echo "a C++ compiler is missing: apt-get install g++"; exit 1; }
	@echo "Building emkit (about half a minute) ..."
	@$(BIN)/python -m pip install --quiet '.[plot,tables]'
	@touch $@

$(VENV)/.test: $(VENV)/.demo
	@$(BIN)/python -m pip install --quiet --group test
	@touch $@

$(VENV)/.arrays: $(VENV)/.test
	@$(BIN)/python -m pip install --quiet --group arrays
	@touch $@

$(VENV)/.lint: $(VENV)/.test
	@$(BIN)/python -m pip install --quiet --group lint
	@touch $@

demo: $(VENV)/.demo
	@$(BIN)/emkit fit gaussian-mixture faithful --components 2 --plot faithful.png

test: $(VENV)/.test
	@$(BIN)/python -m pytest -q -n 2

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

types: $(VENV)/.lint
	$(BIN)/mypy

rooms: $(VENV)/.lint
	PYTHONPATH=src $(BIN)/lint-imports

docs: $(VENV)/.test
	@$(BIN)/python -m pip install --quiet --group docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

bench: $(VENV)/.test
	$(BIN)/python benchmarks/gaussian_mixture.py

clean:
	rm -rf $(VENV) build dist docs/_build docs/_generated docs/auto_examples
