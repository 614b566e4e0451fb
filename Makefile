# Every command of the project; `make help` lists them. The tools live in .venv, pinned with hashes in requirements/.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/.run-installed
DEV := $(BIN)/.dev-installed
PAGE := app/web/static/graphiql/index.html
CLIENTS := tests/e2e/clients/node_modules/.installed
CATALOGUE := web/node_modules/web-features/data.json
NPM := PATH="$$PATH:$(CURDIR)/$(BIN)" npm --prefix web --no-fund --no-audit
PYTEST_WORKERS ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run test fuzz torture check format lint types imports schema migrate rollback revision seed token profile bench bench-memory
.PHONY: bench-traces load web clients audit lock image-test compose-test clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: $(RUN) $(PAGE) ## start everything: PostgreSQL, Valkey, migrations, the catalogue at first, the server
	@$(BIN)/feature-api run

test: $(DEV) $(PAGE) $(CLIENTS) ## the whole suite, against real PostgreSQL and Valkey
	$(BIN)/pytest -n $(PYTEST_WORKERS) $(ARGS)

fuzz: $(DEV) ## random operations, both executors, in memory and on PostgreSQL: make fuzz CASES=20000 SEED=0 ON=both
	@$(BIN)/python -m tests.differential $(or $(CASES),20000) --seed $(or $(SEED),0) --on $(or $(ON),both) $(ARGS)

torture: $(DEV) ## servers and stores killed under load, then every acknowledged write and its event looked for: make torture SECONDS=300
	@$(BIN)/python -m tests.torture $(or $(SECONDS),300) $(ARGS)

check: lint types imports ## format, lint, types, imports between layers, schema.graphql, openapi.json
	$(BIN)/feature-api schema check
	$(BIN)/feature-api openapi check

format: $(DEV) ## write the code as the formatter wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .

lint: $(DEV) ## the formatter's and the linter's complaints
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(DEV) ## mypy --strict
	$(BIN)/mypy

imports: $(DEV) ## who may import whom
	$(BIN)/lint-imports

schema: $(RUN) ## write schema.graphql and openapi.json from the code
	$(BIN)/feature-api schema export
	$(BIN)/feature-api openapi export

migrate: $(RUN) ## bring the database to the newest migration
	@$(BIN)/feature-api migrate

rollback: $(RUN) ## take the newest migration back
	@$(BIN)/feature-api migrate -- -1

revision: $(RUN) ## make an empty migration: make revision MESSAGE="add a column"
	@test -n "$(MESSAGE)" || { echo 'Say what it changes: make revision MESSAGE="add a column"'; exit 1; }
	@$(BIN)/feature-api revision "$(MESSAGE)"

seed: $(RUN) $(CATALOGUE) ## load the catalogue: make seed SCALE=10
	@$(BIN)/feature-api seed --scale $(or $(SCALE),1)

token: $(RUN) ## a token for development: make token ROLE=admin
	@$(BIN)/feature-api token --role $(or $(ROLE),viewer)

profile: $(DEV) $(CATALOGUE) ## statements and CPU per request of the typical operations
	$(BIN)/python -m bench.profile

bench: $(DEV) ## our server beside others, by CPU per request: make bench ROUNDS=3 SECONDS=4 ONLY=rest ARGS="--only ours,mercurius"
	@$(BIN)/python -m bench.run --rounds $(or $(ROUNDS),3) --seconds $(or $(SECONDS),4) $(if $(ONLY),--part $(ONLY)) $(ARGS)

bench-memory: $(DEV) ## memory of a server that answered 100,000 distinct operations
	@$(BIN)/python -m bench.memory $(ARGS)

load: $(DEV) ## create, get, put and list, as many as it can do, and twice that, in 7 minutes: make load SCALE=0.1
	@$(BIN)/python -m bench.loaded --scale $(or $(SCALE),1) $(if $(TARGET),--target $(TARGET) --tokens $(TOKENS)) $(ARGS)

