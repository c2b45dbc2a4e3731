#!/usr/bin/env bash
# Fuzzes the YAML document: run.sh SECONDS [TARGET...] runs each target of fuzz_targets (default: all) for SECONDS, like
# `cargo fuzz run TARGET`, without having to install cargo-fuzz. The flags are those of cargo-fuzz. They need a nightly
# compiler; RUSTC_BOOTSTRAP makes the pinned one accept them, for this build only, which shares no dependencies with others.
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
# The seeds are the cases of the yaml-test-suite, one file per case. Those of kept tapes begin with five bytes that say what
# happens to the file.
mkdir -p "$target/seeds/tape" "$target/seeds/kept" "$target/seeds/serde"
python3 - "$target/seeds" <<'PY'
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
for number, case in enumerate(json.load(open("../tests/suite/cases.json"))):
    (folder / "tape" / case["id"]).write_text(case["yaml"], newline="")
    (folder / "serde" / case["id"]).write_text(case["yaml"], newline="")
    (folder / "kept" / case["id"]).write_bytes(bytes([number % 16, number // 16 % 16, number % 5, number % 256, 0]) + case["yaml"].encode())
PY
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=(tape kept serde)
# Kept tapes are files; in memory, if the system has such a folder.
TMPDIR=$(mktemp -d -p "$([ -d /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
for name in "${targets[@]}"; do
    printf '== %s\n' "$name"
    mkdir -p "$target/corpus/$name"
    "$target/x86_64-unknown-linux-gnu/release/$name" "$target/corpus/$name" "$target/seeds/$name" \
        -max_total_time="$1" -max_len=2048 -timeout=5 -rss_limit_mb=512 -print_final_stats=1 \
        -artifact_prefix="$target/$name-"
done
