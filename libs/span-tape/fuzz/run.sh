#!/usr/bin/env bash
# Fuzzes the YAML document for SECONDS like `cargo fuzz run tape`, without having to install cargo-fuzz. The flags are
# those of cargo-fuzz. They need a nightly compiler; RUSTC_BOOTSTRAP makes the pinned one accept them, for this build
# only, which shares no dependencies with other builds.
set -euo pipefail
target=$(realpath -m "${CARGO_TARGET_DIR:-$(dirname "$0")/../../../target}/fuzz")
cd "$(dirname "$0")"
unset CARGO_BUILD_BUILD_DIR
export CARGO_TARGET_DIR="$target" RUSTC_BOOTSTRAP=1
export RUSTFLAGS="--cfg fuzzing -Zsanitizer=address -Cdebug-assertions -Ccodegen-units=1 \
    -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares"
# With an explicit target, build scripts are compiled without the flags.
cargo build --quiet --release --target x86_64-unknown-linux-gnu
# The seeds are the cases of the yaml-test-suite, one file per case.
mkdir -p "$target/corpus" "$target/seeds"
python3 - "$target/seeds" <<'PY'
import json, pathlib, sys
for case in json.load(open("../tests/suite/cases.json")):
    (pathlib.Path(sys.argv[1]) / case["id"]).write_text(case["yaml"], newline="")
PY
exec "$target/x86_64-unknown-linux-gnu/release/tape" "$target/corpus" "$target/seeds" \
    -max_total_time="$1" -max_len=2048 -timeout=2 -rss_limit_mb=512 -print_final_stats=1 \
    -artifact_prefix="$target/"
