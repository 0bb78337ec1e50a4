# The way to do anything here. Needs make and Python 3.11 to 3.14; everything else is installed into .venv,
# from the hash locks in requirements/, the first time that a target needs it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

BIN := .venv/bin
ACTIONLINT := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-header --annotation-style line --quiet
SEED ?= $(shell date +%s)

# The first interpreter that can make an environment; PYTHON=… picks another.
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3; do \
  $$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)

.PHONY: help
help: ## show this list
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/\1|\2/p' Makefile | while IFS='|' read -r name what; do printf '  make %-10s %s\n' "$$name" "$$what"; done

.PHONY: demo
demo: .venv/.demo ## the life of three tables in a minute, on an embedded DynamoDB
	@$(BIN)/python examples/demo.py

.PHONY: lint
lint: .venv/.dev ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: unit
unit: .venv/.dev ## the fast tests, side by side
	$(BIN)/pytest tests/unit tests/contract -m "not slow and not soak" -n auto

.PHONY: check
check: lint unit ## both: what to run before a commit

.PHONY: test
test: lint $(BIN)/actionlint ## everything; what a machine lacks (Docker, act, Node …) is skipped, and named at the end
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder

.PHONY: acceptance
acceptance: .venv/.dev ## every setting on a real AWS account, ACCOUNT=…; it asks first, and says what it takes
	@[ -n "$(ACCOUNT)" ] || { echo "Name the account: make acceptance ACCOUNT=123456789012" >&2; exit 1; }
	$(BIN)/python -m tests.acceptance run --account "$(ACCOUNT)"

.PHONY: sweep
sweep: .venv/.dev ## removes what an acceptance run left behind in ACCOUNT=…
	@[ -n "$(ACCOUNT)" ] || { echo "Name the account: make sweep ACCOUNT=123456789012" >&2; exit 1; }
	$(BIN)/python -m tests.acceptance sweep --account "$(ACCOUNT)"

.PHONY: soak
soak: .venv/.dev ## the long property tests; SEED=… repeats a run
	@echo "make soak SEED=$(SEED)"
	$(BIN)/pytest -m soak --hypothesis-profile=soak --hypothesis-seed=$(SEED) -n auto

.PHONY: bench
bench: .venv/.dev ## the figures of docs/speed.md, and its chart
	@for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python "$$file"; done

.PHONY: lock
lock: .venv/.dev ## newest versions into requirements/*.txt
	$(LOCK) --upgrade requirements/dev.in -o requirements/dev.txt
	@for name in runtime build demo publish; do \
	  $(LOCK) "requirements/$$name.in" -c requirements/dev.txt -o "requirements/$$name.txt"; done

.PHONY: clean
clean: ## remove everything that make has made
	rm -rf .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# An environment remembers the lock it was made from: another lock, a new environment; both kinds live in one.
.venv/.%: requirements/%.txt pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer with its venv module is needed (PYTHON=… names one)." >&2; exit 1; }
	@cmp -s $< .venv/$*.txt || { \
	  echo "Setting up .venv from $< ($(PYTHON)) …"; \
	  if [ -e .venv/$*.txt ]; then $(PYTHON) -m venv --clear .venv; else $(PYTHON) -m venv .venv; fi; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@cp $< .venv/$*.txt
	@touch $@

# Go is the only way to it that needs no download page; a machine without Go, or offline, goes on without.
$(BIN)/actionlint: | .venv/.dev
	@if command -v go >/dev/null && GOBIN="$(CURDIR)/$(BIN)" go install $(ACTIONLINT); then :; \
	else echo "actionlint is left out: it needs Go on the PATH and the module proxy."; fi
