# Two commands do everything: `make run` and `make test`. Both install what is missing and can be run again at any time.

DATA ?= data
CRASH_ROUNDS ?= 20
DATABASE_KILLS ?= 5
# Every import stands in Package.swift, or the build fails.
CHECKED = --explicit-target-dependency-import-check error
RELEASE = swift build -c release --static-swift-stdlib $(CHECKED) --product
INLET = .build/release/inlet
PYTHON = .venv/bin/python
# Runs what follows with a PostgreSQL of its own, or fails.
WITH_POSTGRES = scripts/postgres.py run

.DEFAULT_GOAL := help
.PHONY: help run release test lint format unit clients browser screenshots crash postgres torture bench clean

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

run: release ## build what is missing and start Inlet on the folder $(DATA), ready to receive
	@echo "==> Starting Inlet on the folder $(DATA); the command line is bin/inlet"
	@PATH="$$PWD/bin:$$PATH" exec $(INLET) serve --data "$(DATA)" --quickstart

release: ## build the release program, bin/inlet
	@scripts/setup.sh build
	@echo "==> Building the release (the first time takes 7 to 15 minutes, most of it dependencies)"
	@$(RELEASE) inlet
	@mkdir -p bin && ln -sf ../$(INLET) bin/inlet

test: ## install what is missing and run all tests, on the embedded database and on PostgreSQL
	@scripts/setup.sh test
	@env -u TEST_POSTGRES $(MAKE) --no-print-directory lint unit clients browser crash postgres

lint: ## check how the code is laid out
	@echo "==> Checking the layout of the code"
	@swift format lint --strict --parallel --recursive Package.swift Sources Tests Benchmarks

format: ## lay the code out
	@swift format --in-place --parallel --recursive Package.swift Sources Tests Benchmarks

unit: ## Swift tests: rules, storage, the whole server through real sockets
	@echo "==> Building the tests (the first time takes 4 to 10 minutes, most of it dependencies)"
	@swift build --build-tests $(CHECKED)
	@scripts/unit.sh

clients: ## real clients against the real program
	@echo "==> Real clients"
	@INLET_BIN=.build/debug/inlet $(PYTHON) -m pytest -q Tests/Clients

browser: ## every page of the console in a real browser: by keyboard, with and without JavaScript, light and dark
	@echo "==> The console in a browser"
	@INLET_BIN=.build/debug/inlet $(PYTHON) -m pytest -q Tests/Browser

screenshots: release ## pictures of every page, in .build/pictures, and a few of them in docs/pictures
	@scripts/setup.sh test
	@INLET_BIN=$(INLET) $(PYTHON) Tests/Browser/screenshots.py --out .build/pictures --chosen docs/pictures

crash: ## kill -9 under load and while delivering, again and again
	@echo "==> kill -9 under load, $(CRASH_ROUNDS) times"
	@$(PYTHON) Tests/Crash/crash.py --rounds $(CRASH_ROUNDS) --inlet .build/debug/inlet
	@echo "==> kill -9 while delivering, $(CRASH_ROUNDS) times"
	@$(PYTHON) Tests/Crash/deliver.py --rounds $(CRASH_ROUNDS) --inlet .build/debug/inlet

postgres: ## unit, clients and crash once more, on PostgreSQL; and PostgreSQL itself killed under load
	@echo "==> Once more, on PostgreSQL"
	@$(WITH_POSTGRES) $(MAKE) --no-print-directory unit
	@$(WITH_POSTGRES) $(MAKE) --no-print-directory clients
	@$(WITH_POSTGRES) $(MAKE) --no-print-directory crash CRASH_ROUNDS=$(DATABASE_KILLS)
	@echo "==> PostgreSQL killed under load, $(DATABASE_KILLS) times"
	@$(WITH_POSTGRES) $(PYTHON) Tests/Crash/crash.py --database-kill --rounds $(DATABASE_KILLS) --inlet .build/debug/inlet
	@echo "==> PostgreSQL killed while delivering, $(DATABASE_KILLS) times"
	@$(WITH_POSTGRES) $(PYTHON) Tests/Crash/deliver.py --database-kill --rounds $(DATABASE_KILLS) --inlet .build/debug/inlet
	@echo "==> Three servers on one PostgreSQL behind HAProxy"
	@$(PYTHON) Tests/Crash/nodes.py --inlet .build/debug/inlet

torture: release ## 200 kills under load, 100 while delivering, and power cuts on an ext4 loop mount, a server cut off from PostgreSQL (needs root)
	@scripts/setup.sh test
	@$(PYTHON) Tests/Crash/crash.py --rounds 200 --inlet $(INLET)
	@$(PYTHON) Tests/Crash/deliver.py --rounds 100 --inlet $(INLET)
	@$(PYTHON) Tests/Crash/powercut.py --inlet $(INLET)
	@$(PYTHON) Tests/Crash/nodes.py --inlet $(INLET) --revocations 200
	@$(PYTHON) Tests/Crash/partition.py --inlet $(INLET)

bench: release ## load beside nginx, webhook and FastAPI, deliveries, a month of reports, a search, every page, PostgreSQL; writes Benchmarks/results
	@Benchmarks/setup.sh
	@scripts/setup.sh test
	@$(RELEASE) bare-client
	@python3 Benchmarks/bench.py --inlet $(INLET)
	@python3 Benchmarks/deliver.py --inlet $(INLET)
	@python3 Benchmarks/hits.py --inlet $(INLET)
	@python3 Benchmarks/search.py --inlet $(INLET)
	@python3 Benchmarks/pages.py --inlet $(INLET)
	@python3 Benchmarks/search.py --inlet $(INLET) --postgres
	@python3 Benchmarks/pages.py --inlet $(INLET) --postgres
	@python3 Benchmarks/on_postgres.py --inlet $(INLET)

clean: ## remove what was built; data stays
	rm -rf .build .venv .venv-bench bin
