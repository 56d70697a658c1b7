.PHONY: run build check test share install uninstall deb

# Where `make install` puts things, below $(DESTDIR) where that is given.
PREFIX ?= /usr/local
# What it installs.
BINARY ?= target/release/portolan

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

# Writes man pages and completions below target/share, laid out as under a prefix.
share:
	@test -x $(BINARY) || { echo 'there is no $(BINARY): run `make build` first' >&2; exit 1; }
	@rm -rf target/share
	@mkdir -p target/share/bash-completion/completions target/share/fish/vendor_completions.d \
	    target/share/powershell target/share/zsh/site-functions
	@$(BINARY) man --out target/share/man
	@$(BINARY) completions bash -o target/share/bash-completion/completions/portolan
	@$(BINARY) completions fish -o target/share/fish/vendor_completions.d/portolan.fish
	@$(BINARY) completions powershell -o target/share/powershell/portolan.ps1
	@$(BINARY) completions zsh -o target/share/zsh/site-functions/_portolan

# Installs the program, without debug information, with man pages, completions and documents.
install: share
	install -d $(DESTDIR)$(PREFIX)/bin
	install -s -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/portolan
	cd target/share && find . -type f -exec install -D -m 644 {} $(abspath $(DESTDIR)$(PREFIX))/share/{} \;
	install -d $(DESTDIR)$(PREFIX)/share/doc/portolan/docs/schema
	install -m 644 README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT $(DESTDIR)$(PREFIX)/share/doc/portolan
	install -m 644 docs/*.md docs/*.png $(DESTDIR)$(PREFIX)/share/doc/portolan/docs
	install -m 644 docs/schema/*.json $(DESTDIR)$(PREFIX)/share/doc/portolan/docs/schema

# Removes what `make install` put there.
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/portolan $(DESTDIR)$(PREFIX)/share/man/man1/portolan.1
	rm -f $(DESTDIR)$(PREFIX)/share/man/man1/portolan-*.1 $(DESTDIR)$(PREFIX)/share/man/man7/portolan-*.7
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/portolan
	rm -f $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/portolan.fish
	rm -f $(DESTDIR)$(PREFIX)/share/powershell/portolan.ps1
	rm -f $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_portolan
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/portolan

# Builds target/debian/portolan_*.deb with cargo-deb.
deb: build share
	cargo deb --locked --no-build --strip
