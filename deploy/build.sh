#!/usr/bin/env bash
# Builds the program as it is shipped, in target/shipped/rollcall.
#
# It is `cargo build --profile dist`, and then BOLT lays its machine code out anew: what runs together while a demo
# answers lies together, so the processor has more of it near. Wants BOLT (Debian: bolt-19) and curl. Without them, and on
# other processors than x86-64, where nobody has tried it, it is the program as cargo builds it.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

export CARGO_TARGET_DIR=target # whatever else is configured
shipped=target/shipped
mkdir -p "$shipped"
work=$(mktemp -d -p "$shipped") # beside what it makes: elsewhere nothing may be allowed to run
pid=""
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT

bolt=$(command -v llvm-bolt-19 || command -v llvm-bolt || true)
if [ -z "$bolt" ] || [ "$(uname -m)" != x86_64 ] || ! command -v curl >/dev/null; then
  say "missing: BOLT and curl (Debian: bolt-19, curl) on x86-64; the code stays as the compiler lays it out, and a miss takes about a seventh more CPU"
  cargo build --profile dist --locked --bin rollcall
  cp target/dist/rollcall "$work/rollcall"
  mv "$work/rollcall" "$shipped/rollcall"
  exit
fi
bolt=$(readlink -f "$bolt") # its libraries lie beside it, not beside what points to it
cargo rustc --profile dist --locked --bin rollcall -- -C strip=none -C link-arg=-Wl,--emit-relocs

quietly() { # COMMAND...: shows what it says only where it fails
  "$@" >"$work/said" 2>&1 || { say "failed: $*"; cat "$work/said" >&2; exit 1; }
}

ask() { # OPTION... URL: on this machine, whatever proxy there is
  quietly curl -q -fsS --noproxy '*' --max-time 60 -o "$work/answer" "$@"
}

count_what_runs() { # PROGRAM: misses, hits and compressed ones of a roll, until curl has them all
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

# What is written in assembler, for cryptography and hashes, stays as it is.
by_hand="-skip-funcs=ring_core_.*,blake3_.*"
quietly "$bolt" target/dist/rollcall "$by_hand" -instrument -instrumentation-file="$work/profile" -o "$work/counting"
count_what_runs "$work/counting"
quietly "$bolt" target/dist/rollcall "$by_hand" -data="$work/profile" -o "$work/rollcall" \
  -reorder-blocks=ext-tsp -reorder-functions=cdsort -split-functions -split-all-cold -split-eh
quietly "$work/rollcall" --version
mv "$work/rollcall" "$shipped/rollcall"
