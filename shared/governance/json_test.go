package governance_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"latchkey/shared/governance"
)

// Every resource, as a client sends it and as it is answered: the same properties, with what clients may not miss filled in.
//
// rules: OBJ-03 OBJ-09 OBJ-10 REQ-10 REQ-11 REQ-12 RES-02 RES-06 QUE-04 APR-14
func TestResourcesInJSON(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		value    any
		in, want string // want empty: the same as in
	}{
		"catalog": {new(governance.Catalog), `{"id":"c","displayName":"Licences","description":"All of them","catalogType":"userManaged","state":"published","isExternallyVisible":false,
			"createdDateTime":"2026-11-20T10:00:00Z","modifiedDateTime":"2026-11-20T10:00:00.1234567Z"}`, ""},
		"catalog, written otherwise": {new(governance.Catalog), `{"displayName":"Licences","state":"Published","catalogType":"USERMANAGED","isExternallyVisible":null,"@odata.context":"noise","resources":[{"id":"r"}]}`,
			`{"displayName":"Licences","state":"published","catalogType":"userManaged"}`},
		"group resource": {new(governance.Resource), `{"id":"r","displayName":"Cloud PC","description":"d","originId":"` + groupID + `","originSystem":"AadGroup","createdDateTime":"2026-11-20T10:00:00Z","catalog":{"id":"c"},
			"roles":[{"id":"ro","displayName":"Member","originId":"Member_` + groupID + `","originSystem":"AadGroup"}],
			"scopes":[{"id":"sc","displayName":"Root","description":"Root Scope","originId":"` + groupID + `","originSystem":"AadGroup","isRootScope":true}]}`, ""},
		"resource request": {new(governance.ResourceRequest), `{"catalog":{"id":"c"},"requestType":"AdminAdd","resource":{"originId":"` + groupID + `","originSystem":"AadGroup","url":null}}`,
			`{"catalog":{"id":"c"},"requestType":"adminAdd","resource":{"originId":"` + groupID + `","originSystem":"AadGroup"}}`},
		"resource request, answered": {new(governance.ResourceRequest), `{"id":"q","catalog":{"id":"c"},"requestType":"adminRemove","state":"delivered","createdDateTime":"2026-11-20T10:00:00.000Z","resource":{"id":"r"}}`, ""},
		"role scope": {new(governance.ResourceRoleScope), `{"role":{"displayName":"Member","originId":"Member_` + groupID + `","originSystem":"AadGroup","resource":{"id":"r","originId":"` + groupID + `","originSystem":"AadGroup"}},
			"scope":{"isRootScope":true,"originId":"` + groupID + `","originSystem":"AadGroup"}}`, ""},
		"role scope, answered": {new(governance.ResourceRoleScope), `{"id":"ro_sc","createdDateTime":"2026-11-20T10:00:00.000Z","role":{"id":"ro","originId":"Owner_` + groupID + `"},"scope":{"id":"sc","isRootScope":false,"resource":{"id":"r"}}}`, ""},
		"package":              {new(governance.AccessPackage), `{"catalog":{"id":"c"},"displayName":"Cloud PC","description":"d"}`, `{"catalog":{"id":"c"},"displayName":"Cloud PC","description":"d","isHidden":false}`},
		"package, expanded": {new(governance.AccessPackage), `{"id":"p","displayName":"Cloud PC","isHidden":true,"createdDateTime":"2026-11-20T10:00:00Z","modifiedDateTime":"2026-11-20T10:00:00Z","catalog":{"id":"c"},
			"resourceRoleScopes":[{"id":"ro_sc"}],"assignmentPolicies":[{"id":"po","specificAllowedTargets":[],"questions":[]}]}`, ""},
		"smallest policy": {new(governance.AssignmentPolicy), `{"displayName":"p"}`, `{"displayName":"p","specificAllowedTargets":[],"questions":[]}`},
		"policy, collections null": {new(governance.AssignmentPolicy), `{"displayName":"p","specificAllowedTargets":null,"questions":null,"customExtensionStageSettings":null,"automaticRequestSettings":null,"expiration":null,
			"requestorSettings":{"onBehalfRequestors":null},"reviewSettings":{"primaryReviewers":null},"requestApprovalSettings":{"stages":null}}`,
			`{"displayName":"p","specificAllowedTargets":[],"questions":[],
			"requestorSettings":{"enableTargetsToSelfAddAccess":false,"enableTargetsToSelfUpdateAccess":false,"enableTargetsToSelfRemoveAccess":false,"allowCustomAssignmentSchedule":false,
				"enableOnBehalfRequestorsToAddAccess":false,"enableOnBehalfRequestorsToUpdateAccess":false,"enableOnBehalfRequestorsToRemoveAccess":false,"onBehalfRequestors":[]},
			"reviewSettings":{"isEnabled":false,"isRecommendationEnabled":false,"isReviewerJustificationRequired":false,"isSelfReview":false,"primaryReviewers":[],"fallbackReviewers":[]},
			"requestApprovalSettings":{"isApprovalRequiredForAdd":false,"isApprovalRequiredForUpdate":false,"isRequestorJustificationRequired":false,"stages":[]}}`},
		"policy of the Go SDK": {new(governance.AssignmentPolicy), sdkPolicy, sdkPolicyAnswered},
		"direct assignment of the Go SDK": {new(governance.AssignmentRequest), `{"assignment":{"targetId":"` + userID + `","accessPackageId":"p","assignmentPolicyId":"po"},"justification":"sdk","requestType":"adminAdd",
			"schedule":{"expiration":{"type":"noExpiration"},"startDateTime":"2026-11-20T18:10:17Z"}}`,
			`{"assignment":{"targetId":"` + userID + `","accessPackageId":"p","assignmentPolicyId":"po","customExtensionCalloutInstances":[]},"justification":"sdk","requestType":"adminAdd",
			"schedule":{"expiration":{"type":"noExpiration"},"startDateTime":"2026-11-20T18:10:17Z"},"answers":[],"customExtensionCalloutInstances":[]}`},
		"own request with answers": {new(governance.AssignmentRequest), `{"requestType":"UserAdd","assignment":{"accessPackageId":"p"},"schedule":{"expiration":{"duration":"P4W2D","type":"AfterDuration"},"recurrence":null},
			"answers":[{"@odata.type":"#microsoft.graph.accessPackageAnswerString","value":"because","displayValue":"Because","answeredQuestion":{"@odata.type":"#microsoft.graph.accessPackageTextInputQuestion","id":"why"}}]}`,
			`{"requestType":"userAdd","assignment":{"accessPackageId":"p","customExtensionCalloutInstances":[]},"schedule":{"expiration":{"duration":"P30D","type":"afterDuration"},"recurrence":null},
			"answers":[{"@odata.type":"#microsoft.graph.accessPackageAnswerString","value":"because","displayValue":"Because","answeredQuestion":{"@odata.type":"#microsoft.graph.accessPackageTextInputQuestion","id":"why"}}],
			"customExtensionCalloutInstances":[]}`},
		"stored request": {new(governance.AssignmentRequest), `{"id":"q","requestType":"userAdd","state":"pendingApproval","status":"PendingApproval","justification":"j","createdDateTime":"2026-11-20T10:00:00.000Z","completedDateTime":"2026-11-20T11:00:00.000Z",
			"answers":[],"customExtensionCalloutInstances":[],"accessPackage":{"id":"p","displayName":"Cloud PC","isHidden":false},
			"assignment":{"id":"a","customExtensionCalloutInstances":[],"target":{"id":"s","objectId":"` + userID + `","displayName":"Mo","email":"mo@contoso.example","principalName":"mo@contoso.example","subjectType":"user"}},
			"requestor":{"id":"s","objectId":"` + userID + `"},"policy":{"id":"po","displayName":"p","specificAllowedTargets":[` + oneUser + `],"questions":[]},
			"approval":{"id":"q","stages":[{"id":"st","displayName":"Stage 1","status":"InProgress","assignedToMe":false,"reviewResult":"NotReviewed","reviewedBy":{"id":"` + governance.NobodyID + `"},"justification":"",
				"approverUserIds":["` + userID + `"],"approverGroupIds":["` + groupID + `"],"alternateUserIds":["` + userID + `"],"alternateGroupIds":["` + groupID + `"],
				"escalatesDateTime":"2026-11-27T10:00:00.000Z","endsDateTime":"2026-12-04T10:00:00.000Z","escalated":true}]}}`, ""},
		"decided stage": {new(governance.ApprovalStage), `{"id":"st","displayName":"Stage 1","status":"Completed","assignedToMe":true,"reviewResult":"Approve","reviewedBy":{"id":"` + userID + `","displayName":"Mo"},
			"reviewedDateTime":"2026-11-20T11:00:00.000Z","justification":"fine"}`, ""},
		"approval of nothing": {new(governance.Approval), `{"id":"q","stages":null}`, `{"id":"q","stages":[]}`},
		"assignment that was stored with a request's status": {new(governance.Assignment), `{"id":"a","state":"expired","status":"Fulfilled","customExtensionCalloutInstances":[]}`,
			`{"id":"a","state":"expired","status":"ExpiredNotificationTriggered","customExtensionCalloutInstances":[]}`},
		"assignment": {new(governance.Assignment), `{"id":"a","state":"delivered","status":"Delivered","expiredDateTime":"2027-05-19T10:00:00Z","customExtensionCalloutInstances":[],
			"schedule":{"startDateTime":"2026-11-20T10:00:00.000Z","expiration":{"type":"afterDateTime","endDateTime":"2027-05-19T12:00:00+02:00"}},"requestId":"q","removing":true,"attempt":3,"nextAttemptDateTime":"2026-11-20T10:15:00.000Z",
			"@latchkey.deliveries":[{"grant":{"originSystem":"AadGroup","resourceOriginId":"` + groupID + `","role":"Member"},"state":"failed","reason":"throttled"}]}`, ""},
		"head": {new(governance.Head), `{"id":"s","target":{"id":"s"},"holdings":[{"assignmentId":"a","packageId":"p","policyId":"po","state":"delivered","removing":true,"grants":["7nTsXWjSn1sI0Ec2kXG3lg"],
			"endDateTime":"2027-05-19T10:00:00.000Z"}],"requestsInFlight":[{"requestId":"q","packageId":"p","assignmentId":"a","requestType":"adminAdd","state":"delivering"}],"auditSequence":9007199254740991,"auditHash":"h","recentCommands":["x"]}`, ""},
		"effect":         {new(governance.Effect), `{"id":"s-1-0","container":"subjects","partition":"s","kind":"request","documentId":"q","what":"notify","requestId":"q","notification":"approvalNeeded","attempt":1,"stage":2,"notBefore":"2026-11-20T10:00:00Z"}`, ""},
		"effect at once": {new(governance.Effect), `{"id":"s-1-0","container":"subjects","partition":"s","kind":"assignment","documentId":"a","what":"provision"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := test.want
			if want == "" {
				want = test.in
			}
			if err := json.Unmarshal([]byte(test.in), test.value); err != nil {
				t.Fatal(err)
			}
			out := encode(t, test.value)
			same(t, out, want)
			again := reflect.New(reflect.TypeOf(test.value).Elem()).Interface()
			if err := json.Unmarshal([]byte(out), again); err != nil {
				t.Fatalf("its own answer cannot be read: %v", err)
			}
			if second := encode(t, again); second != out {
				t.Errorf("answered as %s, and read again as %s", out, second)
			}
		})
	}
}

// No list of a resource is ever null: clients iterate over them without looking.
func TestCollectionsAreNeverNull(t *testing.T) {
	t.Parallel()
	for _, value := range []any{
		governance.AssignmentPolicy{RequestorSettings: &governance.RequestorSettings{}, RequestApprovalSettings: &governance.ApprovalSettings{Stages: []governance.ApprovalStageSettings{{}}}, ReviewSettings: &governance.ReviewSettings{},
			Questions: governance.Questions{&governance.TextInputQuestion{}, &governance.MultipleChoiceQuestion{Choices: []governance.AnswerChoice{{}}}, &governance.MultipleChoiceQuestion{}}},
		governance.AssignmentRequest{Assignment: &governance.Assignment{}, Policy: &governance.AssignmentPolicy{}, Approval: &governance.Approval{}},
		governance.Catalog{}, governance.AccessPackage{}, governance.Resource{}, governance.ResourceRoleScope{}, governance.ResourceRequest{}, governance.ApprovalStage{},
	} {
		if text := encode(t, value); strings.Contains(text, "null") {
			t.Errorf("%T is answered with a null: %s", value, text)
		}
	}
}

func TestResourcesRefuseOtherTypes(t *testing.T) {
	t.Parallel()
	for text, value := range map[string]any{
		`{"displayName":7}`:                            new(governance.Catalog),
		`{"isExternallyVisible":"yes"}`:                new(governance.Catalog),
		`{"createdDateTime":"yesterday"}`:              new(governance.Catalog),
		`{"state":"open"}`:                             new(governance.Catalog),
		`{"isHidden":"false"}`:                         new(governance.AccessPackage),
		`{"resourceRoleScopes":{}}`:                    new(governance.AccessPackage),
		`{"role":[]}`:                                  new(governance.ResourceRoleScope),
		`{"requestType":"adminSteal"}`:                 new(governance.ResourceRequest),
		`{"requestType":"userUpdate"}`:                 new(governance.AssignmentRequest),
		`{"answers":"because"}`:                        new(governance.AssignmentRequest),
		`{"assignment":"a"}`:                           new(governance.AssignmentRequest),
		`{"schedule":{"expiration":{"type":"soon"}}}`:  new(governance.AssignmentRequest),
		`{"reviewResult":"Maybe"}`:                     new(governance.ApprovalStage),
		`{"expiration":{"duration":"a month"}}`:        new(governance.AssignmentPolicy),
		`{"allowedTargetScope":"allExternalUsers"}`:    new(governance.AssignmentPolicy),
		`{"questions":[{"@odata.type":"#x"}]}`:         new(governance.AssignmentPolicy),
		`{"specificAllowedTargets":[{"userId":"x"}]}`:  new(governance.AssignmentPolicy),
		`{"requestApprovalSettings":{"stages":["x"]}}`: new(governance.AssignmentPolicy),
	} {
		if err := json.Unmarshal([]byte(text), value); err == nil {
			t.Errorf("%T reads %s", value, text)
		}
	}
}

func FuzzPolicyJSON(f *testing.F) {
	f.Add(sdkPolicy)
	f.Add(`{"displayName":"p","questions":[{"sequence":1,"choices":null}],"specificAllowedTargets":[{"@odata.type":"#microsoft.graph.requestorManager"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var policy governance.AssignmentPolicy
		if err := json.Unmarshal([]byte(text), &policy); err != nil {
			return
		}
		out := encode(t, policy)
		var again governance.AssignmentPolicy
		if err := json.Unmarshal([]byte(out), &again); err != nil {
			t.Fatalf("%s is answered as %s, which cannot be read: %v", text, out, err)
		}
		if second := encode(t, again); second != out {
			t.Fatalf("%s is answered as %s, and read again as %s", text, out, second)
		}
	})
}

// same compares two JSON texts by what they say.
func same(t *testing.T, got, want string) {
	t.Helper()
	if g, w := decode[any](t, got), decode[any](t, want); !reflect.DeepEqual(g, w) {
		t.Errorf("got  %s\nwant %s", encode(t, g), encode(t, w))
	}
}

const (
	// sdkPolicy is shaped as msgraph-sdk-go sends policies: weeks in durations, questions without localizations, no @odata.type at the top.
	sdkPolicy = `{"accessPackage":{"id":"p"},"allowedTargetScope":"specificDirectoryUsers","description":"d","displayName":"SDK","expiration":{"duration":"P25W5D","type":"afterDuration"},
		"questions":[{"@odata.type":"#microsoft.graph.accessPackageTextInputQuestion","isRequired":true,"sequence":0,"text":"why?","isSingleLineQuestion":true},
			{"@odata.type":"#microsoft.graph.accessPackageMultipleChoiceQuestion","sequence":1,"text":"pick","choices":[{"actualValue":"A","text":"Option A"}],"isMultipleSelectionAllowed":false}],
		"requestApprovalSettings":{"isApprovalRequiredForAdd":true,"isApprovalRequiredForUpdate":false,"isRequestorJustificationRequired":true,"stages":[{"durationBeforeAutomaticDenial":"P2W","durationBeforeEscalation":"P1W",
			"escalationApprovers":[` + oneUser + `],"fallbackPrimaryApprovers":[` + oneUser + `],"isApproverJustificationRequired":true,"isEscalationEnabled":true,"primaryApprovers":[` + manager + `,` + oneUser + `]}]},
		"requestorSettings":{"allowCustomAssignmentSchedule":true,"enableTargetsToSelfAddAccess":true,"enableTargetsToSelfRemoveAccess":true,"enableTargetsToSelfUpdateAccess":false,"onBehalfRequestors":[]},
		"reviewSettings":{"expirationBehavior":"keepAccess","fallbackReviewers":[],"isEnabled":true,"isRecommendationEnabled":true,"isReviewerJustificationRequired":true,"isSelfReview":false,"primaryReviewers":[` + oneUser + `],
			"schedule":{"expiration":{"duration":"P2W","type":"afterDuration"},"recurrence":{"pattern":{"interval":3,"type":"absoluteMonthly"},"range":{"type":"noEnd"}},"startDateTime":"2026-11-22T18:10:17Z"}},
		"specificAllowedTargets":[` + oneGroup + `,` + oneUser + `]}`

	// sdkPolicyAnswered is what it must be answered as: days in durations, because the SDK reads a returned P25W5D as 25 weeks.
	sdkPolicyAnswered = `{"accessPackage":{"id":"p","isHidden":false},"allowedTargetScope":"specificDirectoryUsers","description":"d","displayName":"SDK","expiration":{"duration":"P180D","type":"afterDuration"},
		"questions":[{"@odata.type":"#microsoft.graph.accessPackageTextInputQuestion","isRequired":true,"isAnswerEditable":false,"sequence":0,"text":"why?","localizations":[],"isSingleLineQuestion":true},
			{"@odata.type":"#microsoft.graph.accessPackageMultipleChoiceQuestion","isRequired":false,"isAnswerEditable":false,"sequence":1,"text":"pick","localizations":[],"choices":[{"actualValue":"A","text":"Option A","localizations":[]}],"isMultipleSelectionAllowed":false}],
		"requestApprovalSettings":{"isApprovalRequiredForAdd":true,"isApprovalRequiredForUpdate":false,"isRequestorJustificationRequired":true,"stages":[{"durationBeforeAutomaticDenial":"P14D","durationBeforeEscalation":"P7D",
			"escalationApprovers":[` + oneUser + `],"fallbackPrimaryApprovers":[` + oneUser + `],"fallbackEscalationApprovers":[],"isApproverJustificationRequired":true,"isEscalationEnabled":true,"primaryApprovers":[` + manager + `,` + oneUser + `]}]},
		"requestorSettings":{"allowCustomAssignmentSchedule":true,"enableTargetsToSelfAddAccess":true,"enableTargetsToSelfRemoveAccess":true,"enableTargetsToSelfUpdateAccess":false,
			"enableOnBehalfRequestorsToAddAccess":false,"enableOnBehalfRequestorsToUpdateAccess":false,"enableOnBehalfRequestorsToRemoveAccess":false,"onBehalfRequestors":[]},
		"reviewSettings":{"expirationBehavior":"keepAccess","fallbackReviewers":[],"isEnabled":true,"isRecommendationEnabled":true,"isReviewerJustificationRequired":true,"isSelfReview":false,"primaryReviewers":[` + oneUser + `],
			"schedule":{"expiration":{"duration":"P14D","type":"afterDuration"},"recurrence":{"pattern":{"interval":3,"type":"absoluteMonthly"},"range":{"type":"noEnd"}},"startDateTime":"2026-11-22T18:10:17Z"}},
		"specificAllowedTargets":[` + oneGroup + `,` + oneUser + `]}`
)
