# Everything runs in .venv/, which the first target that needs it creates. Another Python: make sweep PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install sweep ui check test test-gpu lint format clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## create .venv/ and install the pinned packages

$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { \
	  echo "$(PYTHON) was not found; Paredown needs Python 3.11 or newer: make install PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) -V 2>&1); Paredown needs Python 3.11 or newer: make install PYTHON=python3.12" >&2; \
	  exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[cuda,dev,hf,openvino]'
	@touch $@

sweep: install ## run configs/digits.yaml; run it again to go on where it stopped
	$(BIN)/paredown run configs/digits.yaml

ui: install ## open MLflow on the sweeps of this folder
	$(BIN)/paredown ui

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint ## format, lint, types, import contracts and the fast tests: for the day
	$(BIN)/python -m pytest -m "not slow" -n logical

# Four at once on any machine: much of what slow tests do is waiting for processes to start. The few fast tests that may
# be skipped run once more, so that the end names everything that was, and why.
test: check ## the same with every test: what CI runs
	$(BIN)/python -m pytest -m "slow or skipif" -n 4 --dist loadscope --no-loadscope-reorder --durations=15

test-gpu: ## the tests that need a GPU, with the Python that has torch and onnxruntime-gpu: make test-gpu PYTHON=python3
	$(PYTHON) -m pytest -m gpu -n 0

format: install ## write the code in its one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove .venv/ and caches; sweeps in .paredown/ stay
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
