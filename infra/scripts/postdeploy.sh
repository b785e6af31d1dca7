#!/usr/bin/env bash
# Builds the bundle and publishes it to the Function app; azd runs it after "azd deploy" and "azd up" with the environment's values, and it may be run by hand.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

usage() {
  cat <<'USAGE'
postdeploy.sh [next] [--zip FILE]

  next        publish to the app of the next release (docs/operate/upgrade.md) instead of the present one
  --zip FILE  publish this zip instead of building one, such as the one before, to roll back
USAGE
}

stop() {
  echo "postdeploy.sh: $*" >&2
  exit 1
}

target=present
zip=''
while [[ $# -gt 0 ]]; do
  case $1 in
    next) target=next ;;
    --zip)
      [[ $# -ge 2 ]] || stop '--zip needs a file.'
      zip=$2
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      stop "there is no option '$1'."
      ;;
  esac
  shift
done

# Run by hand, the values come from azd's environment.
value() {
  local name=$1
  if [[ -n ${!name:-} ]]; then
    echo "${!name}"
  else
    azd env get-value "$name" 2>/dev/null || stop "there is no $name in the azd environment; run azd provision first."
  fi
}

group=$(value AZURE_RESOURCE_GROUP)
if [[ $target == next ]]; then
  app=$(value AZURE_FUNCTION_NEXT_NAME)
  url=$(value AZURE_FUNCTION_NEXT_URL)
  [[ -n $app ]] || stop 'there is no second app; run: azd env set LATCHKEY_SECOND_APP true && azd provision.'
else
  app=$(value AZURE_FUNCTION_NAME)
  url=$(value AZURE_FUNCTION_URL)
fi

if [[ -z $zip ]]; then
  go run ./infra/bundle --out dist
  zip=dist/latchkey-linux-amd64.zip
fi
[[ -f $zip ]] || stop "there is no file $zip."

echo "publish    $zip to $app"
az functionapp deployment source config-zip --resource-group "$group" --name "$app" --src "$zip" --output none

# The app answers once the host has loaded the package and the handler has reached what it depends on.
for _ in {1..30}; do
  answer=$(curl -sS -w '\n%{http_code}' --max-time 15 "$url/api/v1.0/operations/health" || true)
  status=${answer##*$'\n'}
  if [[ $status == 200 ]]; then
    echo "healthy    $url"
    exit 0
  fi
  sleep 5
done
health=${answer%$'\n'*}
stop "$app was published and is not healthy at $url/api/v1.0/operations/health (last: ${status:-nothing}${health:+: ${health:0:4000}}); see docs/operate/stuck-request.md."