bench-traces: $(DEV) $(CATALOGUE) ## what traces cost, as CPU of the smallest request
	@$(BIN)/python -m bench.traces $(ARGS)

web: $(RUN) ## build the page for browsers again
	rm -rf app/web/static
	$(MAKE) $(PAGE)

clients: $(CLIENTS) ## install the GraphQL clients and the audit that the tests run

audit: .venv/bin/python ## dangerous calls in our code, known vulnerabilities in what we depend on: make audit ARGS=--strict
	@test -x .venv-audit/bin/pip-audit || { $(PYTHON) -m venv .venv-audit && \
		.venv-audit/bin/pip install --quiet bandit==1.9.4 pip-audit==2.10.1; } || { \
		echo "bandit and pip-audit cannot be installed here, so nothing was looked at."; exit 1; }
	@.venv-audit/bin/python -m tests.audit $(ARGS)

image-test: $(DEV) ## build the image and run it, roll servers behind gateways: make image-test IMAGE_BUILD="podman build --build-arg BASE=…"
	$(if $(IMAGE_BUILD),IMAGE_BUILD='$(IMAGE_BUILD)') $(BIN)/pytest -q tests/image/check_image.py tests/image/check_rolling.py $(ARGS)

compose-test: $(DEV) ## follow the guide from zero to running servers, and stop them: make compose-test COMPOSE="docker compose"
	$(if $(COMPOSE),COMPOSE='$(COMPOSE)') $(BIN)/pytest -q tests/image/check_compose.py $(ARGS)

lock: $(DEV) ## pin the newest versions of the dependencies that pyproject.toml allows
	$(BIN)/python -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv
	.venv-lock/bin/uv pip compile --upgrade --universal --python-version 3.12 --generate-hashes --no-header \
		--extra embedded pyproject.toml --quiet -o requirements/run.txt
	.venv-lock/bin/uv pip compile --upgrade --universal --python-version 3.12 --generate-hashes --no-header \
		--extra embedded --extra dev pyproject.toml --quiet -o requirements/dev.txt
	.venv-lock/bin/uv pip compile --universal --python-version 3.12 --generate-hashes --no-header \
		--constraint requirements/run.txt pyproject.toml --quiet -o requirements/serve.txt
	rm -rf .venv-lock

clean: ## remove what was built and installed, but not the data
	rm -rf .venv .venv-audit web/node_modules tests/e2e/clients/node_modules bench/peers/*/node_modules ops/load/node_modules app/web/static
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 12))' || { \
		echo "Feature API needs Python 3.12 or later, and $(PYTHON) is older or missing: install one, or name it: make PYTHON=python3.13 …"; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "Python's venv is missing: on Debian, apt install python3-venv."; exit 1; }

$(RUN): requirements/run.txt pyproject.toml | .venv/bin/python
	@echo "Installing what the server needs (requirements/run.txt) …"
	@$(BIN)/pip install --require-hashes -r requirements/run.txt
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/dev.txt $(RUN)
	@echo "Installing what the tests need (requirements/dev.txt) …"
	@$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

$(CATALOGUE): web/package-lock.json web/package.json | $(RUN)
	@echo "Fetching the page's packages and the catalogue (web/package-lock.json) …"
	@$(NPM) ci
	@touch $@

$(CLIENTS): $(addprefix tests/e2e/clients/,package-lock.json package.json relay.config.json relay/features.js) schema.graphql | $(RUN)
	@echo "Installing the clients that the tests run (tests/e2e/clients/package-lock.json) …"
	@PATH="$$PATH:$(CURDIR)/$(BIN)" npm --prefix tests/e2e/clients --no-fund --no-audit ci
	@PATH="$$PATH:$(CURDIR)/$(BIN)" npm --prefix tests/e2e/clients run relay
	@touch $@

$(PAGE): $(CATALOGUE) $(shell find web/graphiql web/vite.config.js -type f 2>/dev/null)
	@echo "Building GraphiQL …"
	@$(NPM) run build
	@touch $@
