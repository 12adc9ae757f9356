# Two commands do everything: `make run` and `make test`. Both install what is missing and can be run again at any time.

DATA ?= data
CRASH_ROUNDS ?= 20
DATABASE_KILLS ?= 5
# Stages of the tests that run at once.
JOBS ?= 2
# One module's Swift tests alone: make unit MODULE=Manage
MODULE ?=
export TEST_MODULE = $(MODULE)
# Every import stands in Package.swift, or the build fails.
CHECKED = --explicit-target-dependency-import-check error
RELEASE = swift build -c release --static-swift-stdlib $(CHECKED) --product
INLET = .build/release/inlet
# What the tests run.
DEBUG_INLET = .build/debug/inlet
PYTHON = .venv/bin/python
PYTEST = INLET_BIN=$(DEBUG_INLET) $(PYTHON) -m pytest -q
# Runs what follows with a PostgreSQL of its own, or fails.
WITH_POSTGRES = scripts/postgres.py run
# Runs what follows as a stage, and keeps how long it took.
STAGE = scripts/stage.sh run

STAGES = lint unit clients crash
# `browser` is a stage too. Its two workers fill two cores, so `make test` runs it by itself at the end.
# Once more on PostgreSQL, which is killed as well. `nodes`, three servers behind HAProxy, belongs here again once its waits hold on a busy machine.
POSTGRES_STAGES = unit-postgres clients-postgres crash-postgres kill-postgres

.DEFAULT_GOAL := help
.PHONY: help run release test check lint format build set-up tools browser nodes $(STAGES) $(POSTGRES_STAGES) postgres faults screenshots torture bench clean

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
	@scripts/stage.sh clear
	@status=0; export STAGES_QUIET=1; unset TEST_POSTGRES; \
	    $(MAKE) --no-print-directory --keep-going --jobs=$(JOBS) $(STAGES) $(POSTGRES_STAGES) || status=$$?; \
	    $(MAKE) --no-print-directory browser IS_BUILT=yes || status=$$?; \
	    scripts/stage.sh table; exit $$status

check: tools ## before each commit: lint, build, and the Swift tests of what changed against main
	@scripts/check.sh

# What stages need first, each done once however many stages ask for it.
tools:
	@scripts/setup.sh build

set-up: tools
	@$(if $(IS_BUILT),,$(STAGE) set-up scripts/setup.sh test)

build: tools
	@$(if $(IS_BUILT),,$(STAGE) build scripts/build-tests.sh)

lint: ## check how the code is laid out
	@$(STAGE) lint scripts/lint.sh

format: ## lay the code out
	@swift format --in-place --parallel --recursive Package.swift Sources Tests Benchmarks

unit: build ## Swift tests: rules, storage, the whole server through real sockets; MODULE=Manage for those of one module
	@$(STAGE) unit scripts/unit.sh

clients: build set-up ## real clients against the real program
	@$(STAGE) clients env $(PYTEST) Tests/Clients

browser: build set-up ## every page of the console in a real browser: by keyboard, with and without JavaScript, light and dark
	@$(STAGE) browser env $(PYTEST) Tests/Browser

crash: build set-up ## kill -9 under load and while delivering, again and again
	@$(STAGE) crash scripts/crash.sh $(CRASH_ROUNDS) $(DEBUG_INLET)

postgres: $(POSTGRES_STAGES) nodes ## unit, clients and crash once more, on PostgreSQL; PostgreSQL itself killed; three servers behind HAProxy

unit-postgres: build set-up
	@$(STAGE) unit-postgres $(WITH_POSTGRES) --fast scripts/unit.sh

clients-postgres: build set-up
	@$(STAGE) clients-postgres $(WITH_POSTGRES) --fast env $(PYTEST) Tests/Clients

crash-postgres: build set-up
	@$(STAGE) crash-postgres $(WITH_POSTGRES) scripts/crash.sh $(DATABASE_KILLS) $(DEBUG_INLET)

kill-postgres: build set-up
	@$(STAGE) kill-postgres $(WITH_POSTGRES) scripts/crash.sh $(DATABASE_KILLS) $(DEBUG_INLET) --database-kill

nodes: build set-up
	@$(STAGE) nodes $(PYTHON) Tests/Crash/nodes.py --inlet $(DEBUG_INLET)

faults: set-up ## put faults into the code, one after the other, and see that the tests notice each
	@$(PYTHON) Tests/Faults/faults.py

screenshots: release ## pictures of every page, in .build/pictures, and a few of them in docs/pictures
	@scripts/setup.sh test
	@INLET_BIN=$(INLET) $(PYTHON) Tests/Browser/screenshots.py --out .build/pictures --chosen docs/pictures

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
