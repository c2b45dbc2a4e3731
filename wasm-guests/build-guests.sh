#!/usr/bin/env bash
# Rebuilds every guest, then its artefact and manifest.toml. See --help.
set -euo pipefail

usage() {
    cat <<'HELP'
Usage: build-guests.sh [--debian] [--help]

Builds the guests in wasm-guests/guests/ and rewrites wasm-guests/artefacts/ and wasm-guests/manifest.toml.
Takes seconds if the target wasm32-unknown-unknown is installed or rustup can add it (the script then adds it).
Otherwise takes some minutes: the compiler comes from Debian 12's packages (rustc-web and its dependencies, 145 MB
to download, 870 MB unpacked), which are unpacked under target/, not installed. This needs apt-get, cargo and cc,
but not root.

  --debian   use Debian's compiler even if rustup has the target
  --help     print this

Apart from those two outputs and a target that rustup adds, nothing is written outside target/ (or
CARGO_TARGET_DIR). Building twice produces the same bytes, in any folder; another compiler may produce others.
HELP
}

way=auto
for arg in "$@"; do
    case $arg in
        --debian) way=debian ;;
        --help | -h) usage; exit 0 ;;
        *) echo "build-guests.sh: unknown option $arg; see --help" >&2; exit 2 ;;
    esac
done

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../target}
mkdir -p "$target/guests"
target=$(cd "$target" && pwd)
triple=wasm32-unknown-unknown
debroot=$target/debroot

die() {
    echo "build-guests.sh: $*" >&2
    exit 1
}

. "$here/debian.sh"

# Flags from the environment would replace those in each guest's .cargo/config.toml and change the module.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_BUILD_TARGET \
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS

has_target() {
    local libdir
    libdir=$(rustc --print target-libdir --target "$triple" 2>/dev/null) && compgen -G "$libdir/libcore-*.rlib" >/dev/null
}

# Prints the dependency of package $1 whose name matches $2: names such as libllvm22 contain a version.
dependency() {
    local found
    found=$(debian_apt apt-cache depends --important "$1" | sed -n "s/^ *Depends: \($2\)\$/\1/p" | head -n 1)
    [ -n "$found" ] || die "Debian's package $1 has no dependency that matches $2; the fallback needs Debian 12"
    echo "$found"
}

unpack_debian() {
    [ -e "$debroot/complete" ] && return
    command -v apt-get >/dev/null || die "the target $triple is missing: run \`rustup target add $triple\`"
    echo "unpacking Debian's compiler under $debroot (about a minute) ..."
    rm -rf "$debroot"
    debian_lists "$debroot"
    local std llvm
    std=$(dependency libstd-rust-web-dev 'libstd-rust-web-[0-9.]*')
    llvm=$(dependency "$std" 'libllvm[0-9]*')
    # libz3 is included because llvm links it and few machines have it.
    debian_unpack "$debroot" rustc-web rust-web-src libstd-rust-web-dev "$std" "$llvm" "lld-${llvm#libllvm}" libz3-4
    sed -n 's/^rustc-web\t//p' "$debroot/versions" >"$debroot/version"
    touch "$debroot/complete"
}

build=()
if [ $way = auto ] && { has_target || { command -v rustup >/dev/null && rustup target add "$triple"; }; }; then
    way=rustup
    toolchain=$(rustc --version)
else
    way=debian
    unpack_debian
    # Each pattern matches one path: the machine's architecture, and the only LLVM that was unpacked.
    libraries=("$debroot"/usr/lib/*-linux-gnu)
    linkers=("$debroot"/usr/lib/llvm-*/bin/wasm-ld)
    export LD_LIBRARY_PATH=${libraries[0]}
    export RUSTC=$debroot/usr/bin/rustc
    export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=${linkers[0]}
    # Debian has no prebuilt core for this target, so cargo builds it; on a stable compiler that needs RUSTC_BOOTSTRAP.
    export RUSTC_BOOTSTRAP=1
    build=(-Zbuild-std=std,panic_abort)
    toolchain="$("$RUSTC" --version), Debian rustc-web $(cat "$debroot/version")"
fi

modules=$target/guests/modules
rm -rf "$modules"
mkdir -p "$modules"
for folder in "$here"/guests/*/; do
    name=$(basename "$folder")
    # Run inside the folder, so that cargo reads the guest's .cargo/config.toml. Packages from crates.io and Debian's
    # standard library leave the paths of their panics in the module; the remapping makes these paths independent of
    # the machine.
    remap="'--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo', '--remap-path-prefix=$debroot=debian'"
    (cd "$folder" && cargo build --quiet --release --locked --target "$triple" \
        --config "target.$triple.rustflags = [$remap]" \
        --target-dir "$target/guests/$way" ${build[@]+"${build[@]}"})
    cp "$target/guests/$way/$triple/release/${name//-/_}.wasm" "$modules/$name.wasm"
done

# The tool itself is built by the machine's default compiler, whichever compiler built the guests.
unset LD_LIBRARY_PATH RUSTC RUSTC_BOOTSTRAP
export CARGO_TARGET_DIR=$target
cd "$here"
cargo run --quiet --release --bin guests -- pack "$modules" --toolchain "$toolchain"
