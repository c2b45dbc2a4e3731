#!/usr/bin/env bash
# Builds the guests that are JavaScript engines. See --help.
set -euo pipefail

usage() {
    cat <<'HELP'
Usage: js.sh [--starling] [--help]

Builds the following below target/ (or HIGHWATER_TARGET_DIR, or CARGO_TARGET_DIR) and checks it by running it:

  js-quickjs    QuickJS, built by npm's componentize-qjs 0.4.5; takes seconds

Needs node 20 or newer, npm and npm's registry. All packages are pinned by package-lock.json.

  --starling   also build js-starling: StarlingMonkey, by componentize-js 0.23.0; takes half a minute. Of its 250
               packages only componentize-js is pinned.
HELP
}

starling=no
case ${1-} in
    '') ;;
    --starling) starling=yes ;;
    --help | -h) usage; exit 0 ;;
    *) echo "js.sh: unknown option $1; see --help" >&2; exit 2 ;;
esac

recipe=js
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need node "install node 20 or newer"
need npm "install npm"
sources=$recipes/js

quickjs() {
    step "building js-quickjs"
    mkdir -p "$work/quickjs"
    cp "$sources"/{package.json,package-lock.json,guest.js,guest.wit} "$work/quickjs/"
    cd "$work/quickjs"
    # Not `npm ci`: the lock file cannot list packages for other systems, some of which were never published.
    logged npm install --no-audit --no-fund
    logged npx --no-install componentize-qjs --wit guest.wit --js guest.js --world sandbox --sync --output js-quickjs.wasm
    programs place --cache "$cache" js-quickjs "$work/quickjs/js-quickjs.wasm"
}

starling() {
    step "building js-starling"
    mkdir -p "$work/starling"
    cp "$sources"/{starling.mjs,guest.js,guest.wit} "$work/starling/"
    cd "$work/starling"
    [ -e package.json ] || echo '{ "private": true }' >package.json
    logged npm install --no-audit --no-fund --save-exact @bytecodealliance/componentize-js@0.23.0
    logged node starling.mjs js-starling.wasm
    programs place --cache "$cache" js-starling "$work/starling/js-starling.wasm"
}

quickjs
programs check --cache "$cache" js-quickjs
if [ $starling = yes ]; then
    starling
    programs check --cache "$cache" js-starling
fi
