package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"latchkey/shared/governance"
)

const (
	anID    = "0f1a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a02"
	another = "6b1a2f1e-3f5b-4d8e-9b8a-7a0f5a2c1d01"
	someone = `{"@odata.type":"#microsoft.graph.singleUser","userId":"` + anID + `"}`
)

// same compares two JSON texts by what they say.
func same(t *testing.T, got []byte, want string) {
	t.Helper()
	var g, w any
	if err := errors.Join(json.Unmarshal(got, &g), json.Unmarshal([]byte(want), &w)); err != nil {
		t.Fatalf("%v: %s, %s", err, got, want)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// refuses checks that an error is a 400 about a member, in these words.
func refuses(t *testing.T, err error, target string, words ...string) {
	t.Helper()
	var coded *governance.Error
	if !errors.As(err, &coded) || coded.Code != governance.CodeInvalid || coded.Target != target {
		t.Errorf("the error is %v, want one about %q", err, target)
		return
	}
	for _, word := range words {
		if !strings.Contains(coded.Message, word) {
			t.Errorf("the error does not say %q: %s", word, coded.Message)
		}
	}
}

// What is written in other letters, in beta's names or loosely is what it means.
//
// rules: OBJ-02 OBJ-03 QUE-06 REQ-10 REQ-12 POL-02 APR-02
func TestMeaning(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		of         *Type
		body, want string
	}{
		"letters":   {Catalog, `{"DISPLAYNAME":"x","State":"PUBLISHED","isexternallyvisible":"False"}`, `{"displayName":"x","state":"published","isExternallyVisible":false}`},
		"digits":    {Package, `{"isHidden":1}`, `{"isHidden":true}`},
		"noise":     {Catalog, `{"@odata.type":"microsoft.graph.ACCESSPACKAGECATALOG","@odata.etag":"x","catalogType":"UserManaged","createdDateTime":"0001-01-01T00:00:00Z","id":"x","resources":[],"createdBy":"x"}`, `{}`},
		"nulls":     {Catalog, `{"displayName":"x","description":null,"state":null}`, `{"displayName":"x"}`},
		"beta":      {Catalog, `{"catalogStatus":"Published"}`, `{"state":"published"}`},
		"azuread":   {Package, `{"accessPackageCatalog":{"@odata.type":"#microsoft.graph.accessPackageCatalog","catalogStatus":"published","catalogType":"UserManaged","id":"c","isExternallyVisible":false}}`, `{"catalog":{"id":"c"}}`},
		"catalogId": {Package, `{"catalogId":"c","catalog":{"id":"C"}}`, `{"catalog":{"id":"C"}}`},
		"bound":     {Package, `{"catalog@odata.bind":"https://graph.microsoft.com/beta/identityGovernance/entitlementManagement/accessPackageCatalogs('` + anID + `')"}`, `{"catalog":{"id":"` + anID + `"}}`},
		"linked":    {Package, `{"catalog":{"@odata.id":"catalogs/` + anID + `"}}`, `{"catalog":{"id":"` + anID + `"}}`},
		"approval": {Policy, `{"requestApprovalSettings":{"isApprovalRequired":true,"isApprovalRequiredForExtension":false,"approvalMode":"SingleStage","approvalStages":[{"approvalStageTimeOutInDays":14,"escalationTimeInMinutes":11520,
			"isEscalationEnabled":false,"primaryApprovers":[{"@odata.type":"#microsoft.graph.requestorManager","isBackup":false},{"@odata.type":"#microsoft.graph.singleUser","id":"` + anID + `","isBackup":true}],
			"escalationApprovers":[{"@odata.type":"#Microsoft.Graph.GroupMembers","id":"` + anID + `","isBackup":"false"}]}]}}`,
			`{"requestApprovalSettings":{"isApprovalRequiredForAdd":true,"isApprovalRequiredForUpdate":false,"stages":[{"durationBeforeAutomaticDenial":"P14D","durationBeforeEscalation":"P8D","isEscalationEnabled":false,
			"primaryApprovers":[{"@odata.type":"#microsoft.graph.requestorManager"}],"fallbackPrimaryApprovers":[` + someone + `],"escalationApprovers":[{"@odata.type":"#microsoft.graph.groupMembers","groupId":"` + anID + `"}]}]}}`},
		"backup of v1.0": {Policy, `{"requestApprovalSettings":{"isApprovalRequiredForAdd":"false","stages":[{"primaryApprovers":[{"@odata.type":"#microsoft.graph.singleUser","userId":"` + anID + `","isBackup":true}],"fallbackPrimaryApprovers":[]}]}}`,
			`{"requestApprovalSettings":{"isApprovalRequiredForAdd":false,"stages":[{"primaryApprovers":[],"fallbackPrimaryApprovers":[` + someone + `]}]}}`},
		"requestors": {Policy, `{"requestorSettings":{"acceptRequests":true,"scopeType":"SpecificDirectorySubjects","allowedRequestors":[{"@odata.type":"singleUser","id":"` + anID + `","isBackup":false}]}}`,
			`{"allowedTargetScope":"specificDirectoryUsers","specificAllowedTargets":[` + someone + `],"requestorSettings":{"enableTargetsToSelfAddAccess":true}}`},
		"days":   {Policy, `{"durationInDays":"90","expirationDateTime":null,"accessPackageId":"p","canExtend":false}`, `{"expiration":{"type":"afterDuration","duration":"P90D"},"accessPackage":{"id":"p"}}`},
		"a date": {Policy, `{"durationInDays":0,"expirationDateTime":"2030-01-01T00:00:00Z"}`, `{"expiration":{"type":"afterDateTime","endDateTime":"2030-01-01T00:00:00Z"}}`},
		"no end": {Policy, `{"durationInDays":0}`, `{"expiration":{"type":"noExpiration"}}`},
		"weeks":  {Policy, `{"expiration":{"duration":"P4W2D","type":"AFTERDURATION"}}`, `{"expiration":{"type":"afterDuration","duration":"P30D"}}`},
		"questions": {Policy, `{"questions":[{"@odata.type":"#microsoft.graph.accessPackageTextInputQuestion","isRequired":"true","sequence":"1","text":{"defaultText":"hello?","localizedTexts":[{"languageCode":"de","text":"hallo?"}]}},
			{"@odata.type":"microsoft.graph.multipleChoiceQuestion","allowsMultipleSelection":false,"text":"which?","choices":[{"actualValue":"A","displayValue":{"defaultText":"Agent","localizedTexts":[]}}],"isAnswerEditable":false}]}`,
			`{"questions":[{"@odata.type":"#microsoft.graph.accessPackageTextInputQuestion","isRequired":true,"sequence":1,"text":"hello?","localizations":[{"languageCode":"de","text":"hallo?"}]},
			{"@odata.type":"#microsoft.graph.accessPackageMultipleChoiceQuestion","isMultipleSelectionAllowed":false,"text":"which?","choices":[{"actualValue":"A","text":"Agent","localizations":[]}],"isAnswerEditable":false}]}`},
		"reviews that are off": {Policy, `{"accessReviewSettings":{"isEnabled":false,"recurrenceType":"quarterly","reviewerType":"Reviewers","durationInDays":14,"startDateTime":"2027-01-01T00:00:00Z","isAccessRecommendationEnabled":true,
			"isApprovalJustificationRequired":"1","accessReviewTimeoutBehavior":"removeAccess","reviewers":[{"@odata.type":"#microsoft.graph.singleUser","id":"` + anID + `","isBackup":true}]}}`,
			`{"reviewSettings":{"isEnabled":false,"isRecommendationEnabled":true,"isReviewerJustificationRequired":true,"expirationBehavior":"removeAccess","primaryReviewers":[],"fallbackReviewers":[` + someone + `],
			"schedule":{"startDateTime":"2027-01-01T00:00:00Z","expiration":{"type":"afterDuration","duration":"P14D"},"recurrence":{"pattern":{"type":"absoluteMonthly","interval":3},"range":{"type":"noEnd"}}}}}`},
		"asks for nothing": {Policy, `{"reviewSettings":null,"automaticRequestSettings":null,"customExtensionStageSettings":[],"customExtensionHandlers":[],"verifiableCredentialSettings":{"credentialTypes":[]},"isDenied":false,
			"requestorSettings":{"enableTargetsToSelfUpdateAccess":"false","onBehalfRequestors":[],"enableOnBehalfRequestorsToAddAccess":0},
			"requestApprovalSettings":{"stages":[{"approverInformationVisibility":"Default","primaryApprovers":[]}]}}`,
			`{"requestorSettings":{"enableTargetsToSelfUpdateAccess":false,"onBehalfRequestors":[],"enableOnBehalfRequestorsToAddAccess":false},"requestApprovalSettings":{"stages":[{"approverInformationVisibility":"default","primaryApprovers":[]}]}}`},
		"people for what is off": {Policy, `{"requestorSettings":{"onBehalfRequestors":[{"@odata.type":"Microsoft.Graph.targetManager","managerLevel":1}],"enableOnBehalfRequestorsToAddAccess":"0"},
			"reviewSettings":{"isEnabled":false,"expirationBehavior":"","primaryReviewers":[{"@odata.type":"#microsoft.graph.targetUserSponsors"},` + someone + `],"fallbackReviewers":[{"@odata.type":"internalSponsors"}]}}`,
			`{"requestorSettings":{"onBehalfRequestors":[{"@odata.type":"#microsoft.graph.targetManager","managerLevel":1}],"enableOnBehalfRequestorsToAddAccess":false},
			"reviewSettings":{"isEnabled":false,"primaryReviewers":[{"@odata.type":"#microsoft.graph.targetUserSponsors"},` + someone + `],"fallbackReviewers":[{"@odata.type":"#microsoft.graph.internalSponsors"}]}}`},
		"a manager who reviews, and a fallback, off": {Policy, `{"accessReviewSettings":{"isEnabled":false,"reviewerType":"Manager","reviewers":[{"@odata.type":"targetManager","isBackup":true}]}}`,
			`{"reviewSettings":{"isEnabled":false,"primaryReviewers":[{"@odata.type":"#microsoft.graph.requestorManager","managerLevel":1}],"fallbackReviewers":[{"@odata.type":"#microsoft.graph.targetManager"}]}}`},
		"reviews that are off, of beta": {Policy, `{"accessReviewSettings":{"isEnabled":false,"recurrenceType":"none","reviewerType":"","accessReviewTimeoutBehavior":"","reviewers":[{"@odata.type":"targetManager","isBackup":true}]}}`,
			`{"reviewSettings":{"isEnabled":false,"primaryReviewers":[],"fallbackReviewers":[{"@odata.type":"#microsoft.graph.targetManager"}]}}`},
		"a request": {Request, `{"requestType":"UserAdd","accessPackageAssignment":{"accessPackageId":"p","targetId":"` + anID + `","schedule":{"startDateTime":null,"stopDateTime":null}},"isValidationOnly":false,"parameters":[],
			"answers":[{"@odata.type":"#microsoft.graph.answerString","value":"A","answeredQuestion":{"@odata.type":"#microsoft.graph.accessPackageTextInputQuestion","id":"q","text":"why?","isRequired":true}},{"value":"B","answeredQuestion":{"id":"r"}}]}`,
			`{"requestType":"userAdd","assignment":{"accessPackage":{"id":"p"},"target":{"objectId":"` + anID + `"},"schedule":{}},
			"answers":[{"@odata.type":"#microsoft.graph.accessPackageAnswerString","value":"A","answeredQuestion":{"@odata.type":"#microsoft.graph.accessPackageTextInputQuestion","id":"q"}},{"value":"B","answeredQuestion":{"id":"r"}}]}`},
		"a removal, with all that was read": {Request, `{"requestType":"adminRemove","schedule":{"startDateTime":null,"expiration":{"type":"notSpecified"}},"assignment":{"id":"a","state":"delivered","status":"Fulfilled","expiredDateTime":"2026-11-20T10:00:00.1234567Z",
			"schedule":{"startDateTime":"2026-11-20T10:00:00.997000+00:00"},"accessPackage":{"id":"p","displayName":"x"},"target":{"objectId":"` + anID + `","displayName":"x","connectedOrganization":null}}}`,
			`{"requestType":"adminRemove","schedule":{"expiration":{"type":"notSpecified"}},"assignment":{"id":"a","schedule":{"startDateTime":"2026-11-20T10:00:00.997000+00:00"},"accessPackage":{"id":"p"},"target":{"objectId":"` + anID + `"}}}`},
		"a role": {RoleScope, `{"accessPackageResourceRole":{"accessPackageResource":{"id":"r","originId":"g","resourceType":"Security Group"},"displayName":"Member","originId":"Member_g","originSystem":"AadGroup"},"accessPackageResourceScope":{"originId":"g","originSystem":"AadGroup"}}`,
			`{"role":{"resource":{"id":"r","originId":"g"},"displayName":"Member","originId":"Member_g","originSystem":"AadGroup"},"scope":{"originId":"g","originSystem":"AadGroup"}}`},
		"a resource": {ResourceRequest, `{"accessPackageResource":{"originId":"g","originSystem":"AadGroup","attributes":[]},"catalogId":"c","executeImmediately":true,"requestType":"AdminAdd"}`,
			`{"resource":{"originId":"g","originSystem":"AadGroup"},"catalog":{"id":"c"},"requestType":"adminAdd"}`},
		"a role, all of it": {RoleScope, `{"role":{"id":"ro","displayName":"Member","resource":{"id":"r","roles":[{"id":"ro","displayName":"Member"}],"catalog":{"id":"c"},"environment":null}},"scope":{"id":"sc","roleOriginId":"Member_g"}}`,
			`{"role":{"id":"ro","originId":"Member_g","displayName":"Member","resource":{"id":"r","roles":[{"id":"ro","displayName":"Member"}],"catalog":{"id":"c"}}},"scope":{"id":"sc"}}`},
		"a resource that was fetched": {ResourceRequest, `{"requestType":"adminAdd","catalog":{"id":"c"},"resource":{"originId":"g","createdDateTime":"2026-11-20T10:00:00+01:00","roles":[{"originId":"Member_g"}],"accessPackageResourceScopes":[{"isRootScope":true}]}}`,
			`{"requestType":"adminAdd","catalog":{"id":"c"},"resource":{"originId":"g","roles":[{"originId":"Member_g"}],"scopes":[{"isRootScope":true}]}}`},
		"twins of beta": {Policy, `{"accessPackageNotificationSettings":{"isAssignmentNotificationDisabled":"1"},"accessPackageCatalog":{"id":"c"},"requestorSettings":{"isCustomAssignmentScheduleAllowed":true}}`,
			`{"notificationSettings":{"isAssignmentNotificationDisabled":true},"catalog":{"id":"c"},"requestorSettings":{"allowCustomAssignmentSchedule":true}}`},
		"twins of beta, in a request": {Request, `{"accessPackageAssignment":{"accessPackageAssignmentPolicy":{"id":"po"},"accessPackage":{"id":"p","displayName":"x","isHidden":false},"assignmentState":"x","accessPackageAssignmentRequests":[]},
			"requestState":"x","requestStatus":"y","completedDate":null,"history":[]}`, `{"assignment":{"assignmentPolicy":{"id":"po"},"accessPackage":{"id":"p"}}}`},
		"types of members": {Policy, `{"displayName@odata.type":"#String","questions@odata.type":"#Collection(Microsoft.Graph.accessPackageQuestion)","questions@odata.count":0,"allowedTargetScope@type":"#microsoft.graph.allowedTargetScope",
			"expiration@odata.type":"#microsoft.graph.expirationPattern","createdDateTime@odata.type":"#DateTimeOffset","customExtensionHandlers@odata.type":"#Collection(x)","displayName":"x","catalog@odata.type":null,
			"requestApprovalSettings":{"approvalStages@odata.type":"collection(microsoft.graph.approvalStage)","stages":[{"durationBeforeAutomaticDenial@odata.type":"Edm.Duration","isEscalationEnabled@odata.type":"#Boolean",
			"primaryApprovers@odata.type":"#Collection(microsoft.graph.singleUser)","primaryApprovers":[]}]}}`, `{"displayName":"x","requestApprovalSettings":{"stages":[{"primaryApprovers":[]}]}}`},
		"who is asked":           {Requirements, `{"subject":{"objectId":"x","email":null,"subjectType":"user"}}`, `{"subject":{"objectId":"x","subjectType":"user"}}`},
		"@latchkey.deliveries":   {Request, `{"requestType":"adminRemove","assignment":{"id":"a","@latchkey.deliveries":[{"grant":{"originSystem":"AadGroup","resourceOriginId":"g","role":"Member"},"state":"delivered"}]}}`, `{"requestType":"adminRemove","assignment":{"id":"a"}}`},
		"named in words":         {Policy, `{"specificAllowedTargets":[{"@odata.type":"groupMembers","groupId":"` + anID + `","description":"the board"}]}`, `{"specificAllowedTargets":[{"@odata.type":"#microsoft.graph.groupMembers","groupId":"` + anID + `"}]}`},
		"spaces":                 {Request, `{"assignment":{"targetId":" ` + anID + ` "}}`, `{"assignment":{"target":{"objectId":"` + anID + `"}}}`},
		"nothing of a reference": {Request, `{"requestType":"userAdd","accessPackage":{"id":"p","displayName":"x","description":"y","isHidden":false,"resourceRoleScopes":[],"catalog":{"id":"c","displayName":"x"}}}`, `{"requestType":"userAdd","accessPackage":{"id":"p"}}`},
		"a decision":             {Stage, `{"reviewResult":"approve","status":"InProgress","reviewedBy":{"@odata.type":"#microsoft.graph.userIdentity","id":"x","displayName":"y"},"assignedToMe":true}`, `{"reviewResult":"Approve","status":"InProgress","reviewedBy":{"id":"x"}}`},
		"an action":              {Action, `{"@odata.etag":"e","@odata.context":"c","name":"n","Kind":"x","isEnabled":true,"settings":{"a":[1,null]},"callers":[],"stages":["ASSIGNMENTREQUESTGRANTED"],"onFailure":"deny","modifiedDateTime":"2026-11-20T10:00:00Z","findings":[]}`, `{"kind":"x","isEnabled":true,"settings":{"a":[1,null]},"callers":[],"stages":["assignmentRequestGranted"],"onFailure":"deny"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := test.of.New([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			normal, err := body.JSON()
			if err != nil {
				t.Fatal(err)
			}
			same(t, normal, test.want)
			again, err := test.of.New(normal)
			if err != nil {
				t.Fatalf("what is normal is refused: %v", err)
			}
			second, err := again.JSON()
			if err != nil {
				t.Fatal(err)
			}
			same(t, second, string(normal))
		})
	}
}

// What cannot be kept is refused by its whole path, with the member that was meant or what it waits for.
//
// rules: OBJ-02 OBJ-03 POL-02 POL-03 POL-04 APR-01 APR-19 REQ-01 REQ-14 QUE-05
func TestRefused(t *testing.T) {
	t.Parallel()
	stages := func(members string) string {
		return `{"requestApprovalSettings":{"isApprovalRequiredForAdd":false,"stages":[{"primaryApprovers":[]},{` + members + `}]}}`
	}
	const second = "requestApprovalSettings/stages/1/"
	for name, test := range map[string]struct {
		of     *Type
		body   string
		target string
		words  []string
	}{
		"misspelt":             {Catalog, `{"dispalyName":"x"}`, "dispalyName", []string{"use displayName"}},
		"misspelt approval":    {Policy, `{"requestApprovalSettings":{"isApprovalRequiredForAdds":true}}`, "requestApprovalSettings/isApprovalRequiredForAdds", []string{"use isApprovalRequiredForAdd"}},
		"snake case":           {Policy, `{"request_approval_settings":null}`, "request_approval_settings", []string{"use requestApprovalSettings"}},
		"snake case, deep":     {Request, `{"assignment":{"access_package_id":"x"}}`, "assignment/access_package_id", []string{"use accessPackageId"}},
		"snake case, of a set": {Policy, `{"specificAllowedTargets":[{"@odata.type":"singleUser","user_id":"x"}]}`, "specificAllowedTargets/0/user_id", []string{"use userId"}},
		"unknown":              {Policy, `{"expiration":{"horse":1}}`, "expiration/horse", []string{"expirationPattern"}},
		"unknown in noise":     {Package, `{"catalog":{"id":"c","horse":1}}`, "catalog/horse", nil},
		"latchkey's":           {Policy, `{"expiration":{"@latchkey.horse":1}}`, "expiration/@latchkey.horse", nil},
		"latchkey's, beside":   {Catalog, `{"state@latchkey.x":1}`, "state@latchkey.x", nil},

		"twice":                  {Catalog, `{"displayName":"a","displayName":"a"}`, "displayName", []string{"twice"}},
		"twice, in other case":   {Policy, `{"requestApprovalSettings":{"isApprovalRequiredForAdd":true,"ISAPPROVALREQUIREDFORADD":false}}`, "requestApprovalSettings/ISAPPROVALREQUIREDFORADD", []string{"twice"}},
		"twice, the whole":       {Policy, `{"requestApprovalSettings":{},"requestApprovalSettings":{}}`, "requestApprovalSettings", []string{"twice"}},
		"twice, by beta":         {Policy, `{"requestApprovalSettings":{"isApprovalRequiredForAdd":true,"isApprovalRequired":false}}`, "requestApprovalSettings/isApprovalRequired", []string{"the same member"}},
		"twice, translated":      {Policy, `{"allowedTargetScope":"notSpecified","requestorSettings":{"scopeType":"NoSubjects"}}`, "requestorSettings/scopeType", []string{"the same member", "allowedTargetScope"}},
		"twice, expiration":      {Policy, `{"durationInDays":3,"expiration":{}}`, "durationInDays", []string{"the same member"}},
		"twice, in noise":        {Catalog, `{"resources":[],"catalogType":{"a":1,"A":2}}`, "catalogType/A", []string{"twice"}},
		"twice, in what is open": {Action, `{"settings":{"a":[{"b":1,"B":2}]}}`, "settings/a/0/B", []string{"twice"}},
		"twice, the result":      {Stage, `{"reviewResult":"Deny","reviewResult":"Approve"}`, "reviewResult", []string{"twice"}},
		"twice, the type":        {Policy, `{"@odata.type":"#microsoft.graph.accessPackageAssignmentPolicy","@Type":"#microsoft.graph.accessPackageAssignmentPolicy"}`, "@Type", []string{"twice"}},
		"twice, the assignment":  {Request, `{"assignment":{},"accessPackageAssignment":{}}`, "accessPackageAssignment", []string{"the same member"}},

		"stage as a user":        {Policy, stages(`"@odata.type":"#microsoft.graph.user"`), second + "@odata.type", []string{"accessPackageApprovalStage"}},
		"policy as a package":    {Policy, `{"@odata.type":"#microsoft.graph.accessPackage"}`, "@odata.type", nil},
		"type that is no text":   {Policy, `{"@odata.type":1}`, "@odata.type", nil},
		"type in noise":          {Package, `{"catalog":{"id":"c","@odata.type":"#microsoft.graph.group"}}`, "catalog/@odata.type", nil},
		"custom data":            {ResourceRequest, `{"resource":{"@odata.type":"#microsoft.graph.customDataProvidedResource"}}`, "resource/@odata.type", []string{"not in this release"}},
		"only the kind":          {Policy, `{"specificAllowedTargets":[{"@odata.type":"#microsoft.graph.subjectSet"}]}`, "specificAllowedTargets/0/@odata.type", []string{"#microsoft.graph.singleUser"}},
		"no type":                {Policy, `{"specificAllowedTargets":[{"id":"x"}]}`, "specificAllowedTargets/0", []string{"needs @odata.type"}},
		"nothing of a list":      {Policy, `{"specificAllowedTargets":[{}]}`, "specificAllowedTargets/0", []string{"needs @odata.type"}},
		"nobody":                 {Policy, `{"specificAllowedTargets":[{"@odata.type":"singleUser"}]}`, "specificAllowedTargets/0", []string{"needs userId"}},
		"answer of another type": {Request, `{"answers":[{"@odata.type":"#microsoft.graph.accessPackageAnswerNumber"}]}`, "answers/0/@odata.type", nil},
		"bound where none is":    {ResourceRequest, `{"resource":{"environment@odata.bind":"resourceEnvironments/x"}}`, "resource/environment@odata.bind", nil},
		"bound to another":       {Package, `{"catalog@odata.bind":"groups/` + anID + `"}`, "catalog@odata.bind", []string{"catalogs"}},
		"bound and given":        {Package, `{"catalog":{"id":"c"},"catalog@odata.bind":"catalogs/` + anID + `"}`, "catalog@odata.bind", []string{"the same member"}},
		"an id of another":       {Policy, `{"expiration":{"@odata.id":"x"}}`, "expiration/@odata.id", nil},

		"type of a member":            {Policy, `{"requestApprovalSettings":{"approvalStages@odata.type":"#Collection(microsoft.graph.user)"}}`, "requestApprovalSettings/approvalStages@odata.type", []string{"another type"}},
		"type of a value":             {Policy, stages(`"isEscalationEnabled@odata.type":"#String"`), second + "isEscalationEnabled@odata.type", nil},
		"type of an enumeration":      {Policy, `{"expiration":{"type@odata.type":"#microsoft.graph.allowedTargetScope"}}`, "expiration/type@odata.type", nil},
		"one for a list":              {Policy, `{"questions@odata.type":"#microsoft.graph.accessPackageQuestion"}`, "questions@odata.type", nil},
		"a list for one":              {Policy, `{"expiration@odata.type":"#Collection(microsoft.graph.expirationPattern)"}`, "expiration@odata.type", nil},
		"type of noise":               {Catalog, `{"createdDateTime@odata.type":"#microsoft.graph.user"}`, "createdDateTime@odata.type", nil},
		"type that is no text, of it": {Catalog, `{"displayName@odata.type":{}}`, "displayName@odata.type", nil},
		"type of no member":           {Catalog, `{"horse@odata.type":"#String"}`, "horse@odata.type", nil},
		"type in a reference":         {Package, `{"catalog":{"id":"c","state@odata.type":"#Int32"}}`, "catalog/state@odata.type", nil},
		"something about no member":   {Package, `{"catalog":{"id":"c","horse@odata.count":1}}`, "catalog/horse@odata.count", nil},
		"link of a member":            {Package, `{"catalog@odata.id":"catalogs/` + anID + `"}`, "catalog@odata.id", nil},
		"an object for noise":         {Catalog, `{"createdBy":{"@odata.type":"#microsoft.graph.horse"}}`, "createdBy", []string{"an object"}},
		"a list for noise":            {Request, `{"assignment":{"expiredDateTime":[]}}`, "assignment/expiredDateTime", nil},
		"type in what is repeated":    {Request, `{"requestType":"adminRemove","assignment":{"id":"a","@latchkey.deliveries":[{"grant":{"@odata.type":"#microsoft.graph.user"}}]}}`, "assignment/@latchkey.deliveries/0/grant/@odata.type", []string{"no type in Graph"}},
		"unknown in what is repeated": {Request, `{"answers":[{"answeredQuestion":{"id":"q","choices":[{"horse":1}]}}]}`, "answers/0/answeredQuestion/choices/0/horse", nil},
		"shape in a reference":        {Package, `{"catalog":{"id":"c","isExternallyVisible":"maybe"}}`, "catalog/isExternallyVisible", nil},
		"a number for an id":          {Package, `{"catalog":{"id":7}}`, "catalog/id", []string{"a number", "a string"}},
		"a number for one's own id":   {Catalog, `{"id":7}`, "id", nil},
		"removed":                     {Catalog, `{"@removed":{"reason":"deleted"}}`, "@removed", nil},
		"delta":                       {Package, `{"resourceRoleScopes@delta":[]}`, "resourceRoleScopes@delta", nil},
		"delta of beta":               {Policy, `{"requestApprovalSettings":{"approvalStages@odata.delta":[]}}`, "requestApprovalSettings/approvalStages@odata.delta", nil},
		"removed, inside":             {Policy, stages(`"@odata.removed":{}`), second + "@odata.removed", nil},
		"one letter in two ways":      {Action, `{"settings":{"s":1,"ſ":2}}`, "settings/ſ", []string{"twice"}},

		"reviews":                  {Policy, `{"reviewSettings":{"isEnabled":true}}`, "reviewSettings", []string{`"reviewSettings" is not in this release`, "access reviews"}},
		"reviews, on or off":       {Policy, `{"reviewSettings":{"isEnabled":null,"primaryReviewers":[` + someone + `]}}`, "reviewSettings", []string{"not in this release"}},
		"a manager to review":      {Policy, `{"reviewSettings":{"isEnabled":true,"primaryReviewers":[{"@odata.type":"targetManager"}]}}`, "reviewSettings", nil},
		"reviewed by nobody known": {Policy, `{"reviewSettings":{"isEnabled":false,"primaryReviewers":[{"@odata.type":"horse"}]}}`, "reviewSettings/primaryReviewers/0/@odata.type", nil},
		"stages, asked or not":     {Policy, `{"requestApprovalSettings":{"stages":[{"primaryApprovers":[` + someone + `]}]}}`, "requestApprovalSettings/isApprovalRequiredForAdd", []string{"true or false"}},
		"stages, null, of beta":    {Policy, `{"requestApprovalSettings":{"isApprovalRequired":null,"approvalStages":[{},{"fallbackPrimaryApprovers":[` + someone + `]}]}}`, "requestApprovalSettings/isApprovalRequiredForAdd", nil},
		"alternates, or not":       {Policy, stages(`"durationBeforeEscalation":"P1D","escalationApprovers":[` + someone + `]`), second + "isEscalationEnabled", []string{"true or false"}},
		"alternates, null":         {Policy, stages(`"isEscalationEnabled":null,"escalationTimeInMinutes":5,"escalationApprovers":[{"@odata.type":"requestorManager","isBackup":true}]`), second + "isEscalationEnabled", nil},
		"reviews of beta":          {Policy, `{"accessReviewSettings":{"isEnabled":"true"}}`, "accessReviewSettings", []string{"not in this release"}},
		"updates":                  {Policy, `{"requestorSettings":{"enableTargetsToSelfUpdateAccess":true}}`, "requestorSettings/enableTargetsToSelfUpdateAccess", []string{"not in this release"}},
		"updates of beta":          {Policy, `{"canExtend":true}`, "canExtend", []string{"not in this release"}},
		"approval of updates":      {Policy, `{"requestApprovalSettings":{"isApprovalRequiredForUpdate":true}}`, "requestApprovalSettings/isApprovalRequiredForUpdate", []string{"not in this release"}},
		"visibility":               {Policy, stages(`"approverInformationVisibility":"notVisible"`), second + "approverInformationVisibility", []string{"not in this release"}},
		"editable":                 {Policy, `{"questions":[{"text":"x","isAnswerEditable":true}]}`, "questions/0/isAnswerEditable", []string{"not in this release"}},
		"automatic":                {Policy, `{"automaticRequestSettings":{"requestAccessForAllowedTargets":true}}`, "automaticRequestSettings/requestAccessForAllowedTargets", []string{"not in this release"}},
		"extensions":               {Policy, `{"customExtensionStageSettings":[{"stage":"assignmentRequestCreated"}]}`, "customExtensionStageSettings", []string{"not in this release"}},
		"handlers":                 {Policy, `{"customExtensionHandlers":[{}]}`, "customExtensionHandlers", []string{"not in this release"}},
		"dynamic stage":            {Policy, stages(`"@odata.type":"accessPackageDynamicApprovalStage"`), second + "@odata.type", []string{"not in this release"}},
		"credentials":              {Policy, `{"verifiableCredentialSettings":{"credentialTypes":[{"credentialType":"x"}]}}`, "verifiableCredentialSettings", []string{"not in this release"}},
		"on behalf":                {Policy, `{"requestorSettings":{"enableOnBehalfRequestorsToAddAccess":true}}`, "requestorSettings/enableOnBehalfRequestorsToAddAccess", []string{"not in this release"}},
		"on behalf of whom":        {Policy, `{"requestorSettings":{"onBehalfRequestors":[` + someone + `],"enableOnBehalfRequestorsToRemoveAccess":true}}`, "requestorSettings/onBehalfRequestors", []string{"not in this release"}},
		"outside":                  {Policy, `{"allowedTargetScope":"AllExternalUsers"}`, "allowedTargetScope", []string{"not in this release"}},
		"outside, of beta":         {Policy, `{"requestorSettings":{"scopeType":"AllExternalSubjects"}}`, "requestorSettings/scopeType", []string{"not in this release"}},
		"outside, none exact":      {Policy, `{"requestorSettings":{"scopeType":"AllExistingConnectedOrganizationSubjects"}}`, "requestorSettings/scopeType", nil},
		"sponsors":                 {Policy, stages(`"primaryApprovers":[{"@odata.type":"#microsoft.graph.internalSponsors"}]`), second + "primaryApprovers/0/@odata.type", []string{"not in this release"}},
		"rule":                     {Policy, `{"specificAllowedTargets":[{"@odata.type":"#microsoft.graph.attributeRuleMembers","membershipRule":"x"}]}`, "specificAllowedTargets/0/@odata.type", []string{"not in this release"}},
		"separation":               {Package, `{"incompatibleAccessPackages":[{"id":"x"}]}`, "incompatibleAccessPackages", []string{"not in this release"}},
		"groups":                   {Package, `{"incompatibleGroups":[{"id":"x"}]}`, "incompatibleGroups", []string{"not in this release"}},
		"attributes":               {ResourceRequest, `{"resource":{"attributes":[{"name":"city"}]}}`, "resource/attributes", []string{"not in this release"}},
		"validation":               {Request, `{"requestType":"userAdd","isValidationOnly":"true"}`, "isValidationOnly", []string{"not in this release", "does nothing of this rather than do it without that"}},
		"parameters":               {Request, `{"parameters":[{"name":"IsApprovalRequired","value":"true"}]}`, "parameters", []string{"not in this release"}},
		"a parameter of nothing":   {Nothing, `{"x":1}`, "x", []string{"x is no member of this body, which takes none"}},
		"parameters of today":      {Request, `{"parameters":{"bypassApproval":false}}`, "parameters", []string{"not in this release"}},
		"update":                   {Request, `{"requestType":"AdminUpdate"}`, "requestType", []string{`"adminUpdate" is not in this release`}},
		"extend":                   {Request, `{"requestType":"UserExtend"}`, "requestType", []string{"not in this release"}},
		"credentials shown":        {Request, `{"verifiedCredentialsData":[{}]}`, "verifiedCredentialsData", []string{"not in this release"}},
		"requirements for another": {Requirements, `{"subject":{"subjectType":"servicePrincipal"}}`, "subject/subjectType", []string{"not in this release"}},
		"a parameter":              {Nothing, `{"x":1}`, "x", nil},
		"fallback of nobody":       {Policy, `{"specificAllowedTargets":[{"@odata.type":"singleUser","userId":"` + anID + `","isBackup":true}]}`, "specificAllowedTargets/0/isBackup", nil},
		"stages side by side":      {Policy, `{"requestApprovalSettings":{"approvalMode":"Parallel","isApprovalRequired":true,"approvalStages":[{},{}]}}`, "requestApprovalSettings/approvalMode", nil},
		"no approval, and yet":     {Policy, `{"requestApprovalSettings":{"approvalMode":"NoApproval","isApprovalRequired":true}}`, "requestApprovalSettings/approvalMode", nil},

		"removal with a start":     {Request, `{"requestType":"userRemove","schedule":{"startDateTime":"2027-01-01T00:00:00Z"},"assignment":{"id":"a"}}`, "schedule", nil},
		"removal with an end":      {Request, `{"requestType":"AdminRemove","schedule":{"expiration":{"type":"afterDuration","duration":"P1D"}}}`, "schedule", nil},
		"removal with answers":     {Request, `{"requestType":"userRemove","answers":[{}]}`, "answers", nil},
		"time in the assignment":   {Request, `{"requestType":"adminAdd","assignment":{"schedule":{"expiration":{"duration":"PT1H"}}}}`, "assignment/schedule", nil},
		"stop":                     {Request, `{"requestType":"userAdd","schedule":{"stopDateTime":"2027-01-01T00:00:00Z"}}`, "schedule/stopDateTime", nil},
		"recurrence of a request":  {Request, `{"requestType":"userAdd","schedule":{"recurrence":{"pattern":{"type":"daily"}}}}`, "schedule/recurrence", nil},
		"end of beta":              {Request, `{"requestType":"userAdd","expirationDateTime":"2027-01-01T00:00:00Z"}`, "expirationDateTime", nil},
		"add of an assignment":     {Request, `{"requestType":"userAdd","assignment":{"id":"a"}}`, "assignment/id", nil},
		"by address":               {Request, `{"requestType":"AdminAdd","assignment":{"target":{"email":"x@contoso.example"}}}`, "assignment/target/email", []string{"not in this release"}},
		"two targets":              {Request, `{"assignment":{"targetId":"` + anID + `","target":{"objectId":"` + another + `"}}}`, "assignment/targetId", []string{"assignment/target/objectId"}},
		"two packages":             {Request, `{"assignment":{"accessPackageId":"a","accessPackage":{"id":"b"}}}`, "assignment/accessPackageId", nil},
		"two packages, outside":    {Request, `{"accessPackage":{"id":"a"},"accessPackageAssignment":{"accessPackageId":"b"}}`, "accessPackage/id", nil},
		"two policies":             {Request, `{"assignment":{"assignmentPolicyId":"a","assignmentPolicy":{"id":"b"}}}`, "assignment/assignmentPolicyId", nil},
		"two catalogs":             {ResourceRequest, `{"catalogId":"a","catalog":{"id":"b"}}`, "catalogId", []string{"catalog/id"}},
		"two packages of a policy": {Policy, `{"accessPackageId":"a","accessPackage":{"id":"b"}}`, "accessPackageId", nil},
		"two links":                {Package, `{"catalog":{"id":"` + another + `","@odata.id":"catalogs/` + anID + `"}}`, "catalog/@odata.id", nil},
		"what has its own path":    {Package, `{"resourceRoleScopes":[{"role":{}}]}`, "resourceRoleScopes", nil},

		"condition of a package":              {Request, `{"requestType":"userAdd","assignment":{"accessPackage":{"id":"p","isHidden":true}}}`, "assignment/accessPackage/isHidden", []string{"not what is there"}},
		"condition of a policy":               {Request, `{"requestType":"adminAdd","assignment":{"assignmentPolicy":{"id":"p","requestApprovalSettings":{"isApprovalRequiredForAdd":true}}}}`, "assignment/assignmentPolicy/requestApprovalSettings", nil},
		"end of a policy":                     {Request, `{"requestType":"userAdd","assignment":{"accessPackageAssignmentPolicy":{"id":"p","durationInDays":3}}}`, "assignment/accessPackageAssignmentPolicy/expiration", nil},
		"condition of the package, outside":   {Request, `{"requestType":"userAdd","accessPackage":{"id":"p","isHidden":"true"}}`, "accessPackage/isHidden", nil},
		"an hour, deep":                       {Request, `{"requestType":"userAdd","assignment":{"accessPackage":{"id":"p","assignmentPolicies":[{"id":"po","expiration":{"type":"afterDuration","duration":"PT1H"}}]}}}`, "assignment/accessPackage/assignmentPolicies", nil},
		"another right, deep":                 {Request, `{"requestType":"userAdd","assignment":{"accessPackage":{"id":"p","resourceRoleScopes":[{"id":"x"}]}}}`, "assignment/accessPackage/resourceRoleScopes", nil},
		"a condition two references down":     {Request, `{"requestType":"adminAdd","assignment":{"assignmentPolicy":{"id":"po","accessPackage":{"id":"p","isHidden":true}}}}`, "assignment/assignmentPolicy/accessPackage", nil},
		"rights of an add":                    {Request, `{"requestType":"adminAdd","assignment":{"@latchkey.deliveries":[{"grant":{"role":"Owner"}}]}}`, "assignment/@latchkey.deliveries", nil},
		"other rights of a removal":           {Request, `{"requestType":"userRemove","assignment":{"id":"a","@latchkey.deliveries":[{"grant":{"role":"Owner"}}]}}`, "assignment/@latchkey.deliveries", nil},
		"condition of a removal":              {Request, `{"requestType":"userRemove","assignment":{"id":"a","accessPackage":{"id":"p","resourceRoleScopes":[{"id":"x"}]}}}`, "assignment/accessPackage/resourceRoleScopes", nil},
		"resources of a catalog":              {Package, `{"catalog":{"id":"c","resources":[{"originId":"g"}]}}`, "catalog/resources", nil},
		"policies of the package of a policy": {Policy, `{"accessPackage":{"id":"p","assignmentPolicies":[{"displayName":"x"}]}}`, "accessPackage/assignmentPolicies", nil},
		"a crowd of catalogs":                 {ResourceRequest, `{"resource":{"roles":[` + strings.Repeat(`{"resource":{"catalog":{"id":"c","state":"published"}}},`, maxRefers) + `{"resource":{"catalog":{"id":"c","state":"published"}}}]}}`, "resource/roles/10/resource/catalog", []string{"too many"}},
		"a type of no catalog":                {Catalog, `{"catalogType":"zz"}`, "catalogType", []string{"userManaged"}},
		"a state of no request":               {Request, `{"state":"zz"}`, "state", []string{"pendingApproval"}},
		"a state of no resource request":      {ResourceRequest, `{"state":"zz"}`, "state", []string{"pendingApproval"}},
		"a state of no assignment":            {Request, `{"assignment":{"state":"zz"}}`, "assignment/state", []string{"expired"}},
		"a lifecycle of nobody":               {Request, `{"requestor":{"subjectLifecycle":"zz"}}`, "requestor/subjectLifecycle", []string{"governed"}},
		"requestor by name":                   {Request, `{"requestType":"userAdd","requestor":{"displayName":"Bob"}}`, "requestor/displayName", []string{"objectId"}},
		"requestor by a SID":                  {Request, `{"requestType":"userAdd","requestor":{"subjectType":"user","onPremisesSecurityIdentifier":"S-1"}}`, "requestor/onPremisesSecurityIdentifier", nil},
		"target by an alternative id":         {Request, `{"requestType":"adminAdd","assignment":{"target":{"objectId":null,"altSecId":"x"}}}`, "assignment/target/altSecId", []string{"objectId"}},
		"requestor of a resource":             {ResourceRequest, `{"requestor":{"objectId":"` + anID + `"}}`, "requestor", []string{"the caller"}},
		"reason of a resource":                {ResourceRequest, `{"justification":"x"}`, "justification", nil},
		"scope of another role":               {RoleScope, `{"role":{"originId":"Member_g"},"scope":{"roleOriginId":"Owner_g"}}`, "scope/roleOriginId", []string{"role/originId"}},
		"requirements by another's address":   {Requirements, `{"subject":{"objectId":"x","email":"y"}}`, "subject/email", []string{"objectId"}},
		"requirements by id":                  {Requirements, `{"subject":{"id":"x"}}`, "subject/id", nil},
		"requirements of a misspelt subject":  {Requirements, `{"subjct":{}}`, "subjct", []string{"getApplicablePolicyRequirements", "use subject"}},
		"type of an action":                   {Nothing, `{"@odata.type":"#microsoft.graph.user"}`, "@odata.type", []string{"no type in Graph"}},
		"unknown in credentials":              {Policy, `{"verifiableCredentialSettings":{"horse":false}}`, "verifiableCredentialSettings/horse", nil},
		"another's credentials":               {Policy, `{"verifiableCredentialSettings":{"@odata.type":"#microsoft.graph.user"}}`, "verifiableCredentialSettings/@odata.type", nil},
		"unknown in a recurrence":             {Request, `{"requestType":"userAdd","schedule":{"recurrence":{"pattern":null,"horse":null}}}`, "schedule/recurrence/horse", nil},
		"something in what is not here":       {ResourceRequest, `{"resource":{"environment":{"horse":null}}}`, "resource/environment", []string{"not in this release"}},
		"an organisation":                     {Request, `{"assignment":{"target":{"connectedOrganization":{"id":"x"}}}}`, "assignment/target/connectedOrganization", []string{"not in this release"}},

		"a fallback that is none":    {Policy, stages(`"fallbackPrimaryApprovers":[{"@odata.type":"requestorManager","isBackup":"garbage"}]`), second + "fallbackPrimaryApprovers/0/isBackup", []string{"boolean"}},
		"a condition as a medium":    {Policy, `{"requestApprovalSettings@mediaIsApprovalRequired":true}`, "requestApprovalSettings@mediaIsApprovalRequired", nil},
		"a condition as a tip":       {Policy, `{"@microsoft.graph.isApprovalRequired":true}`, "@microsoft.graph.isApprovalRequired", nil},
		"a backup that is none":      {Policy, stages(`"isEscalationEnabled":false,"escalationApprovers":[{"@odata.type":"requestorManager","isBackup":[]}]`), second + "escalationApprovers/0/isBackup", []string{"a list", "a boolean"}},
		"no backup, of another kind": {Policy, `{"specificAllowedTargets":[{"@odata.type":"singleUser","userId":"` + anID + `","isBackup":[]}]}`, "specificAllowedTargets/0/isBackup", nil},
		"no manager at all":          {Policy, stages(`"primaryApprovers":[{"@odata.type":"requestorManager","managerLevel":0}]`), second + "primaryApprovers/0/managerLevel", []string{"1 to 4"}},
		"a number with a sign":       {Policy, `{"questions":[{"sequence":"+1"}]}`, "questions/0/sequence", []string{"whole number"}},
		"a number with a zero":       {Policy, `{"questions":[{"sequence":"01"}]}`, "questions/0/sequence", []string{"whole number"}},
		"a time that is none":        {Request, `{"requestType":"userAdd","schedule":{"expiration":{"duration":"PT0.0000001S"}}}`, "schedule/expiration/duration", []string{"millisecond"}},
		"reviews before they began":  {Policy, `{"accessReviewSettings":{"isEnabled":false,"durationInDays":-1}}`, "accessReviewSettings/durationInDays", nil},

		"a site":                   {ResourceRequest, `{"resource":{"originSystem":"sharepointonline"}}`, "resource/originSystem", []string{`"SharePointOnline" is not in this release`, "A group can stand for it"}},
		"a role of an application": {RoleScope, `{"role":{"originSystem":"AadApplication"}}`, "role/originSystem", []string{"not in this release"}},
		"a number beyond all":      {Action, `{"settings":{"a":[0,{"b":-1e400}]}}`, "settings/a/1/b", []string{"too large"}},
		"a member without a name":  {Catalog, `{"":"x"}`, `""`, []string{`"" is no member`}},
		"no name, in what is open": {Action, `{"settings":{"a":{"":1}}}`, `settings/a/""`, []string{"no name"}},
		"no stage":                 {Action, `{"stages":["assignmentRequestGranted","nope"]}`, "stages/1", []string{"assignmentRequestCreated"}},
		"python's duration":        {Policy, stages(`"durationBeforeAutomaticDenial":"30 days, 0:00:00"`), second + "durationBeforeAutomaticDenial", []string{second, "timedelta", "P30D"}},
		"python's hours":           {Policy, `{"expiration":{"duration":"8:00:00"}}`, "expiration/duration", []string{"timedelta"}},
		"python's day":             {Policy, `{"expiration":{"duration":"1 day, 12:00:00"}}`, "expiration/duration", []string{"timedelta"}},
		"no duration":              {Policy, stages(`"durationBeforeAutomaticDenial":"soon"`), second + "durationBeforeAutomaticDenial", []string{second + "durationBeforeAutomaticDenial", "ISO 8601"}},
		"a naive date":             {Policy, `{"expiration":{"endDateTime":"2030-01-01T00:00:00"}}`, "expiration/endDateTime", []string{"offset"}},
		"no boolean":               {Catalog, `{"isExternallyVisible":"yes"}`, "isExternallyVisible", []string{"boolean"}},
		"no boolean, 2":            {Catalog, `{"isExternallyVisible":2}`, "isExternallyVisible", []string{"boolean"}},
		"no number":                {Policy, `{"questions":[{"sequence":1.5}]}`, "questions/0/sequence", []string{"whole number"}},
		"no manager":               {Policy, stages(`"primaryApprovers":[{"@odata.type":"requestorManager","managerLevel":5}]`), second + "primaryApprovers/0/managerLevel", []string{"1 to 4"}},
		"a crowd":                  {Policy, `{"specificAllowedTargets":[` + strings.Repeat(someone+",", governance.MaxSubjectSets) + someone + `]}`, "specificAllowedTargets", []string{"100"}},
		"no end, and one":          {Policy, `{"expiration":{"type":"notSpecified","duration":"P1D"}}`, "expiration/duration", nil},
		"no root":                  {RoleScope, `{"scope":{"isRootScope":"false"}}`, "scope/isRootScope", nil},
		"by name":                  {Package, `{"catalog":{"displayName":"x"}}`, "catalog", []string{"needs id"}},
		"no text":                  {Catalog, `{"displayName":7}`, "displayName", []string{"number", "string"}},
		"no list":                  {Policy, `{"questions":{}}`, "questions", []string{"list"}},
		"no object":                {Package, `{"catalog":"c"}`, "catalog", []string{"object"}},
		"no value":                 {Catalog, `{"state":"open"}`, "state", []string{"published"}},
		"no id":                    {Policy, `{"specificAllowedTargets":[{"@odata.type":"singleUser","userId":"x"}]}`, "specificAllowedTargets/0/userId", []string{"GUID"}},
		"no JSON":                  {Catalog, `{"displayName":"x",}`, "body", []string{"JSON", "byte"}},
		"more behind":              {Catalog, `{} {}`, "body", []string{"JSON"}},
		"a list":                   {Catalog, `[]`, "body", []string{"JSON object"}},
		"too deep":                 {Action, `{"settings":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "body", []string{"nested"}},
		"too many":                 {Action, `{"settings":[` + strings.Repeat("0,", maxValues) + `0]}`, "body", []string{"values"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := test.of.New([]byte(test.body))
			if err == nil {
				err = body.Refers(func(*Type, string) (any, error) { return nil, governance.Forbidden("not yours to read") })
			}
			refuses(t, err, test.target, test.words...)
		})
	}
}

const stored = `{"id":"po","displayName":"p","description":"d","allowedTargetScope":"allMemberUsers","specificAllowedTargets":[],"expiration":{"type":"afterDuration","duration":"P30D"},"createdDateTime":"2026-11-20T10:00:00.000Z",
	"questions":[],"requestorSettings":{"enableTargetsToSelfAddAccess":true,"enableTargetsToSelfUpdateAccess":false,"onBehalfRequestors":[]},
	"requestApprovalSettings":{"isApprovalRequiredForAdd":true,"isRequestorJustificationRequired":false,"stages":[{"primaryApprovers":[` + someone + `]}]},
	"notificationSettings":{"isAssignmentNotificationDisabled":false},"accessPackage":{"id":"p"},"catalog":{"id":"c"}}`

// member is a member of a resource that a change made.
func member(t *testing.T, resource []byte, path string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(resource, &value); err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(path, "/") {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	text, _ := json.Marshal(value)
	return string(text)
}

// rules: BEY-01
func TestMerge(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string
		want map[string]string
	}{
		"to the bottom":     {`{"requestApprovalSettings":{"isRequestorJustificationRequired":true}}`, map[string]string{"requestApprovalSettings": `{"isApprovalRequiredForAdd":true,"isRequestorJustificationRequired":true,"stages":[{"primaryApprovers":[` + someone + `]}]}`}},
		"lists whole":       {`{"requestApprovalSettings":{"approvalStages":[{}]}}`, map[string]string{"requestApprovalSettings/stages": `[{}]`, "requestApprovalSettings/isApprovalRequiredForAdd": "true"}},
		"the same type":     {`{"expiration":{"type":"AfterDuration","duration":"P3D"}}`, map[string]string{"expiration": `{"duration":"P3D","type":"afterDuration"}`}},
		"no type":           {`{"expiration":{"duration":"P3D"}}`, map[string]string{"expiration": `{"duration":"P3D","type":"afterDuration"}`}},
		"another type":      {`{"expiration":{"type":"noExpiration"}}`, map[string]string{"expiration": `{"type":"noExpiration"}`}},
		"no type any more":  {`{"expiration":{"type":null,"endDateTime":"2030-01-01T00:00:00Z"}}`, map[string]string{"expiration": `{"endDateTime":"2030-01-01T00:00:00Z"}`}},
		"who approves":      {`{"requestApprovalSettings":{"stages":[{"primaryApprovers":[` + someone + `]}]}}`, map[string]string{"requestApprovalSettings/isApprovalRequiredForAdd": "true"}},
		"null":              {`{"description":null,"requestApprovalSettings":{"stages":null}}`, map[string]string{"description": "null", "requestApprovalSettings/stages": "null", "requestApprovalSettings/isApprovalRequiredForAdd": "true"}},
		"days of beta":      {`{"durationInDays":7}`, map[string]string{"expiration": `{"duration":"P7D","type":"afterDuration"}`}},
		"what was read":     {stored, map[string]string{"displayName": `"p"`, "accessPackage/id": `"p"`}},
		"a new object":      {`{"reviewSettings":{"isEnabled":false,"expirationBehavior":null}}`, map[string]string{"reviewSettings": `{"isEnabled":false}`}},
		"ids, in any case":  {`{"id":"PO","accessPackageId":"P","catalog":{"id":"C","displayName":"x"}}`, map[string]string{"id": `"po"`}},
		"nothing but noise": {`{"createdDateTime":"2020-01-01T00:00:00Z"}`, map[string]string{"createdDateTime": `"2026-11-20T10:00:00.000Z"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := Policy.Change([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			merged, err := body.Merge([]byte(stored))
			if err != nil {
				t.Fatal(err)
			}
			for path, want := range test.want {
				if got := member(t, merged, path); got != want {
					t.Errorf("%s is %s, want %s", path, got, want)
				}
			}
		})
	}
}

// A PUT that says nothing of what is set is refused and names all of it; null takes it away, and what another type excludes is not missing.
//
// rules: OBJ-05
func TestReplace(t *testing.T) {
	t.Parallel()
	all := `"displayName":"renamed","description":"d","allowedTargetScope":"allMemberUsers","requestorSettings":{"enableTargetsToSelfAddAccess":true},"requestApprovalSettings":{"isApprovalRequiredForAdd":true,"stages":[]}`
	for name, test := range map[string]struct {
		body, target string
		words        []string
	}{
		"stages, asked or not": {`{` + strings.Replace(all, `"isApprovalRequiredForAdd":true,"stages":[]`, `"stages":[{"primaryApprovers":[`+someone+`]}]`, 1) + `,"expiration":null}`, "requestApprovalSettings/isApprovalRequiredForAdd", nil},
		"renamed": {`{"@odata.etag":"x","displayName":"renamed"}`, "allowedTargetScope", []string{
			"allowedTargetScope", "description", "expiration/duration", "expiration/type", "requestApprovalSettings/isApprovalRequiredForAdd", "requestApprovalSettings/stages", "requestorSettings/enableTargetsToSelfAddAccess",
		}},
		"nothing":                  {`{}`, "allowedTargetScope", []string{"displayName"}},
		"inside":                   {`{` + strings.Replace(all, `,"stages":[]`, "", 1) + `,"expiration":{"type":"noExpiration"}}`, "requestApprovalSettings/stages", nil},
		"a type without its time":  {`{` + all + `,"expiration":{"type":"afterDuration"}}`, "expiration/duration", nil},
		"another type":             {`{` + all + `,"expiration":{"type":"noExpiration"}}`, "", nil},
		"of beta":                  {`{` + all + `,"durationInDays":0,"expirationDateTime":null}`, "", nil},
		"nulls":                    {`{"displayName":"x","description":null,"allowedTargetScope":null,"expiration":null,"requestorSettings":null,"requestApprovalSettings":null}`, "", nil},
		"all of it":                {stored, "", nil},
		"another package":          {`{` + all + `,"expiration":null,"accessPackage":{"id":"q"}}`, "accessPackage/id", nil},
		"another package, of beta": {`{` + all + `,"expiration":null,"accessPackageId":"q"}`, "accessPackageId", nil},
		"another catalog inside":   {`{` + all + `,"expiration":null,"accessPackage":{"id":"p","catalog":{"id":"q"}}}`, "accessPackage/catalog/id", nil},
		"another catalog, bound":   {`{` + all + `,"expiration":null,"accessPackage":{"id":"p","catalog@odata.bind":"catalogs/` + anID + `"}}`, "accessPackage/catalog/id", nil},
		"the catalog inside":       {`{` + all + `,"expiration":null,"accessPackage":{"id":"p","catalog":{"id":"C"}}}`, "", nil},
		"another catalog":          {`{` + all + `,"expiration":null,"catalog":{"id":"q"}}`, "catalog/id", nil},
		"another policy":           {`{` + all + `,"expiration":null,"id":"q"}`, "id", nil},
		"no package":               {`{` + all + `,"expiration":null,"accessPackage":null}`, "accessPackage", nil},
		"another link":             {`{` + all + `,"expiration":null,"@odata.id":"assignmentPolicies('q')"}`, "@odata.id", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := Policy.Change([]byte(test.body))
			if err != nil {
				t.Fatal(err)
			}
			if err = body.Refers(func(*Type, string) (any, error) { return json.RawMessage(`{"id":"p","catalog":{"id":"c"}}`), nil }); err == nil {
				_, err = body.Replace([]byte(stored))
			}
			if test.target == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refuses(t, err, test.target, test.words...)
		})
	}
	// Inside lists too: of a question by its id, and of stages that stay as many.
	const inside = `{"questions":[{"@odata.type":"#microsoft.graph.accessPackageTextInputQuestion","id":"q","text":"a","isRequired":true,"regexPattern":"x","sequence":0,"localizations":[]},{"@odata.type":"#microsoft.graph.accessPackageMultipleChoiceQuestion","id":"r","text":"b","choices":[{"actualValue":"x","text":"X"}]}],
		"requestApprovalSettings":{"isApprovalRequiredForAdd":true,"stages":[{"isEscalationEnabled":true,"isApproverJustificationRequired":true,"durationBeforeAutomaticDenial":"P3D","primaryApprovers":[` + someone + `],"fallbackPrimaryApprovers":[` + someone + `]}]}}`
	put := func(questions, stages string) error {
		body, err := Policy.Change([]byte(`{"questions":[` + questions + `],"requestApprovalSettings":{"isApprovalRequired":true,"approvalStages":[` + stages + `]}}`))
		if err == nil {
			_, err = body.Replace([]byte(inside))
		}
		return err
	}
	refuses(t, put(`{"text":"new"},{"id":"R","text":"b","choices":[]},{"id":"Q","text":"a"}`, `{"primaryApprovers":[`+someone+`]}`), "questions/2/isRequired", "questions/2/regexPattern",
		"requestApprovalSettings/stages/0/durationBeforeAutomaticDenial", "stages/0/fallbackPrimaryApprovers", "stages/0/isApproverJustificationRequired", "stages/0/isEscalationEnabled.")
	refuses(t, put(`{"text":"a"},{"id":"r","text":"b"}`, `{},{}`), "questions/0/isRequired", "questions/0/regexPattern") // one without an id, in the place of one
	nulls := `{"isEscalationEnabled":null,"isApproverJustificationRequired":false,"durationBeforeAutomaticDenial":null,"primaryApprovers":[` + someone + `],"fallbackPrimaryApprovers":[]}`
	for name, err := range map[string]error{
		"null": put(`{"id":"q","text":"a","isRequired":false,"regexPattern":null}`, nulls), "others": put(`{"id":"z","text":"a"}`, nulls), "another type": put(`{"@odata.type":"accessPackageMultipleChoiceQuestion","id":"q","choices":[]}`, nulls),
		"more stages": put("", `{"primaryApprovers":[`+someone+`]},{}`),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Half of what takes an end away, in beta's words, takes nothing.
	_, err := Policy.Change([]byte(`{"expirationDateTime":null}`))
	refuses(t, err, "expirationDateTime", "durationInDays")
	// Null of what would then be open to more people is refused.
	_, err = Policy.Change([]byte(`{"requestApprovalSettings":{"isApprovalRequiredForAdd":null}}`))
	refuses(t, err, "requestApprovalSettings/isApprovalRequiredForAdd", "null")
	stages, err := Policy.Change([]byte(`{"requestApprovalSettings":{"stages":[{"primaryApprovers":[` + someone + `]}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = stages.Merge([]byte(strings.Replace(stored, `"isApprovalRequiredForAdd":true`, `"isApprovalRequiredForAdd":false`, 1)))
	refuses(t, err, "requestApprovalSettings/isApprovalRequiredForAdd", "true or false")
	for _, name := range []string{"state", "isExternallyVisible", "description"} {
		_, err := Catalog.Change([]byte(`{"` + name + `":null}`))
		refuses(t, err, name, "null")
	}
	for _, nothing := range []string{`null`, `""`} {
		for _, of := range []*Type{Catalog, Package} {
			_, err := of.Change([]byte(`{"description":` + nothing + `}`))
			refuses(t, err, "description", "taken away")
		}
	}
}

// What a client read and sends back passes; another right or navigation does not.
func TestEchoes(t *testing.T) {
	t.Parallel()
	const pack = `{"id":"p","displayName":"x","isHidden":false,"catalog":{"id":"c"},"resourceRoleScopes":[{"id":"ro_sc","createdDateTime":"2026-11-20T10:00:00.000Z","role":{"id":"ro","displayName":"Member","originId":"Member_g","originSystem":"AadGroup",
		"resource":{"id":"r","originId":"g"}},"scope":{"id":"sc","originId":"g","isRootScope":true}}],"assignmentPolicies":[` + stored + `]}`
	role := func(members string) string {
		return `{"resourceRoleScopes":[{"id":"RO_SC","createdDateTime":"2026-11-20T10:00:00+00:00",` + members + `}]}`
	}
	for body, target := range map[string]string{
		role(`"role":{"id":"ro","displayName":"member","originId":"Member_g"},"scope":{"id":"sc","isRootScope":true,"description":"x"}`): "",
		pack:                     "",
		`{"catalog":{"id":"C"}}`: "",
		`{"catalog":{"id":"C","description":null,"state":null,"isExternallyVisible":null}}`: "",
		`{"resourceRoleScopes":null}`:                                                    "resourceRoleScopes",
		role(`"role":null`):                                                              "resourceRoleScopes/0/role",
		role(`"role":{"id":"ro","displayName":"Owner"}`):                                 "resourceRoleScopes/0/role/displayName",
		`{"assignmentPolicies":[{"id":"po","expiration":null}]}`:                         "assignmentPolicies/0/expiration",
		`{"assignmentPolicies":[{"id":"po","displayName":"old","reviewSettings":null}]}`: "",
		`{"catalog":{"id":"c","displayName":"old","resources":[{"id":"r"}]}}`:            "",
		`{"catalog":{"id":"c","resources":[{"originId":"x"}]}}`:                          "catalog/resources/0",
		`{"catalog":{"id":"c","resources":null}}`:                                        "catalog/resources",
		`{"catalog":{"id":"c","accessPackages":[{"id":"p"}]}}`:                           "catalog/accessPackages",
		`{"resourceRoleScopes":[]}`:                                                      "resourceRoleScopes",
		role(`"role":{"id":"ro","originId":"Owner_g"}`):                                  "resourceRoleScopes/0/role/originId",
		role(`"scope":{"id":"sc","resource":{"id":"q"}},"role":{"resource":{"id":"q"}}`): "resourceRoleScopes/0/role/resource/id",
		`{"resourceRoleScopes":[{"id":"ro_sc"},{"id":"other"}]}`:                         "resourceRoleScopes",
		`{"resourceRoleScopes":[{"id":"other"}]}`:                                        "resourceRoleScopes/0",
		`{"catalog":null}`: "catalog",
		`{"assignmentPolicies":[{"id":"po","accessPackage":null}]}`: "assignmentPolicies/0/accessPackage",
		`{"catalog":{"id":"d"}}`:                                    "catalog/id",
		`{"accessPackageCatalog":{"id":"d"}}`:                       "accessPackageCatalog/id",
		`{"catalogId":"d"}`:                                         "catalogId",
		`{"id":"q"}`:                                                "id",
		`{"assignmentPolicies":[{"id":"po","allowedTargetScope":"allDirectoryUsers"}]}`:                                                                                        "assignmentPolicies/0/allowedTargetScope",
		`{"assignmentPolicies":[{"id":"po","expiration":{"type":"afterDuration","duration":"P30D","endDateTime":"2030-01-01T00:00:00Z"}}]}`:                                    "assignmentPolicies/0/expiration/endDateTime",
		`{"assignmentPolicies":[{"id":"po","reviewSettings":{"isEnabled":false,"isSelfReview":true}}]}`:                                                                        "assignmentPolicies/0/reviewSettings",
		`{"assignmentPolicies":[{"id":"po","reviewSettings":{"isSelfReview":false,"primaryReviewers":[]}}]}`:                                                                   "",
		`{"assignmentPolicies":[{"id":"po","automaticRequestSettings":{"gracePeriodBeforeAccessRemoval":"P7D"}}]}`:                                                             "assignmentPolicies/0/automaticRequestSettings",
		`{"assignmentPolicies":[{"id":"po","requestApprovalSettings":{"approvalStages":[{"approverInformationVisibility":"default","primaryApprovers":[` + someone + `]}]}}]}`: "",
		`{"assignmentPolicies":[{"id":"po","requestApprovalSettings":{"approvalStages":[{"durationBeforeAutomaticDenial":"P1D","primaryApprovers":[` + someone + `]}]}}]}`:     "assignmentPolicies/0/requestApprovalSettings/stages/0/durationBeforeAutomaticDenial",
		`{"assignmentPolicies":[{"id":"po","questions":[],"accessPackage":{"id":"p","catalog":{"id":"c"}}}]}`:                                                                  "",
		`{"assignmentPolicies":[{"id":"po","accessPackage":{"id":"p","catalog":{"id":"d"}}}]}`:                                                                                 "assignmentPolicies/0/accessPackage/catalog/id",
		`{"assignmentPolicies":[{"id":"po","accessPackage":{"id":"p","catalog@odata.bind":"catalogs/` + anID + `"}}]}`:                                                         "assignmentPolicies/0/accessPackage/catalog/id",
		role(`"role":{"id":"ro","resource":{"id":"r","roles":[{"id":"ro"}]}}`):                                                                                                 "resourceRoleScopes/0/role/resource/roles",
		role(`"scope":{"id":"sc","roleOriginId":"Owner_g"}`):                                                                                                                   "resourceRoleScopes/0/scope/roleOriginId",
		`{"assignmentPolicies":[{"id":"po","requestApprovalSettings":{"isApprovalRequired":false}}]}`:                                                                          "assignmentPolicies/0/requestApprovalSettings/isApprovalRequiredForAdd",
	} {
		read, err := Package.Change([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if err = read.Refers(func(of *Type, id string) (any, error) {
			if of == Catalog && strings.EqualFold(id, "c") {
				return json.RawMessage(`{"id":"c","displayName":"x","resources":[{"id":"r"}]}`), nil
			}
			return json.RawMessage(pack), nil
		}); err == nil {
			_, err = read.Merge([]byte(pack))
		}
		if target == "" {
			if err != nil {
				t.Errorf("%s: %v", body, err)
			}
			continue
		}
		refuses(t, err, target)
	}
}

// Whatever a body is, it is refused by name, or what is normal of it is read again as the same, by the types of governance too.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{stored, `{"requestApprovalSettings":{"approvalStages":[{"primaryApprovers":[{"isBackup":true}]}]}}`, `{"questions":[{"text":{"defaultText":"x"}}]}`, `{"a":{"b":[null,1,"x"]}}`, `{"requestorSettings":1}`,
		`{"assignment":{"target":[],"targetId":"x"}}`, `{"accessReviewSettings":{"reviewerType":"Manager","recurrenceType":"weekly"}}`, `{"catalog":{"@odata.id":""}}`, `{"@odata.id":null,"catalog@odata.bind":{}}`, `{"durationInDays":{}}`} {
		f.Add([]byte(seed))
	}
	types := map[*Type]func() any{
		Policy: func() any { return new(governance.AssignmentPolicy) }, Catalog: func() any { return new(governance.Catalog) }, Package: func() any { return new(governance.AccessPackage) },
		Request: func() any { return new(governance.AssignmentRequest) }, RoleScope: func() any { return new(governance.ResourceRoleScope) }, ResourceRequest: func() any { return new(governance.ResourceRequest) },
		Stage: func() any { return new(governance.ApprovalStage) }, Action: func() any { return new(governance.CalloutAction) },
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !utf8.Valid(data) {
			return // refused before
		}
		for of, made := range types {
			body, err := of.New(data)
			var coded *governance.Error
			if err != nil {
				if !errors.As(err, &coded) || coded.Code != governance.CodeInvalid || coded.Target == "" {
					t.Fatalf("%s: %v", of.Name, err)
				}
				continue
			}
			normal, err := body.JSON()
			if err != nil {
				t.Fatal(err)
			}
			again, err := of.New(normal)
			if err != nil {
				t.Fatalf("%s: %s is normal and refused: %v", of.Name, normal, err)
			}
			if second, _ := again.JSON(); string(second) != string(normal) {
				t.Fatalf("%s: %s, and again %s", of.Name, normal, second)
			}
			if err := json.Unmarshal(normal, made()); err != nil && governance.CodeOf(err) != governance.CodeInvalid {
				t.Fatalf("%s: %s cannot be read: %v", of.Name, normal, err)
			}
			if change, err := of.Change(data); err == nil {
				if merged, err := change.Merge(normal); err == nil && !json.Valid(merged) {
					t.Fatalf("%s: merged to %s", of.Name, merged)
				}
				_, _ = change.Replace(normal)
			}
		}
	})
}

// What is valid is read as encoding/json reads it.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-2.5e3,"x\u00e4\"",null,true,false,{}],"b":{ }}`, `[ ]`, `"x"`, ` 12 `, `{"a" : "\ud83d\ude00" , "c":[[]]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := parse(data)
		if err != nil || !utf8.Valid(data) {
			return
		}
		var want any
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		if err := decoder.Decode(&want); err != nil {
			t.Fatalf("%q is read, and no JSON: %v", data, err)
		}
		if got := read.any(); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is %v, want %v", data, got, want)
		}
	})
}

// What the service decides is not judged, but must look like it, in what makes a resource and in what changes one alike.
func TestTheFormOfWhatTheServiceDecides(t *testing.T) {
	t.Parallel()
	looked := 0
	for _, of := range []*Type{Catalog, Package, Policy, Request, Assignment, ResourceRequest, RoleScope, ResourceRole, ResourceScope, plainResource, Stage, Action, subject} {
		for i := range of.Members {
			m := &of.Members[i]
			wrong := []string{`{}`, `[]`}
			switch {
			case m.Kind == Key:
				wrong = append(wrong, `5`, `true`)
			case m.Kind != Noise:
				continue
			case strings.HasPrefix(m.Name, "is"):
				wrong = append(wrong, `"nonsense"`, `2`)
			case strings.HasSuffix(m.Name, "DateTime"):
				wrong = append(wrong, `"nonsense"`, `5`, `true`, `"2026-11-20"`, `""`, `"2026-13-40T00:00:00Z"`)
			case m.Name == "id", m.Name == "state", m.Name == "status", m.Name == "createdBy":
				wrong = append(wrong, `5`, `false`)
			}
			for _, value := range wrong {
				body := []byte(`{"` + m.Name + `":` + value + `}`)
				_, made := of.New(body)
				_, changed := of.Change(body)
				refuses(t, made, m.Name)
				refuses(t, changed, m.Name)
				looked++
			}
		}
	}
	if looked < 100 {
		t.Errorf("only %d were looked at", looked)
	}
}
