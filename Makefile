# Two commands: `make run` (the whole way once) and `make test`. Both set up what they need.
export PREFIX BASE CA INDEX DOCKER FLAGS  # of `make images`
PYTHON ?= python3
PROCESSES ?= 3  # of `make test`; each takes up to 5 GiB and, beside what it starts, less than a core
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
COMPILE := $(UV) pip compile pyproject.toml --quiet --universal --generate-hashes --no-header -p 3.11

.PHONY: help setup run test test-fast bench-data bench-drift bench-folds bench-gpu bench-heatmap bench-pruners bench-serve bench-team bench-train fuzz-serve images lint format lock clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(VENV)/.installed  ## Create the environment from requirements.lock

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else "Lobule needs Python 3.11, 3.12 or 3.13, but %s is %d.%d; name one with: make PYTHON=python3.12" % (sys.executable, *v))'
	@echo "Setting up $(VENV) from requirements.lock (once, one to five minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/^    # via/p' requirements.lock > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.txt
	@$(UV) pip sync --python $(BIN)/python --quiet --require-hashes --compile-bytecode requirements.lock
	@$(UV) pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@touch $@

run: setup  ## The whole way once: sample data to a served, monitored champion (exit 3, the gate's "no", is an answer too)
	@$(BIN)/lobule run --promote || [ $$? -eq 3 ]

test: lint  ## Everything that must hold: format, types, imports, all tests (PROCESSES=3)
	@$(BIN)/pytest -m "slow or not slow" -n $(PROCESSES) --no-loadscope-reorder --durations=20

test-fast: setup  ## The tests that take seconds
	@$(BIN)/pytest

bench-data: setup  ## Decoding, memory and near duplicates beside the way published notebooks do it
	@TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python infra/bench/data.py

bench-heatmap: setup  ## Do heat maps point at lesions? DATA=images with masks, DATASET=RUN/ingest/dataset, MODEL=RUN/train/candidates/seed-0
	@$(BIN)/python infra/bench/pointing.py --images $(DATA) --dataset $(DATASET) --model $(MODEL)

bench-folds: setup  ## Cross-validation, tuned and untuned, by group and by image; goes on where it was stopped (DATA=images, WEIGHTS=file)
	@TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python infra/bench/folds.py --data $(DATA) $(if $(WEIGHTS),--weights $(WEIGHTS)) $(if $(RECIPE),--recipe $(RECIPE))

bench-serve: setup  ## Requests a second, latency and memory of the service beside the published app's way (20 minutes)
	@TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python infra/bench/serve.py

bench-team: setup  ## What the tracking server, the database of studies and the log's volume take (TRACKING=URI, STUDIES=URL, WATCH=PIDS)
	@$(BIN)/python infra/bench/team.py $(if $(TRACKING),--tracking $(TRACKING)) $(if $(STUDIES),--studies $(STUDIES)) $(if $(WATCH),--watch $(WATCH))

fuzz-serve: setup  ## 10,000 hostile requests at a real service: none may make it fail, fall or grow (BUNDLE=directory)
	@$(BIN)/python infra/bench/fuzz.py $(BUNDLE)

bench-drift: setup  ## False alarms, power and speed of the drift monitor, with the champion; continues where it was stopped
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python infra/bench/drift.py

bench-pruners: setup  ## Which pruner finds the best trial for equal epochs, on the curves of real trials (DATA=images, WEIGHTS=file; an hour)
	@mkdir -p .lobule && TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python infra/bench/pruners.py --curves .lobule/curves.json $(if $(DATA),--data "$(DATA)" --recipe ultrasound-mobilenetv2 --weights "$(WEIGHTS)")

images: setup  ## Build the images: IMAGES="train serve mlflow train-cuda", PREFIX=, BASE=, CA=; see infra/images/build.sh
	@infra/images/build.sh $(IMAGES)

bench-train: setup  ## Training beside the way published notebooks train (fine-tuning, frozen backbone, study)
	@TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python infra/bench/train.py

bench-gpu: setup  ## How well training uses a card: images a second, share of its peak, memory, the input's share (RECIPE=, BATCH=, SMALL=1 tries it on a CPU)
	@TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python infra/bench/gpu.py $(if $(RECIPE),--recipe $(RECIPE)) $(if $(BATCH),--batch $(BATCH)) $(if $(SMALL),--small)

lint: setup  ## Format, lint, types, who may import what
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup  ## Mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: setup  ## Resolve pyproject.toml again into the lock files
	$(COMPILE) --extra dev -o requirements.lock
	$(COMPILE) --extra images -c requirements.lock -o infra/images.lock
	$(COMPILE) --extra tasks -c requirements.lock -o infra/train.lock
	$(COMPILE) --extra tasks-cuda -c requirements.lock -o infra/train-cuda.lock
	$(COMPILE) --extra serve -c requirements.lock -o infra/serve.lock
	$(COMPILE) --extra server -c requirements.lock -o infra/mlflow.lock

clean:  ## Remove the environment and the caches; stores in .lobule stay
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
