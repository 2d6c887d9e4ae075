# Two commands set everything up on a fresh machine with Python 3.11+: `make demo` and `make test`. `make help` lists the others.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help demo test test-fast coverage lint types format docs lock long bench docker-test clean
.DEFAULT_GOAL := help

help:  ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

$(VENV)/ready: pyproject.toml requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

demo: $(VENV)/ready  ## mine the standard library's docstrings with a real model, and count the false negatives
	HF_HUB_OFFLINE=1 $(BIN)/hardneg demo --out demo --force

test: $(VENV)/ready  ## the whole suite
	HF_HUB_OFFLINE=1 $(BIN)/pytest -n 2 --dist loadfile

test-fast: $(VENV)/ready  ## the quick tests: no server, no browser, nothing of more than about a tenth of a second
	HF_HUB_OFFLINE=1 $(BIN)/pytest -n 2 --dist loadfile -m "not slow and not server and not browser"

coverage: $(VENV)/ready  ## the whole suite with branch coverage of miner and app, in .coverage/html
	mkdir -p .coverage
	HF_HUB_OFFLINE=1 $(BIN)/pytest -n 2 --dist loadfile --cov --cov-report=term --cov-report=html

lint: $(VENV)/ready  ## style, imports, complexity
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready  ## mypy, strict
	$(BIN)/mypy

format: $(VENV)/ready  ## put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/ready  ## the documentation site, in docs/_build; a warning is an error
	HF_HUB_OFFLINE=1 $(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build

long: $(VENV)/ready  ## the long proofs: kill rounds, fresh worlds, deliberate defects
	$(BIN)/python tests/long/kill_store.py --rounds 50
	$(BIN)/python tests/long/kill_run.py --rounds 50
	$(BIN)/python tests/long/kill_run.py --rounds 50 --over
	$(BIN)/python tests/long/kill_run.py --rounds 30 --judge
	$(BIN)/python tests/long/kill_train.py --kills 50
	$(BIN)/python tests/long/kill_train.py --kills 25 --over
	$(BIN)/python tests/long/kill_train.py --kills 25 --loop
	$(BIN)/python tests/long/fresh_worlds.py --worlds 2000
	$(BIN)/python tests/long/add_a_part.py
	$(BIN)/python tests/long/defects.py

bench: $(VENV)/ready  ## the small benchmarks, a few minutes, on data the repository brings; results in benchmarks/results
	HF_HUB_OFFLINE=1 $(BIN)/python -m benchmarks

docker-test: $(VENV)/ready  ## build the image and use the compose file for real, with the running engine or one by hand
	$(BIN)/python tests/long/containers.py

lock: $(VENV)/ready  ## write the versions in use into requirements-dev.txt
	$(BIN)/pip freeze --exclude-editable --exclude hardneg > requirements-dev.txt

clean:  ## remove what make made
	rm -rf $(VENV) demo docs/_build .coverage .mypy_cache .pytest_cache .ruff_cache
