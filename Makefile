# Every gate of the project as one command. `make` alone lists them.
GO ?= go
BIN := bin/omoflow

.DEFAULT_GOAL := help
.PHONY: help build run test proof proof-long golden bench fuzz lint mutants

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## compile bin/omoflow
	$(GO) build -trimpath -o $(BIN) ./cmd/omoflow

run: build ## simulate 90 days of a retailer, build the warehouse, write the documents and the finance export
	$(BIN) demo

test: ## every test that a change must pass
	$(GO) test ./...

proof: ## every promise with its counts, one line each; at most ten minutes on two cores (PROOF=Kills runs one family)
	@OMOFLOW_PROOF=pr PROOF=$(PROOF) .ci/proof

proof-long: ## the same with SEEDS random cases (default 2000) per proof, for nights
	@OMOFLOW_PROOF=long OMOFLOW_PROOF_SEEDS=$(or $(SEEDS),2000) PROOF=$(PROOF) PROOF_TIMEOUT=24h .ci/proof

mutants: ## make each deliberate fault of docs/mutants.md and see its test fail (OMOFLOW_MUTANT=text picks some)
	@OMOFLOW_MUTANTS=1 $(GO) test ./internal/proof/mutant -run '^TestMutantsAreKilled$$' -count=1 -v -timeout 3h | grep --line-buffered -vE '^(=== |PASS$$)'

golden: SHELL := /bin/bash
golden: .SHELLFLAGS := -o pipefail -c
golden: ## the public datasets end to end, one line per figure (needs the data folder, see docs/operations.md)
	@OMOFLOW_GOLDEN=1 $(GO) test ./cmd/omoflow -run '^TestGolden$$' -count=1 -v -timeout 30m | grep --line-buffered -vE '^(=== |PASS$$)'

bench: ## speed as ratios to the bare engine, in one run
	OMOFLOW_BENCH=1 $(GO) test ./cmd/omoflow -run '^TestBench' -count=1 -v -timeout 60m

fuzz: ## every fuzz target for FUZZTIME (default 30s) each
	.ci/fuzz $(or $(FUZZTIME),30s)

lint: ## formatting, vet, layers and the SQL lint
	@unformatted=$$(gofmt -l cmd internal pipelines schedules transforms sql); test -z "$$unformatted" || { echo "gofmt -w these: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) test ./cmd/omoflow -run '^TestImportsGoDownOnly$$' -count=1
	$(GO) test ./transforms -run 'Lint|ShippedModels' -count=1
