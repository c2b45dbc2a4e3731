# Every recipe wraps a plain cargo command, which the README names too: just is a convenience.

# Arguments reach cargo as they were given, filters with `|` or spaces too.
set positional-arguments

# List the recipes
default:
    @just --list

# Measure memory and time of all families (or of what the filter selects)
bench *ARGS:
    cargo bench --workspace -- "$@"

# The same with few samples and criterion's quick mode
quick *ARGS:
    cargo bench --workspace -- --quick --noplot "$@"

# Measure memory only (5 workers where they agree, 20 where not; heavy cases left out), then judge it by the baselines in git; exits 3 on a regression
compare-baseline *ARGS:
    cargo bench --workspace -- --memory-only --quick --until-decided "$@"
    cargo run -q --release --bin highwater -- compare

# Make the last run the baseline of this machine class, with a reason: just bless "why" [CASE-GLOB] [--dry-run]
bless REASON *ARGS:
    reason=$1 && shift && cargo run -q --release --bin highwater -- bless --reason "$reason" "$@"

# Write the report's pages from stored records to reports/index.html
report *ARGS:
    cargo run -q --release --bin highwater -- report "$@"

# Show how many different values the workers of the last run gave (1 is exact)
exactness:
    cargo run -q --release --bin highwater -- exactness

# Measure how often the gate is wrong across builds and surroundings: false positives, and plants that it misses
variations *ARGS:
    .ci/variations "$@"

# Measure how often the judge is wrong within one build (after a run): false positives, and power at one page
calibrate *ARGS:
    cargo run -q --release --bin highwater -- calibrate "$@"

# Compare the working tree with another revision, workers of both by turns: just ab main tiny
ab BASE *ARGS:
    cargo run -q --release --bin highwater -- ab "$@"

# Print what the last run of extism-actor advises an actor host
recommend-extism:
    cargo run -q --release -p extism-actor --bin recommend-extism

# Say how many units of each case of the last run fit, and which limit is met first: just capacity 8GiB --reserve 20%
capacity MEMORY *ARGS:
    cargo run -q --release --bin highwater -- capacity --memory "$@"

# Try any WebAssembly file with every allocation strategy of wasmtime, and say which to take (docs/try.md)
try PATH *ARGS:
    cargo run -q --release -p sandbox-scaling --bin try-sandbox -- "$@"

# Check what this machine grants, and what each refusal costs
doctor:
    cargo run -q --release --bin highwater -- doctor

# Rebuild the wasm guests from their sources
guests:
    bash wasm-guests/build-guests.sh

# Build the guests with numpy and sympy (about five minutes; see docs/guests.md for what it needs)
guests-numpy:
    bash wasm-guests/programs/recipes/numpy.sh

# Build the JavaScript guests (needs npm; --starling adds a second engine)
guests-js *ARGS:
    bash wasm-guests/programs/recipes/js.sh "$@"

# Check that the committed guests match their manifest and sources
guests-check:
    cargo run -q --release --bin guests -- check

# Run what is unsafe in forced-commit under AddressSanitizer (compiles wasmtime once more: about ten minutes); without the two tests that count page faults, of which its shadow memory has its own
sanitize:
    RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=target/sanitize cargo test --target x86_64-unknown-linux-gnu -p forced-commit --lib --test commit --test reset -- --skip one_page_that_is_missing --skip what_commits_leaves_no_page_out

# Run the tests
test:
    cargo test --release --workspace --no-fail-fast

# Feed the readers of records and policies with damaged files for so many seconds each
fuzz SECONDS:
    HIGHWATER_FUZZ_SECONDS="$1" cargo test --release --workspace --test fuzz_readers -- --nocapture

# All that CI runs
ci:
    bash .ci/run

# Measure where any YAML file's memory goes: our document and all peers, in workers of their own
[no-exit-message]
try-yaml PATH:
    @YAML_PARSE_FILE="$(realpath -m "$1")" cargo run -q --release -p yaml-parse --bin yaml-parse -- --bench --memory-only --samples 5 '^yaml-parse/try/'

# Install the parsers for Python that yaml-parse compares with, below target/
peers-python:
    bash benches/yaml-parse/peers/install.sh

# Fuzz the YAML document for so many seconds; installs cargo-fuzz below target/ where it is missing
fuzz-yaml SECONDS="60":
    bash benches/yaml-parse/fuzz/run.sh "$1"
