#!/usr/bin/env bash
# What the operating system must bring. Called by the Makefile, one word each time:
#   python   Python 3.11 or newer that can make virtual environments
#   node     Node 20.19 or newer with npm, to build the front end
#   tests    the servers, the browser and the fonts of the tests
# Does nothing when all is there. What Debian has as a package is installed where that is allowed
# (as root, or with sudo that asks no password); else one sentence says what to do.
set -euo pipefail

say() { printf '\n%s\n\n' "$*" >&2; }

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }

may_install() {
  command -v apt-get >/dev/null || return 1
  [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }
}

# Debian starts a server as soon as it is installed, unless this file forbids it. The tests start
# their own, on their own ports; one already there by the administrator's choice stays as it is.
policy=/usr/sbin/policy-rc.d
made_policy=""
forbid_starting() {
  [ ! -e "$policy" ] || return 0
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
  made_policy=yes
}
allow_starting() { [ -z "$made_policy" ] || as_root rm -f "$policy"; }
trap allow_starting EXIT

install_packages() {
  echo "Installing Debian packages: $*" >&2
  forbid_starting
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 sh -c '
    apt-get -qq update && exec apt-get -qq install -y --no-install-recommends "$@" >/dev/null
  ' sh "$@" </dev/null
}

need_python() {
  local python=${PYTHON:-python3}
  if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    say "Python 3.11 or newer is needed ('$python' is not). Name another one: make … PYTHON=python3.12"
    exit 1
  fi
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null && may_install; then
    install_packages python3-venv || true
  fi
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    say "Python cannot make virtual environments here. On Debian: apt-get install python3-venv"
    exit 1
  fi
}

need_node() {
  if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null; then
    say "Node.js 20.19 or newer is needed to build the front end (found: $(node --version 2>/dev/null || echo none))."
    exit 1
  fi
  command -v npm >/dev/null || { say "npm is needed to build the front end; it comes with Node.js."; exit 1; }
}

missing_packages() {
  command -v "${CHROMIUM:-chromium}" >/dev/null || echo chromium
  { compgen -G '/usr/lib/postgresql/*/bin/postgres' || command -v postgres; } >/dev/null || echo postgresql
  { [ -x /usr/sbin/clamd ] || command -v clamd; } >/dev/null || echo clamav-daemon
  [ -d /usr/share/fonts/truetype/noto ] || echo fonts-noto-core
  command -v caddy >/dev/null || echo caddy
  [ -x /usr/lib/dovecot/imap ] || echo dovecot-imapd
}

need_for_tests() {
  local missing
  mapfile -t missing < <(missing_packages)
  [ "${#missing[@]}" -gt 0 ] || return 0
  if may_install; then
    install_packages "${missing[@]}" || say "Installing failed; see above."
    mapfile -t missing < <(missing_packages)
    [ "${#missing[@]}" -gt 0 ] || return 0
  fi
  say "LEFT OUT: the tests that need ${missing[*]} cannot run, because these Debian packages are
missing and may not be installed from here. Install them: apt-get install --no-install-recommends ${missing[*]}"
  [ "${CI:-}" != true ] || { say "In CI nothing may be left out."; exit 1; }
}

case "${1:-}" in
  python) need_python ;;
  node) need_node ;;
  tests) need_for_tests ;;
  *) say "usage: infra/system.sh python|node|tests"; exit 2 ;;
esac
