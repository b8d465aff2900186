#!/bin/sh
# Pin and hash every requirements file from its .in file. A package has the same version in all files.
set -eu
cd "$(dirname "$0")/.."

compile() {
    .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
        --python-version 3.11 "$@"
}

compile requirements.in --output-file requirements.txt
compile requirements-run.in --constraint requirements.txt --output-file requirements-run.txt
compile requirements-dev.in --constraint requirements-run.txt --output-file requirements-dev.txt
compile examples/requirements.in --constraint requirements-run.txt --output-file examples/requirements.txt
