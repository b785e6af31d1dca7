// Package companion holds what a tenant deploys to have its custom extensions call Latchkey: the Logic App relay and the script that attaches it. The only Go here is their test.
package companion_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	catalogID   = "11111111-1111-4111-8111-111111111111"
	policyID    = "22222222-2222-4222-8222-222222222222"
	extensionID = "33333333-3333-4333-8333-333333333333"
	workflowID  = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Logic/workflows/logic-act"
)

// az stands in for the Azure CLI: it answers from files and writes down what it is asked.
const az = `#!/usr/bin/env bash
set -eu
method='' url='' body=''
while (($#)); do
  case $1 in --method) method=$2; shift;; --url) url=$2; shift;; --body) body=$2; shift;; esac
  shift
done
echo "$method $url" >>"$FAKE/calls"
case "$method $url" in
  "GET "*/customWorkflowExtensions) cat "$FAKE/extensions";;
  "POST "*) echo "$body" >"$FAKE/posted"; echo '{"id":"` + extensionID + `"}';;
  "GET "*/assignmentPolicies/*) cat "$FAKE/policy";;
  "PUT "*) echo "$body" >"$FAKE/put";;
esac
`

// attach runs the script with the stand-in for az. It answers with its output and the folder that az wrote to.
func attach(t *testing.T, extensions, policy string, arguments ...string) (output, folder string, err error) {
	t.Helper()
	for _, tool := range []string{"bash", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is needed: %v", tool, err)
		}
	}
	folder = t.TempDir()
	for name, content := range map[string]string{"az": az, "extensions": extensions, "policy": policy, "calls": ""} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat("attach.sh"); err != nil { // also tells go test that a result of before is none of a changed script
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "bash", append([]string{"attach.sh"}, arguments...)...)
	command.Env = append(os.Environ(), "FAKE="+folder, "PATH="+folder+":"+os.Getenv("PATH"))
	out, err := command.CombinedOutput()
	return string(out), folder, err
}

func read(t *testing.T, folder, name string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	var value map[string]any
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatalf("%s: %v: %s", name, err, data)
	}
	return value
}

var good = []string{"--catalog", catalogID, "--policy", policyID, "--stage", "assignmentRequestGranted", "--workflow", workflowID, "--name", "A pass", "--wait", "PT1H"}

const policyNow = `{"@odata.context":"x","id":"` + policyID + `","displayName":"P","createdDateTime":"2026-01-01T00:00:00Z","expiration":{"type":"afterDuration","duration":"P180D"},
	"accessPackage@odata.context":"x","customExtensionStageSettings@odata.context":"x","accessPackage":{"@odata.context":"x","id":"p","displayName":"x"},
	"customExtensionStageSettings":[{"stage":"assignmentRequestCreated","customExtension":{"id":"other"}},{"stage":"assignmentOneDayBeforeExpiration","customExtension":{"@odata.type":"#microsoft.graph.accessPackageAssignmentWorkflowExtension","id":"early"}}]}`

// extensionNow is the extension that the catalog has after a first run.
const extensionNow = `{"id":"` + extensionID + `","displayName":"A pass","endpointConfiguration":{"logicAppWorkflowName":"logic-act"},"callbackConfiguration":{"timeoutDuration":"PT1H"}}`

// rules: EXT-01 EXT-02 EXT-04 EXT-09 EXT-18
func TestAttach(t *testing.T) {
	output, folder, err := attach(t, `{"value":[]}`, policyNow, good...)
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	posted := read(t, folder, "posted")
	endpoint, _ := posted["endpointConfiguration"].(map[string]any)
	callback, _ := posted["callbackConfiguration"].(map[string]any)
	authentication, _ := posted["authenticationConfiguration"].(map[string]any)
	if posted["@odata.type"] != "#microsoft.graph.accessPackageAssignmentRequestWorkflowExtension" || endpoint["logicAppWorkflowName"] != "logic-act" || callback["timeoutDuration"] != "PT1H" ||
		authentication["@odata.type"] != "#microsoft.graph.azureAdPopTokenAuthentication" {
		t.Errorf("posted was %v", posted)
	}
	put := read(t, folder, "put")
	stages, _ := json.Marshal(put["customExtensionStageSettings"])
	if !strings.Contains(string(stages), `"other"`) || !strings.Contains(string(stages), extensionID) || put["expiration"] == nil || put["createdDateTime"] != nil || put["displayName"] != "P" {
		t.Errorf("put was %v", put)
	}
	whole, _ := json.Marshal(put)
	if strings.Contains(string(whole), "@odata.context") || !strings.Contains(string(stages), `{"@odata.type":"#microsoft.graph.accessPackageAssignmentWorkflowExtension","id":"early"}`) ||
		strings.Count(string(stages), "#microsoft.graph.accessPackageAssignmentRequestWorkflowExtension") != 2 {
		t.Errorf("put was %s", whole)
	}
}

