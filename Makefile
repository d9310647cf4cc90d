# `make test` is the one test command: it prepares what it needs below target/ and runs everything. Its two minutes of
# faults are drawn from one seed, those of `make soak` from another each time.
PEERS := $(abspath target/peers)
PYTHON ?= python3

.PHONY: test soak unit peers lint demo

# What plays a whole shift runs by itself: PLCs, clients and the daemon share the cores of the machine.
test: peers
	cargo test --locked --lib --bins --test architecture --test demo_plant
	PEDIGREE_SOAK_SEED=$${PEDIGREE_SOAK_SEED:-874492} PEDIGREE_PEERS=$(PEERS) \
		cargo test --locked --test it -- --test-threads=1

# Faults at random for an hour; `PEDIGREE_SOAK_SEED` repeats one, `PEDIGREE_SOAK_SECONDS` is how long.
soak: peers
	PEDIGREE_SOAK_SECONDS=$${PEDIGREE_SOAK_SECONDS:-3600} PEDIGREE_PEERS=$(PEERS) \
		cargo test --locked --test it soak:: -- --test-threads=1 --nocapture

# All that needs no foreign peer.
unit:
	cargo test --locked

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

demo:
	cargo run --locked -- demo

peers: $(PEERS)/venv/done $(PEERS)/node/done $(PEERS)/filler_plc $(PEERS)/prometheus/usr/bin/promtool $(PEERS)/faketime/libfaketime.so.1
	@for tool in openssl:openssl socat:socat strace:strace ip:iproute2 tc:iproute2 nft:nftables mkfs.ext4:e2fsprogs mount:mount nsenter:util-linux; do \
		command -v $${tool%:*} >/dev/null || { apt-get update -q && apt-get install -q -y --no-install-recommends $${tool#*:}; } || exit 1; done

$(PEERS)/venv/done: tests/peers/requirements.txt
	mkdir -p $(PEERS)
	$(PYTHON) -m venv $(PEERS)/venv || { apt-get update -q && apt-get install -q -y --no-install-recommends python3-venv && $(PYTHON) -m venv $(PEERS)/venv; }
	$(PEERS)/venv/bin/pip install --quiet --disable-pip-version-check -r tests/peers/requirements.txt
	touch $@

$(PEERS)/node/done: tests/peers/package.json tests/peers/package-lock.json
	mkdir -p $(PEERS)/node
	cp tests/peers/package.json tests/peers/package-lock.json $(PEERS)/node/
	command -v npm >/dev/null || { apt-get update -q && apt-get install -q -y --no-install-recommends nodejs npm; }
	cd $(PEERS)/node && npm ci --ignore-scripts --no-audit --no-fund --silent
	touch $@

$(PEERS)/filler_plc: tests/peers/filler_plc.c
	mkdir -p $(PEERS)
	pkg-config --exists libmodbus || { apt-get update -q && apt-get install -q -y --no-install-recommends gcc pkg-config libmodbus-dev; }
	$(CC) -O2 -Wall -Wextra $< -o $@ $$(pkg-config --cflags --libs libmodbus)

# Unpacked, not installed: no service is started.
$(PEERS)/prometheus/usr/bin/promtool:
	mkdir -p $(PEERS)/prometheus
	cd $(PEERS)/prometheus && { apt-get download -q prometheus || { apt-get update -q && apt-get download -q prometheus; } ; } && dpkg -x prometheus_*.deb .
	touch $@

# The library alone: only the daemon under test is told another time.
$(PEERS)/faketime/libfaketime.so.1:
	mkdir -p $(PEERS)/faketime
	cd $(PEERS)/faketime && { apt-get download -q libfaketime || { apt-get update -q && apt-get download -q libfaketime; } ; } && dpkg -x libfaketime_*.deb .
	cp $(PEERS)/faketime/usr/lib/*/faketime/libfaketime.so.1 $@
