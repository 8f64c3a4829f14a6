# `make demo` and `make test` are all that a fresh machine needs: each creates its own environment first.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One test process for each processor; pass JOBS=1 to see the tests one after the other.
JOBS ?= logical
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --maxprocesses 8 --dist worksteal

.PHONY: demo test quick lint types unit format browser benchmarks clean

demo: $(READY)
	@$(BIN)/paredown demo

test: $(READY) browser lint types unit

# For every day: every room's most telling tests, and lint. The files are listed in tests/quick.txt.
quick: $(READY) lint
	$(PYTEST) @tests/quick.txt

# One `pip install` of the pinned torch first: anything looser may bring gigabytes of GPU libraries along.
$(READY): pyproject.toml
	@start=$$(date +%s); \
	echo "Creating the environment in $(VENV) (once) ..."; \
	$(PYTHON) -m venv $(VENV) && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1' && \
	$(BIN)/python -m pip install --quiet torch==2.13.0 && \
	$(BIN)/python -m pip install --quiet --editable '.[onnx]' --group dev && \
	touch $(READY) && \
	echo "Environment ready after $$(( $$(date +%s) - start )) s."

# The report is opened in a real browser by a test, which skips (and says so) where there is none.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq >/dev/null 2>&1 && \
	  apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1; } || \
	echo "No Chromium here: the test that opens the report in a browser will be skipped."

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(READY)
	$(BIN)/mypy

unit: $(READY)
	$(PYTEST)

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmarks: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group benchmarks
	$(BIN)/python -m benchmarks.tables --pictures

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
