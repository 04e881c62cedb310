# Everything runs in a virtual environment of its own; `make` needs nothing but python3.
VENV ?= .venv
PY := $(VENV)/bin/python
BASE_PYTHON ?= python3
PIP := $(PY) -m pip --disable-pip-version-check

.PHONY: help demo test check format lint types layers faults bench live clean

help:
	@echo "make demo    see leadd work, in a temporary home"
	@echo "make test    all tests"
	@echo "make check   what has to be green before a commit: format, lint, types, layers, tests, docs"
	@echo "make faults  the long tier of the fault tests"
	@echo "make bench   what is measured in benchmarks/"
	@echo "make live URL=http://host:port   the contract tests against a real Ollama"

$(PY):
	$(BASE_PYTHON) -m venv $(VENV) || { echo "python3 has no venv here; on Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.run: pyproject.toml | $(PY)
	$(PIP) install -q -e .
	touch $@

$(VENV)/.dev: pyproject.toml plugins/leadd-feeds/pyproject.toml plugins/leadd-openai/pyproject.toml plugins/leadd-redis/pyproject.toml | $(PY)
	$(PIP) install -q -e '.[dev,embedded]' -e plugins/leadd-feeds -e plugins/leadd-openai -e plugins/leadd-redis
	touch $@ $(VENV)/.run

demo: $(VENV)/.run
	$(VENV)/bin/leadd demo

test: $(VENV)/.dev
	$(PY) -m pytest

format: $(VENV)/.dev
	$(VENV)/bin/ruff format
	$(VENV)/bin/ruff check --fix

lint: $(VENV)/.dev
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/ruff check

types: $(VENV)/.dev
	$(VENV)/bin/mypy

layers: $(VENV)/.dev
	$(VENV)/bin/lint-imports

check: lint types layers test

faults: $(VENV)/.dev
	$(PY) -m pytest -m faults --timeout 3600 --faults

live: $(VENV)/.dev
	@test -n "$(URL)" || { echo "say which server: make live URL=http://127.0.0.1:11434"; exit 2; }
	LEADD_LIVE_URL=$(URL) $(PY) -m pytest tests/live

bench: $(VENV)/.dev
	$(PY) -m benchmarks

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
