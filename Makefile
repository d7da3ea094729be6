# One entry for everything. Nothing is done twice: a stamp per lock file and the front end's own
# dates tell what is fresh, so that a second `make run` starts at once.

PORT ?= 8000
VAR ?= var
PYTHON ?= python3
T ?= tests
SEED ?= 1
KILLS ?= 1000
UPLOADS ?= 50000

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory --no-builtin-rules
export PYTHON
export UV_PYTHON_DOWNLOADS := never
# Some containers set it; the program would then be compiled anew at each of its many starts here.
unexport PYTHONDONTWRITEBYTECODE

uv := .tools/bin/uv
# The folder counts too: the scripts in .venv name it, so that a moved checkout needs a new one.
here := $(shell pwd | sha256sum | cut -c1-12)
venv := .venv/.made-$(here)
synced = .venv/.synced-$(1)-$(here)-$(shell cat pyproject.toml infra/locks/$(1).txt | sha256sum | cut -c1-12)
all := $(call synced,all)
# Once the test tools are there, `make run` keeps them.
run := $(if $(wildcard .venv/bin/pytest),$(all),$(call synced,run))

frontend := frontend/dist/manifest.json
frontend_sources := $(shell find frontend -mindepth 1 \( -name node_modules -o -name dist -o -name locale \) -prune -o -print)
test_packages := $(patsubst %/package.json,%/node_modules/.installed,$(shell find tests -name node_modules -prune -o -name package.json -print))

.PHONY: help setup setup-tests run test check ruff format-check types imports rules frontend-types format lock clean screenshots simulate faults

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what the program needs into .venv and build the front end
	@$(MAKE) -s -j2 $(run) $(frontend)

run: setup ## Serve the demo: make run PORT=8000 VAR=var
	@exec .venv/bin/kursdocs demo --port "$(PORT)" --var "$(VAR)"

test: ## Check and test everything, with the Debian packages for it: make test T=tests/core
	@infra/system.sh tests
	@$(MAKE) check
	@$(MAKE) setup-tests
	@# Real databases and stores write durably; memory spares the disk where there is enough of it.
	@# One worker more than processors, as each often waits for servers, browsers and processes.
	@free=$$(df -Pm /dev/shm 2>/dev/null | awk 'NR == 2 { print $$4 }'); \
	if [ "$${free:-0}" -gt 4096 ]; then \
		folder=$$(mktemp -d /dev/shm/kursdocs-XXXXXX); trap 'rm -rf "$$folder"' EXIT; \
		set -- --basetemp="$$folder/t"; \
	fi; \
	.venv/bin/python -m pytest -n "$$(($$(nproc) + 1))" --maxprocesses 4 --dist loadfile --no-loadscope-reorder "$$@" $(T)

setup-tests: ## Install what the tests need as well
	@$(MAKE) -s -j2 $(all) $(frontend) $(test_packages)

check: ## Static checks alone: style, types, import directions, rules of the repository
	@$(MAKE) -s -j2 $(all) frontend/node_modules/.installed
	@$(MAKE) -j2 --output-sync --keep-going ruff format-check types imports rules frontend-types

ruff:
	@.venv/bin/ruff check --quiet .
format-check:
	@.venv/bin/ruff format --check --quiet . || { echo "Not formatted; 'make format' does it:"; .venv/bin/ruff format --check .; }
types:
	@.venv/bin/mypy
imports:
	@.venv/bin/lint-imports
rules:
	@.venv/bin/python -m pytest -q -p no:randomly tests/test_repository.py
frontend-types:
	@cd frontend && npm run --silent check

format: $(all) ## Put the Python code into shape
	@.venv/bin/ruff check --quiet --fix-only .
	@.venv/bin/ruff format --quiet .

lock: $(uv) ## Write the lock files anew from pyproject.toml; newest versions: make lock UPGRADE=--upgrade
	@$(uv) pip compile $(lock_options) --extra build --output-file infra/locks/run.txt pyproject.toml
	@$(uv) pip compile $(lock_options) --all-extras --output-file infra/locks/all.txt pyproject.toml
lock_options = $(UPGRADE) --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

simulate: ## Play six months of a municipality and judge every mail: make simulate SEED=1
	@infra/system.sh tests
	@$(MAKE) -s $(all)
	@# Real databases write durably; memory spares the disk, and nobody keeps what is played.
	@test -w /dev/shm && export TMPDIR=/dev/shm; \
	exec .venv/bin/python -m tests.simulation --seed "$(SEED)"

faults: ## Kill, fail and hang whole installations and judge what is left: make faults SEED=1 KILLS=1000 UPLOADS=50000
	@infra/system.sh tests
	@$(MAKE) -s $(all)
	@test -w /dev/shm && export TMPDIR=/dev/shm; \
	exec .venv/bin/python -m tests.faults --seed "$(SEED)" --kills "$(KILLS)" --uploads "$(UPLOADS)"

screenshots: setup-tests ## Take the README's pictures anew, of the demo in a browser
	@infra/system.sh tests
	@.venv/bin/python -m tests.screenshots

clean: ## Remove all that was installed or built; never the data in var
	rm -rf .venv .tools frontend/dist frontend/node_modules $(dir $(test_packages))
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(uv): infra/locks/uv.txt
	@infra/system.sh python
	@echo "Installing Python packages …"
	@$(PYTHON) -m venv --clear .tools
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

$(venv): | $(uv)
	@$(uv) venv --quiet --clear --python .tools/bin/python .venv
	@touch $@

.venv/.synced-%: | $(uv) $(venv)
	@$(uv) pip sync --quiet --python .venv/bin/python --require-hashes infra/locks/$(firstword $(subst -, ,$*)).txt
	@$(uv) pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
	@rm -f .venv/.synced-* && touch $@

%/node_modules/.installed: %/package.json %/package-lock.json
	@infra/system.sh node
	@echo "Installing the packages of $* …"
	@cd $* && npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

$(frontend): frontend/node_modules/.installed $(frontend_sources)
	@echo "Building the front end …"
	@cd frontend && npm run --silent build -- --logLevel warn
	@touch $@
