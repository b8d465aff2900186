#!/bin/sh
# Install the programs that the tests need. Root on Debian installs packages; otherwise the script lists what is
# missing.
# Usage: infrastructure/test_tools.sh programs|browsers|fallback
#   programs  Node.js with npm, the packages of tests/js and infrastructure/lint, and PDF tools
#   browsers  Chromium, WebKit with its driver, a virtual screen, and SpamAssassin
#   fallback  Playwright's own Chromium if there is no other; needs the Python environment
set -eu
cd "$(dirname "$0")/.."

has() {
    command -v "$1" > /dev/null 2>&1
}

has_pdf_tools() {
    has pdftoppm && has pdfsig && has qpdf
}

has_node() {
    has node && has npm
}

has_chromium() {
    has chromium-headless-shell || has chromium || has chromium-browser || has google-chrome
}

# Only Debian and its derivatives package WebKit with a driver.
has_webkit() {
    ! has apt-get || { has WebKitWebDriver && has Xvfb; }
}

has_spam_filter() {
    ! has apt-get || has spamassassin
}

can_be_installed() {
    apt-cache show "$1" > /dev/null 2>&1
}

# Install the packages that exist here. A caller checks for its program afterwards.
install() {
    has apt-get && [ "$(id -u)" = 0 ] || return 0
    apt-get update -qq || true
    packages=
    for package; do
        if can_be_installed "$package"; then packages="$packages $package"; fi
    done
    [ -n "$packages" ] || return 0
    echo "Installing Debian packages:$packages"
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends $packages > /dev/null ||
        echo 'Some packages could not be installed.' >&2
}

need() {
    "$1" && return
    echo "$2 and try again." >&2
    exit 1
}

install_node_packages() {
    [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ] ||
        (cd "$1" && npm ci --no-audit --no-fund --silent)
}

programs() {
    has_pdf_tools || install poppler-utils qpdf
    has_node || install nodejs npm
    need has_pdf_tools 'The tests need pdftoppm, pdfsig and qpdf. Install them (Debian: apt-get install
poppler-utils qpdf; macOS: brew install poppler qpdf)'
    need has_node 'The tests need Node.js and npm. Install them (Debian: apt-get install nodejs npm; macOS: brew
install node)'
    # The packages are installed here and not by the tests that use them, because tests run in parallel.
    install_node_packages tests/js
    install_node_packages infrastructure/lint
}

# The headless shell is preferred, because a full Chromium spends most of its time on its own windows.
browsers() {
    has_chromium || install chromium-headless-shell
    has_chromium || install chromium
    has chromium-headless-shell || ! can_be_installed chromium-headless-shell || install chromium-headless-shell
    # One installation of several packages is faster than several.
    { has_webkit && has_spam_filter; } || install webkit2gtk-driver xvfb spamassassin
    need has_webkit 'The tests need WebKit. Install it (Debian: apt-get install webkit2gtk-driver xvfb)'
    need has_spam_filter 'The tests need SpamAssassin. Install it (Debian: apt-get install spamassassin)'
}

case "${1:-}" in
programs) programs ;;
browsers) browsers ;;
fallback) has_chromium || .venv/bin/python -m playwright install chromium ;;
*)
    echo 'Usage: infrastructure/test_tools.sh programs|browsers|fallback' >&2
    exit 2
    ;;
esac
