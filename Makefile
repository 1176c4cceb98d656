# Needs only Python 3.11 or later and make; everything else goes into .venv. Where node is, lint
# also checks the scripts of reports' pages, with what goes into node_modules.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
PIPELINE := notebooks/digits/pipeline.toml
INSTALL := -m pip install -qq --disable-pip-version-check -c constraints.txt
PIP := $(BIN)/python $(INSTALL)
DRY := --dry-run --ignore-installed
NODE_MODULES := $(if $(and $(shell command -v node 2> /dev/null),$(shell command -v npm 2> /dev/null)),node_modules)
PLOOMBER := .venv-bench/ploomber
SUITES := .venv-bench/suites
# Papermill's tests need an older moto than nbexp's.
UNPINNED := .venv-bench/constraints.txt
INSTALL_SUITES := $(subst -c constraints.txt,-c $(UNPINNED),$(INSTALL)) -r benchmarks/suites.txt

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz lint bench suites resolve clean

help:
	@echo "make demo    run a real experiment: train and compare models on handwritten digits"
	@echo "make test    run the tests; ARGS=\"...\" goes to pytest"
	@echo "make fuzz    run cases made by chance for an hour; ARGS=\"--help\" tells more"
	@echo "make lint    check style and types, also of the scripts of pages where node is"
	@echo "make bench   compare the speed with papermill's and Ploomber's; ARGS=\"--help\" tells more"
	@echo "make suites  run papermill's and nbclient's own tests, with ordinary and with warm kernels"
	@echo "make resolve look whether what bench and suites need can still be installed; nothing is"
	@echo "make clean   delete .venv, .venv-bench, node_modules and what tools left (runs and mlflow.db stay)"
	@echo "Each sets up $(VENV) first. PYTHON=python3.12 chooses another Python."

demo: $(INSTALLED)
	@echo "==> Running $(PIPELINE): prepare, train 12 variants, evaluate the best, compare all"
	@$(BIN)/nbexp run $(PIPELINE)
	@echo
	@echo "==> Done. What to look at next:"
	@echo "  the report, in a browser:      $$(ls -d $$PWD/notebooks/digits/runs/*/report/index.html | tail -n 1)"
	@echo "  the run, variant by variant:   $(BIN)/nbexp show -C notebooks/digits"
	@echo "  the comparison, in a notebook: $(BIN)/jupyter lab $$(ls -d notebooks/digits/runs/*/variants/compare-*/notebook.ipynb | tail -n 1)"
	@echo "  the same in MLflow:            (cd notebooks/digits && ../../$(BIN)/mlflow ui)"
	@echo "  the pipeline itself:           $(PIPELINE); change it, and make demo runs only what is new"

test: $(INSTALLED)
	@echo "==> Running the tests"
	@$(BIN)/python -m pytest $(ARGS)
	@echo "==> All tests passed. Next: make demo, or CONTRIBUTING.md to change something"

fuzz: $(INSTALLED)
	@PYTHONPATH=tests $(BIN)/python -m fuzz $(ARGS)

lint: $(INSTALLED) $(NODE_MODULES:%=%/installed)
	@echo "==> Checking style and types"
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
ifdef NODE_MODULES
	@$(NODE_MODULES)/.bin/eslint --max-warnings 0 nbexp tests eslint.config.js
	@$(NODE_MODULES)/.bin/tsc
else
	@echo "==> Left out: the scripts of reports' pages, since there is no node or no npm here"
endif
	@echo "==> Nothing to complain about"

bench: $(INSTALLED) $(PLOOMBER)/installed
	@echo "==> Measuring; nothing else should run on this machine meanwhile"
	@$(BIN)/python -m benchmarks.speed $(ARGS)

suites: $(SUITES)/installed
	@echo "==> Running papermill's and nbclient's own tests, twice each; this takes some minutes"
	@$(SUITES)/bin/python benchmarks/suites.py $(ARGS)

# torch comes first and alone: where a build of it is installed already, it stays.
$(INSTALLED): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "nbexp needs Python 3.11 or later, but $(PYTHON) is: $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make PYTHON=python3.12"; exit 1; } >&2
	@echo "==> Setting up $(VENV) with $$($(PYTHON) --version); this takes some minutes, once"
	@$(PYTHON) -m venv $(VENV)
	@echo "==> Installing torch"
	@$(PIP) torch
	@echo "==> Installing nbexp and what it needs"
	@$(PIP) -e ".[dev]"
	@$(PIP) -e ".[bohb]" 2> $(VENV)/bohb.log || \
	  echo "==> BOHB's library can't be built here (it needs a C compiler); its tests are skipped"
	@touch $(INSTALLED)

node_modules/installed: package.json package-lock.json .npmrc
	@echo "==> Setting up node_modules, which only make lint needs"
	@npm ci --loglevel=error
	@touch $@

# Ploomber is for the benchmark alone; what its notebooks import is the same as in .venv.
$(PLOOMBER)/installed: benchmarks/ploomber.txt constraints.txt
	@echo "==> Setting up $(PLOOMBER); this takes some minutes, once"
	@$(PYTHON) -m venv $(PLOOMBER)
	@$(PLOOMBER)/bin/python $(INSTALL) torch
	@$(PLOOMBER)/bin/python $(INSTALL) -r benchmarks/ploomber.txt
	@touch $@

# What their tests need, and of nbexp only what warm kernels need.
$(UNPINNED): constraints.txt
	@mkdir -p $(@D)
	@grep -v '^moto==' $< > $@

$(SUITES)/installed: benchmarks/suites.txt $(UNPINNED) pyproject.toml
	@echo "==> Setting up $(SUITES); this takes some minutes, once"
	@$(PYTHON) -m venv $(SUITES)
	@$(SUITES)/bin/python $(INSTALL_SUITES)
	@$(SUITES)/bin/python $(INSTALL) --no-deps -e .
	@touch $@

# What is installed for these two can go wrong whenever a version in constraints.txt changes.
resolve: $(INSTALLED) $(UNPINNED)
	@echo "==> Looking whether what make bench and make suites install can be installed"
	@$(PIP) $(DRY) -r benchmarks/ploomber.txt
	@$(BIN)/python $(INSTALL_SUITES) $(DRY)

clean:
	rm -rf $(VENV) .venv-bench node_modules build dist .mypy_cache .pytest_cache .ruff_cache
