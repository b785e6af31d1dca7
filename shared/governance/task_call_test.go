package governance_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"latchkey/shared/governance"
)

const (
	callRequest = "10000000-0000-4000-8000-000000000001"
	callStage   = "10000000-0000-4000-8000-000000000002"
	callPerson  = "10000000-0000-4000-8000-000000000003"
	callTask    = "10000000-0000-4000-8000-000000000004"
)

const taskPath = "/identityGovernance/lifecycleWorkflows/workflows/" + callTask + "/tasks/" + callTask + "/taskProcessingResults/" + callRequest

// task is what a lifecycle workflow sends, with what a test changes in it.
func task(old, changed string) string {
	return strings.Replace(`{"source":"x","type":"lifecycleEvent","data":{"subject":{"id":"`+callPerson+`","manager":{"id":"m"}},"task":{"id":"`+callTask+`"},"workflow":{"id":"`+callTask+`","workflowVersion":3},
		"taskProcessingResult":{"id":"`+callRequest+`","createdDateTime":"2026-11-20T10:00:00.1234567Z"},"callbackUriPath":"`+taskPath+`/resume"}}`, old, changed, 1)
}

// A task is read in each form in which it is described, and the path that is answered at is made of its ids.
func TestTasksAreRead(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 10, 0, 0, 123456700, time.UTC)
	for name, test := range map[string]struct {
		body string
		sent time.Time
	}{
		"as documented":          {task("", ""), at},
		"a time without offset":  {task("4567Z", "4567"), at},
		"a time with an offset":  {task("T10:00:00.1234567Z", "T12:00:00.1234567+02:00"), at},
		"said twice, as one":     {task(`"subject":`, `"targetSubject":{"id":"`+strings.ToUpper(callPerson)+`"},"subject":`), at},
		"no time":                {task(`"2026-11-20T10:00:00.1234567Z"`, "null"), time.Time{}},
		"the action's full name": {task("/resume", "/microsoft.graph.identityGovernance.resume"), at},
		"a subject of newer descriptions": {task(`"subject":{"id":"`+callPerson+`","manager":{"id":"m"}}`,
			`"subject":null,"targetSubject":{"@odata.type":"#microsoft.graph.identityGovernance.directoryObjectWorkflowSubject","id":"`+callPerson+`"}`), at},
	} {
		call, err := governance.ParseTask([]byte(test.body))
		if err != nil || call.Target.ObjectID != callPerson || call.ResumePath != taskPath+"/resume" || !call.SentAt.Equal(test.sent) || !call.Waits {
			t.Errorf("%s: %+v, %v", name, call, err)
		}
	}
}

// What is wrong is named, where it is in the payload.
// rules: EXT-11 EXT-12
func TestWrongPayloadsAreNamed(t *testing.T) {
	t.Parallel()
	native := func(rest string) string {
		return `{"AccessPackageAssignmentRequestId":"` + callRequest + `","CustomExtensionStageInstanceId":"` + callStage + `","Stage":"assignmentRequestGranted","Assignment":{"Target":{"ObjectId":"` + callPerson + `"}},` + rest + `}`
	}
	for body, target := range map[string]string{
		native(`"CallbackConfiguration":{"DurationBeforeTimeout":"PT0S"}`):                  "CallbackConfiguration/DurationBeforeTimeout",
		native(`"CallbackConfiguration":{"DurationBeforeTimeout":"00:00:00"}`):              "CallbackConfiguration/DurationBeforeTimeout",
		native(`"CallbackConfiguration":{"DurationBeforeTimeout":3600}`):                    "callbackConfiguration/durationBeforeTimeout",
		`{"data":` + native(`"CallbackConfiguration":{"DurationBeforeTimeout":3600}`) + `}`: "data/callbackConfiguration/durationBeforeTimeout",
		`{"data":{"stage":"x"}}`: "data/Stage",
		native(`"CallbackConfiguration":{"DurationBeforeTimeout":"PT1H","TimeoutDuration":"P10D"}`):      "CallbackConfiguration/TimeoutDuration",
		native(`"CallbackConfiguration":{"DurationBeforeTimeout":"PT1H","TimeoutDuration":"soon"}`):      "CallbackConfiguration/TimeoutDuration",
		native(`"AccessPackageCatalog":{"Id":"a"},"Catalog":{"Id":"b"}`):                                 "Catalog/Id",
		native(`"AccessPackageCatalog":{"DisplayName":"a"},"Catalog":{"Id":"b","DisplayName":"b"}`):      "Catalog/DisplayName",
		native(`"requestId":"` + callStage + `"`):                                                        "requestId",
		native(`"Requestor":{"PrincipalName":"a@x","UserPrincipalName":"b@x"}`):                          "Requestor/userPrincipalName",
		native(`"subject":{"id":"` + callPerson + `"}`):                                                  "stage",
		`{"stage":"x","data":{"subject":{}}}`:                                                            "stage",
		`{"subject":"x","data":{}}`:                                                                      "subject",
		`{"tenantId":"a","data":{"tenantId":"b"}}`:                                                       "data/tenantId",
		task(`"data":`, `"Subject":{"id":"`+callStage+`"},"data":`):                                      "Subject",
		task(`"subject":`, `"targetSubject":{"id":"`+callStage+`"},"subject":`):                          "data/targetSubject/id",
		task(`"subject":{`, `"subject":{"objectId":"`+callStage+`",`):                                    "data/subject/objectId",
		task(`"subject":{`, `"targetSubject":{"principalName":"b"},"subject":{"userPrincipalName":"a",`): "data/targetSubject/principalName",
		task(`"subject":{`, `"Assignment":{"Target":{"ObjectId":"`+callStage+`"}},"subject":{`):          "data/stage",
		native(`"Stage":"assignmentRequestRemoved"`):                                                     "Stage",
		native(`"a":[0,{"b":[]},{"b":{},"c":[{"x":1},{"y":2,"Y":{}}]}]`):                                 "a/2/c/1/Y",
		`{"data":{"subject":{"id":"` + callPerson + `","ID":null}}}`:                                     "data/subject/ID",
		`{"type":"x","data":{"stage":"x"},"Data":{}}`:                                                    "Data",
		`{"task":{"name":1,"other":{"name":2}},"taſk":{}}`:                                               "taſk",
		`{"data":"x"}`: "data",
		task("2026-11-20T10:00:00.1234567Z", "11/20/2026 10:00:00 AM"):                              "data/taskProcessingResult/createdDateTime",
		task(`"2026-11-20T10:00:00.1234567Z"`, "5"):                                                 "data/taskProcessingResult/createdDateTime",
		task(`"id":"`+callPerson+`"`, `"id":"x"`):                                                   "data/subject/id",
		task(`"taskProcessingResult":{"id":"`+callRequest+`"`, `"taskProcessingResult":{"id":null`): "data/taskProcessingResult/id",
		task(taskPath, "/users/"+callPerson):                                                        "data/callbackUriPath",
		task("/taskProcessingResults/"+callRequest, "/taskProcessingResults/"+callStage):            "data/callbackUriPath",
		task(taskPath+"/resume", taskPath+"/resume?x"):                                              "data/callbackUriPath",
		task(taskPath+"/resume", strings.Replace(taskPath, "/tasks/", "/tasks/../", 1)+"/resume"):   "data/callbackUriPath",
	} {
		_, err := governance.ParseTask([]byte(body))
		var coded *governance.Error
		if !errors.As(err, &coded) || coded.Code != governance.CodeInvalid || coded.Target != target {
			t.Errorf("%s: %v, want %s to be named", body, err, target)
		}
	}
}
