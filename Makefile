# Cordboard. `make` prints this help; `make run` starts the demo, `make test` runs everything that must hold.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export GOFLAGS ?= -tags=nolibopusfile
export CGO_ENABLED := 1

BIN := bin
PHONE := web/phone
PHONE_SOURCES := $(shell find $(PHONE)/src $(PHONE)/public $(PHONE)/index.html $(PHONE)/package.json $(PHONE)/package-lock.json $(PHONE)/vite.config.ts -type f 2>/dev/null)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# What the binary needs to build and run, and what the tests talk to.
BUILD_PACKAGES := gcc pkg-config libopus-dev
TEST_PACKAGES := sip-tester baresip-core chromium tshark kamailio kamailio-tls-modules sngrep
# The peer of `make bench`. Debian starts what it installs; here it is started by hand, on ports of its own.
BENCH_PACKAGES := kamailio kamailio-websocket-modules rtpengine-daemon

.PHONY: help
help: ## Print this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: run
run: build ## Start the demo: gateway, Salesforce simulator, store; prints where to call
	$(BIN)/cordboard demo

.PHONY: build
build: deps phone ## Build bin/cordboard and bin/sfsim
	go build -ldflags "-X main.version=$(VERSION)" -o $(BIN)/ ./cmd/...

.PHONY: phone
phone: $(PHONE)/dist/.built ## Build the web phone

$(PHONE)/node_modules/.installed: $(PHONE)/package.json $(PHONE)/package-lock.json
	cd $(PHONE) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(PHONE)/dist/.built: $(PHONE)/node_modules/.installed $(PHONE_SOURCES)
	cd $(PHONE) && npm run --silent build
	@touch $@

.PHONY: test
test: deps test-deps build lint ## Run every layer of tests (installs the peers it needs)
	cd $(PHONE) && npm run --silent check && npm run --silent e2e
	go test -race -timeout 15m $$(go list ./... | grep -v /gateway$$)
	go test -race -timeout 15m ./gateway # by itself: real peers and sound want the machine

.PHONY: test-short
test-short: ## Run the tests that need no peers: tables, stories, wires
	go test -race -short -timeout 10m ./...

.PHONY: lint
lint: ## gofmt, vet and the linters of .golangci.yml
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run: make fmt"; exit 1; }
	go vet ./...
	go tool -modfile=tools/go.mod golangci-lint run

.PHONY: fmt
fmt: ## Format the Go code
	gofmt -w $$(git ls-files '*.go')

.PHONY: generate
generate: ## Regenerate the OpenAPI document and the TypeScript client
	go generate ./api
	cd $(PHONE) && npm run --silent types

.PHONY: bench
bench: build bench-deps ## Measure what calls cost, here and on a peer (about 35 minutes; QUICK=1: five, to look only)
	go build -o $(BIN)/ ./internal/lab/load
	go run ./internal/lab/bench $(if $(QUICK),-quick -out -)

.PHONY: soak
soak: build ## Run 20,000 calls of all kinds and look whether anything of them is left (about four minutes)
	go run ./internal/lab/soak

.PHONY: fuzz
fuzz: ## Give every fuzz target a minute
	@for t in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | grep -v node_modules | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$t/*_test.go | sed 's/func //'); do \
	    echo "== $$t $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime 60s $$t || exit 1; done; done

.PHONY: clean
clean: ## Remove what was built
	rm -rf $(BIN) $(PHONE)/dist $(PHONE)/node_modules && git checkout -q -- $(PHONE)/dist

# Debian packages are installed only when something is missing and we may.
define install
	@missing=""; for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  if ! command -v apt-get >/dev/null; then echo "please install:$$missing"; exit 1; fi; \
	  sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; echo "installing$$missing"; \
	  $$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi
endef

.PHONY: deps test-deps bench-deps
deps:
	$(call install,$(BUILD_PACKAGES))
	@command -v npm >/dev/null || { echo "Node.js 20 or newer is needed to build the web phone: install nodejs and npm"; exit 1; }
test-deps:
	$(call install,$(TEST_PACKAGES))
bench-deps:
	@mkdir -p $(BIN); rm -f $(BIN)/.new-peer; command -v kamailio >/dev/null || command -v rtpengine >/dev/null || touch $(BIN)/.new-peer
	$(call install,$(BENCH_PACKAGES))
	@if [ -e $(BIN)/.new-peer ]; then rm $(BIN)/.new-peer; sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  ! command -v systemctl >/dev/null || $$sudo systemctl disable --now kamailio rtpengine-daemon 2>/dev/null || true; fi
