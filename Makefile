# make demo   texts, classes, an edit and few labels on the embedded models, within 3 minutes after
#             the installation; writes out/demo/index.html. FULL=1: TR0N with all ablations instead;
#             FACES=1: TR0N on third-party face models, after printing their terms (downloads 26 MB,
#             needs npm)
# make test   the default tests;  make test-all adds the slow ones. Each keeps the compiled
#             modules, which the processes that tests start read again
# make gpu    the tests marked gpu and two benchmarks on this machine's accelerator, with the
#             Python of PYTHON=..., whose PyTorch must support it; installs nothing
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
COMPILED := PYTHONDONTWRITEBYTECODE=

.PHONY: demo test test-all test-host gpu lint workflows clean

demo: $(INSTALLED)
	$(BIN)/latentsteer demo $(if $(FACES),--faces,$(if $(FULL),--full))

test: $(INSTALLED)
	$(COMPILED) $(BIN)/python -m pytest -n auto --dist worksteal

test-all: $(INSTALLED)
	$(COMPILED) $(BIN)/python -m pytest -m "not host"

test-host: $(INSTALLED)
	$(BIN)/python -m pytest -m host

gpu:
	$(PYTHON) tests/on_gpu.py

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

workflows: $(INSTALLED)
	$(BIN)/python -m latentsteer.workflows.recipes.write
	$(BIN)/python -m latentsteer.workflows.studies.results.page

$(INSTALLED): pyproject.toml
	@echo "Installing into $(VENV): PyTorch is large, this takes some minutes."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[standalone,test]'
	touch $@

clean:
	rm -rf $(VENV) out
