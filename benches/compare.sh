#!/usr/bin/env bash
# Measures the gateway beside the alternatives, and prints one Markdown table. `--help` lists the options.
# Installs missing peers: Debian's packages with apt-get, Fastify inside target/. Names what it cannot install.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1

short=""
case " $* " in
  *" --help "* | *" -h "*) exec python3 benches/compare --gateway - --backends - --help ;;
  *" --short "*) short=yes ;;
esac

say() { printf '%s\n' "$*" >&2; }

debian() { # PACKAGE...
  local sudo=""
  command -v apt-get >/dev/null || return 1
  [ "$(id -u)" = 0 ] || sudo="sudo -n"
  $sudo apt-get update -qq || return 1
  # Keeps Debian from starting nginx as a service on this machine.
  [ ! -d /run/systemd/system ] || $sudo systemctl mask --quiet --runtime nginx || return 1
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

has_nginx() {
  PATH="$PATH:/usr/sbin" command -v nginx >/dev/null && [ -e /usr/lib/nginx/modules/ngx_http_lua_module.so ] &&
    compgen -G "/usr/lib/*/lua/5.1/cjson.so" >/dev/null
}

command -v wrk >/dev/null || debian wrk || true
command -v wrk >/dev/null || { say "missing: wrk (Debian package: wrk). Nothing can be measured without it."; exit 1; }
has_nginx || debian nginx libnginx-mod-http-lua lua-cjson || true
has_nginx || say "missing: nginx with Lua and cjson (Debian packages: nginx, libnginx-mod-http-lua, lua-cjson)"
if [ -z "$short" ]; then
  [ -d target/peers/node_modules/fastify ] || {
    mkdir -p target/peers
    npm install --silent --no-save --prefix target/peers fastify@5.12.8 undici@7.30.2 >/dev/null || say "missing: Fastify and undici (npm)"
  }
  command -v krakend >/dev/null || say "missing: krakend (not packaged; benches/peers/krakend.json is its configuration)"
fi

has_bolt() { { command -v llvm-bolt-19 || command -v llvm-bolt; } >/dev/null && command -v curl >/dev/null; }
has_bolt || debian bolt-19 curl || true
# The short form is part of the gate, which is about what is shipped.
[ -z "$short" ] || [ "$(uname -m)" != x86_64 ] || has_bolt || { say "missing: BOLT and curl (Debian packages: bolt-19, curl)"; exit 1; }
bash deploy/build.sh # measures the shipped program
mkdir -p target/peers
rustc -O --edition 2024 -o target/peers/backends benches/peers/backends/main.rs
(cd benches/compare && python3 -m doctest answers.py table.py gross.py)

exec python3 benches/compare --gateway target/shipped/rollcall --backends target/peers/backends "$@"
