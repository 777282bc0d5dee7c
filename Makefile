# The only entry, for people and for CI. `make` alone lists the targets. Needs GNU make 4 and bash.
# What was made already is made again only when its sources are newer, so second runs are quick.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

GHZ_VERSION := v0.121.0

# Choices, as in `make serve-rust PORT=6000`.
MODELS ?= models
SCENARIO ?=
PYTEST_ARGS ?=
ARGS ?=

# An interpreter of at least 3.11; `requirements/check-prerequisites` explains when there is none.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done; true)
VENV := .venv
VENV_PYTHON := $(VENV)/bin/python
SERVER := target/release/ferrule-server
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
# Cargo's own calls of the binding (clippy) use the interpreter that the wheel is built for.
export PYO3_PYTHON := $(CURDIR)/$(VENV_PYTHON)

WORKSPACE := Cargo.toml Cargo.lock rust-toolchain.toml server/ferrule.toml
rust_sources = $(shell find $(1) -name '*.rs' -o -name '*.proto' -o -name Cargo.toml)
ENGINE_SOURCES := $(WORKSPACE) $(call rust_sources,proto rust_core/algorithms rust_core/engine)
SERVER_SOURCES := $(ENGINE_SOURCES) $(call rust_sources,server/rust)
BINDING_SOURCES := $(ENGINE_SOURCES) $(call rust_sources,rust_core/python) rust_core/python/pyproject.toml
PACKAGE_SOURCES := $(wildcard server/python/pyproject.toml clients/python/pyproject.toml clients/python/*.py) \
	$(shell find proto -name '*.proto')

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## "; print "make <target>\n" } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-20s %s\n", $$1, $$2 }' Makefile

##@ Start here

.PHONY: demo
demo: build ghz ## Train on real data, serve it from both servers, print a comparison
	@$(VENV_PYTHON) -m demo $(ARGS)

.PHONY: test
test: check-prerequisites ## Run every test, Rust and Python
	@$(MAKE) --keep-going test-rust test-python

##@ Build

.PHONY: check-prerequisites
check-prerequisites: ## Check Rust, Python and the C linker; name what is missing and how to get it
	@PYTHON="$(PYTHON)" requirements/check-prerequisites

.PHONY: build
build: check-prerequisites $(SERVER) $(VENV)/packages.stamp ## Make target/release/ferrule-server and .venv

$(SERVER): $(SERVER_SOURCES) | check-prerequisites
	@echo "Building the Rust server (the first time takes minutes)"
	cargo build --release --locked --package ferrule-server
	@touch $@

$(VENV)/requirements.stamp: requirements/dev.txt | check-prerequisites
	@echo "Making $(VENV)"
	"$(PYTHON)" -m venv $(VENV)
	$(VENV_PYTHON) -m pip install --disable-pip-version-check --require-hashes --progress-bar on --requirement $<
	@touch $@

$(VENV)/binding.stamp: $(VENV)/requirements.stamp $(BINDING_SOURCES)
	@echo "Building the Python package ferrule"
	$(VENV_PYTHON) -m maturin develop --release --locked --manifest-path rust_core/python/Cargo.toml
	@touch $@

$(VENV)/packages.stamp: $(VENV)/binding.stamp $(PACKAGE_SOURCES)
	@echo "Installing ferrule-server and ferrule-client"
	$(VENV_PYTHON) -m pip install --disable-pip-version-check --quiet --no-build-isolation --no-deps \
		--editable server/python --editable clients/python
	@touch $@

CEILINGS := target/release/ferrule-ceilings
$(CEILINGS): $(WORKSPACE) $(call rust_sources,loadtest/ceilings) loadtest/ceilings/echo.proto | check-prerequisites
	@echo "Building the servers that the Rust server is held against"
	cargo build --release --locked --package ferrule-ceilings
	@touch $@

PROBES := target/release/ferrule-probes
$(PROBES): $(SERVER_SOURCES) $(call rust_sources,loadtest/probes) | check-prerequisites
	@echo "Building what offers rates, and what measures the servers from inside"
	cargo build --release --locked --package ferrule-probes
	@touch $@

.PHONY: ghz
ghz: # The load generator: on PATH, or installed into .tools with Go, or left out.
	@if command -v ghz >/dev/null || [ -x .tools/bin/ghz ]; then :; \
	elif command -v go >/dev/null; then \
		echo "Installing ghz $(GHZ_VERSION) into .tools (about a minute)"; \
		GOBIN="$(CURDIR)/.tools/bin" go install github.com/bojand/ghz/cmd/ghz@$(GHZ_VERSION) || \
			echo "ghz could not be installed: going on without it" >&2; \
	else echo "Neither ghz nor Go is on PATH: going on without the load generator" >&2; fi

##@ Run

.PHONY: serve-python
serve-python: build ## Run the Python server (PORT=50051 MODELS=models)
	@exec $(VENV_PYTHON) -m ferrule_server serve --models "$(MODELS)" --port $(or $(PORT),50051) $(ARGS)

.PHONY: serve-rust
serve-rust: $(SERVER) ## Run the Rust server (PORT=50052 MODELS=models)
	@exec $(SERVER) serve --models "$(MODELS)" --port $(or $(PORT),50052) $(ARGS)

.PHONY: loadtest
loadtest: build ghz $(CEILINGS) $(PROBES) ## Load both servers and others (SCENARIO=kmeans-100x2 ARGS=--quick; --help says more)
	@$(VENV_PYTHON) -m loadtest $(SCENARIO) $(ARGS)

.PHONY: ghz-payloads
ghz-payloads: build ## Write requests and models for a ghz of your own, into loadtest/ghz
	@$(VENV_PYTHON) -m loadtest.payloads $(ARGS)

.PHONY: loadtest-report
loadtest-report: $(VENV)/packages.stamp ## Make the page of a run again (RESULTS=….json ARGS="--compare OLD.json")
	@$(VENV_PYTHON) -m loadtest.report "$(RESULTS)" $(ARGS)

.PHONY: peers
peers: build ## Install what the load test measures beside the two servers, each into an environment of its own
	@$(VENV_PYTHON) -m loadtest.peers

.PHONY: bench-client
bench-client: build ## Measure what the Python client adds to a bare grpcio call of one row
	@$(VENV_PYTHON) -m clients.python.benches.one_row $(ARGS)

.PHONY: bench-transport
bench-transport: build $(CEILINGS) $(PROBES) ## Hold both servers against the ceilings of their transports (needs h2load)
	@$(VENV_PYTHON) -m loadtest.transport $(ARGS)

.PHONY: bench-transport-docs
bench-transport-docs: build $(CEILINGS) $(PROBES) ## Do that, keep the figures in docs/, and put them into the documents
	@$(VENV_PYTHON) -m loadtest.transport --keep docs/performance.json $(ARGS)
	@$(VENV_PYTHON) -m loadtest.transport.document

.PHONY: bench-core
bench-core: build ## Hold K-Means and logistic regression against other libraries (ARGS="--help" explains)
	@$(VENV_PYTHON) -m rust_core.benchmarks $(ARGS)

.PHONY: docker
docker: ## Build the two container images
	docker compose build

##@ Check

.PHONY: test-rust
test-rust: check-prerequisites ## Run the Rust tests
	cargo test --locked

.PHONY: test-python
test-python: build ## Run the Python tests (PYTEST_ARGS="-k words")
	$(VENV_PYTHON) -m pytest $(PYTEST_ARGS)

# The product's own compiler, which takes a -Z flag only so. No leaks: threads that end with the process keep what is theirs. A
# test asks for more memory than there is: that must be an error here too. Of the binding, Python's own libraries would be seen.
HOST = $(shell rustc --print host-tuple)
.PHONY: sanitize
sanitize: check-prerequisites ## Run the Rust tests under AddressSanitizer (some minutes)
	RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
		cargo test --locked --target $(HOST) --target-dir target/sanitize -p ferrule-algorithms -p ferrule-engine

# Miri knows no AVX-512 masks: what uses them, AddressSanitizer sees. Threads and safe kernels are left out: they take it hours.
MIRI := cargo +nightly miri test --locked --target-dir target/miri -p ferrule-algorithms --lib simd::
.PHONY: miri
miri: ## Run the tests of vector code under Miri (needs rustup toolchain install nightly -c miri -c rust-src)
	MIRIFLAGS=-Zmiri-deterministic-floats $(MIRI)
	MIRIFLAGS=-Zmiri-deterministic-floats RUSTFLAGS=-Ctarget-feature=+avx2,+fma,+f16c,+popcnt $(MIRI)

# A workspace of its own: nothing that it needs reaches the product.
BENCH_NATIVE := rust_core/benchmarks/native/Cargo.toml

.PHONY: lint
lint: $(VENV)/packages.stamp ## Check format, lints and types; changes nothing
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	cargo fmt --manifest-path $(BENCH_NATIVE) --check
	cargo clippy --locked --manifest-path $(BENCH_NATIVE) --target-dir target/bench-native --all-targets -- --deny warnings
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m mypy

.PHONY: format
format: $(VENV)/requirements.stamp ## Format all code and apply the safe fixes
	cargo fmt --all
	cargo fmt --manifest-path $(BENCH_NATIVE)
	$(VENV_PYTHON) -m ruff check --fix-only .
	$(VENV_PYTHON) -m ruff format .

##@ Keep

UV_COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
.PHONY: requirements
requirements: ## Pin the newest versions that requirements/*.in allow (needs uv)
	@command -v uv >/dev/null || { echo "uv is missing; install it: pipx install uv" >&2; exit 1; }
	cd requirements && $(UV_COMPILE) --upgrade server.in --output-file server.txt
	cd requirements && $(UV_COMPILE) --upgrade build.in --constraints server.txt --output-file build.txt
	cd requirements && $(UV_COMPILE) --upgrade dev.in --constraints server.txt --constraints build.txt \
		--output-file dev.txt
	set -e; for folder in loadtest/peers rust_core/benchmarks; do (cd $$folder/requirements && for peer in *.in; do \
		$(UV_COMPILE) --upgrade $$peer --output-file $${peer%.in}.txt; done); done

.PHONY: clean
clean: ## Remove what was built; models and load test results stay
	rm -rf target $(VENV) .tools dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find rust_core/python -name '_core*.so' -delete
