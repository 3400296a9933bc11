#!/usr/bin/env bash
# Runs everything that has metrics, makes as much happen as possible, and writes the metrics of each into FOLDER:
# the demo, a replica with a shared cache whose configuration is changed, and HAProxy in front of it.
# Usage: metrics.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$1
work=$(mktemp -d)
started=()
trap 'kill "${started[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT

# A free port, for programs that do not say which one they have chosen.
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

wait_for() { # WHAT COMMAND...: repeats the command until it succeeds, for half a minute at most
  local what=$1
  shift
  for _ in $(seq 150); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.2
  done
  echo "waited too long for $what" >&2
  tail -n 5 "$work"/*.log >&2
  exit 1
}

address() { # LOG MARK: prints the address that stands after the mark
  grep -oE "$2"'127\.0\.0\.1:[0-9]+' "$work/$1.log" | sed "s|$2||; q"
}

shows() { # URL PATTERN
  curl -sf --max-time 5 -H "X-Api-Key: $key" "$1" | grep -qE "$2"
}

ask() { # URL...: ignores the result
  curl -s --max-time 10 -o /dev/null -H "X-Api-Key: $key" "$@" || true
}

table=$(target/debug/rollcall key tester)
key=$(grep -oE '^rc_[A-Za-z0-9_-]{43}$' <<<"$table")
digest=$(grep -oE '[0-9a-f]{64}' <<<"$table")

# The demo: every pair of outcomes, authenticated and unauthenticated callers, links of all kinds, and a broken file of links.
printf 'customer_id,name,advanced_automation_id,my_reports_id\nacme,Acme,00000000-0000-4000-8000-000000000002,\n' >"$work/customers.csv"
settings=()
for setting in auth.mode=keys auth.callers.0.name=tester auth.callers.0.key_sha256="$digest" 'auth.callers.0.customers=*' \
  customers.links=file,discover,same_id customers.file="$work/customers.csv" server.deadline=1s \
  sources.advanced_automation.timeout=300ms sources.my_reports.timeout=300ms; do
  settings+=(--set "$setting")
done
target/debug/rollcall demo --listen 127.0.0.1:0 "${settings[@]}" >"$work/demo.log" 2>&1 &
started+=($!)
wait_for "the demo" address demo http://
demo=http://$(address demo http://)
for customer in 002 010 133 144 155 166 177 188 122 111 101 110 106 160 002; do
  ask "$demo/customers/00000000-0000-4000-8000-000000000$customer/users"
done
curl -s -o /dev/null "$demo/customers/00000000-0000-4000-8000-000000000002/users" # without a key
curl -s -o /dev/null --max-time 0.1 -H "X-Api-Key: $key" "$demo/customers/00000000-0000-4000-8000-000000000155/users" -H 'Cache-Control: no-cache' || true # hangs up
wait_for "the lists of customers" shows "$demo/metrics" 'rollcall_customer_lists_total\{.*outcome="ok"'
echo 'acme' >>"$work/customers.csv"
wait_for "faults of the file of links" shows "$demo/metrics" 'rollcall_customer_file_faults\{.* [1-9]'
curl -sf -H "X-Api-Key: $key" "$demo/metrics" >"$out/demo.txt"

# A replica, its shared cache, and HAProxy in front of it. Its sources are unreachable.
redis_port=$(port)
redis-server --bind 127.0.0.1 --port "$redis_port" --save '' --appendonly no --dir "$work" >"$work/redis.log" 2>&1 &
started+=($!)
target/debug/rollcall key --cache >"$work/cache.key"
cat >"$work/rollcall.toml" <<END
server = { listen = "127.0.0.1:0", admin_listen = "127.0.0.1:0" }
shared_cache = { url = "redis://127.0.0.1:$redis_port/0", key_file = "cache.key" }
sources.advanced_automation = { base_url = "http://127.0.0.1:9", client_id = "id", client_secret = "secret" }
sources.my_reports = { base_url = "http://127.0.0.1:9", token = "token" }
END
target/debug/rollcall serve --config "$work/rollcall.toml" >"$work/serve.log" 2>&1 &
started+=($!)
wait_for "the replica" address serve admin=
gateway=$(address serve address=)
admin=http://$(address serve admin=)

operators_port=$(port)
callers_port=$(port)
sed -e "s/gateway-[12]:8080/$gateway/; s/bind :8080/bind 127.0.0.1:$callers_port/; s/bind :8404/bind 127.0.0.1:$operators_port/" \
  deploy/haproxy.cfg >"$work/haproxy.cfg"
haproxy -db -f "$work/haproxy.cfg" >"$work/haproxy.log" 2>&1 &
started+=($!)
wait_for "HAProxy" curl -sf "http://127.0.0.1:$callers_port/health/ready"
ask "http://127.0.0.1:$callers_port/customers/acme/users"
curl -sf "http://127.0.0.1:$operators_port/metrics" >"$out/haproxy.txt"

echo 'cache.fresh = "2m"' >>"$work/rollcall.toml"
wait_for "a changed configuration" shows "$admin/metrics" 'rollcall_config_reloads_total\{result="taken"\} [1-9]'
echo 'cache.fresh = "3m"' >>"$work/rollcall.toml" # a duplicate key
wait_for "a broken configuration" shows "$admin/metrics" 'rollcall_config_reloads_total\{result="refused"\} [1-9]'
curl -sf "$admin/metrics" >"$out/replica.txt"
