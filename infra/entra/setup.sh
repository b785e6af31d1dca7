#!/usr/bin/env bash
# The Entra side of Latchkey: the app registration that stands for its API, and what its managed identity may do in Microsoft Graph. It may be run again at
# any time: it says what it found, what it changed and what it left alone. What there is to grant stands in permissions.json beside it.
#
# Needs the Azure CLI, signed in as someone who may manage applications and consent for the tenant (Privileged Role Administrator, or Cloud Application
# Administrator without the part on the identity).
set -euo pipefail

usage() {
  cat <<'USAGE'
setup.sh [--what-if] [--name NAME] [--identity OBJECT_ID] [--with FEATURE]… [--mail-sender ADDRESS] [--pages URL]

  --what-if              change nothing, say what would be changed
  --name NAME            name of the app registration (default: Latchkey)
  --identity OBJECT_ID   the managed identity, to grant it Graph permissions (default: AZURE_IDENTITY_PRINCIPAL_ID)
  --with FEATURE         also grant what the feature needs: owners (of groups), hidden (memberships), mail, and of actions: passes, sessions, apps, workflows
  --mail-sender ADDRESS  the mailbox that notifications are sent from; implies --with mail
  --pages URL            prepare sign-in for the pages at URL (default: none), by the identity and without a secret
USAGE
}

what_if=false
name=Latchkey
identity=${AZURE_IDENTITY_PRINCIPAL_ID:-}
features=' always '
known=' owners hidden mail passes sessions apps workflows '
mail_sender=''
pages=''
table=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/permissions.json

stop() {
  echo "setup.sh: $*" >&2
  exit 1
}

while [[ $# -gt 0 ]]; do
  case $1 in
    --what-if) what_if=true ;;
    --name | --identity | --with | --mail-sender | --pages)
      [[ $# -ge 2 ]] || stop "$1 needs a value."
      case $1 in
        --name) name=$2 ;;
        --identity) identity=$2 ;;
        --with)
          [[ $known == *" $2 "* ]] || stop "there is no feature '$2'; there are$known."
          features+="$2 "
          ;;
        --mail-sender) mail_sender=$2 features+='mail ' ;;
        --pages) pages=${2%/} ;;
      esac
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

