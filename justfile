# Every recipe wraps a plain command, most of them cargo; the README lists those too. just is a convenience.

# Passes arguments to cargo unchanged, including filters with `|` or spaces.
set positional-arguments

# List the recipes
default:
    @just --list

# Measure memory and time of all families, or of the cases that match the filter
bench *ARGS:
    cargo bench --workspace -- "$@"

# Measure with few samples and criterion's quick mode
quick *ARGS:
    cargo bench --workspace -- --quick --noplot "$@"

# Measure memory only (5 workers if they agree, else 20; without heavy cases) and compare with the baselines in git; exits 3 on a regression
compare-baseline *ARGS:
    cargo bench --workspace -- --memory-only --quick --until-decided --jobs num-cpus "$@"
    cargo run -q --release --bin highwater -- compare

# Make the last run the baseline of this machine class: just bless "reason" [CASE-GLOB] [--dry-run]
bless REASON *ARGS:
    reason=$1 && shift && cargo run -q --release --bin highwater -- bless --reason "$reason" "$@"

# Write the report to reports/index.html from stored records
report *ARGS:
    cargo run -q --release --bin highwater -- report "$@"

# Show which functions hold the heap of the flagged cases, or of those that match: just explain [CASE-GLOB] [--base REV]
explain *ARGS:
    cargo run -q --release --bin highwater -- explain "$@"

# Show how many distinct values the workers of the last run produced (1 is exact)
exactness:
    cargo run -q --release --bin highwater -- exactness

# Measure the gate's error rates across builds and environments: false positives, and injected regressions it misses
variations *ARGS:
    .ci/variations "$@"

# Measure the gate's error rates within one build, after a run: false positives, and power to detect one page
calibrate *ARGS:
    cargo run -q --release --bin highwater -- calibrate "$@"

# Compare the working tree with another revision, with interleaved workers: just ab main tiny
ab BASE *ARGS:
    cargo run -q --release --bin highwater -- ab "$@"

# Print the settings that the last run of extism-actor recommends for an actor host
recommend-extism:
    cargo run -q --release -p extism-actor --bin recommend-extism

# Predict how many units of each case of the last run fit, and which limit is reached first: just capacity 8GiB --reserve 20%
capacity MEMORY *ARGS:
    cargo run -q --release --bin highwater -- capacity --memory "$@"

# Measure any WebAssembly file with every allocation strategy of wasmtime, and recommend one (docs/try.md)
try PATH *ARGS:
    cargo run -q --release -p sandbox-scaling --bin try-sandbox -- "$@"

# Build every WebAssembly engine and every version of wasmtime of the family `engines`, and measure them
bench-engines *ARGS:
    bash benches/engines/build.sh all
    cargo bench -p engines -- --memory-only --samples 5 "$@"

# Build the workers of other WebAssembly engines for the family `engines`: just engines wasmi wasmer; without a name, list them
engines *NAMES:
    bash benches/engines/build.sh "$@"

# The same for versions of wasmtime: just engine-versions 47 48
engine-versions +VERSIONS:
    bash benches/engines/build.sh $(printf 'wasmtime-%s ' "$@")

# Check what this machine permits, and the consequence of each refusal
doctor:
    cargo run -q --release --bin highwater -- doctor

# Rebuild the wasm guests from their sources
guests:
    bash wasm-guests/build-guests.sh

# Build the guests with numpy and sympy (about five minutes; requirements in docs/guests.md)
guests-numpy:
    bash wasm-guests/programs/recipes/numpy.sh

# Build the JavaScript guests (needs npm; --starling adds a second engine)
guests-js *ARGS:
    bash wasm-guests/programs/recipes/js.sh "$@"

# Check that the committed guests match their manifest and sources
guests-check:
    cargo run -q --release --bin guests -- check

# Run the unsafe code of linear-memory under AddressSanitizer; skips two tests that count page faults, because shadow memory causes its own
sanitize:
    RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=target/sanitize cargo test --target x86_64-unknown-linux-gnu -p linear-memory --lib --test commit --test reset -- --skip a_single_uncommitted_page_is_found --skip committing_strategies_leave_no_page_uncommitted

# Build the documentation as a book in target/book, with a search
docs:
    .ci/book

# Run the tests
test:
    cargo test --release --workspace --no-fail-fast

# Fuzz the readers of records and policies with damaged files, each for SECONDS
fuzz SECONDS:
    HIGHWATER_FUZZ_SECONDS="$1" cargo test --release --workspace --test fuzz_readers -- --nocapture

# Fuzz the stage protocol with random conversations of real workers
fuzz-protocol seconds="600":
    HIGHWATER_FUZZ_PROTOCOL_SECONDS="$1" cargo test --release -p highwater-cli --test fuzz_protocol -- --nocapture

# Run everything that CI runs
ci:
    bash .ci/run

# Measure the memory that any YAML file takes, with our document and all peers, in separate workers
[no-exit-message]
try-yaml PATH:
    @YAML_PARSE_FILE="$(realpath -m "$1")" cargo run -q --release -p yaml-parse --bin yaml-parse -- --bench --memory-only --samples 5 '^yaml-parse/try/'

# Install the Python parsers that yaml-parse compares with, below target/
peers-python:
    bash benches/yaml-parse/peers/install.sh

# Fuzz the YAML document, each target for SECONDS: just fuzz-yaml 60 [TARGET...]
fuzz-yaml SECONDS="60" *TARGETS:
    bash libs/span-tape/fuzz/run.sh "$@"
