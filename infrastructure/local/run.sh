#!/bin/sh
# Make the Python environment, then run the local stack in the foreground (`make run`).
# Usage: infrastructure/local/run.sh PORT
set -eu
cd "$(dirname "$0")/../.."
PORTAL_RUN_STARTED=$(date +%s)
export PORTAL_RUN_STARTED
infrastructure/environment.sh run
exec .venv/bin/python -m infrastructure.local.run --port "$1"
