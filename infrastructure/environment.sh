#!/bin/sh
# Find a Python, make `.venv`, and install the pinned and hashed requirements, unless they are installed.
# Usage: infrastructure/environment.sh run|dev
set -eu
cd "$(dirname "$0")/.."

kind=$1
requirements=requirements-$kind.txt
started=$(date +%s)

say() {
    printf '%4d s  %s\n' $(($(date +%s) - started)) "$1"
}

stop() {
    printf '\n%s\n' "$1" >&2
    exit 1
}

find_python() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    stop "Python 3.11 or newer is needed but was not found. Install Python (Debian: apt-get install python3 \
python3-venv; macOS: brew install python@3.13), or name it: make run PYTHON=/path/to/python3."
}

fingerprint() {
    "$1" -c 'import hashlib, sys
print(hashlib.sha256(b"".join(open(name, "rb").read() for name in sys.argv[1:])).hexdigest())' "$2"
}

is_installed() {
    [ -x .venv/bin/python ] || return 1
    .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || return 1
    # The requirements of `dev` include all requirements of `run`.
    for installed in "$kind" dev; do
        marker=.venv/requirements-$installed
        [ -f "$marker" ] || continue
        [ "$(cat "$marker")" = "$(fingerprint .venv/bin/python "requirements-$installed.txt")" ] && return 0
    done
    return 1
}

make_environment() {
    python=$(find_python)
    if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        "$python" -c 'import ensurepip, venv' 2>/dev/null ||
            stop "$python cannot make virtual environments. Install the missing package (Debian: apt-get install \
python3-venv) and try again."
        say "Making a virtual environment with $("$python" --version)"
        "$python" -m venv --clear .venv || stop "The virtual environment could not be made in $(pwd)/.venv."
    fi
    say "Installing $(grep -c '==' "$requirements") packages from $requirements (the first time only)"
    # The file already lists every dependency, so pip need not resolve any.
    .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --no-deps \
        --requirement "$requirements" ||
        stop "The packages could not be installed. Check that a package index is reachable, and try again. \
Packages that are already installed stay."
    fingerprint .venv/bin/python "$requirements" > ".venv/requirements-$kind"
}

is_installed || make_environment
