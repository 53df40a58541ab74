# `make bench` and `make test` set up all that they need: .venv, made once from constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
TRITON := triton==3.9.0
AXE := axe-playwright-python==0.1.8
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# as `bench run` sets them: one thread, and large tensors are kept instead of faulted in again at every step
TIMED := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=4294967296 MALLOC_TOP_PAD_=268435456

.PHONY: bench test zoo benchmark asv asv-publish docs lint setup setup-dev clean

# SEEDS=8 trains eight seeds of each model
bench: setup
	@# the report is written also where a cell failed, and make then says so; it ends with the HTML file and what that says first
	$(BIN)/bench run --task sfc --models all $(if $(SEEDS),--seeds $(SEEDS)); code=$$?; $(BIN)/bench report --task sfc && exit $$code

# on two processes; JOBS=8 takes more, JOBS=0 one
test: setup-dev
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

# what is checked of each model of the zoo beside its case, plain loop and start
zoo: setup-dev
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m zoo

# times every model's step and saves it under .benchmarks; ALARM=min:50% compares with the last saved run
benchmark: setup-dev
	$(TIMED) $(BIN)/python -m pytest tests/perf --benchmark-enable --benchmark-autosave --benchmark-save-data \
		$(if $(ALARM),--benchmark-compare --benchmark-compare-fail=$(ALARM))

# asv on the last commit and this one, or on BASE and HEAD; results/asv is committed
asv: setup-dev
	PYTHON=$(BIN)/python .ci/asv $(or $(BASE),HEAD~1) $(or $(HEAD),HEAD)

# the site of results/asv, made without a network
asv-publish: setup-dev
	$(BIN)/python -m asv publish
	@echo "$(BIN)/python -m asv preview shows .asv/html; the pages take their scripts from the network"

# the tables of README and docs that a command prints
docs: setup-dev
	$(BIN)/python tests/generated.py

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: $(VENV)/.core
setup-dev: $(VENV)/.dev

$(VENV)/.core: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) (once; a few minutes at most)"
	@$(PIP) install --constraint constraints.txt --editable '.[audio,digits,gpu,charts]'
	@# torchaudio's compiled extension needs CUDA; without it the package works in pure Python
	@$(BIN)/python -c "import pathlib, sysconfig, torch; torch.version.cuda or [f.unlink() for f in pathlib.Path(sysconfig.get_path('purelib')).glob('torchaudio/lib/*.so')]"
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	@echo "adding the tools for tests to $(VENV) (once)"
	@$(PIP) install --constraint constraints.txt --editable '.[dev,audio,digits,gpu,charts]'
	@# axe-core, which looks at the HTML report; of the package we need but that one file, and not the browsers it comes with
	@$(PIP) install --no-deps $(AXE) || echo "no $(AXE) here: its tests will be skipped"
	@# the GPU kernels are checked in Triton's interpreter; a torch with CUDA brings the triton that it needs
	@$(BIN)/python -c "import sys, torch; sys.exit(torch.version.cuda is None)" || $(PIP) install $(TRITON) || echo "no $(TRITON) here: its tests will be skipped"
	@touch $@

clean:
	rm -rf $(VENV)
