.PHONY: run build check test

# Builds portolan and shows what it says about a capture of a small office.
run: build
	@echo
	@cargo run --release --locked --quiet -- annotate samples/office.pcapng | head -20
	@echo
	@cargo run --release --locked --quiet -- summary samples/office.pcapng

# Builds target/release/portolan.
build:
	@.ci/libpcap
	cargo build --release --locked

# The fast loop while working: form, lints, unit tests, floors.
check:
	@.ci/quick

# Runs every test, those with live traffic too when root.
test:
	@.ci/libpcap
	@.ci/test-programs
	cargo test --locked
