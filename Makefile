# Everything is done through these targets; `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
BIN := .venv/bin

.PHONY: help install run test lint format unit bench chaos fuzz npm-clients lock

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Create .venv from the lock, when the lock has changed
	@infra/local/install

run: install ## Start everything and show one message's way through it (DEMO=0: no message)
	@exec $(BIN)/python -m infra.local

test: lint unit ## Everything that CI checks

lint: install ## Style, types and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: install ## Tests, against real PostgreSQL and Redis (T=path to choose, e.g. T=libs/hl7v2)
	$(BIN)/pytest -n 2 $(T)

format: install ## Put the code into the project's style
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: install ## Measure the system (SECONDS=10 a measurement, ONLY=name,name to choose)
	@exec $(BIN)/python -m loadtests.bench

chaos: install ## Kill components at random under load; prove that nothing is lost or doubled
	@exec $(BIN)/python -m loadtests.chaos

fuzz: install ## Feed broken input to the HL7 library and the mapping by the million (RUNS=10000000, PROCESSES=2)
	@exec $(BIN)/python -m loadtests.fuzz

npm-clients: install ## Send with HL7 clients of npm; needs Node.js
	@exec $(BIN)/python -m loadtests.npm_clients

lock: install ## Update requirements.lock after a change to the dependencies (UPGRADE=1: newest versions)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes pyproject.toml \
		--group dev --no-emit-index-url $(if $(UPGRADE),--upgrade) -o requirements.lock
