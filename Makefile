# Everything a person types here. A bare machine needs Python 3.11 or newer; the real-Kafka tests also Java 17 and Maven.
# A distribution's Python is compiled with profiles, as the image's is, most home-made ones are not: 20 → 17 µs in stage
# one. It serves if it brings what a virtual environment and mypyc need.
SERVES := import ensurepip, os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")
PYTHON ?= $(or $(shell /usr/bin/python3.11 -c '$(SERVES)' 2>/dev/null && echo /usr/bin/python3.11),$(shell command -v python3.11),python3)
BIN := .venv/bin
READY := .venv/ready
COMPILED := .venv/compiled
RUN := PYTHONSAFEPATH=1 PYTHONPATH='$(CURDIR)/$(COMPILED):$(CURDIR)' $(BIN)/python

.PHONY: help demo test test-line test-rest check quick kafka bench bench-decode fuzz chaos oracle-year lock

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(READY)

# What the image ships: the same packages, their pure rooms compiled where there is a C compiler.
$(COMPILED)/ready: $(READY) deploy/compile.py $(shell find edge_agent stream_app schemas -name '__pycache__' -prune -o -type f -print)
	rm -rf $(COMPILED)
	$(BIN)/python -m deploy.compile $(COMPILED) --if-possible
	touch $@

demo: $(READY) ## the whole line on an embedded broker; FOR=60 ends by itself, KAFKA=host:port takes a real broker
	$(BIN)/python -m tests.demo $(if $(FOR),--for $(FOR)) $(if $(KAFKA),--kafka $(KAFKA))

test: check test-line test-rest ## everything, the real Kafka included, on the code as it ships; -j2 takes two cores

# Two halves of like length, a core for each.
test-line: $(COMPILED)/ready
	$(RUN) -m pytest -o pythonpath= -m kafka tests/integration

test-rest: $(COMPILED)/ready
	$(RUN) -m pytest -o pythonpath= -m 'not kafka'
	$(RUN) -m pytest -o pythonpath= -m kafka --ignore=tests/integration
	$(BIN)/pytest -m interpreted

quick: $(READY) ## the tests that need no Kafka and no patience
	$(BIN)/pytest -m 'not kafka and not slow'

check: $(READY) ## style, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

kafka: $(READY) ## a real Apache Kafka on 127.0.0.1:9092, for development
	$(BIN)/python -m deploy.kafka

bench: $(COMPILED)/ready ## µs of worker CPU per telegram on a real Kafka, beside its peers
	$(RUN) -m tests.bench

bench-decode: $(COMPILED)/ready ## bytes to named integers, beside dlms-cosem and Gurux
	$(RUN) -m tests.bench.decode

fuzz: $(READY) ## mutated telegrams for MINUTES (1); guided by coverage, which only the interpreter can tell
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),1)

chaos: $(COMPILED)/ready ## torment workers on a real Kafka for SECONDS (120)
	$(RUN) -m tests.faults.chaos --seconds $(or $(SECONDS),120)

oracle-year: $(COMPILED)/ready ## a simulated year of 30 meters against the oracle
	$(RUN) -m tests.oracle.year

lock: ## renew requirements.lock from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --all-extras pyproject.toml -o requirements.lock
