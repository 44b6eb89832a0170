# Every gate of the project as one command. `make` alone lists them.
GO ?= go
BIN := bin/omoflow

.DEFAULT_GOAL := help
.PHONY: help build run test golden bench fuzz lint

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

build: ## compile bin/omoflow
	$(GO) build -trimpath -o $(BIN) ./cmd/omoflow

run: build ## simulate 90 days of a retailer, build the warehouse, write the documents and the finance export
	$(BIN) demo

test: ## every test that a change must pass
	$(GO) test ./...

golden: SHELL := /bin/bash
golden: .SHELLFLAGS := -o pipefail -c
golden: ## the public datasets end to end, one line per figure (needs the data folder, see docs/operations.md)
	@OMOFLOW_GOLDEN=1 $(GO) test ./cmd/omoflow -run '^TestGolden$$' -count=1 -v -timeout 30m | grep --line-buffered -vE '^(=== |PASS$$)'

bench: ## speed as ratios to the bare engine, in one run
	OMOFLOW_BENCH=1 $(GO) test ./cmd/omoflow -run '^TestBench' -count=1 -v -timeout 60m

fuzz: ## every fuzz target for FUZZTIME (default 30s) each
	.ci/fuzz $(or $(FUZZTIME),30s)

lint: ## formatting, vet, layers and the SQL lint
	@unformatted=$$(gofmt -l cmd internal pipelines transforms sql); test -z "$$unformatted" || { echo "gofmt -w these: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) test ./cmd/omoflow -run '^TestImportsGoDownOnly$$' -count=1
	$(GO) test ./transforms -run 'Lint' -count=1
