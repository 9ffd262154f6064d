# Developers' shortcuts; .ci/run calls the same targets.
GO      ?= go
TOOL     = $(GO) tool -modfile=internal/tools/go.mod
VERSION ?= $(shell deploy/version 2>/dev/null || echo development)
LDFLAGS  = -s -w -X main.version=$(VERSION)

.PHONY: all build test lint cross deb release reproducible addon show boot bench house replay proof clean

all: lint test build

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/agent ./cmd/agent

test:
	$(GO) test -race ./...

lint:
	$(TOOL) golangci-lint run

# The three machines the agent runs on; each binary must be static.
cross:
	CGO_ENABLED=0 GOOS=linux GOARCH=amd64       $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o dist/agent-linux-amd64 ./cmd/agent
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64       $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o dist/agent-linux-arm64 ./cmd/agent
	CGO_ENABLED=0 GOOS=linux GOARCH=arm GOARM=6 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o dist/agent-linux-armv6 ./cmd/agent
	@for f in dist/agent-linux-*; do \
	  if readelf -l $$f | grep -q INTERP; then echo "$$f is not static"; exit 1; fi; \
	  ls -l $$f | awk '{printf "%s %.1f MB static\n", $$9, $$5/1e6}'; done

# Debian packages of the three in dist/, and what can be held against them without installing one.
NFPM  = $(GO) run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
ARCHS = amd64 arm64 armhf
deb: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
deb: export NFPM := $(NFPM)
deb: cross
	rm -f dist/*.deb
	for arch in $(ARCHS); do \
	  deploy/deb/pack.sh dist/agent-linux-$$(echo $$arch | sed s/armhf/armv6/) $$arch '$(VERSION)' dist || exit 1; done
	deploy/deb/check.sh dist/*.deb

# What a release is made of, with its sums, signed where KEEPLIT_RELEASE_KEY names a key: dist/release.
CYCLONEDX = $(GO) run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
release: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
release: export CYCLONEDX := $(CYCLONEDX)
release: deb
	deploy/release.sh

# Builds a release of the commit twice, in two folders, and compares the sums.
reproducible:
	rm -rf dist/one dist/another && mkdir -p dist
	for d in one another; do \
	  git clone -q . dist/$$d && $(MAKE) -C dist/$$d release ARCHS='$(ARCHS)' >/dev/null || exit 1; done
	cmp dist/one/dist/release/SHA256SUMS dist/another/dist/release/SHA256SUMS
	@echo "two builds are equal:"; cat dist/one/dist/release/SHA256SUMS
	rm -rf dist/one dist/another

# The folder of an add-on for Home Assistant, which its Supervisor builds: docs/homeassistant.md.
addon: cross
	rm -rf dist/addon && cp -r deploy/homeassistant-addon dist/addon
	cp dist/agent-linux-amd64 dist/addon/agent-amd64
	cp dist/agent-linux-arm64 dist/addon/agent-aarch64
	sed -i 's/^version: .*/version: "$(subst +,-,$(VERSION))"/' dist/addon/config.yaml

# Installs, upgrades and purges the package in a clean Debian tree, as root.  OLD is the package of the release
# before; without it 0.1.0 is built, which had none, and packed as today's program is.
show:
	$(MAKE) deb ARCHS=$(shell dpkg --print-architecture)
	$(if $(OLD),,$(MAKE) released)
	deploy/test/show.sh dist/keeplit_*_$(shell dpkg --print-architecture).deb $(or $(OLD),dist/released/keeplit_0.1.0_*.deb) $(CACHE)

.PHONY: released
released: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
released: export NFPM := $(NFPM)
released:
	rm -rf dist/released && git clone -q . dist/released/source && git -C dist/released/source checkout -q 78915cf7701e
	cd dist/released/source && CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=0.1.0' -o ../agent ./cmd/agent
	deploy/deb/pack.sh dist/released/agent $(shell dpkg --print-architecture) 0.1.0 dist/released
	rm -rf dist/released/source

# Boots a Debian with systemd in a user-mode Linux and runs the service there, as root; skipped where that is not
# installed (Debian's user-mode-linux).  With BARE=FILE the bare tree is kept; with KERNEL=FILE the kernel is one
# of deploy/test/kernel.sh, which has GPIO lines and a watchdog.
boot:
	$(MAKE) deb ARCHS=$(shell dpkg --print-architecture)
	KERNEL='$(KERNEL)' deploy/test/boot.sh dist/keeplit_*_$(shell dpkg --print-architecture).deb $(BARE)

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Draws the packages by floor, with the arrows that run back and the longest files
# and functions.
house:
	$(GO) run ./internal/archtest/house

# Replays recordings (CSV "time,kwh") through the whole agent:
#   make replay SERIES=a.csv:b.csv
replay:
	KEEPLIT_REQUIRE_SERVERS=1 KEEPLIT_SERIES='$(SERIES)' KEEPLIT_KILLS=$(or $(KILLS),100) \
	  $(GO) test ./cmd/agent -run 'TestReplayedRecording|TestKilledOnTheWay' -v -timeout 60m

# Lives through every world of examples/worlds for a year, under every policy, and writes
# docs/proof.md.  What is kept in results/ of the same code and worlds is not run again:
#   make proof DAYS=60 VARIANT_DAYS=30 J=2 ARGS='-only poor-home/'
# ARGS=-write runs nothing, ARGS=-any takes what other commits led to as well.
PROVEN = $(shell git log -1 --format=%h --abbrev=12 -- '*.go' go.mod tariffs/catalogue)$(shell git diff --quiet HEAD -- '*.go' go.mod tariffs/catalogue || echo -dirty)
proof:
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(PROVEN)' -o bin/agent-proof ./cmd/agent
	$(GO) run ./cmd/agent/internal/simulate/proof -agent bin/agent-proof -days $(or $(DAYS),365) -variant-days $(or $(VARIANT_DAYS),0) -j $(or $(J),2) $(ARGS)

# Holds every driver against every fault that its medium can have, by the energy that truly
# passed, and writes the table into docs/metering.md.  Needs Mosquitto; takes a minute or two.
.PHONY: meters
meters:
	KEEPLIT_REQUIRE_SERVERS=1 KEEPLIT_METERS=$(CURDIR)/docs/metering.md $(GO) test ./cmd/agent/internal/metermatrix -count 1 -v -run 'TestNoFaultOfAMeterIsCounted|TestTheJudge' -timeout 20m

# Does to real agents what goes wrong in homes and writes the table of docs/reliability.md:
#   make torture FOR=1h SEED=1 ONLY='power cut'
.PHONY: torture
torture:
	$(GO) run ./internal/torture -for $(or $(FOR),1h) -seed $(or $(SEED),1) -only '$(ONLY)' -flood $(or $(FLOOD),0) -write docs/reliability.md

# Measures what an agent at default settings takes, and writes it into the same document.
.PHONY: footprint
footprint:
	$(GO) run ./internal/torture -footprint $(or $(FOR),1h) -write docs/reliability.md

# Takes the pictures of README anew, of the house that the tests of the page have; with Chromium.
.PHONY: pictures
pictures:
	rm -rf dist/pictures
	KEEPLIT_REQUIRE_BROWSER=1 KEEPLIT_SCREENSHOTS=$(CURDIR)/dist/pictures $(GO) test ./cmd/agent/internal/web -count 1 -run 'TestBrowserLooks/every_page'
	for p in home-1280x800 home-390x844 topup-390x844; do for light in light dark; do \
	  cp dist/pictures/screen-$$p-$$light.png docs/pictures/$$p-$$light.png || exit 1; done; done

clean:
	rm -rf bin dist
