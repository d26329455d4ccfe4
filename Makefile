# Dateline: everything a developer types. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CHAT ?= auto
DATA ?= .dateline
PORT ?= 8000
# How many processes run tests; each may hold models of half a gigabyte.
WORKERS ?= 2
DATASETS ?= ../shared/datasets
# torch is installed first and alone: a range that reaches it through another package may bring gigabytes of CUDA.
TORCH := torch==2.13.0
BASELINE := eval/baselines/sample.jsonl.gz

.PHONY: help install models run test browser check check-api format eval baseline bench soak wheel clean docs

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'
	@echo "  make run CHAT=extractive   the same without the 1.1 GB chat model"

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Dateline needs Python 3.11 or newer; set PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet '$(TORCH)'
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[local-llm,dev]'
	touch $@

install: $(VENV)/.ready ## Make the virtual environment

models: $(VENV)/.ready ## Fetch the encoder and, unless CHAT=extractive, the local chat model
	$(BIN)/dateline models fetch all-MiniLM-L6-v2
	@if [ '$(CHAT)' = auto ]; then $(BIN)/dateline models fetch qwen2.5-coder-1.5b-instruct; fi

run: models ## Install, fetch models, ingest the samples, answer one question, serve on 127.0.0.1
	$(BIN)/dateline --data-dir $(DATA) ingest samples
	DATELINE_CHAT__MODEL=$(CHAT) $(BIN)/dateline --data-dir $(DATA) ask "Which Chinese leaders did President Zardari meet?"
	DATELINE_CHAT__MODEL=$(CHAT) $(BIN)/dateline --data-dir $(DATA) serve --port $(PORT)

.PHONY: chromium
chromium: # For the tests of the page, which skip without it: from Debian, where that may be.
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || \
	  echo "chromium is not here and cannot be installed; the tests of the page are skipped"

browser: $(VENV)/.ready chromium ## Run the tests of the page in Chromium
	$(BIN)/python -m pytest -m browser

test: $(VENV)/.ready chromium ## Run all tests but the long ones (fetches the encoder; those of the chat model run where it is)
	$(BIN)/dateline models fetch all-MiniLM-L6-v2
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: $(VENV)/.ready ## Format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-api: $(VENV)/.ready ## The description of the API against the API, with 100 requests per operation
	API_EXAMPLES=100 $(BIN)/python -m pytest tests/api --timeout 1800

format: $(VENV)/.ready ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

eval: $(VENV)/.ready ## The sample suite without a chat model: its report, runs/sample.html, and against the baseline
	$(BIN)/dateline models fetch all-MiniLM-L6-v2
	mkdir -p runs
	rm -f runs/sample.jsonl
	$(BIN)/dateline eval run sample --mode extractive --out runs/sample.jsonl
	$(BIN)/dateline eval report runs/sample.jsonl --html runs/sample.html --junit runs/sample.xml
	$(BIN)/dateline eval compare $(BASELINE) runs/sample.jsonl

baseline: ## Make the run of `make eval` the one that later runs are held against
	test -s runs/sample.jsonl
	mkdir -p $(dir $(BASELINE))
	gzip --best --no-name --stdout runs/sample.jsonl > $(BASELINE)

bench: $(VENV)/.ready ## Ingest and answering speed against LangChain's plain path, on DATASETS
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m tests.bench.speed --datasets $(DATASETS)

soak: $(VENV)/.ready ## The long runs: 100 kills during ingest, the evaluation gate on itself, 1000 requests per operation
	$(BIN)/python -m pytest -m soak --timeout 7200
	API_EXAMPLES=1000 $(BIN)/python -m pytest tests/api --timeout 7200

wheel: $(VENV)/.ready ## Build the wheel into dist/
	rm -rf dist
	$(BIN)/python -m pip wheel --disable-pip-version-check --quiet --no-deps --wheel-dir dist .

docs: $(VENV)/.ready ## Write the generated pages: settings, commands
	$(BIN)/python -m tools.make_settings_docs
	$(BIN)/python -m tools.make_cli_docs

clean: ## Remove what was built; the record and the models stay
	rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
