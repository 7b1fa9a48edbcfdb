# graduate. `make help` lists the targets.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TORCH := 2.13.0
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help install demo test check format lint types layers test-slow test-fits test-distributed faults test-examples test-containers benchmark benchmark-runtime regen lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

install: $(STAMP) ## create .venv with everything that is needed

# PyTorch only as a CPU wheel that is at hand (in a folder named by PIP_FIND_LINKS): an index would give a CUDA build of
# several GB. Without it the tests marked `torch` are skipped and the demo uses the NumPy example.
TORCH_WHEEL := $(firstword $(wildcard $(addsuffix /torch-$(TORCH)*cpu*-cp311-*.whl,$(PIP_FIND_LINKS))))

$(STAMP): requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
ifneq ($(TORCH_WHEEL),)
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-index $(TORCH_WHEEL)
else
	@echo "no CPU wheel of torch $(TORCH) in PIP_FIND_LINKS: going on without PyTorch"
endif
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $(STAMP)

demo: $(STAMP) ## convert an example, run it, kill and resume it, verify it, show the verdict
	@exec $(BIN)/python tools/demo.py

test: $(STAMP) ## run the tests (without the slow ones)
	@exec $(BIN)/python -m pytest -n auto --dist worksteal

check: format lint types layers test ## formatting, lint, types, layers, and the tests

format: $(STAMP)
	$(BIN)/ruff format --check .

lint: $(STAMP)
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

test-slow: $(STAMP) ## the slow tests: long random programs, fault sweeps, verification of every example
	@exec $(BIN)/python -m pytest -m slow -n auto --dist worksteal

test-fits: ## trainings that libraries run, and loops over JAX and gymnasium, stopped and gone on: installs them in .venv-fits
	$(if $(TORCH_WHEEL),,$(error it needs a CPU wheel of torch $(TORCH) in a folder named by PIP_FIND_LINKS))
	$(PYTHON) -m venv .venv-fits
	.venv-fits/bin/python -m pip install -q --disable-pip-version-check --no-deps $(TORCH_WHEEL)
	.venv-fits/bin/python -m pip install -q --disable-pip-version-check -r tests/behaviour/fit_requirements.txt pytest pytest-timeout hypothesis -e .
	@exec .venv-fits/bin/python -m pytest -m "slow or not slow" tests/behaviour/test_fits.py \
	  $(foreach each,jax_keys gymnasium_q_learning,"tests/behaviour/test_killed_everywhere.py::test_killed_at_every_turn[$(each)]")

RAY_TEST := tests/behaviour/test_parallel.py::test_a_machine_of_a_ray_cluster_is_lost

test-distributed: $(STAMP) .venv-ray/.installed ## training loops in 1, 2 and 4 processes and on two machines, killed, stopped, restarted; a Ray cluster, in .venv-ray
	@$(BIN)/python -c "import torch" || { echo "it needs a CPU wheel of torch $(TORCH) in a folder named by PIP_FIND_LINKS"; exit 1; }
	@$(BIN)/python -m pytest -m "slow or not slow" tests/unit/runtime/test_rows.py tests/unit/syntax/test_runs_alone.py \
	  tests/behaviour/test_distributed.py tests/behaviour/test_distributed_signals.py tests/behaviour/test_distributed_machines.py \
	  tests/behaviour/test_cluster.py tests/behaviour/test_parallel.py --deselect $(RAY_TEST)
	@exec .venv-ray/bin/python -m pytest -m "slow or not slow" $(RAY_TEST)

.venv-ray/.installed: pyproject.toml
	$(PYTHON) -m venv .venv-ray
	.venv-ray/bin/python -m pip install -q --disable-pip-version-check ray==2.60.0 joblib numpy pytest pytest-timeout hypothesis -e .
	@touch $@

faults: $(STAMP) ## the runtime under every fault of disk, machine and process, and with each safeguard removed
	@exec $(BIN)/python -m pytest -n auto --dist worksteal tests/faults tests/behaviour/test_runtime_machine.py -m "slow or not slow"

test-examples: $(STAMP) ## every example: convert, then all its own make targets
	@exec $(BIN)/python tools/try_examples.py $(EXAMPLES)

test-containers: $(STAMP) ## every example in containers: build, run, kill, stop, serve, watch (needs a Docker engine)
	@exec $(BIN)/python tools/try_containers.py $(EXAMPLES)

benchmark: $(STAMP) ## measure, and write the table of benchmarks/README.md
	@exec $(BIN)/python benchmarks/run.py

benchmark-runtime: $(STAMP) ## what the runtime costs, beside other tools: the second table of benchmarks/README.md
	@exec $(BIN)/python benchmarks/runtime.py

regen: $(STAMP) ## write what is generated in this repo: tests/golden, docs/hazards.md
	@exec $(BIN)/python tools/regen.py

lock: ## compile requirements-dev.lock anew
	$(BIN)/uv pip compile pyproject.toml requirements-dev.in --generate-hashes --no-emit-index-url --no-header \
	  --no-annotate --python-version 3.11 --allow-unsafe -q -U -o requirements-dev.lock

clean: ## remove what was installed and made here
	rm -rf $(VENV) .venv-fits .venv-ray demo build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
