#!/usr/bin/env bash
# Checks each file of deploy/ and the Dockerfile with the program that reads it, and against the other files.
# tests/run.sh installs what this needs; target/debug/rollcall must exist.
# Usage: check.sh FOLDER, with the Python environment for requirements.txt
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=$PWD/$1/bin
compose=("$("$tools/python" -c 'import compose; print(compose.__path__[0])')/docker-compose" --file deploy/compose.yaml --profile login) # called directly, because the Python wrapper loses the exit code
rollcall=$PWD/target/debug/rollcall
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

quietly() { # COMMAND...: shows its output only if it fails
  "$@" >"$work/said" 2>&1 || { echo "failed: $*" >&2; cat "$work/said" >&2; exit 1; }
}

echo "the image"
quietly "$tools/hadolint" Dockerfile
quietly "$tools/python" tests/deploy/image.py

echo "HAProxy and nginx"
# The replicas' names resolve inside compose only.
sed -E 's/gateway-([12]):8080/127.0.0.1:808\1/' deploy/haproxy.cfg >"$work/haproxy.cfg"
quietly haproxy -dW -c -f "$work/haproxy.cfg"
sed -E "s/gateway-([12]):8080/127.0.0.1:808\1/; s|/tmp/|$work/|" deploy/nginx.conf >"$work/nginx.conf"
quietly nginx -t -c "$work/nginx.conf"
if grep -q 'warn\]' "$work/said"; then cat "$work/said" >&2; exit 1; fi

echo "configurations"
quietly bash tests/deploy/secrets.sh
printf 'secret-one\nsecret-two\n' | quietly sh deploy/compose/new-secrets.sh "$work/secrets"
for configuration in deploy/rollcall.toml deploy/compose/rollcall.toml deploy/kubernetes/rollcall.toml; do
  mkdir -p "$work/state"
  sed "s|/run/secrets/|$work/secrets/|; s|/var/lib/rollcall/|$work/state/|" "$configuration" >"$work/rollcall.toml"
  quietly "$rollcall" check --config "$work/rollcall.toml"
done

echo "compose"
quietly "${compose[@]}" config --quiet
"${compose[@]}" config --format json >"$work/compose.json"
quietly "$tools/python" tests/deploy/names.py "$work/compose.json"

echo "Kubernetes"
"$tools/kubectl" kustomize deploy/kubernetes >"$work/rendered.yaml"
"$tools/kubectl" kustomize deploy/kubernetes/monitoring >"$work/monitoring.yaml"
for version in 1.30 1.37; do
  quietly "$tools/kubernetes-validate" --strict -k "$version" "$work/rendered.yaml"
  # It accepts a kind or version that it does not know without checking anything.
  [ "$(grep -c ' passed ' "$work/said")" = "$(grep -c '^kind:' "$work/rendered.yaml")" ] || { cat "$work/said" >&2; exit 1; }
done
quietly "$tools/python" tests/deploy/manifests.py "$work/rendered.yaml" "$work/monitoring.yaml"

echo "systemd"
mkdir "$work/units"
for unit in rollcall.service rollcall-login.service; do
  sed "s|/usr/local/bin/rollcall|$rollcall|" "deploy/$unit" >"$work/units/$unit"
done
quietly systemd-analyze verify "$work"/units/*.service
if [ -s "$work/said" ]; then cat "$work/said" >&2; exit 1; fi
credentials() { grep -E '^(LoadCredential|Environment)=' "$1"; }
quietly diff <(credentials deploy/rollcall.service) <(credentials deploy/rollcall-login.service)
# With systemd the secrets come from the units' environment, and the file names none.
sed "/_file = /d; s|/var/lib/rollcall/|$work/state/|" deploy/compose/rollcall.toml >"$work/rollcall.toml"
mapfile -t environment < <(sed -n "s|^Environment=||p" deploy/rollcall.service | sed "s|%d|$work/secrets|")
quietly env "${environment[@]}" "$rollcall" check --config "$work/rollcall.toml"
quietly systemd-analyze security --offline=true --no-pager --threshold=15 "$work/units/rollcall.service"

echo "alerts and the dashboard"
quietly promtool check config deploy/prometheus/prometheus.yml
quietly promtool check rules --lint=all --lint-fatal deploy/prometheus/alerts.yaml
quietly promtool test rules tests/deploy/alerts_test.yaml
mkdir "$work/metrics"
bash tests/deploy/metrics.sh "$work/metrics"
quietly "$tools/python" tests/deploy/queries.py "$work"/metrics/*.txt
