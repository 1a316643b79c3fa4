# Every chore of the project. Each target sets up what it needs in .venv, once, and again when pyproject.toml changes.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FLOOR := $(shell sed -n 's/^requires-python = ">=\(.*\)"/\1/p' pyproject.toml)

# A sweep and the tests run one process per core; threads inside each would only contend.
export OMP_NUM_THREADS ?= 1
# Neighbours stay in one process, where what they share is made once.
PARALLEL := --numprocesses auto --maxprocesses 8 --dist worksteal

# What `[lab]` installs is part of `[dev]`, so that setting up the larger one serves both.
LAB := $(VENV)/.lab
DEV := $(VENV)/.dev
DOCS := $(VENV)/.docs
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTALL = $(if $(LOCKED),$(PIP) --require-hashes --requirement requirements.lock && $(PIP) --no-deps,$(PIP)) --editable

.PHONY: help quickstart test test-all test-wheels coverage smoke check bench gpu-check surgery-zoo deploy fold chaos wheels test-oldest lock audit docs-links docs clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

quickstart: $(LAB) ## compare eight functions on embedded digits: a table here, and a report to open (about two minutes)
	@$(BIN)/rectifiers run quickstart

test: $(DEV) ## run the tests
	@$(BIN)/pytest $(PARALLEL)

test-all: $(DEV) ## run the tests, the slow ones too
	@$(BIN)/pytest $(PARALLEL) -m ""

test-wheels: $(DEV) ## build both wheels and install each in an empty environment
	@$(BIN)/pytest -m slow tests/test_wheels.py

# The packages whose code and branches the tests have to reach, and how much of each, in percent.
COVERED := core activations kernels watching surgery experiments
COVERED_FLOOR := 95

coverage: $(DEV) ## run the tests, and print what of the packages that everything stands on they do not reach
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(PARALLEL)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --include "$$(printf 'src/rectifiers/%s/*,' $(COVERED))"
	@failed=0; for room in $(COVERED); do printf '%s: ' "$$room"; \
		$(BIN)/coverage report --format total --precision 1 --fail-under $(COVERED_FLOOR) \
			--include "src/rectifiers/$$room/*" || failed=1; \
	done; exit $$failed

smoke: $(DEV) ## run the smallest preset of every table and figure whose data are there, and the notebooks
	@$(BIN)/pytest --numprocesses 2 -m slow tests/papers/test_smoke.py tests/test_notebooks.py

check: $(DEV) ## check style, formatting, types and layering
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(LAB) ## measure what the functions cost beside nn.ReLU, and runs per minute
	@$(BIN)/rectifiers bench --output benchmarks/results/kernels.json --plot docs/images/kernels.svg
	@OMP_NUM_THREADS=2 $(BIN)/python benchmarks/conv_relu.py --output benchmarks/results/conv_relu.json
	@$(BIN)/python benchmarks/conv_relu.py --cpu-time --output benchmarks/results/conv_relu.json
	@$(BIN)/python benchmarks/input_pipeline.py
	@$(BIN)/python benchmarks/sweep.py

# On a bare machine, and without a network: nothing is set up, the PyTorch and the Triton that are there serve.
gpu-check: ## try the GPU kernels on this machine's GPU, right and how fast; writes gpu-check/gpu-check.md (at most eight minutes)
	@PYTHONPATH=src $(PYTHON) -m rectifiers.speed.gpu --output gpu-check

surgery-zoo: $(LAB) ## try every step of a swap on the models of eight libraries; writes docs/surgery-zoo.md (about an hour)
	@$(PIP) --requirement benchmarks/zoo/requirements.txt
	@$(BIN)/python -m benchmarks.zoo

# ExecuTorch names the PyTorch that it was made with; it runs with others.
deploy: $(LAB) ## take every function through export, compilers, int8 and other libraries; writes docs/deploy.md (ten minutes)
	@$(INSTALL) ".[hf,onnx]"
	@$(BIN)/pip install --quiet --no-deps torchao executorch ruamel.yaml tabulate
	@$(BIN)/python benchmarks/deploy.py

fold: $(LAB) ## train with SiLU, go back to ReLU in several ways, fold, quantise; writes docs/fold.md (half an hour; CIFAR-10)
	@$(INSTALL) ".[onnx,timm]"
	@$(BIN)/python -m benchmarks.fold --latency --pretrained

chaos: $(LAB) ## do harm to sweeps at random moments, and count what is lost; writes docs/faults.md (hours; CHAOS="--times 2": minutes)
	@$(BIN)/python benchmarks/chaos.py --output benchmarks/results/chaos.json --write $(CHAOS)

wheels: $(DEV) ## build in dist two wheels, one with compiled kernels for this kind of machine and one for all, and the source
	@library=$$($(BIN)/python -c 'from rectifiers.kernels import build; print(build.find_or_build()[0])') && \
		RECTIFIERS_LIBRARY=$$library $(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@$(BIN)/python -m hatchling build --target sdist
	@ls dist

# The oldest releases that pyproject.toml allows, in an environment of their own.
test-oldest: $(BIN)/pip ## install the oldest dependencies that are allowed, and run the tests with them
	@$(PYTHON) -m venv .venv-oldest
	@.venv-oldest/bin/pip install --quiet --disable-pip-version-check uv
	@.venv-oldest/bin/uv pip install --quiet --python .venv-oldest --resolution lowest-direct --editable ".[dev]"
	@.venv-oldest/bin/pytest $(PARALLEL)

# Of the Python and the machine that the workflows run on.
lock: $(BIN)/pip ## write anew which releases, by their hashes, the workflows install (LOCKED=1)
	@$(PIP) uv
	@$(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate --python-version 3.12 \
		--python-platform x86_64-manylinux_2_28 --extra dev --extra docs --output-file requirements.lock pyproject.toml

audit: $(BIN)/pip ## look up known vulnerabilities of everything in requirements.lock
	@$(PIP) pip-audit
	@$(BIN)/pip-audit --require-hashes --disable-pip --requirement requirements.lock

docs-links: $(DOCS) ## follow the links to other sites; needs the network
	@$(BIN)/sphinx-build --quiet --builder linkcheck -c docs . build/links

docs: $(DOCS) ## write what follows from the specs and the results anew, and build the site in build/site; a warning is an error
	@$(BIN)/python docs/build.py
	@$(BIN)/sphinx-build --quiet --nitpicky --fail-on-warning --keep-going -c docs . build/site
	@echo "open build/site/index.html"

clean: ## remove .venv and all caches; results, runs and data stay
	@rm -rf $(VENV) build dist .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find src tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < tuple(map(int, "$(FLOOR)".split("."))))' || { \
		echo "error: needs Python $(FLOOR) or newer, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || echo not there);" \
			"name another: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "error: '$(PYTHON) -m venv' failed; Debian and Ubuntu need the package python3-venv" >&2; exit 1; }

$(LAB): pyproject.toml | $(BIN)/pip
	@echo "Installing rectifiers[lab] into $(VENV), PyTorch included; this takes a few minutes the first time."
	@$(INSTALL) ".[lab]"
	@touch $@

$(DEV): pyproject.toml | $(BIN)/pip
	@echo "Installing rectifiers[dev] into $(VENV), PyTorch included; this takes a few minutes the first time."
	@$(INSTALL) ".[dev]"
	@touch $@ $(LAB)

$(DOCS): pyproject.toml | $(BIN)/pip
	@echo "Installing rectifiers[docs] into $(VENV), PyTorch included; this takes a few minutes the first time."
	@$(INSTALL) ".[docs]"
	@touch $@
