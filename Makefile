# Everything here needs Go, Node with npm, and make. See CONTRIBUTING.md.

FUZZTIME ?= 10s

# The race detector needs a C compiler; go says 0 where it finds none.
RACE := $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

# Starts a PostgreSQL server for one command, unless SOUK_TEST_POSTGRES names one.
WITH_POSTGRES := go run ./souktest/pgserver

# Tests sync thousands of small databases to disk, for nothing: in memory they take
# half as long. A memory file system below 4 GiB is none.
ROOMY := $(shell test "$$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $$4 }')" -gt 4000000 2>/dev/null && echo /dev/shm)
test soak: export TMPDIR := $(or $(ROOMY),$(TMPDIR),/tmp)

.PHONY: build check format vet staticcheck arrows libc packages test soak bench bench-delivery fuzz

build:
	CGO_ENABLED=0 go build -trimpath -o souk ./cmd/souk

check: format vet staticcheck arrows libc

format:
	@unformatted=$$(find . -name node_modules -prune -o -name '*.go' -exec gofmt -l {} +) || exit 1; \
	if [ -n "$$unformatted" ]; then printf 'run gofmt -w on\n%s\n' "$$unformatted"; exit 1; fi

vet:
	go vet ./...

staticcheck:
	go tool -modfile=tools/go.mod staticcheck ./...

arrows:
	go test -run '^TestArrows' .

# modernc.org/sqlite is generated for one version of modernc.org/libc and crashes
# with others, which a chance upgrade of another module would bring in.
libc:
	@have=$$(go list -m -f '{{.Version}}' modernc.org/libc) && \
	sqlite=$$(go list -m -f '{{.GoMod}}' modernc.org/sqlite) && \
	want=$$(awk '$$1 == "modernc.org/libc" { print $$2 }' "$$sqlite") && \
	if [ -z "$$want" ] || [ "$$have" != "$$want" ]; then \
		echo "modernc.org/libc is $$have in go.mod, modernc.org/sqlite wants $$want"; exit 1; \
	fi

# Debian's packages that the tests use: PostgreSQL, Chromium, PyJWT.
packages:
	@.ci/packages

# What is made of goroutines is tested with the race detector. The rest does one
# thing after another, or waits for browsers and processes, and costs up to ten
# times as much with it: make soak has it for all.
RACING := ./store ./courier ./web ./telemetry
KILLING := ^TestKilledAtPoints$$

test: packages conformance/node_modules/.package-lock.json
	$(if $(RACE),,@echo 'no C compiler: the tests run without the race detector')
	$(WITH_POSTGRES) -- go run ./souktest/noskip $(RACE) -count=1 -timeout=15m $(RACING)
	$(WITH_POSTGRES) -- go run ./souktest/noskip -count=1 -timeout=15m -parallel=4 -run '$(KILLING)' ./cmd/souk
	$(WITH_POSTGRES) -- go run ./souktest/noskip -count=1 -timeout=15m -skip '$(KILLING)' $$(go list ./... | grep -vxF "$$(go list $(RACING))")

conformance/node_modules/.package-lock.json: conformance/package.json conformance/package-lock.json
	cd conformance && npm ci --no-audit --no-fund

# Everything with the race detector. What a stranger could learn from a clock,
# measured more exactly than a busy machine allows. Databases that are gone for a
# minute. Servers that are killed, KILLS times at each point (an hour for 1,000),
# frozen, or many. Pages of a million rows. And random walks, for as long as CHECKS
# takes: about 4 s each in the market and through the faces.
CHECKS ?= 200
KILLS ?= 1000
soak: conformance/node_modules/.package-lock.json
	$(WITH_POSTGRES) -- go run ./souktest/noskip $(RACE) -count=1 -timeout=2h -skip '$(KILLING)' ./...
	$(WITH_POSTGRES) -- go test -run '^TestForeignTakesAsLongAsUnknown$$' -count=1 ./giosg -giosg.calls=1000 -giosg.apart=0.1
	$(WITH_POSTGRES) -- go test -run '^TestOutages$$' -count=1 -timeout=30m ./cmd/souk -souk.outage=1m
	$(WITH_POSTGRES) -- go test -run '^TestThreeServers$$' -count=1 -timeout=30m ./cmd/souk -souk.pause=30s -souk.frozen=60s
	$(WITH_POSTGRES) -- go test -run '$(KILLING)' -count=1 -parallel=4 -timeout=6h ./cmd/souk -souk.rounds=$(KILLS) -souk.installations=50000
	$(WITH_POSTGRES) -- go test -run '^TestPlans$$' -count=1 -timeout=1h ./store -store.many=1000000
	$(WITH_POSTGRES) -- go test -run '^(TestNoBodyIsLost|TestPagesOverParts)$$' -count=1 -timeout=2h ./store -rapid.checks=$(CHECKS)
	$(WITH_POSTGRES) -- go test -run '^(TestThreeNodes|TestNoShardHasTwoOwners)$$' -count=1 -timeout=2h ./courier -courier.nodes=200 -rapid.checks=$(CHECKS)
	$(WITH_POSTGRES) -- go test -run '^(TestInvariants|TestLifeOfAnEndpoint)$$' -count=1 -timeout=2h ./market -rapid.checks=$(CHECKS) -rapid.steps=120
	$(WITH_POSTGRES) -- go test -run '^TestFacesAgree$$' -count=1 -timeout=2h ./cmd/souk -souk.walks=$(CHECKS) -souk.steps=60

# The figures of docs/performance.md; CPU profiles of the servers go to bench/out.
bench:
	go run ./bench

# The courier's, beside a bare loop of posts: about an hour and 40 GB of disk. For a
# glance: make bench-delivery BENCH='-for 20s -log-rows 100000 -backlog 20000'
bench-delivery:
	go run ./bench delivery $(BENCH)

# Every fuzz target for a moment; FUZZTIME=10m make fuzz for longer.
fuzz:
	@for package in $$(go list ./...); do \
		targets=$$(go test -list '^Fuzz' $$package) || exit 1; \
		for target in $$(echo "$$targets" | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done
