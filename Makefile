# `make help` lists what there is. Everything is installed into .venv, once.

PYTHON ?= python3
BIN := .venv/bin/python -m

.PHONY: help run test test-stack test-faults lint format clean
.DEFAULT_GOAL := help

help:  ## List the commands.
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile

run: .venv/installed  ## Set everything up and serve on HOST:PORT, 127.0.0.1:8000 unless set.
	@$(BIN) flask db upgrade
	@exec $(BIN) gunicorn wsgi:app

test: .venv/installed  ## Set everything up and run the tests.
	@$(BIN) pytest $(ARGS)

test-stack: .venv/installed  ## Run the API's tests through nginx, gunicorn, PgBouncer and PostgreSQL.
	@$(BIN) pytest -m "not faults" --stack tests/test_stack.py tests/tasks tests/test_hostile.py tests/test_openapi.py tests/test_health.py $(ARGS)

test-faults: .venv/installed  ## Break everything around the service under load, and print what its clients notice.
	@$(BIN) pytest -n 0 -s -m faults tests/test_faults.py $(ARGS)

lint: .venv/installed  ## Check style and types.
	@$(BIN) ruff check .
	@$(BIN) ruff format --check .
	@$(BIN) mypy

format: .venv/installed  ## Lay out the code, and mend what can be mended.
	@$(BIN) ruff check --fix .
	@$(BIN) ruff format .

clean:  ## Remove what was installed. The data under instance/ stays.
	rm -rf .venv

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Python 3.11 or newer is needed: install it, or name one, as in: make run PYTHON=python3.12'; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || \
		{ echo 'The module venv is missing: on Debian and Ubuntu, apt install python3-venv'; exit 1; }
	@echo 'Setting up .venv, which takes a minute the first time ...'
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@
