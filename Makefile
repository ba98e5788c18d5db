# The two commands of the README: `make demo` and `make test`. Each sets up what it needs in .venv on a fresh machine.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
BENCH  := $(VENV)/.bench
WORKERS ?= 2
OLDEST := .venv-oldest
AIRFLOW := .venv-airflow

.DEFAULT_GOAL := help
.PHONY: help airflow demo test test-oldest docs bench check format clean crash faults

help: ## what there is
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "purista needs Python 3.11 or newer; write make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --constraint constraints.txt pip 2>/dev/null
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group dev --editable . 2>$(VENV)/pip.log \
		|| (cat $(VENV)/pip.log; exit 1)
	@touch $@

$(BENCH): $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group bench 2>$(VENV)/pip.log \
		|| (cat $(VENV)/pip.log; exit 1)
	@touch $@

demo: $(STAMP) ## the billing example, under a virtual clock, in under a minute
	@$(BIN)/python examples/billing/demo.py

test: $(STAMP) ## all tests, in WORKERS processes; those that need root or a service say so when they are skipped
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder

airflow: $(AIRFLOW)/.installed ## Airflow 3 in an environment of its own, for the tests that ask it

$(AIRFLOW)/.installed: pyproject.toml constraints-airflow.txt
	@test -x $(AIRFLOW)/bin/python || $(PYTHON) -m venv $(AIRFLOW)
	@echo "installing into $(AIRFLOW) …"
	@$(AIRFLOW)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --constraint constraints.txt pip 2>/dev/null
	@$(AIRFLOW)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-airflow.txt --group airflow \
		--editable . 2>$(AIRFLOW)/pip.log || (cat $(AIRFLOW)/pip.log; exit 1)
	@touch $@

test-oldest: ## the core's tests with the oldest supported dependencies
	@test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	@$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --constraint constraints.txt pip 2>/dev/null
	@$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-oldest.txt \
		--group oldest --editable '.[amqp,gcp,http,kubernetes,nats,oidc,otel,postgres,prometheus,redis,temporal]' 2>$(OLDEST)/pip.log || (cat $(OLDEST)/pip.log; exit 1)
	@$(OLDEST)/bin/python -m pytest -q tests/contract tests/cli tests/service tests/gateway tests/ledgers tests/queues tests/bridges \
		--ignore tests/gateway/http/test_openapi.py --deselect tests/gateway/http/test_operations.py::test_it_can_be_mounted

docs: $(STAMP) ## the documentation as a site, in site/
	@$(BIN)/python -m mkdocs build --quiet --strict

faults: $(STAMP) ## gateways and workers over real servers while everything breaks; PURISTA_FAULT_SECONDS for how long
	@$(BIN)/python -m pytest tests/faults -s

crash: $(STAMP) ## only the crash storm, with its account
	@$(BIN)/python -m pytest tests/crash -s

bench: $(BENCH) ## ratios against peers, in one run
	@$(BIN)/python bench/run.py

check: $(STAMP) ## ruff, mypy strict, import layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(STAMP) ## write the house format
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

clean: ## remove what was set up
	rm -rf $(VENV) $(OLDEST) $(AIRFLOW) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
