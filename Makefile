# One place for every command; `make help` lists them. Targets can be repeated safely.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: help
help: ## List the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

node_modules: package.json package-lock.json
	@echo "==> npm ci"
	@npm ci --no-audit --no-fund --loglevel=error
	@touch node_modules

.PHONY: try
try: node_modules ## Load a public CSV file into a PostgreSQL of this machine, without a cluster
	@node test/demo/try.ts

.PHONY: up
up: node_modules ## Start a local cluster with PostgreSQL, S3 and the operator (writes .cluster/env)
	@test/cluster/up.sh

.PHONY: demo
demo: node_modules ## Load a file without a cluster, then three through a cluster and one by its REST API
	@node test/demo/prepare.ts
	@node test/demo/main.ts

.PHONY: down
down: ## Remove everything that `make up` started
	@test/cluster/down.sh

.PHONY: test
test: node_modules ## Run every test that must always hold (starts the cluster when it is not up)
	@test/run.sh

.PHONY: test-fast
test-fast: node_modules ## Check a small change in under 3 minutes: verify, unit tests, the quick integration tests
	@test/run.sh verify unit quick

.PHONY: chaos
chaos: up ## Kill, freeze and double pods, operators and the bridge, and compare every row with an oracle
	@vitest run --project chaos

.PHONY: kueue
kueue: up ## Install Kueue on the local cluster, for its chaos tests and to try it (builds it from source, some minutes)
	@test/cluster/kueue.sh

.PHONY: fuzz
fuzz: node_modules ## Try the API with requests that schemathesis makes of its document (installs it from PyPI)
	@node test/fuzz/main.ts

.PHONY: scale
scale: up ## A big file through the cluster: time, rate, peak memory (RECORDS=1000000 PARALLELISM=2; SCALE=uploads: 100 at once)
	@node test/scale/$(or $(SCALE),main).ts

.PHONY: bench
bench: node_modules ## Speed and memory against \copy and other loaders (RECORDS=1000000 RUNS=3 BENCH=flat,… CONTESTANTS=all)
	@node test/bench/main.ts

.PHONY: generate
generate: node_modules ## Generate TypeScript types from crds/, WebAssembly from AssemblyScript, reference pages from the code
	@node crds/generate.ts
	@node job-runner/wasm/generate.ts
	@node tools/generate-reference.ts

.PHONY: verify
verify: node_modules ## Format, lint, types, imports between rooms, generated files
	@biome check .
	@tsc --noEmit
	@tsc --noEmit -p page
	@node tools/check-imports.ts
	@node crds/generate.ts --check
	@node job-runner/wasm/generate.ts --check
	@node tools/generate-reference.ts --check

.PHONY: fix
fix: node_modules ## Format and apply safe lint fixes
	@biome check --write .
