# The ways in. Everything sets itself up under target/; only missing distribution packages need root.
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
PEERS := $(TARGET)/peers
FEDFRONT := $(TARGET)/debug/fedfront
# Such as: make peers PYTEST_ARGS='-k ecp -x'
PYTEST_ARGS ?=

.PHONY: help demo build test unit peers bench lint fmt check tools clean-peers

help:
	@echo 'make demo    build, then show every endpoint at work and keep serving'
	@echo 'make test    every test: of the code, then against real clients, directory and identity provider'
	@echo 'make unit    only the first;  make peers  only the second (PYTEST_ARGS=...)'
	@echo 'make lint    formatting and clippy;  make check  lint and test'
	@echo 'make bench   what tokens, shared state, forwarding, documents and idle connections cost'

demo: build
	$(FEDFRONT) demo

build: tools
	@echo '== Building fedfront'
	$(CARGO) build --locked

test: unit peers

# Some of these, too, have real peers: slapd, xmlsec1, xmllint, lxml.
unit: tools $(PEERS)/packages $(PEERS)/venv/ready
	@echo '== Testing the code'
	$(CARGO) test --locked

peers: build $(PEERS)/packages $(PEERS)/venv/ready $(PEERS)/node/ready $(PEERS)/cxf/ready
	@echo '== Testing against real clients, a directory and an identity provider'
	PEERS_NODE=$(abspath $(PEERS)/node) PEERS_CXF=$(abspath $(PEERS)/cxf) FEDFRONT_BIN=$(abspath $(FEDFRONT)) \
		$(abspath $(PEERS)/venv)/bin/python -m pytest -c tests/peers/pytest.ini tests/peers \
		-o cache_dir=$(abspath $(PEERS))/pytest $(PYTEST_ARGS)

bench: tools $(PEERS)/packages
	$(CARGO) bench --locked --bench micro
	@echo '== Measuring what tokens, shared state, forwarding, documents and idle connections cost the server'
	$(CARGO) bench --locked --bench process

lint: tools
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

fmt:
	$(CARGO) fmt

check: lint test

tools:
	@tests/peers/packages.sh build

$(PEERS)/packages: tests/peers/packages.sh
	@mkdir -p $(@D)
	@tests/peers/packages.sh peers $@

$(PEERS)/venv/ready: tests/peers/requirements.txt | $(PEERS)/packages
	@echo '== Installing the Python clients into $(PEERS)/venv'
	@python3 -m venv --clear $(PEERS)/venv
	@$(PEERS)/venv/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Without Node.js the tests of adal-node and of what axe-core judges say so; nothing else needs it.
$(PEERS)/node/ready: tests/peers/package.json | $(PEERS)/packages
	@echo '== Installing adal-node and axe-core into $(PEERS)/node'
	@mkdir -p $(@D)
	@cp $< $(@D)/package.json
	@if command -v npm > /dev/null; then npm install --prefix $(@D) --no-audit --no-fund --loglevel=error; fi
	@touch $@

# Likewise without Maven.
$(PEERS)/cxf/ready: tests/peers/clients/cxf/pom.xml | $(PEERS)/packages
	@echo '== Installing the client of Apache CXF into $(PEERS)/cxf'
	@mkdir -p $(@D)
	@if command -v mvn > /dev/null; then mvn --quiet --batch-mode --file $< \
		org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory=$(abspath $(@D)); fi
	@touch $@

clean-peers:
	rm -rf $(PEERS)
