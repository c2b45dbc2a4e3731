# Shared by the recipes; to be sourced, not run. Sets $work and $cache for the recipe named by $recipe.

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
        die "$1 failed; its full output is in $work/log"
    }
}

# Runs the tool of the crate wasm-programs, which links, places and checks programs.
programs() {
    (cd "$root" && cargo run --quiet --release --bin programs -- "$@")
}

# Copies folder $1 into the cache as $2, atomically. The name contains the version, so an existing folder is kept.
place_folder() {
    [ -d "$cache/$2" ] && return
    rm -rf "$cache/$2.unfinished"
    cp -r "$1" "$cache/$2.unfinished"
    mv "$cache/$2.unfinished" "$cache/$2"
}
