# Everything a person types here. A bare machine needs Python 3.11 or newer; the real-Kafka tests also Java 17 and Maven.
PYTHON ?= $(or $(shell command -v python3.11),python3)
BIN := .venv/bin
READY := .venv/ready

.PHONY: help demo test check quick kafka bench bench-decode fuzz chaos oracle-year lock

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(READY)

demo: $(READY) ## the whole line on an embedded broker; FOR=60 ends by itself, KAFKA=host:port takes a real broker
	$(BIN)/python -m tests.demo $(if $(FOR),--for $(FOR)) $(if $(KAFKA),--kafka $(KAFKA))

test: check ## everything, the real Kafka included
	$(BIN)/pytest

quick: $(READY) ## the tests that need no Kafka and no patience
	$(BIN)/pytest -m 'not kafka and not slow'

check: $(READY) ## style, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

kafka: $(READY) ## a real Apache Kafka on 127.0.0.1:9092, for development
	$(BIN)/python -m deploy.kafka

bench: $(READY) ## µs of worker CPU per telegram on a real Kafka, beside its peers
	$(BIN)/python -m tests.bench

bench-decode: $(READY) ## bytes to named integers, beside dlms-cosem and Gurux
	$(BIN)/python -m tests.bench.decode

fuzz: $(READY) ## mutated telegrams for MINUTES (1)
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),1)

chaos: $(READY) ## torment workers on a real Kafka for SECONDS (120)
	$(BIN)/python -m tests.faults.chaos --seconds $(or $(SECONDS),120)

oracle-year: $(READY) ## a simulated year of 30 meters against the oracle
	$(BIN)/python -m tests.oracle.year

lock: ## renew requirements.lock from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --all-extras pyproject.toml -o requirements.lock
