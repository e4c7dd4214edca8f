# Everything is set up on first use, and again only when the pinned requirements change.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory --no-builtin-rules

PYTHON ?= $(firstword $(foreach v,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
  command -v $(v) >/dev/null && $(v) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(v))) python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
FAST := $(wildcard tests/unit tests/property tests/worker)
REAL := $(wildcard tests/broker tests/chaos)

.PHONY: help run check test-one test test-pythons test-lowest test-fast chaos fuzz gameday bench calibration coverage profile lint format docs site new-signal \
  dashboards \
  dashboards-shots rules wheel sbom broker \
  stop clean python java tools

help: ## show this list
	@echo "Pillarscore. Needs Python >= 3.11, Java >= 17, Maven."
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | \
	  while IFS=$$'\t' read -r target what; do printf '  make %-14s %s\n' "$$target" "$$what"; done

run: java .venv/run ## broker, topics, worker and the bundled sample; ONCE=1 exits when it is scored
	@exec $(BIN)/pillarscore run $(if $(filter-out 0,$(ONCE)),--once)

check: tools lint ## what to run before a commit, within a minute: lint, types and the quick unit tests
	@$(BIN)/python -m pytest -n 2 -m "not slow" tests/unit

test-one: .venv/dev .venv/run ## tests by name, from any folder: K=name (or an expression), ARGS=-s for more of pytest
	@$(if $(strip $(K)),,echo "Which test? make test-one K=name, as in K=test_links_resolve or K='frames and not old'" >&2; exit 2)
	@$(BIN)/python -m pytest -v -k "$(K)" $(ARGS) tests || { code=$$?; \
	  if [ $$code = 5 ]; then echo "No test has a name with $(K)." >&2; fi; exit $$code; }

test: java tools lint ## all checks and tests, including those on a real broker
	@$(BIN)/python -m pytest -n 2 $(FAST)
	@$(if $(REAL),$(BIN)/python -m pytest -n 3 --dist worksteal $(REAL))

test-pythons: .venv/dev .venv/run ## the quick unit tests under every other Python that is here (3.11 to 3.14); V=3.13 for one
	@$(BIN)/python -m tests.kit.pythons $(if $(V),--only $(V)) $(if $(TESTS),-- $(TESTS))

test-lowest: .venv/dev .venv/run ## the quick unit tests with the lowest versions that requirements.in allows
	@$(BIN)/python -m tests.kit.pythons --lowest $(if $(TESTS),-- $(TESTS))

test-fast: tools ## only the tests that need no broker
	@$(BIN)/python -m pytest -n 2 $(FAST)

chaos: java tools ## fault injection on a real Kafka, for longer than in `test`
	@CUTS=5 BACKUP_EVENTS=20000 $(BIN)/python -m pytest -n 3 --dist worksteal -m chaos $(REAL)
	@CLUSTER=1 $(BIN)/python -m pytest tests/broker/test_cluster.py
	@BROKERS=3 $(BIN)/python -m pytest $(addprefix tests/broker/test_,exactly_once.py fencing.py live.py topics.py \
	  lost_records.py network.py operations.py)
	@ORACLE_EVENTS=1000000 $(BIN)/python -m pytest tests/property/test_oracle.py

fuzz: .venv/dev .venv/run ## damaged records, batches, files and rubrics for MINUTES=1 minutes, half at random, half guided; SEED=n
	@$(BIN)/python -m tests.kit.fuzz --minutes $(or $(MINUTES),1) $(if $(SEED),--seed $(SEED))

gameday: java tools ## break an installation in every way of a table, follow the runbook, and report; ONLY=kill for one
	@$(BIN)/python -m tests.gameday $(if $(ONLY),--only $(ONLY))

bench: java .venv/run ## measure throughput and latency; perf/README.md explains the results
	@$(BIN)/python -m perf.throughput
	@$(BIN)/python -m perf.latency

# The tests that break things kill processes, and what is killed reports nothing.
coverage: java tools ## which lines the tests run, in workers too: a table, and pages in .pillarscore/coverage
	@$(BIN)/coverage erase
	@failed=0; \
	  for tests in $(if $(TESTS),'$(TESTS)','$(FAST)' $(if $(REAL),'$(REAL)')); do \
	    $(BIN)/coverage run -m pytest -n 2 -m "not chaos" $$tests || failed=1; \
	  done; \
	  $(BIN)/coverage combine -q; \
	  $(BIN)/coverage html -q; \
	  $(BIN)/coverage report; \
	  echo "Line by line: .pillarscore/coverage/html/index.html"; \
	  exit $$failed

calibration: .venv/run ## the rubric (RUBRIC=ssi-2, or a file) on simulated personas, with ten seeds: fails if it misses an aim
	@$(BIN)/python -m perf.calibration $(or $(RUBRIC),ssi-2) --seeds 4 5 6 7 8
	@$(BIN)/python -m perf.calibration $(or $(RUBRIC),ssi-2) --seeds 9 10 11 12 13