// An extension of the same name that does something else is not taken for the one that is wanted.
func TestAnotherExtensionOfTheSameName(t *testing.T) {
	for says, extension := range map[string]string{
		"calls another Logic App": strings.Replace(extensionNow, "logic-act", "logic-other", 1),
		"does not wait":           strings.Replace(extensionNow, `{"timeoutDuration":"PT1H"}`, "null", 1),
	} {
		output, folder, err := attach(t, `{"value":[`+extension+`]}`, policyNow, good...)
		if calls, _ := os.ReadFile(filepath.Join(folder, "calls")); err == nil || strings.Contains(string(calls), "PUT") || !strings.Contains(output, says) {
			t.Errorf("%s: %v: %s", says, err, output)
		}
	}
}

func TestASecondRunChangesNothing(t *testing.T) {
	output, folder, err := attach(t, `{"value":[`+extensionNow+`]}`,
		`{"id":"`+policyID+`","customExtensionStageSettings":[{"stage":"assignmentRequestGranted","customExtension":{"id":"`+extensionID+`"}}]}`, good...)
	calls, _ := os.ReadFile(filepath.Join(folder, "calls"))
	if err != nil || strings.Contains(string(calls), "POST") || strings.Contains(string(calls), "PUT") {
		t.Errorf("%v: %s\n%s", err, output, calls)
	}
}

func TestWhatIfChangesNothing(t *testing.T) {
	output, folder, err := attach(t, `{"value":[]}`, policyNow, append(good, "--what-if")...)
	calls, _ := os.ReadFile(filepath.Join(folder, "calls"))
	if err != nil || strings.Contains(string(calls), "POST") || strings.Contains(string(calls), "PUT") || !strings.Contains(output, "Would attach") {
		t.Errorf("%v: %s\n%s", err, output, calls)
	}
}

func TestBadInputStopsBeforeAnyCall(t *testing.T) {
	for at, wrong := range map[int]string{1: "x", 3: "x", 5: "assignmentRequestLost", 7: "/subscriptions/s", 11: "soon"} {
		arguments := append([]string{}, good...)
		arguments[at] = wrong
		output, folder, err := attach(t, `{"value":[]}`, policyNow, arguments...)
		if calls, _ := os.ReadFile(filepath.Join(folder, "calls")); err == nil || len(calls) > 0 {
			t.Errorf("%s %s is taken: %s", arguments[at-1], wrong, output)
		}
	}
}

// The relay checks every claim of the proof of possession, and can be called in no other way.
// rules: EXT-18 EXT-19 EXT-20 EXT-22
func TestRelayChecksItsCaller(t *testing.T) {
	data, err := os.ReadFile("relay.bicep")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"type: 'AADPOP'", "AzureADEntitlementManagementAuthPOPAuthPolicy", "810dcf14-1858-4bf2-8134-4c369fa3235b", "ce79fdc4-cd1d-4ea5-8139-e74d7dbe0bb7", "'https://sts.windows.net/${subscription().tenantId}/'",
		"name: 'm'", "name: 'u'", "name: 'p'", "state: 'Disabled'", "ManagedServiceIdentity", "DisableAsyncPattern",
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("relay.bicep has no %s", want)
		}
	}
	if strings.Count(string(data), "{")-strings.Count(string(data), "}") != 0 {
		t.Error("relay.bicep has a brace too many")
	}
}
