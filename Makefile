# Every target creates what it needs; only Python 3.11+ is expected on the machine.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: alerts audit docs bench bench-feast bench-small chaos soak replay-beside-live simulate fuzz fuzz-http fuzz-decoders demo test check lint format types contracts doctests schemas clean erasure consent

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Strata needs Python 3.11 or later")'
	$(PYTHON) -m venv $(VENV)

# One stamp per set of extras, so that each command installs only what it uses.
$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) install --quiet -c constraints.txt -e '.[embedded,text]'
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml clients/python/pyproject.toml constraints.txt
	$(PIP) install --quiet -c constraints.txt -e '.[embedded,dev]' -e 'clients/python[kafka,redis,langchain]'
	@touch $@

demo: $(VENV)/.demo
	$(BIN)/strata demo

# Tests wait for servers more than they compute: three processes keep two cores busy.
test: $(VENV)/.dev
	$(BIN)/pytest -n 3 --dist worksteal

# More schedules than CI runs (FROM, SCHEDULES), or one of them in full (SEED).
simulate: $(VENV)/.dev
	PYTHONPATH=.:tests/support $(BIN)/python -m simulation \
	  $(if $(SEED),--seed $(SEED),--from $(or $(FROM),0) --schedules $(or $(SCHEDULES),10000))

# Real Kafka, Redis and Qdrant's storage under fire; EVENTS, KILLS and SEED as you like.
chaos: $(VENV)/.dev
	PYTHONPATH=.:tests/support $(BIN)/python -m chaos --events $(or $(EVENTS),1000000) \
	  --kills $(or $(KILLS),64) --seed $(or $(SEED),1)

# More than CI does: cases that Schemathesis makes up against the running service, and damaged inputs
# for every decoder (CASES, INPUTS).
FUZZING := PYTHONPATH=.:tests/support $(BIN)/python -m fuzzing

fuzz: fuzz-http fuzz-decoders

fuzz-http: $(VENV)/.dev
	$(FUZZING) http --cases $(or $(CASES),20000)

fuzz-decoders: $(VENV)/.dev
	$(FUZZING) decoders --inputs $(or $(INPUTS),1000000)
	-$(PIP) install --quiet -c constraints.txt --only-binary :all: 'atheris>=3'
	$(FUZZING) guided --inputs $(or $(INPUTS),1000000)

# Says what it could find out: the data about vulnerabilities are not within everybody's reach.
audit: $(VENV)/.dev
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip --disable-pip-version-check install --quiet 'pip-audit>=2.10'
	$(BIN)/python deploy/audit.py $(VENV)-audit/bin/pip-audit

# What Strata is compared with needs other versions of what it uses itself: an environment apart.
$(VENV)-bench/.bench: pyproject.toml benchmarks/constraints.txt
	$(PYTHON) -m venv $(VENV)-bench
	$(VENV)-bench/bin/python -m pip --disable-pip-version-check install --quiet \
	  -c benchmarks/constraints.txt -e '.[embedded,bench]'
	@touch $@

# Feast's dependencies and ours exclude each other, so it has one more.
$(VENV)-feast/.feast: benchmarks/feast-constraints.txt
	$(PYTHON) -m venv $(VENV)-feast
	$(VENV)-feast/bin/python -m pip --disable-pip-version-check install --quiet \
	  -c benchmarks/feast-constraints.txt 'feast[redis]==0.67.*' msgspec
	@touch $@

bench-feast: $(VENV)-feast/.feast

# Where Feast cannot be installed its rows say so, and the others are measured.
bench: $(VENV)-bench/.bench
	-$(MAKE) bench-feast
	$(VENV)-bench/bin/strata bench

# Part of CI: what can be told on a busy machine, by peers that the tests have anyway. Fails if a
# ratio is more than 30 % worse than the committed one.
bench-small: $(VENV)/.dev
	$(BIN)/strata bench --scale 0.05 --repeats 2 --only decode-cpu --only job-cpu \
	  --only lookup-redis --only lookup-http-cpu --against benchmarks/ratios.json

# Whether the service holds a rate beside ingest: RATE requests a second, MINUTES. Servers, a worker and a
# service of PROCESSES are started for it, or else a service without keys at URL is asked.
load: $(VENV)/.dev
	PYTHONPATH=.:tests/support $(BIN)/python -m \
	  $(if $(URL),benchmarks.holding $(URL),held_load --processes $(or $(PROCESSES),2)) \
	  --rate $(or $(RATE),1000) --minutes $(or $(MINUTES),5) $(if $(ONLY),--only "$(ONLY)")

# LOOKUPS a second while EVENTS are replayed into another version beside RATE live events a second,
# which is then put in force and taken back; and for BEFORE seconds ahead of it. With POLICY=fading
# users of the version change persona far more often.
replay-beside-live: $(VENV)/.dev
	PYTHONPATH=.:tests/support $(BIN)/python -m beside --events $(or $(EVENTS),1000000) \
	  --rate $(or $(RATE),1000) --lookups $(or $(LOOKUPS),50) --before $(or $(BEFORE),30) \
	  --policy $(or $(POLICY),lasting)

# Whether a worker's memory grows: MINUTES of it, at RATE events a second.
soak: $(VENV)/.dev
	PYTHONPATH=.:tests/support $(BIN)/python -m chaos.soak --minutes $(or $(MINUTES),30) \
	  --rate $(or $(RATE),200)

# Erasure against a run in which the users never existed, with more of them than CI runs.
erasure: $(VENV)/.dev
	ERASURE_USERS=$(or $(USERS),1000) $(BIN)/pytest --timeout 1800 \
	  tests/integration/streams/test_erasure_as_if_never.py

# The site under docs/_build, without warnings.
docs: $(VENV)/.dev
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build

# Withdrawing one kind of data against never having had it, likewise.
consent: $(VENV)/.dev
	CONSENT_USERS=$(or $(USERS),1000) $(BIN)/pytest --timeout 1800 \
	  tests/integration/streams/test_consent_as_if_never.py

check: lint types contracts doctests test

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/mypy tests

# Needs promtool, which is in Debian's package prometheus.
alerts:
	cd deploy/prometheus && promtool check rules rules.yaml && promtool test rules rules_test.yaml

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

doctests: $(VENV)/.dev
	$(BIN)/pytest --doctest-modules schemas profiles stores streams lookup local cli bookshop evaluation \
		clients/python/src

schemas: $(VENV)/.dev
	$(BIN)/python -m schemas.generate docs/schemas
	$(BIN)/python clients/generate.py
	$(BIN)/python -m cli.metrics_reference docs/metrics.md
	$(BIN)/python clients/generate_typescript.py
	$(BIN)/python -m cli.documenting docs

clean:
	rm -rf $(VENV) $(VENV)-bench $(VENV)-feast build dist *.egg-info