profile: java .venv/dev .venv/run ## flame graph of a worker with much to do, as .pillarscore/profile.svg
	@$(BIN)/python -m perf.profile

lint: .venv/dev .venv/run ## ruff, import-linter, mypy
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check . || { echo "Not formatted (ruff format --check): run 'make format'."; exit 1; }
	@$(BIN)/lint-imports --no-cache > .venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@$(BIN)/mypy --no-error-summary

format: .venv/dev ## format the code
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .

docs: .venv/dev .venv/run ## regenerate the reference pages, and the figures and outputs that other pages show
	@$(BIN)/python -m pipeline.docgen.events > docs/reference/events.md
	@$(BIN)/python -m agents.docgen.write
	@$(BIN)/python -m agents.docgen.buying
	@$(BIN)/python -m schemas.export
	@$(BIN)/python -m perf.persona_page
	@$(BIN)/python -m perf.golden
	@$(BIN)/python -m tests.kit.shown_output

site: .venv/dev ## the pages of docs/ as a website, in .pillarscore/site; mkdocs.yml describes it
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Built: .pillarscore/site/index.html. To search in it: $(BIN)/python -m http.server -d .pillarscore/site"

new-signal: .venv/dev .venv/run ## lines for a new signal in every table: NAME=poll_answered, EVENT=poll.answered if it is called otherwise
	@$(BIN)/python -m tests.kit.new_signal "$(NAME)" $(if $(EVENT),--event "$(EVENT)")

dashboards: .venv/dev ## regenerate the Grafana dashboards' JSON from grafana/*.py, and what contains them
	@$(BIN)/python -m grafana.build
	@$(BIN)/python -m prometheus.build

dashboards-shots: java tools ## draw every panel with Grafana's components into .pillarscore/shots/png; MANY=1: 64 partitions, 50 workers
	@$(BIN)/python -m tests.kit.shots.main $(if $(filter-out 0,$(MANY)),--many) $(if $(filter-out 0,$(AGAIN)),--again) $(if $(ONLY),--only $(ONLY))

rules: .venv/dev ## regenerate SLO rules, addresses in alerts, and the Kubernetes components with rules and dashboards
	@$(BIN)/python -m prometheus.build

wheel: .venv/dev .venv/run ## build wheel and sdist into dist/, and try the wheel in a new environment
	@$(BIN)/python -m tests.kit.wheel

sbom: .venv/dev .venv/run ## dist/pillarscore-VERSION.cdx.json (CycloneDX) of all that requirements.txt installs; prints the licences
	@$(BIN)/python -m tests.kit.sbom

broker: java .venv/run ## start only the local broker
	@$(BIN)/pillarscore broker start

stop: ## stop the local broker
	@if [ -x $(BIN)/pillarscore ]; then $(BIN)/pillarscore broker stop; fi

clean: stop ## stop the broker, remove its data and the environment
	@rm -rf .venv .pillarscore dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The marker files record what is installed: changed requirements rebuild the environment, a changed pyproject.toml
# (commands, packages) only reinstalls the project.
.venv/pinned: requirements.txt
	@$(MAKE) python
	@if [ -L .venv ]; then echo ".venv is a link: remove it, or set up the folder that it leads to." >&2; exit 2; fi
	@echo "Setting up .venv (once) …"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python deploy/pip_progress.py requirements.txt .venv/pip.log
	@touch $@

.venv/run: .venv/pinned pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: requirements-dev.txt .venv/pinned | .venv/run
	@echo "Adding the tools for tests and checks (once) …"
	@$(BIN)/python deploy/pip_progress.py requirements-dev.txt .venv/pip-dev.log
	@touch $@

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is missing: install it (Debian: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv module is missing: install it (Debian: apt-get install python3-venv)."; exit 1; }

# Prometheus and Alertmanager, to test rules and dashboards: unpacked into .pillarscore, not installed.
tools: .venv/dev .venv/run
	@$(BIN)/python -m tests.kit.tools

# With your own broker, neither Java nor Maven is needed.
java:
ifeq ($(PILLARSCORE_BROKER),)
	@command -v java >/dev/null || { echo "Java is missing: install Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless), or set PILLARSCORE_BROKER=host:port."; exit 1; }
	@version=$$(java -version 2>&1 | sed -nE 's/.* version "([0-9]+).*/\1/p' | head -1); \
	  [ "$${version:-0}" -ge 17 ] || { echo "Java $${version:-?} is too old: install Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless)."; exit 1; }
	@command -v mvn >/dev/null || { echo "Maven (mvn) is missing: install it (Debian: apt-get install maven), or set PILLARSCORE_BROKER=host:port."; exit 1; }
endif
