#!/usr/bin/env bash
# Creates a custom extension in a catalog and attaches it to a policy of an access package, through Microsoft Graph. A second run changes nothing.
set -euo pipefail

usage() {
  cat <<'TEXT'
attach.sh --catalog ID --policy ID --stage STAGE --workflow RESOURCE_ID --name NAME [--wait DURATION] [--what-if]

  --catalog ID             the catalog of the access package
  --policy ID              the assignment policy
  --stage STAGE            assignmentRequestCreated, assignmentRequestApproved, assignmentRequestGranted or assignmentRequestRemoved
  --workflow RESOURCE_ID   the Logic App: the output workflowId of relay.bicep
  --name NAME              what people see
  --wait DURATION          PT5M to P14D: the request waits for the answer. Without it, it goes on at once
  --what-if                print what would be done, and do nothing

It needs az, signed in as somebody who owns the catalog (and may write the Logic App), and jq.
TEXT
}

stop() {
  echo "attach.sh: $*" >&2
  exit 1
}

catalog='' policy='' stage='' workflow='' name='' wait='' whatif=''
while (($#)); do
  case $1 in
    --catalog | --policy | --stage | --workflow | --name | --wait)
      [[ $# -ge 2 && -n $2 ]] || stop "$1 needs a value."
      declare "${1#--}=$2"
      shift 2
      ;;
    --what-if) whatif=1; shift ;;
    --help | -h) usage; exit 0 ;;
    *) stop "there is no option '$1'; see --help." ;;
  esac
done

guid='^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
[[ $catalog =~ $guid ]] || stop "--catalog must be a GUID."
[[ $policy =~ $guid ]] || stop "--policy must be a GUID."
[[ -n $name ]] || stop "--name is missing."
case $stage in
  assignmentRequestCreated | assignmentRequestApproved | assignmentRequestGranted | assignmentRequestRemoved) ;;
  *) stop "--stage must be assignmentRequestCreated, assignmentRequestApproved, assignmentRequestGranted or assignmentRequestRemoved." ;;
esac
[[ $workflow =~ ^/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft.Logic/workflows/([^/]+)$ ]] || stop "--workflow must be the resource id of a Logic App."
subscription=${BASH_REMATCH[1]} group=${BASH_REMATCH[2]} logic=${BASH_REMATCH[3]}
[[ -z $wait || $wait =~ ^P ]] || stop "--wait must be a duration such as PT1H."
for tool in az jq; do command -v $tool >/dev/null || stop "$tool is missing."; done

graph=https://graph.microsoft.com/v1.0/identityGovernance/entitlementManagement

body=$(jq -n --arg name "$name" --arg subscription "$subscription" --arg group "$group" --arg logic "$logic" --arg wait "$wait" '{
  "@odata.type": "#microsoft.graph.accessPackageAssignmentRequestWorkflowExtension",
  displayName: $name, description: "Calls Latchkey.",
  endpointConfiguration: {"@odata.type": "#microsoft.graph.logicAppTriggerEndpointConfiguration", subscriptionId: $subscription, resourceGroupName: $group, logicAppWorkflowName: $logic},
  authenticationConfiguration: {"@odata.type": "#microsoft.graph.azureAdPopTokenAuthentication"},
  clientConfiguration: {"@odata.type": "#microsoft.graph.customExtensionClientConfiguration", timeoutInMilliseconds: 2000, maximumRetries: 1}
} + if $wait == "" then {} else {callbackConfiguration: {"@odata.type": "#microsoft.graph.customExtensionCallbackConfiguration", timeoutDuration: $wait}} end')

found=$(az rest --method GET --url "$graph/catalogs/$catalog/customWorkflowExtensions" | jq --arg name "$name" '[.value[] | select(.displayName == $name)][0] // {}')
extension=$(jq -r '.id // empty' <<<"$found")
if [[ -n $extension ]]; then
  # One that does something else is not taken for it: a request would wait for nobody, or call another action.
  [[ $(jq -r '.endpointConfiguration.logicAppWorkflowName // ""' <<<"$found") == "$logic" ]] || stop "the catalog's extension '$name' calls another Logic App; choose another --name, or delete it."
  [[ $(jq -r 'if .callbackConfiguration then "waits" else "" end' <<<"$found") == "${wait:+waits}" ]] || stop "the catalog's extension '$name' $([[ -n $wait ]] && echo 'does not wait' || echo 'waits') for an answer; choose another --name, or delete it."
  echo "The catalog has the extension '$name' already: $extension"
elif [[ -n $whatif ]]; then
  echo "Would create the extension '$name':"
  echo "$body"
  extension=00000000-0000-0000-0000-000000000000
else
  extension=$(az rest --method POST --url "$graph/catalogs/$catalog/customWorkflowExtensions" --headers Content-Type=application/json --body "$body" | jq -r .id)
  [[ $extension =~ $guid ]] || stop "Graph answered without an id."
  echo "Created the extension '$name': $extension"
fi

current=$(az rest --method GET --url "$graph/assignmentPolicies/$policy?\$expand=accessPackage,customExtensionStageSettings(\$expand=customExtension)")
if jq -e --arg id "$extension" --arg stage "$stage" '.customExtensionStageSettings // [] | any(.stage == $stage and .customExtension.id == $id)' <<<"$current" >/dev/null; then
  echo "The policy calls it at $stage already."
  exit 0
fi
# A policy is replaced whole; what it has stays, but for what Graph alone writes.
changed=$(jq --arg id "$extension" --arg stage "$stage" '
  def kind: "#microsoft.graph.accessPackageAssignment" + (if startswith("assignmentRequest") then "Request" else "" end) + "WorkflowExtension";
  walk(if type == "object" then with_entries(select(.key | endswith("@odata.context") | not)) else . end)
  | del(.createdDateTime, .modifiedDateTime)
  | .accessPackage |= {id}
  | .customExtensionStageSettings = ([.customExtensionStageSettings // [] | .[] | {stage, customExtension: {"@odata.type": (.customExtension["@odata.type"] // (.stage | kind)), id: .customExtension.id}}]
      + [{stage: $stage, customExtension: {"@odata.type": ($stage | kind), id: $id}}])' <<<"$current")
if [[ -n $whatif ]]; then
  echo "Would attach it to the policy at $stage."
  exit 0
fi
az rest --method PUT --url "$graph/assignmentPolicies/$policy" --headers Content-Type=application/json --body "$changed" >/dev/null
echo "The policy calls it at $stage."
