#!/usr/bin/env bash
# Builds the program as it is shipped, in target/shipped/rollcall.
#
# Runs `cargo build --profile dist`, then lets BOLT rearrange the machine code: code that runs together while a demo
# answers is placed together, so more of it fits into the processor's caches. Needs BOLT (Debian: bolt-19) and curl.
# Without them, and on processors other than x86-64, where this is untested, the result is the program as cargo builds it.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

export CARGO_TARGET_DIR=target # overrides any other setting
shipped=target/shipped
mkdir -p "$shipped"
work=$(mktemp -d -p "$shipped") # beside the result: other places may be mounted noexec
pid=""
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT

bolt=$(command -v llvm-bolt-19 || command -v llvm-bolt || true)
if [ -z "$bolt" ] || [ "$(uname -m)" != x86_64 ] || ! command -v curl >/dev/null; then
  say "missing: BOLT and curl (Debian: bolt-19, curl) on x86-64; the machine code stays in the compiler's order, and a cache miss takes about a seventh more CPU"
  cargo build --profile dist --locked --bin rollcall
  cp target/dist/rollcall "$work/rollcall"
  mv "$work/rollcall" "$shipped/rollcall"
  exit
fi
bolt=$(readlink -f "$bolt") # its libraries are beside the file, not beside the symlink
cargo rustc --profile dist --locked --bin rollcall -- -C strip=none -C link-arg=-Wl,--emit-relocs

quietly() { # COMMAND...: shows its output only if it fails
  "$@" >"$work/said" 2>&1 || { say "failed: $*"; cat "$work/said" >&2; exit 1; }
}

ask() { # OPTION... URL: requests from this machine, ignoring any proxy
  quietly curl -q -fsS --noproxy '*' --max-time 60 -o "$work/answer" "$@"
}

count_what_runs() { # PROGRAM: requests misses, hits and compressed pages of a roll, and returns when curl has them all
  "$1" demo --listen 127.0.0.1:0 --set telemetry.access_log=off >"$work/log" 2>&1 &
  pid=$!
  local base=""
  for _ in $(seq 100); do
    base=$(grep -oE 'http://127\.0\.0\.1:[0-9]+' "$work/log" | head -n 1 || true)
    [ -n "$base" ] && break
    sleep 0.1
  done
  [ -n "$base" ] || { cat "$work/log" >&2; exit 1; }
  local rolls="$base/customers/00000000-0000-4000-8000-000000000002/users?page_size"
  ask -H 'cache-control: no-cache' "$rolls=[1-1000]"
  ask "$rolls=[1-1000]"
  ask -H 'accept-encoding: gzip' "$rolls=[1-100]"
  kill -INT "$pid"
  wait "$pid" || { cat "$work/log" >&2; exit 1; }
  pid=""
}

# Functions written in assembler, for cryptography and hashes, stay as they are.
by_hand="-skip-funcs=ring_core_.*,blake3_.*"
quietly "$bolt" target/dist/rollcall "$by_hand" -instrument -instrumentation-file="$work/profile" -o "$work/counting"
count_what_runs "$work/counting"
quietly "$bolt" target/dist/rollcall "$by_hand" -data="$work/profile" -o "$work/rollcall" \
  -reorder-blocks=ext-tsp -reorder-functions=cdsort -split-functions -split-all-cold -split-eh
quietly "$work/rollcall" --version
mv "$work/rollcall" "$shipped/rollcall"
