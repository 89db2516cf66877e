# Handpick. `make` without a target lists the commands.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
RUNG ?= S
WORKERS ?= 2
ROOM ?=
ENGINE ?=
# Also for tasks, where the run starts Airflow itself; an Airflow that is up has the engine that it was started with.
ifneq ($(ENGINE),)
export HANDPICK__TRANSFORM__ENGINE := $(ENGINE)
endif
ISA ?=
# Holds the numerical libraries to an instruction set (ISA=avx2); without one, nothing.
HELD := $(if $(ISA),.venv/bin/python scripts/instruction_sets.py $(ISA))

.PHONY: help run up down test test-fast lint bench docs licences sbom audit lock clean compose-init compose-test

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

run: ## Install everything, run the next night through Airflow and show its lists (without input: of a demo shop; RUNG=XS for a small one; ENGINE=spark: on Spark)
	@scripts/install.sh --demo
	@$(BIN)/handpick run --rung $(RUNG)

up: ## Start Airflow with its web UI on this machine and print how to sign in
	@scripts/install.sh
	@$(BIN)/handpick up

down: ## Stop what `make up` or `make run` started, and nothing else
	@scripts/install.sh
	@$(BIN)/handpick down

test: ## Run all tests, two folders at a time (WORKERS=4 for more); one folder with ROOM=stages/score, fewer instructions with ISA=avx2
	@scripts/install.sh --dev
	@$(HELD) $(BIN)/python scripts/run_tests.py --processes $(WORKERS) --folder "$(ROOM)"

test-fast: ## Run the tests that need no JVM, no Airflow and no browser and are quick, for the inner loop
	@scripts/install.sh --dev
	@OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not jvm and not airflow and not browser and not slow"

lint: ## Check format, style, types, import rules and declared dependencies
	@scripts/install.sh --dev
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet . && $(BIN)/mypy && $(BIN)/lint-imports --no-logo && $(BIN)/deptry --no-ansi handpick models features dags plugins

bench: ## List the benchmarks; run one with NAME=x, or several with NAME="x y"; fewer instructions with ISA=avx2
	@scripts/install.sh --dev
	@$(HELD) $(BIN)/python -m benchmarks $(NAME)

docs: ## Build the documentation into site/, to be opened from disk
	@scripts/install.sh --dev
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict && echo "The documentation, with search: file://$(CURDIR)/site/index.html"

lock: ## Write locks/*.lock anew, after a change of pyproject.toml or constraints.txt
	@scripts/install.sh --dev
	@scripts/lock.sh

licences: ## Write docs/licences.md: every package that is installed, and its licence
	@scripts/install.sh --dev
	@$(BIN)/python scripts/list_licences.py

sbom: ## Write sbom.json: a software bill of materials (CycloneDX) of what is installed in .venv
	@scripts/install.sh --dev
	@$(BIN)/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml --output-file sbom.json $(BIN)/python && echo "Wrote sbom.json."

audit: ## Look up known vulnerabilities of the locked packages
	@scripts/install.sh --dev
	@scripts/audit.sh

compose-init: ## Write .env with new secrets for docker-compose.yml
	@deploy/init-env.sh

compose-test: ## Test docker-compose.yml: build it, run a night on its servers, read the lists, take it down
	@deploy/compose-test.sh

clean: ## Stop what runs here and remove everything generated (var/, site/), but not .venv
	@[ ! -x $(BIN)/handpick ] || $(BIN)/handpick down
	@rm -rf var site sbom.json dbt/target dbt/logs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache .coverage
