# `make help` lists what there is. Everything is installed into .venv, once.

PYTHON ?= python3
BIN := .venv/bin/python -m
INSTALL := -m pip install --quiet --disable-pip-version-check -r
PEERS := benchmarks/peers
GENERATORS := .generators
CONTRACT := .contract
# The tests over HTTP that also pass on gunicorn's own threads, and behind nginx.
OVER_HTTP := tests/contract tests/telemetry/test_request_ids.py tests/web/test_document.py

.PHONY: help run dev test test-gthread test-stack test-partitions test-clients test-browser test-faults contract bench bench-scale lint format clean
.DEFAULT_GOAL := help

help:  ## List the commands.
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile

run: .venv/installed  ## Set everything up and serve on HOST:PORT, 127.0.0.1:8000 unless set.
	@$(BIN) flask db upgrade
	@exec $(BIN) gunicorn wsgi:app

dev: .venv/installed  ## Set everything up and serve with one worker, which starts again with each change of the code.
	@$(BIN) flask db upgrade
	@exec env WEB_CONCURRENCY=1 $(BIN) gunicorn --reload wsgi:app

test: .venv/installed  ## Set everything up and run the tests.
	@$(BIN) pytest $(ARGS)

test-gthread: .venv/installed  ## Run the API's tests on gunicorn's own threads instead of Granian.
	@$(BIN) pytest --worker-class gthread $(OVER_HTTP) tests/server/test_hostile.py tests/web/test_paths.py $(ARGS)

test-stack: .venv/installed  ## Run the API's tests through nginx, gunicorn, PgBouncer and PostgreSQL.
	@$(BIN) pytest -m "not faults" --stack $(OVER_HTTP) tests/deploy $(ARGS)

test-partitions: .venv/installed  ## Run the API's tests on a table in hash partitions, as docs/scaling.md makes them.
	@$(BIN) pytest -m "not faults" --partitions tests/contract tests/tasks $(ARGS)

test-clients: .venv/installed $(GENERATORS)/.venv/installed $(GENERATORS)/node_modules/installed  ## Generate clients of the OpenAPI document, compile them, and make their calls.
	@$(BIN) pytest -n 0 -m clients tests/generators $(ARGS)

test-browser: .venv/installed  ## Use the service, and the example of a web page, in Chromium as a person does.
	@$(BIN) pytest -n 0 -m browser tests/examples tests/web $(ARGS)

test-faults: .venv/installed  ## Break everything around the service under load, and print what its clients notice.
	@$(BIN) pytest -n 0 -s -m faults tests/deploy $(ARGS)

contract: $(CONTRACT)/.venv/installed  ## Prove the service at URL, with the tests of the contract; TOKEN_SECRET and PART=1 or 2 are optional.
	@test -n "$(URL)" || { echo 'Name a service, as in: make contract URL=https://tasks.example.com'; exit 1; }
	@$(CONTRACT)/.venv/bin/python -m pytest -c tests/contract/suite.ini --rootdir=. $(if $(PART),-m part$(PART)) tests/contract $(ARGS)

bench: .venv/bench-installed $(PEERS)/.venv/installed $(PEERS)/fastify_pg/node_modules/installed  ## Measure the service beside others, with wrk; it takes most of an hour.
	@$(BIN) benchmarks.comparison $(ARGS)

bench-scale: .venv/bench-installed  ## Measure the service as its table grows to ten million tasks; it takes ten minutes, and 8 GB of disk.
	@$(BIN) benchmarks.growth $(ARGS)

lint: .venv/installed  ## Check style and types.
	@$(BIN) ruff check .
	@$(BIN) ruff format --check .
	@$(BIN) mypy

format: .venv/installed  ## Lay out the code, and mend what can be mended.
	@$(BIN) ruff check --fix .
	@$(BIN) ruff format .

clean:  ## Remove what was installed. The data under instance/ stays.
	rm -rf .venv $(GENERATORS) $(CONTRACT) $(PEERS)/.venv $(PEERS)/fastify_pg/node_modules

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python 3.11 or newer is needed: install it, or name one, as in: make run PYTHON=python3.12'; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || \
		{ echo 'The module venv is missing: on Debian and Ubuntu, apt install python3-venv'; exit 1; }
	@echo 'Setting up .venv, which takes a minute the first time ...'
	@$(PYTHON) -m venv .venv
	@.venv/bin/python $(INSTALL) requirements.txt
	@touch $@

.venv/bench-installed: .venv/installed benchmarks/requirements.txt
	@.venv/bin/python $(INSTALL) benchmarks/requirements.txt
	@touch $@

$(CONTRACT)/.venv/installed: tests/contract/requirements.txt
	@echo 'Setting up .contract/.venv, which takes a few seconds the first time ...'
	@$(PYTHON) -m venv $(CONTRACT)/.venv
	@$(CONTRACT)/.venv/bin/python $(INSTALL) tests/contract/requirements.txt
	@touch $@

$(PEERS)/.venv/installed: .venv/installed $(PEERS)/requirements.txt
	@echo 'Setting up the services to compare with, which takes a minute the first time ...'
	@$(PYTHON) -m venv $(PEERS)/.venv
	@$(PEERS)/.venv/bin/python $(INSTALL) $(PEERS)/requirements.txt
	@touch $@

$(GENERATORS)/.venv/installed: tests/generators/requirements.txt
	@echo 'Setting up the generators of clients, which takes a minute the first time ...'
	@$(PYTHON) -m venv $(GENERATORS)/.venv
	@$(GENERATORS)/.venv/bin/python $(INSTALL) tests/generators/requirements.txt
	@touch $@

$(GENERATORS)/node_modules/installed: tests/generators/package.json
	@mkdir -p $(GENERATORS) && cp tests/generators/package.json $(GENERATORS)
	@npm install --silent --no-package-lock --no-audit --no-fund --prefix $(GENERATORS)
	@touch $@

# Without npm there is nothing to do here: the benchmark says that it leaves Fastify out.
$(PEERS)/fastify_pg/node_modules/installed: $(PEERS)/fastify_pg/package.json
	@! command -v npm >/dev/null || \
		{ npm install --silent --no-package-lock --no-audit --no-fund --prefix $(PEERS)/fastify_pg && touch $@; }
