#!/bin/sh
# Installs what the benchmark needs and is not there yet. Safe to run again: it then only says that all is there.
set -eu

# Debian keeps nginx in sbin, which is not on everybody's PATH.
PATH="$PATH:/usr/sbin:/sbin"
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
venv="$root/.venv-bench"
built="$root/.build/bench"

say() { printf 'setup: %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# The distribution's Python loads the same libsqlite3 as Inlet does, so that both stores run on one SQLite.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3 || echo "$python")

missing=""
command -v nginx >/dev/null || missing="$missing nginx"
command -v webhook >/dev/null || missing="$missing webhook"
command -v wrk >/dev/null || missing="$missing wrk"
command -v cc >/dev/null || missing="$missing gcc libc6-dev"
[ -n "$(ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null)" ] || missing="$missing faketime"
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"

# The nginx and webhook packages start a service when they are installed. The benchmark runs its own copies on its own
# ports, so a service that this script brought in must neither run nor start at the next boot.
policy=/usr/sbin/policy-rc.d
policy_is_ours=no

remove_policy() {
    if [ "$policy_is_ours" = yes ]; then as_root rm -f "$policy"; fi
}

forbid_service_starts() {
    # Somebody else's policy stays as it is; disable_service below then does the whole work.
    if [ -e "$policy" ]; then return; fi
    policy_is_ours=yes
    trap remove_policy EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
}

disable_service() {
    command -v systemctl >/dev/null || return 0
    as_root systemctl disable --quiet "$1" 2>/dev/null || true
    if systemctl is-active --quiet "$1" 2>/dev/null; then as_root systemctl stop "$1"; fi
}

if [ -n "$missing" ]; then
    say "installing with apt:$missing"
    command -v apt-get >/dev/null || { say "no apt-get here: install$missing yourself and run this again"; exit 1; }
    forbid_service_starts
    as_root apt-get update -qq
    # shellcheck disable=SC2086  # one word per package
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends $missing
    # Only what was missing a moment ago: a server that somebody already runs here is left alone.
    for service in nginx webhook; do
        case " $missing " in *" $service "*) disable_service "$service" ;; esac
    done
    remove_policy
    policy_is_ours=no
else
    say "nginx, webhook, wrk, cc and python3-venv are there"
fi

requirements="$here/peers/fastapi/requirements.txt"
if cmp -s "$requirements" "$venv/requirements.txt"; then
    say ".venv-bench is up to date"
else
    say "creating .venv-bench with FastAPI and uvicorn"
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
    # Last, so that an interrupted install is done over.
    cp "$requirements" "$venv/requirements.txt"
fi

library="$built/slowfsync.so"
if [ "$library" -nt "$here/slowfsync.c" ]; then
    say "slowfsync.so is up to date"
else
    say "building slowfsync.so"
    mkdir -p "$built"
    cc -O2 -Wall -Wextra -shared -fPIC -o "$library" "$here/slowfsync.c" -ldl
fi
