#!/usr/bin/env bash
# Builds the workers of the family `engines`, each with one engine: build.sh NAME... (wasmtime-48, wasmi, wasmer, ...), or
# build.sh all. Without names, it lists them. They share one folder of builds, so that what they have in common is compiled once.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$(realpath -m "${HIGHWATER_TARGET_DIR:-${CARGO_TARGET_DIR:-target}}")
engines=$target/highwater/engines

# The folder of the manifest with that name: workers/wasmi, workers/wasmtime/v48.
manifest() {
    case $1 in
    wasmtime-*) echo "benches/engines/workers/wasmtime/v${1#wasmtime-}/Cargo.toml" ;;
    *) echo "benches/engines/workers/$1/Cargo.toml" ;;
    esac
}

names() {
    sed -n 's/^name = "\(.*\)-worker"$/\1/p' benches/engines/workers/{*,*/*}/Cargo.toml | grep -v '^engine$' | sort -uV
}

if [ $# -eq 0 ]; then
    echo "usage: bash benches/engines/build.sh all|NAME...; the names are" $(names)
    exit 0
fi
if [ "$*" = all ]; then
    set -- $(names)
fi
for name in "$@"; do
    if ! [ -f "$(manifest "$name")" ]; then
        echo "no engine $name; the names are" $(names) >&2
        exit 2
    fi
done
for name in "$@"; do
    CARGO_TARGET_DIR=$engines/build cargo build --release --manifest-path "$(manifest "$name")"
    mkdir -p "$engines/$name"
    cp -p "$engines/build/release/$name-worker" "$engines/$name/.new"
    mv "$engines/$name/.new" "$engines/$name/$name-worker"
done
