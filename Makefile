# `make help` lists what can be asked for. Every target prepares the checkout first; see setup/prepare.sh.

BIN := .venv/bin
# Folders appear as the project grows; check those that are there.
CODE := $(wildcard src tests benchmarks demo)
# Two workers: the tests start servers of their own, and CI machines have two cores.
WORKERS ?= 2
PYTEST_ARGS ?=

.PHONY: help setup provider demo test check static bench lock clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /	/' | expand -t 10

setup: ## prepare .venv (and Debian packages, when allowed to)
	@setup/prepare.sh

provider: setup # what the sign-in tests need beside .venv
	@setup/provider.sh

demo: setup ## run the story on real sshd's and stay up; CHECK=1 verifies each step and exits
	@$(BIN)/python -m demo.run $(if $(CHECK),--check)

test: static provider ## everything: all that check does, then all tests
	@$(BIN)/pytest -n $(WORKERS) -q $(PYTEST_ARGS)

check: static ## format, ruff, mypy --strict, import contracts, tidy tests
	@$(BIN)/pytest -n $(WORKERS) -q tests/architecture

static: setup
	@$(BIN)/ruff format --check --quiet $(CODE) || { $(BIN)/ruff format --check $(CODE); exit 1; }
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/mypy --no-error-summary $(CODE)
	@$(BIN)/lint-imports --no-logo >.import-contracts.log 2>&1 || { cat .import-contracts.log; exit 1; }

bench: setup ## measure beside the peers; writes benchmarks/results.json and docs/benchmarks.md
	@$(BIN)/python -m benchmarks.run

lock: setup ## resolve the dependencies of pyproject.toml anew
	@setup/lock.sh

clean: ## remove what the other targets made, unix accounts of tests included when root
	rm -rf tests/support/oidc_provider/node_modules
	rm -rf .venv .demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .import-contracts.log
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@[ "$$(id -u)" != 0 ] || getent passwd | awk -F: '$$6 ~ "^/var/tmp/doorward-test-accounts/" { print $$1 }' \
		| while read -r account; do /usr/sbin/userdel "$$account"; done
	@[ "$$(id -u)" != 0 ] || rm -rf /var/tmp/doorward-test-accounts
