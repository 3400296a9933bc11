#!/usr/bin/env bash
# Installs what the tests need and runs all of them: the same gate for people and for CI.
# Cheap steps come first. Everything but Debian's packages and Rust's components is installed inside target/.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s (%ss)\n' "$1" "$SECONDS"; }

debian() { # COMMAND PACKAGE: installs the package unless the command exists
  command -v "$1" >/dev/null && return
  local sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}

python_tools() { # FOLDER PIP-ARGUMENT...: installs them unless they are there; the folder's name says which they are
  [ ! -e "$1/installed" ] || return 0
  python3 -m venv --clear "$1"
  "$1/bin/pip" install -q "${@:2}"
  touch "$1/installed"
}

step "tools"
cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
cargo clippy --version >/dev/null 2>&1 || rustup component add clippy

step "format"
cargo fmt --check

step "lints"
cargo clippy --all-targets --locked -- -D warnings

step "tests"
there_are() { # TEST-PROGRAM NAME...: fails if one of the names begins no test's name, so that none is left out unnoticed
  local tests name
  tests=$(cargo test -q --locked --test "$1" -- --list)
  for name in "${@:2}"; do grep -q "^$name.*: test$" <<<"$tests" || { echo "no test is called $name" >&2; return 1; }; done
}
load=load::a_source_that_fails_half_of_its_calls
there_are api "$load" hardening::
cargo test --locked -- --skip "$load"

cargo test -q --locked --test api -- --nocapture hardening:: 2>&1 | grep "skipped:" || true # what this user cannot test

step "load, with the machine to itself"
ROLLCALL_LOAD_SECONDS=20 cargo test --locked --test api -- --nocapture "$load"

step "replicas behind load balancers, with a Redis between them"
PATH="$PATH:/usr/sbin" # where Debian installs them
debian haproxy haproxy
debian nginx nginx-light
debian redis-server redis-server
replicas() { cargo test --locked --test replicas -- --ignored --nocapture "$@"; }
alone=(balancer:: outages::whatever_happens_to_redis_ sharing::a_hit_in_redis_ taking_over::) # they measure time under load
there_are replicas "${alone[@]}"
replicas "${alone[@]/#/--skip=}"
replicas --test-threads 1 "${alone[@]}"

step "the files of deploy/, each checked by the program that reads it"
debian promtool prometheus
debian systemd-analyze systemd
debian curl curl
checkers=target/deploy-$(sha256sum tests/deploy/requirements.txt | head -c 8)
python_tools "$checkers" -r tests/deploy/requirements.txt
bash tests/deploy/check.sh "$checkers"

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

step "fuzzing"
cargo install -q cargo-fuzz --version 0.13.2 --debug --locked --root target/tools # does nothing if it is there
# No sanitizers, because the crate forbids unsafe code. Debug assertions, so that an overflow fails.
fuzzing() { PATH="$PWD/target/tools/bin:$PATH" cargo +nightly fuzz "$1" --sanitizer none --dev --target-dir target/fuzz "${@:2}"; }
fuzz() { # TARGET
  mkdir -p "target/corpus/$1"
  case "$1" in wire | json) for fixture in src/sources/*/fixtures/*.json; do cp "$fixture" "target/corpus/$1/${fixture//\//-}"; done ;; esac
  fuzzing run "$1" "target/corpus/$1" -- -max_total_time=15 -verbosity=0
}
export -f fuzzing fuzz
fuzzing build
printf '%s\n' wire json roll cursor query links | xargs -P 2 -I '{}' bash -euc 'fuzz "$1"' fuzz '{}' # one core each

step "the shipped program: cost of a request beside nginx, no gross regression"
bash benches/compare.sh --short

step "demos for the next steps: one open to everyone, the shipped one with a caller's key"
logs=$(mktemp -d)
demos=()
trap 'kill "${demos[@]}" 2>/dev/null || true; rm -rf "$logs"' EXIT

demo() { # PROGRAM NAME SETTING...: starts a demo and sets $where to its address
  local program=$1 log="$logs/$2" settings=() base=""
  shift 2
  for setting in telemetry.access_log=off customers.links=discover,same_id "$@"; do settings+=(--set "$setting"); done
  "$program" demo --listen 127.0.0.1:0 "${settings[@]}" >"$log" 2>&1 &
  demos+=($!)
  for _ in $(seq 100); do
    base=$(grep -oE 'http://127\.0\.0\.1:[0-9]+' "$log" | head -n 1 || true)
    [ -n "$base" ] && break
    sleep 0.1
  done
  [ -n "$base" ] || { cat "$log" >&2; exit 1; }
  where=$base
}

demo target/debug/rollcall open; open=$where
table=$(target/debug/rollcall key tester)
key=$(grep -oE '^rc_[A-Za-z0-9_-]{43}$' <<<"$table")
digest=$(grep -oE '[0-9a-f]{64}' <<<"$table")
demo target/shipped/rollcall keys auth.mode=keys auth.callers.0.name=tester auth.callers.0.key_sha256="$digest" 'auth.callers.0.customers=*'; guarded=$where

step "the OpenAPI document against the answers (schemathesis)"
schemathesis=4.32.5
python_tools "target/schemathesis-$schemathesis" "schemathesis==$schemathesis"
against() { # BASE [OPTION...]
  (
    cd "target/schemathesis-$schemathesis" # keeps what it writes in there
    SCHEMATHESIS_HOOKS=../../tests/schemathesis/hooks.py bin/schemathesis run "$1/openapi.json" \
      --checks all --max-examples 100 --request-timeout 20 "${@:2}"
  )
}
against "$open" >"$logs/open" 2>&1 &
beside=$! # most of the time is spent in Python, on one core
failed=""
against "$guarded" --header "Authorization: Bearer $key" || failed=yes
wait "$beside" || failed=yes
cat "$logs/open"
[ -z "$failed" ]

step "the Swagger page in a browser"
debian chromium chromium
playwright=1.64.1
export BROWSER_MODULES="$PWD/target/browser-$playwright"
[ -d "$BROWSER_MODULES/node_modules/playwright-core" ] || {
  mkdir -p "$BROWSER_MODULES"
  npm install --silent --no-save --prefix "$BROWSER_MODULES" "playwright-core@$playwright"
}
node tests/browser/swagger.mjs "$open" "$BROWSER_MODULES/swagger.png"
node tests/browser/swagger.mjs "$guarded" "$BROWSER_MODULES/authorized.png" "$key"

step "all steps passed"
