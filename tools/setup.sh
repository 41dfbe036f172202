#!/bin/sh
# Set-up behind the Makefile.
#   setup.sh python                 the virtual environment from the lock
#   setup.sh node [STAMP]           what tests/npm/package.json names
#   setup.sh packages LIST [STAMP]  the distribution's packages named in LIST, where this user may;
#                                   STAMP is touched when nothing is missing any more
# A package that cannot be installed is named in one line, and the tests that need it are skipped.
set -eu

run_apt() {
    if [ "$(id -u)" = 0 ]; then
        env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"
    fi
}

may_install() {
    command -v apt-get >/dev/null 2>&1 && [ "${APT:-yes}" != no ] || return 1
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

packages() { # $@: package names; prints those that dpkg does not have
    for name in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || echo "$name"
    done
}

install_missing() { # $1: what they are for, then the names
    for_what=$1
    shift
    missing=$(packages "$@" | tr '\n' ' ')
    missing=${missing% }
    [ -n "$missing" ] || return 0
    if may_install; then
        echo "packages: installing $missing ($for_what)"
        run_apt update >/dev/null
        # shellcheck disable=SC2086 # a list of names
        run_apt install --no-install-recommends -y $missing >/dev/null
    else
        echo "packages: missing $missing ($for_what); install them with: apt-get install $missing"
        return 1
    fi
}

case ${1:-} in
python)
    VENV=${VENV:-.venv}
    PYTHON=${PYTHON:-python3}
    command -v "$PYTHON" >/dev/null || { echo "python: $PYTHON is not there; set PYTHON=" >&2; exit 1; }
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "python: 3.11 or newer is needed, this is $("$PYTHON" -V); set PYTHON=" >&2
        exit 1
    }
    # Debian ships venv and ensurepip apart from Python itself.
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || install_missing "virtual environments" python3-venv
    count=$(grep -c '==' requirements.txt)
    echo "python: setting up $VENV with $count locked packages (a few minutes the first time)"
    rm -rf "$VENV"
    "$PYTHON" -m venv "$VENV"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
    # The repository itself is importable from anywhere, also from a notebook's folder.
    pwd >"$("$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nexus_journal.pth"
    # Old versions that a page studies, fetched now, so that no page needs the network later.
    "$VENV/bin/python" -m nexus.isolated || true
    touch "$VENV/ready"
    echo "python: ready"
    ;;
node)
    # A machine may have Node.js from elsewhere, beside which the distribution's npm cannot stand.
    command -v npm >/dev/null || install_missing "the clients in tests/npm" nodejs npm || exit 0
    echo "node: setting up tests/npm"
    if npm ci --prefix tests/npm --no-audit --no-fund --loglevel=error >/dev/null; then
        mkdir -p "$(dirname "${2:-.cache/npm}")" && touch "${2:-.cache/npm}"
    else
        echo "node: tests/npm could not be set up; the tests that need it are skipped"
    fi
    ;;
packages)
    # shellcheck disable=SC2046 # a list of names
    if install_missing "listed in $2" $(grep -v '^#' "$2") && [ -n "${3:-}" ]; then
        mkdir -p "$(dirname "$3")" && touch "$3"
    fi
    ;;
*)
    echo "usage: setup.sh python | node [STAMP] | packages LIST [STAMP]" >&2
    exit 2
    ;;
esac
