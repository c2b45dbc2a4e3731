# What the recipes share; sourced, not run. Sets $work, $cache and $programs for the recipe named by $recipe.

recipes=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$recipes/../../.." && pwd)
target=${HIGHWATER_TARGET_DIR:-${CARGO_TARGET_DIR:-$root/target}}
mkdir -p "$target/guests/$recipe" "$target/highwater/cache"
target=$(cd "$target" && pwd)
work=$target/guests/$recipe
cache=$target/highwater/cache

die() {
    echo "$recipe: $*" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null || die "$1 is missing: $2"
}

step() {
    echo "$recipe: $*" >&2
}

# Runs a command whose output matters only when it fails.
logged() {
    "$@" >"$work/log" 2>&1 || {
        tail -n 20 "$work/log" >&2
        die "$1 failed; all it said is in $work/log"
    }
}

# The tool of the crate wasm-programs: links, places, checks.
programs() {
    (cd "$root" && cargo run --quiet --release --bin programs -- "$@")
}

# Puts folder $1 into the cache as $2, whole or not at all. Its name says its version: what is there stays.
place_folder() {
    [ -d "$cache/$2" ] && return
    rm -rf "$cache/$2.unfinished"
    cp -r "$1" "$cache/$2.unfinished"
    mv "$cache/$2.unfinished" "$cache/$2"
}