guid='^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
[[ -z $identity || $identity =~ $guid ]] || stop "--identity must be the object id of the managed identity; '$identity' is none."
[[ -z $pages || $pages =~ ^https://[A-Za-z0-9.-]+$ ]] || stop "--pages must be an address such as https://func-x.azurewebsites.net; '$pages' is none."
[[ $name =~ ^[A-Za-z0-9\ ._-]{1,120}$ ]] || stop "--name takes letters, digits, spaces, dots, - and _."
command -v az >/dev/null || stop 'the Azure CLI is missing: https://aka.ms/azure-cli.'

found() { echo "found    $*"; }
left() { echo "left     $*"; }

# change WHAT COMMAND…: does it and says so, or says that it would.
change() {
  local what=$1
  shift
  if $what_if; then
    echo "would    $what"
    return
  fi
  "$@" >/dev/null
  echo "changed  $what"
}

# patient COMMAND…: what was just created is not at once found everywhere.
patient() {
  local try
  for try in 1 2 4 8; do
    if "$@" 2>/dev/null; then return; fi
    sleep "$try"
  done
  "$@"
}

# rows API KIND: permission, id, when and why of the rows of the table, separated by tabs. The table holds one row a line.
rows() {
  sed -n 's/^ *{"api": "'"$1"'", "permission": "\([^"]*\)", "kind": "'"$2"'", "id": "\([^"]*\)", "when": "\([^"]*\)", "why": "\([^"]*\)".*/\1\t\2\t\3\t\4/p' "$table"
}

tenant=$(az account show --query tenantId -o tsv) || stop "sign in first: az login"
graph=$(az cloud show --query endpoints.microsoftGraphResourceId -o tsv)
graph=${graph%/}
found "tenant $tenant"

# 1. The app registration.
app_id=$(az ad app list --filter "displayName eq '$name'" --query '[].appId' -o tsv)
[[ $app_id != *$'\n'* ]] || stop "there are several app registrations named '$name'; choose another --name, or delete the wrong one."
if [[ -n $app_id ]]; then
  found "app registration $name ($app_id)"
elif $what_if; then
  echo "would    create the app registration $name, with its roles, scopes and service principal"
else
  app_id=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg --query appId -o tsv)
  echo "changed  created the app registration $name ($app_id)"
fi

# present QUERY: the entries of a collection of the app, as JSON without the brackets and with a comma behind, to put others after them. Give it to a variable:
# only then does a failure end the script, and what it could not read is not taken away.
present() {
  local json
  json=$(az ad app show --id "$app_id" --query "$1" -o json) || return 1
  json=${json#\[}
  json=${json%\]}
  [[ $json =~ [^[:space:]] ]] && echo "$json,"
  return 0
}

# without COLLECTION VALUE…: the entries of a collection of the app whose value is none of those, likewise.
without() {
  local collection=$1 condition='' value
  shift
  for value in "$@"; do condition+="${condition:+ && }value!='$value'"; done
  present "${collection}[?$condition]"
}

# missing COLLECTION VALUE…: those values that the collection of the app lacks.
missing() {
  local collection=$1 have value
  shift
  have=$(az ad app show --id "$app_id" --query "${collection}[].value" -o tsv)
  for value in "$@"; do
    grep -qxF -- "$value" <<<"$have" || echo "$value"
  done
}

patch_app() { az rest --method PATCH --uri "$graph/v1.0/applications/$object_id" --headers Content-Type=application/json --body "$1"; }

if [[ -n $app_id ]]; then
  object_id=$(patient az ad app show --id "$app_id" --query id -o tsv)

  uri="api://$app_id"
  if az ad app show --id "$app_id" --query 'identifierUris' -o tsv | grep -qxF "$uri"; then
    found "identifier URI $uri"
  else
    kept=$(present identifierUris)
    change "identifier URI $uri" patch_app "{\"identifierUris\": [$kept \"$uri\"]}"
  fi

  # Version 2 tokens name the client id as their audience, whichever way a client asked.
  if [[ $(az ad app show --id "$app_id" --query 'api.requestedAccessTokenVersion' -o tsv) == 2 ]]; then
    found 'access tokens of version 2'
  else
    change 'access tokens of version 2' patch_app '{"api": {"requestedAccessTokenVersion": 2}}'
  fi

  names=() entries=''
  while IFS=$'\t' read -r permission id _ why; do
    names+=("$permission")
    entries+="${entries:+, }{\"id\": \"$id\", \"value\": \"$permission\", \"displayName\": \"$permission\", \"description\": \"$why\", \"allowedMemberTypes\": [\"Application\"], \"isEnabled\": true}"
  done < <(rows Latchkey appRole)
  lacking=$(missing appRoles "${names[@]}")
  if [[ -z $lacking ]]; then
    found "app roles ${names[*]}"
  else
    kept=$(without appRoles "${names[@]}")
    change "app roles ${lacking//$'\n'/ }" patch_app "{\"appRoles\": [$kept $entries]}"
  fi

  names=() entries=''
  while IFS=$'\t' read -r permission id _ why; do
    names+=("$permission")
    entries+="${entries:+, }{\"id\": \"$id\", \"value\": \"$permission\", \"type\": \"Admin\", \"adminConsentDisplayName\": \"$permission\", \"adminConsentDescription\": \"$why\", \"isEnabled\": true}"
  done < <(rows Latchkey scope)
  lacking=$(missing api.oauth2PermissionScopes "${names[@]}")
  if [[ -z $lacking ]]; then
    found "scopes ${names[*]}"
  else
    kept=$(without api.oauth2PermissionScopes "${names[@]}")
    change "scopes ${lacking//$'\n'/ }" patch_app "{\"api\": {\"oauth2PermissionScopes\": [$kept $entries]}}"
  fi

  service_principal=$(az ad sp list --filter "appId eq '$app_id'" --query '[].id' -o tsv)
  if [[ -n $service_principal ]]; then
    found "service principal $service_principal"
  else
    change 'service principal of the API' patient az ad sp create --id "$app_id"
    $what_if || service_principal=$(patient az ad sp list --filter "appId eq '$app_id'" --query '[].id' -o tsv)
  fi
fi

# 2. What the managed identity may do in Microsoft Graph: an app role assignment is the consent.
graph_app=00000003-0000-0000-c000-000000000000
graph_principal=$(az ad sp show --id "$graph_app" --query id -o tsv)
if [[ -z $identity ]]; then
  left 'the Graph permissions of the managed identity: no --identity is given; run this again after azd provision'
else
  held=$(az rest --method GET --uri "$graph/v1.0/servicePrincipals/$identity/appRoleAssignments" --query 'value[].appRoleId' -o tsv)
  wanted=''
  while IFS=$'\t' read -r permission id when _; do
    if grep -qxF "$id" <<<"$held"; then
      found "Graph permission $permission of the identity"
      wanted+="$id "
    elif [[ $features == *" $when "* ]]; then
      change "Graph permission $permission of the identity" az rest --method POST --uri "$graph/v1.0/servicePrincipals/$identity/appRoleAssignments" \
        --headers Content-Type=application/json --body "{\"principalId\": \"$identity\", \"resourceId\": \"$graph_principal\", \"appRoleId\": \"$id\"}"
    else
      left "Graph permission $permission is not granted; --with $when grants it"
    fi
  done < <(rows 'Microsoft Graph' application)
  for id in $held; do
    [[ " $wanted" == *" $id "* ]] || left "the identity holds the app role $id, which Latchkey does not need; take it away unless you know why it is there"
  done
fi

# 3. Sign-in for the pages: App Service authentication uses the identity instead of a client secret. The site's own settings are Bicep's (LATCHKEY_PAGES).
if [[ -z $pages ]]; then
  left 'sign-in for pages: no --pages is given'
elif [[ -z $identity || -z $app_id ]]; then
  left 'sign-in for pages: it needs the app registration and --identity'
else
  callback="$pages/.auth/login/aad/callback"
  if az ad app show --id "$app_id" --query 'web.redirectUris' -o tsv | grep -qxF "$callback"; then
    found "redirect URI $callback"
  else
    kept=$(present web.redirectUris)
    change "redirect URI $callback" patch_app "{\"web\": {\"redirectUris\": [$kept \"$callback\"], \"implicitGrantSettings\": {\"enableIdTokenIssuance\": true}}}"
  fi
  authority=$(az cloud show --query endpoints.activeDirectory -o tsv)
  if [[ $(az ad app federated-credential list --id "$app_id" --query "[?subject=='$identity'].name" -o tsv) != '' ]]; then
    found 'federated credential of the identity'
  else
    change 'federated credential of the identity' az ad app federated-credential create --id "$app_id" \
      --parameters "{\"name\": \"latchkey-pages\", \"issuer\": \"${authority%/}/$tenant/v2.0\", \"subject\": \"$identity\", \"audiences\": [\"api://AzureADTokenExchange\"]}"
  fi
  granted=''
  [[ -z $service_principal ]] || granted=$(az rest --method GET --uri "$graph/v1.0/servicePrincipals/$service_principal/oauth2PermissionGrants" --query "value[?resourceId=='$graph_principal' && consentType=='AllPrincipals'].scope" -o tsv)
  if [[ " $granted " == *' openid '* ]]; then
    found 'consent to sign-in (openid profile email)'
  else
    change 'consent to sign-in (openid profile email)' az rest --method POST --uri "$graph/v1.0/oauth2PermissionGrants" --headers Content-Type=application/json \
      --body "{\"clientId\": \"$service_principal\", \"consentType\": \"AllPrincipals\", \"resourceId\": \"$graph_principal\", \"scope\": \"openid profile email\"}"
  fi
fi

# 4. Mail.Send would reach every mailbox; only Exchange can narrow it, and the Azure CLI cannot speak to Exchange.
if [[ $features == *' mail '* && -n $identity ]]; then
  client=$(az ad sp show --id "$identity" --query appId -o tsv)
  left "Exchange, where Mail.Send is narrowed to one mailbox. In Exchange Online PowerShell, with a mail-enabled group that holds only the sender, run:"
  echo "           New-ApplicationAccessPolicy -AppId $client -PolicyScopeGroupId <group> -AccessRight RestrictAccess -Description 'Latchkey sends from one mailbox'"
  echo "           Test-ApplicationAccessPolicy -AppId $client -Identity ${mail_sender:-<sender>}"
fi

if [[ -n $app_id ]]; then
  echo
  echo "azd env set LATCHKEY_AUDIENCE $app_id"
  [[ -z $mail_sender ]] || echo "azd env set LATCHKEY_MAIL_SENDER $mail_sender"
fi
