#!/usr/bin/env bash
# Installs what a build or the tests need and this machine lacks. Safe to run again; says what it does.
#   scripts/setup.sh build   libraries and headers for the build
#   scripts/setup.sh test    those, and PostgreSQL, the real clients and the browser that the tests use (Python's in .venv)
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '==> %s\n' "$*"; }

if ! command -v swift >/dev/null; then
    say "No Swift toolchain found. Install Swift 6.2 or newer (swift.org/install), then run this again." >&2
    exit 1
fi
version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+)\.([0-9]+).*/\1 \2/p' | head -n 1)
read -r major minor <<<"${version:-0 0}"
if ((major < 6 || (major == 6 && minor < 2))); then
    say "Swift $major.$minor is too old: 6.2 or newer is needed." >&2
    exit 1
fi

packages=(libsqlite3-dev libpq-dev libargon2-dev)
if [[ ${1:-build} == test ]]; then
    packages+=(python3 python3-venv curl openssl faketime postgresql haproxy chromium fonts-liberation default-jre-headless)
fi

missing=()
for package in "${packages[@]}"; do
    case $package in
        # Another python3, curl, openssl or Java than Debian's serves as well.
        default-jre-headless) java -version >/dev/null 2>&1 || missing+=("$package") ;;
        chromium) [[ -n ${CHROMIUM:-} ]] || command -v chromium >/dev/null || missing+=("$package") ;;
        python3 | curl | openssl) command -v "$package" >/dev/null || missing+=("$package") ;;
        postgresql)
            compgen -G '/usr/lib/postgresql/*/bin/pg_ctl' >/dev/null || command -v pg_ctl >/dev/null || missing+=("$package")
            ;;
        haproxy) [[ -x /usr/sbin/haproxy ]] || command -v haproxy >/dev/null || missing+=("$package") ;;
        python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=("$package") ;;
        *) dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package") ;;
    esac
done
if ((${#missing[@]})); then
    if ! command -v apt-get >/dev/null; then
        say "Please install these yourself, under the names your system has for them: ${missing[*]}" >&2
        exit 1
    fi
    say "Installing ${missing[*]}"
    as_root=()
    if ((EUID != 0)); then as_root=(sudo); fi
    # Debian starts what it installs, and makes a database for it. The tests start their own, so here nothing of that may stay.
    if [[ " ${missing[*]} " == *" postgresql "* ]]; then
        no_cluster=/etc/postgresql-common/createcluster.d/inlet-tests.conf
        trap '"${as_root[@]}" rm -f "$no_cluster"' EXIT
        "${as_root[@]}" mkdir -p "${no_cluster%/*}"
        "${as_root[@]}" tee "$no_cluster" <<<'create_main_cluster = false' >/dev/null
    fi
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
    if [[ " ${missing[*]} " == *" haproxy "* ]]; then
        "${as_root[@]}" invoke-rc.d haproxy stop || true
        "${as_root[@]}" update-rc.d haproxy disable
    fi
fi

if [[ ${1:-build} == test ]]; then
    # One .venv serves both kinds of tests.
    lists=(Tests/Clients/requirements.txt Tests/Browser/requirements.txt)
    stamp=.venv/requirements.txt
    if ! cat "${lists[@]}" | cmp -s - "$stamp"; then
        say "Making .venv with what stands in ${lists[*]}"
        python3 -m venv .venv
        .venv/bin/pip install -q --disable-pip-version-check "${lists[@]/#/-r}"
        cat "${lists[@]}" >"$stamp"
    fi
fi
