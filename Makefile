.PHONY: run test

# Builds portolan and shows what it says about a capture of a small office.
run:
	@.ci/libpcap
	cargo build --release --locked
	@echo
	@cargo run --release --locked --quiet -- annotate samples/office.pcapng | head -20
	@echo
	@cargo run --release --locked --quiet -- summary samples/office.pcapng

# Runs every test, those with live traffic too when root.
test:
	@.ci/libpcap
	@.ci/test-programs
	cargo test --locked
