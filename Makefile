# make demo   TR0N on the embedded digits, with figures and pictures
# make test   the default tests;  make test-all adds the slow ones
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-all test-host lint workflows clean

demo: $(INSTALLED)
	$(BIN)/latentsteer demo

test: $(INSTALLED)
	$(BIN)/python -m pytest

test-all: $(INSTALLED)
	$(BIN)/python -m pytest -m "not host"

test-host: $(INSTALLED)
	$(BIN)/python -m pytest -m host

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

workflows: $(INSTALLED)
	$(BIN)/python -m latentsteer.nodes.cli.author

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[standalone,test]'
	touch $@

clean:
	rm -rf $(VENV) out
