# `make run` is all that a first look needs; `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --quiet --no-input --disable-pip-version-check
SOAK_SECONDS := 1800

# The long ones of the API's tests: on PostgreSQL only in `make soak`.
ON_POSTGRESQL := $(BIN)/python -m pytest --engine postgresql
LONG_WIRE := tests/wire/test_schemathesis.py tests/wire/test_unknown_flood.py tests/wire/test_no_escalation.py \
  tests/wire/test_permission_matrix.py
# What pytest ends with when PYTEST selects nothing.
NO_TESTS := 5

step = @printf '\n== %s\n' '$(1)'

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help install run test lint format services soak bench lock clean FORCE

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.server ## Install the server into .venv

run: install ## Serve on http://127.0.0.1:8000 with a key to try; data is kept in ./wayvo-data
	@exec $(BIN)/wayvo quickstart

test: services lint ## Run every check and test (10 minutes at most; PYTEST="-k word" narrows it)
	$(call step,pytest)
	@$(BIN)/coverage erase
	@LONG_WIRE="$(LONG_WIRE)" scripts/run-tests $(BIN) $(PYTEST)
	$(call step,coverage)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

lint: $(VENV)/.test ## Check style, types and the direction of imports
	$(call step,ruff check)
	@$(BIN)/ruff check
	$(call step,ruff format)
	@$(BIN)/ruff format --check
	$(call step,mypy)
	@$(BIN)/mypy
	$(call step,import-linter)
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.test ## Format the code and mend what can be mended
	@$(BIN)/ruff check --fix --exit-zero
	@$(BIN)/ruff format

services: $(VENV)/.test ## Find what tests need beside Python, or install it (as root, with apt)
	$(call step,services)
	@$(BIN)/python -m tests.services

soak: services ## Run the long loops
	$(call step,soak)
	@timeout --kill-after=30 $(SOAK_SECONDS) $(BIN)/python -m pytest -m soak -o faulthandler_timeout=900 tests/soak $(PYTEST)
	$(call step,soak: the API on PostgreSQL)
	@$(ON_POSTGRESQL) $(LONG_WIRE) $(PYTEST) || [ $$? -eq $(NO_TESTS) ]

bench: $(VENV)/.bench ## Measure verification against nginx, Fastify and FastAPI (BENCH="--seconds 10" and the like)
	$(call step,bench)
	@$(BIN)/python -m bench.verification $(BENCH)

lock: ## Renew the hashed lock files from pyproject.toml (LOCK="--upgrade" takes newer releases)
	@scripts/lock $(PYTHON) $(LOCK)

clean: ## Remove what was installed and cached; keep ./wayvo-data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* build dist
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

# A virtual environment holds the path of its own folder: one that was copied or moved is made anew.
ifneq ($(shell cat $(VENV)/.home 2>/dev/null),$(CURDIR))
$(VENV)/.home: FORCE
endif

$(VENV)/.home:
	$(call step,virtual environment)
	@scripts/make-venv $(PYTHON) $(VENV)
	@printf '%s\n' '$(CURDIR)' > $@

$(VENV)/.server: $(VENV)/.home requirements/server.lock pyproject.toml
	$(call step,install)
	@$(PIP_INSTALL) --require-hashes -r requirements/server.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test: $(VENV)/.server requirements/test.lock
	$(call step,install what tests need)
	@$(PIP_INSTALL) --require-hashes -r requirements/test.lock
	@touch $@

$(VENV)/.bench: $(VENV)/.server requirements/bench.lock $(wildcard bench/peers/fastify/package*.json)
	$(call step,install what Wayvo is measured against)
	@$(PIP_INSTALL) --require-hashes -r requirements/bench.lock
	@mkdir -p $(VENV)/fastify
	@cp bench/peers/fastify/.npmrc bench/peers/fastify/package*.json $(VENV)/fastify
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix $(VENV)/fastify ci --silent --no-audit --no-fund
	@touch $@
