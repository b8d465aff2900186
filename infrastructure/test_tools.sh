#!/bin/sh
# Installs what the tests need besides Python packages.
# Usage: infrastructure/test_tools.sh programs|browser
#   programs  a Chromium, a WebKit with its driver and a screen in memory, Node.js with npm, and tools that look
#             into PDFs: Debian's packages when root may install them, else what there is
#   browser   the Chromium that Playwright fetches, when there is no other; needs the environment
set -eu
cd "$(dirname "$0")/.."

has() {
    command -v "$1" > /dev/null 2>&1
}

has_browser() {
    has chromium-headless-shell || has chromium || has chromium-browser || has google-chrome
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

missing_packages() {
    has chromium-headless-shell || echo chromium-headless-shell
    has_webkit || echo webkit2gtk-driver xvfb
    has_pdf_tools || echo poppler-utils qpdf
    has_node || echo nodejs npm
}

# Older Debians have the headless shell only as part of the whole browser.
install_debian_packages() {
    apt-get update -qq
    apt-cache show chromium-headless-shell > /dev/null 2>&1 ||
        set -- $(echo "$@" | sed 's/chromium-headless-shell/chromium/')
    echo "Installing Debian packages: $*"
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends "$@" > /dev/null
}

need() {
    "$1" && return
    echo "$2 and try again." >&2
    exit 1
}

install_programs() {
    packages=$(missing_packages)
    if [ -n "$packages" ] && can_use_apt; then
        # What is there already may do without them; the checks below say.
        install_debian_packages $packages || echo 'Not all of them could be installed.' >&2
    fi
    need has_pdf_tools 'The tests need pdftoppm, pdfsig and qpdf. Install them (Debian: apt-get install
poppler-utils qpdf; macOS: brew install poppler qpdf)'
    need has_webkit 'The tests need WebKit. Install it (Debian: apt-get install webkit2gtk-driver xvfb)'
    need has_node 'The tests need Node.js and npm. Install them (Debian: apt-get install nodejs npm; macOS: brew
install node)'
    # Here and not in the tests that use them: tests run side by side.
    [ tests/js/node_modules/.package-lock.json -nt tests/js/package-lock.json ] ||
        (cd tests/js && npm ci --no-audit --no-fund --silent)
}

case "${1:-}" in
programs) install_programs ;;
browser) has_browser || .venv/bin/python -m playwright install chromium ;;
*)
    echo 'Usage: infrastructure/test_tools.sh programs|browser' >&2
    exit 2
    ;;
esac
