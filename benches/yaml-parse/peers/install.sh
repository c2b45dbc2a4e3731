#!/usr/bin/env bash
# Creates the virtual environment of the Python peers. Without it, their cases are reported as not run.
set -euo pipefail
target="${HIGHWATER_TARGET_DIR:-${CARGO_TARGET_DIR:-$(dirname "$0")/../../../target}}"
python3 -m venv "$target/highwater/peers-python"
"$target/highwater/peers-python/bin/pip" install --quiet pyyaml==6.0.3 ruamel.yaml==0.19.1 rapidyaml==0.15.2 \
    libfyaml==1.0.0b2
