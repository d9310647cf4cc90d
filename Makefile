# `make test` is the one test command: it prepares what it needs below target/ and runs everything.
PEERS := $(abspath target/peers)
PYTHON ?= python3

.PHONY: test unit peers lint demo

# What plays a whole shift runs by itself: PLCs, clients and the daemon share the cores of the machine.
test: peers
	cargo test --locked --lib --bins --test architecture --test demo_plant
	PEDIGREE_PEERS=$(PEERS) cargo test --locked --test it -- --test-threads=1

# All that needs no foreign peer.
unit:
	cargo test --locked

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

demo:
	cargo run --locked -- demo

peers: $(PEERS)/venv/done $(PEERS)/prometheus/usr/bin/promtool
	@command -v strace >/dev/null || { apt-get update -q && apt-get install -q -y --no-install-recommends strace; }

$(PEERS)/venv/done: tests/peers/requirements.txt
	mkdir -p $(PEERS)
	$(PYTHON) -m venv $(PEERS)/venv || { apt-get update -q && apt-get install -q -y --no-install-recommends python3-venv && $(PYTHON) -m venv $(PEERS)/venv; }
	$(PEERS)/venv/bin/pip install --quiet --disable-pip-version-check -r tests/peers/requirements.txt
	touch $@

# Unpacked, not installed: no service is started.
$(PEERS)/prometheus/usr/bin/promtool:
	mkdir -p $(PEERS)/prometheus
	cd $(PEERS)/prometheus && { apt-get download -q prometheus || { apt-get update -q && apt-get download -q prometheus; } ; } && dpkg -x prometheus_*.deb .
	touch $@
