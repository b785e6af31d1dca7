#!/usr/bin/env bash
# Creates the database and the containers in the Cosmos DB emulator, as infra/modules/cosmos.bicep does on Azure. It waits for an emulator that is
# still starting, two minutes at most, and may be run again.
set -euo pipefail

endpoint=${1:-http://127.0.0.1:8081}
# The key that every emulator has; it is public.
key='C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=='
key_hex=$(base64 -d <<<"$key" | od -An -v -tx1 | tr -d ' \n')

# create TYPE LINK NAME MORE: what exists already is left.
create() {
  local status
  until
    status=$(post "$@")
    [[ $status != 000 && $status != 503 ]]
  do
    if ((SECONDS > ${COSMOS_PATIENCE:-120})); then break; fi
    sleep 1
  done
  case $status in
    201) echo "changed  created $3" ;;
    409) echo "found    $3" ;;
    *)
      echo "cosmos.sh: $endpoint answered $status; is the emulator up (docker compose -f infra/emulators/compose.yaml ps)?" >&2
      exit 1
      ;;
  esac
}

# post TYPE LINK NAME MORE: one POST, signed as the emulator asks; says the status, 000 if there is none.
post() {
  local type=$1 link=$2 name=$3 more=$4 date text signature
  date=$(LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S GMT' | tr '[:upper:]' '[:lower:]')
  text=$(printf 'post\n%s\n%s\n%s\n\n.' "$type" "$link" "$date")
  text=${text%.}
  signature=$(printf '%s' "$text" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key_hex" -binary | base64 -w0)
  signature=${signature//+/%2B}
  signature=${signature//\//%2F}
  signature=${signature//=/%3D}
  curl -s -o /dev/null -w '%{http_code}' -X POST "$endpoint/${link:+$link/}$type" \
    -H "x-ms-date: $date" -H 'x-ms-version: 2018-12-31' -H "authorization: type%3Dmaster%26ver%3D1.0%26sig%3D$signature" \
    -H 'Content-Type: application/json' --data "{\"id\": \"$name\"$more}" || true
}

create dbs '' latchkey ''
for container in subjects:subjectId catalogs:catalogId reviews:definitionId; do
  create colls dbs/latchkey "${container%%:*}" ", \"partitionKey\": {\"paths\": [\"/${container##*:}\"], \"kind\": \"Hash\", \"version\": 2}, \"defaultTtl\": -1"
done
