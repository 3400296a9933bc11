#!/usr/bin/env bash
# What deploy/compose/new-secrets.sh leaves behind, and what it refuses.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
new_secrets() { sh deploy/compose/new-secrets.sh "$work/secrets" 2>"$work/said"; }
failed() { echo "new-secrets.sh: $1" >&2; cat "$work/said" >&2; exit 1; }

mkdir --mode 755 "$work/secrets"
for answers in '' '\n' '  \n' 'secret-one\n\n'; do
  if printf "$answers" | new_secrets; then failed "an empty answer is taken: '$answers'"; fi
  grep -q 'must not be empty' "$work/said" || failed "an empty answer is refused without a word: '$answers'"
done
[ ! -e "$work/secrets/my-reports-client-secret" ] || failed "an empty answer is kept"
printf 'secret-two\n' | new_secrets || failed "the rest is not asked for"
[ "$(stat --format %a "$work/secrets")" = 700 ] || failed "others can enter a folder that was there before"
kept=$(cat "$work"/secrets/{advanced-automation,my-reports}-client-secret)
[ "$kept" = $'secret-one\nsecret-two' ] || failed "answers are not kept"
