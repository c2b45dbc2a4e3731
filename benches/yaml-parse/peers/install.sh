#!/usr/bin/env bash
# Makes the virtual environment of the Python peers; cases say `not run` without it.
set -euo pipefail
target="${HIGHWATER_TARGET_DIR:-${CARGO_TARGET_DIR:-$(dirname "$0")/../../../target}}"
python3 -m venv "$target/highwater/peers-python"
"$target/highwater/peers-python/bin/pip" install --quiet pyyaml==6.0.3 ruamel.yaml==0.19.1 rapidyaml==0.15.2
