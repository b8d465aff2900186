#!/bin/sh
# Installs what the tests need besides Python packages: a Chromium, a WebKit with its driver and a screen in
# memory (where Debian's packages are), Node.js with npm, and tools that look into PDFs.
set -eu
cd "$(dirname "$0")/.."

has() {
    command -v "$1" > /dev/null 2>&1
}

has_browser() {
    has chromium || has chromium-browser || has google-chrome
}

has_pdf_tools() {
    has pdftoppm && has pdfsig && has qpdf
}

has_node() {
    has node && has npm
}

# Nobody but Debian and its kin packages one with a driver.
has_webkit() {
    ! has apt-get || { has WebKitWebDriver && has Xvfb; }
}

can_use_apt() {
    has apt-get && [ "$(id -u)" = 0 ]
}

install_debian_packages() {
    packages='chromium webkit2gtk-driver xvfb poppler-utils qpdf'
    has_node || packages="$packages nodejs npm"
    echo "Installing Debian packages: $packages"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \
        $packages > /dev/null
}

if ! { has_browser && has_webkit && has_pdf_tools && has_node; } && can_use_apt; then
    install_debian_packages
fi
has_pdf_tools || {
    echo 'The tests need pdftoppm, pdfsig and qpdf. Install them (Debian: apt-get install poppler-utils qpdf;' \
        'macOS: brew install poppler qpdf) and try again.' >&2
    exit 1
}
has_webkit || {
    echo 'The tests need WebKit. Install it (Debian: apt-get install webkit2gtk-driver xvfb) and try again.' >&2
    exit 1
}
has_node || {
    echo 'The tests need Node.js and npm. Install them (Debian: apt-get install nodejs npm; macOS: brew install' \
        'node) and try again.' >&2
    exit 1
}
has_browser || .venv/bin/python -m playwright install chromium
# Here and not in the tests that use them: tests run side by side.
[ tests/js/node_modules/.package-lock.json -nt tests/js/package-lock.json ] ||
    (cd tests/js && npm ci --no-audit --no-fund --silent)
