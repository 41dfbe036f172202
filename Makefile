# The README's commands. Each sets up what it needs, once: `make book`, `make test`, `make lab`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/ready

# make test only=part/name: that entry alone, all that guards it
ONLY := $(if $(only),-k $(notdir $(only)))

.DEFAULT_GOAL := help
.PHONY: help book test lab serve lint new run lock clean

help: ## what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 8

book: $(READY) ## build the site into _build/html
	@$(BIN)/python tools/book.py

test: $(READY) .cache/apt-servers .cache/apt-tests .cache/npm .cache/warm ## execute and compare everything (only=part/name: one entry)
	@$(BIN)/python -m pytest -n auto --dist loadscope $(ONLY)

lab: $(READY) .cache/apt-servers .cache/npm .cache/warm ## work through the entries in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir=.

serve: $(READY) ## the service that the entries study, on http://127.0.0.1:8000
	@DEBUG=true sh tools/serve.sh $(BIN)

lint: $(READY) ## ruff on code and notebooks
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

run: $(READY) ## execute one entry in place: make run only=part/name
	@$(BIN)/python tools/run.py $(only)

new: $(READY) ## start an entry: make new topic=part/name
	@$(BIN)/python tools/new.py $(topic)

lock: ## compile requirements.txt from requirements.in (needs uv)
	uv pip compile requirements.in -o requirements.txt --quiet --no-header --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links

clean: ## remove what was built, not the data
	rm -rf _build .cache $(VENV)

$(READY): requirements.txt tools/setup.sh
	@PYTHON=$(PYTHON) VENV=$(VENV) sh tools/setup.sh python

.cache/apt-servers: binder/apt.txt
	@sh tools/setup.sh packages $< $@

.cache/apt-tests: tests/apt.txt
	@sh tools/setup.sh packages $< $@

.cache/npm: tests/npm/package-lock.json
	@sh tools/setup.sh node $@

# The loaded databases that the entries start from, made once in the user's cache.
.cache/warm: $(READY) data/SHA256SUMS $(wildcard departures/*.py departures/migrations/*.py)
	@$(BIN)/python tools/warm.py && mkdir -p .cache && touch $@
