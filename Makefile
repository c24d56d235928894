# Thin on purpose: each target is a few lines, the work is in cargo, forge and the CLI.
BIN := node_modules/@foundry-rs
PLATFORM := $(shell node -p "process.platform + '-' + ({x64: 'amd64'}[process.arch] || process.arch)")
FORGE := $(BIN)/forge-$(PLATFORM)/bin/forge
CARGO := cargo
HALORACLE := target/release/haloracle

.PHONY: demo demo-l2 test test-slow lint fuzz bench bench-agg fixtures tools contracts binary

# A real request, a real proof, a collateral factor moved; forged proofs rejected.
demo: contracts binary
	$(HALORACLE) demo

# A batch settled on an OP-stack chain, and its root carried to the base chain.
demo-l2: contracts binary
	$(HALORACLE) demo-l2

test: contracts
	tools/run-tests "$(CARGO) test --release --workspace --locked --no-fail-fast" "$(FORGE) test"

# Slow proofs and long fuzzing: before an issue is called resolved.
test-slow: test
	FOUNDRY_PROFILE=slow $(FORGE) test
	HALORACLE_SLOW=1 $(CARGO) test --release --locked -p haloracle --test pipeline
	HALORACLE_SLOW=1 $(CARGO) test --release --locked -p haloracle-onnx --test agreement
	HALORACLE_SLOW=1 $(CARGO) test --release --locked -p haloracle-aggregation --test contract

lint: tools
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets --locked -- -D warnings
	tools/check-layers
	tools/check-licences
	$(FORGE) fmt --check
	npx --no-install solhint --max-warnings 0 'contracts/**/*.sol' 'script/**/*.sol'

# Every parser, coverage-guided, for T seconds in all; after `make test` only our crates compile.
T := 60
fuzz:
	tools/fuzz $(T)

bench: binary
	$(HALORACLE) bench

# Aggregates of four and of eight proofs of the wide shape, from the models on.
bench-agg: binary
	tools/bench-agg 4
	tools/bench-agg 8

# Verifier contract, keys, proofs and chain states, from the constraint system and the models.
fixtures: contracts binary
	$(HALORACLE) fixtures
	$(FORGE) build

tools: node_modules/.package-lock.json

# npm refuses post-install scripts of the Foundry packages; the binaries lie in the packages.
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

contracts: tools
	$(FORGE) build

binary:
	$(CARGO) build --release --locked --bin haloracle
