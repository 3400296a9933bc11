#!/bin/sh
# Generates the random files of deploy/compose/secrets, and asks for the others.
# Existing files stay. Usage: sh deploy/compose/new-secrets.sh [FOLDER]
set -eu
folder="${1:-$(dirname "$0")/secrets}"
umask 077
mkdir -p "$folder"
chmod 700 "$folder" # only its owner can enter the folder; the users inside the containers can read the files

random() { # BYTES: this many random bytes, in base64 on one line
  head -c "$1" /dev/urandom | base64 | tr -d '\n'
}

keep() { # NAME: writes standard input to that file, unless it exists
  if [ -s "$folder/$1" ]; then cat >/dev/null; return; fi
  cat >"$folder/$1"
  chmod 444 "$folder/$1"
}

ask() { # NAME QUESTION
  [ ! -s "$folder/$1" ] || return 0
  printf '%s: ' "$2" >&2
  read -r answer || true # the last line may have no line end
  if [ -z "$answer" ]; then
    printf '%s must not be empty; run this again.\n' "$2" >&2
    exit 1
  fi
  printf '%s\n' "$answer" | keep "$1"
}

random 32 | keep shared-cache.key
random 24 | keep grafana-admin-password
if [ ! -s "$folder/valkey.conf" ]; then
  password=$(random 24 | tr '+/' '-_')
  printf 'requirepass %s\n' "$password" | keep valkey.conf
  rm -f "$folder/shared-cache-url" # it contains the password, too
  printf 'redis://:%s@valkey:6379/0' "$password" | keep shared-cache-url
fi
ask advanced-automation-client-secret "Client secret of Advanced Automation"
ask my-reports-client-secret "Client secret of MyReports"
