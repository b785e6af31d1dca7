package governance_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"latchkey/shared/governance"
)

const (
	userID  = "0f1a2b3c-4d5e-4f60-8a7b-9c0d1e2f3a02"
	groupID = "6b1a2f1e-3f5b-4d8e-9b8a-7a0f5a2c1d01"

	oneUser  = `{"@odata.type":"#microsoft.graph.singleUser","userId":"` + userID + `"}`
	oneGroup = `{"@odata.type":"#microsoft.graph.groupMembers","groupId":"` + groupID + `"}`
	manager  = `{"@odata.type":"#microsoft.graph.requestorManager","managerLevel":1}`
)

// rules: POL-02 POL-03 POL-04 POL-06 APR-01 APR-02 LIM-05 LIF-01 LIF-03
func TestPolicyValidation(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	stages := func(stages ...string) string {
		return `"requestApprovalSettings":{"isApprovalRequiredForAdd":true,"stages":[` + strings.Join(stages, ",") + `]}`
	}
	stage := func(members string) string { return `{"primaryApprovers":[` + manager + `]` + members + `}` }
	for name, test := range map[string]struct {
		policy          string // members beside displayName
		target, refused string
	}{
		"direct assignment":                   {`"allowedTargetScope":"notSpecified","requestorSettings":{},"requestApprovalSettings":{"isApprovalRequiredForAdd":false,"stages":[]}`, "", ""},
		"only a name":                         {``, "", ""},
		"no name":                             {`"displayName":"  "`, "displayName", "is missing"},
		"long name":                           {`"displayName":"` + strings.Repeat("ä", 256) + `"`, "", ""},
		"name too long":                       {`"displayName":"` + strings.Repeat("ä", 257) + `"`, "displayName", "longer than 256"},
		"description too long":                {`"description":"` + strings.Repeat("x", 1025) + `"`, "description", "longer than 1024"},
		"specific users":                      {`"allowedTargetScope":"specificDirectoryUsers","specificAllowedTargets":[` + oneUser + `,` + oneGroup + `]`, "", ""},
		"specific users that are nobody":      {`"allowedTargetScope":"specificDirectoryUsers","specificAllowedTargets":[]`, "specificAllowedTargets", "at least one"},
		"users beside all members":            {`"allowedTargetScope":"allMemberUsers","specificAllowedTargets":[` + oneUser + `]`, "specificAllowedTargets", "goes with"},
		"users beside nothing":                {`"specificAllowedTargets":[` + oneUser + `]`, "specificAllowedTargets", "goes with"},
		"manager as target":                   {`"allowedTargetScope":"specificDirectoryUsers","specificAllowedTargets":[` + manager + `]`, "specificAllowedTargets", "nobody in particular"},
		"automatic null":                      {`"automaticRequestSettings":null`, "", ""},
		"no extensions":                       {`"customExtensionStageSettings":[]`, "", ""},
		"expiration without duration":         {`"expiration":{"type":"afterDuration"}`, "expiration/duration", "longer than nothing"},
		"expiration in no time":               {`"expiration":{"type":"afterDuration","duration":"P0D"}`, "expiration/duration", "longer than nothing"},
		"expiration without date":             {`"expiration":{"type":"afterDateTime"}`, "expiration/endDateTime", "needs endDateTime"},
		"duration and date":                   {`"expiration":{"duration":"P1D","endDateTime":"2030-01-31T00:00:00Z"}`, "expiration/duration", "not both"},
		"duration with a date":                {`"expiration":{"type":"afterDuration","duration":"P1D","endDateTime":"2030-01-31T00:00:00Z"}`, "expiration/endDateTime", "has no endDateTime"},
		"date with a duration":                {`"expiration":{"type":"afterDateTime","duration":"P1D","endDateTime":"2030-01-31T00:00:00Z"}`, "expiration/duration", "has no duration"},
		"never, but then":                     {`"expiration":{"type":"noExpiration","duration":"P1D"}`, "expiration", "neither duration nor"},
		"ends now":                            {`"expiration":{"endDateTime":"2026-11-20T10:00:00Z"}`, "expiration/endDateTime", "is past"},
		"ends in a second":                    {`"expiration":{"endDateTime":"2026-11-20T10:00:01Z"}`, "", ""},
		"reviewed as Entra answers it":        {reviewed(`{"pattern":{"type":"absoluteMonthly","interval":3,"month":0,"dayOfMonth":0,"daysOfWeek":[],"firstDayOfWeek":"sunday","index":"first"},"range":{"type":"numbered","startDate":"2020-05-04T00:00:00.0000000+00:00","endDate":"9999-12-31","numberOfOccurrences":0,"recurrenceTimeZone":null}}`), "", ""},
		"reviewed never":                      {reviewed(`{"pattern":{"type":"daily","interval":0},"range":{"type":"noEnd"}}`), "reviewSettings/schedule/recurrence/pattern/interval", "1 or more"},
		"type from duration":                  {`"expiration":{"duration":"P1D"}`, "", ""},
		"approval without stages":             {stages(), "requestApprovalSettings/stages", "at least one stage"},
		"stages without approval":             {`"requestApprovalSettings":{"stages":[` + stage("") + `]}`, "", ""},
		"three stages":                        {stages(stage(""), stage(""), stage("")), "", ""},
		"four stages":                         {stages(stage(""), stage(""), stage(""), stage("")), "requestApprovalSettings/stages", "at most 3"},
		"stage of nobody":                     {stages(`{"primaryApprovers":[]}`), "requestApprovalSettings/stages/0/primaryApprovers", "at least one primary"},
		"stage of nobody but fallback":        {stages(`{"fallbackPrimaryApprovers":[` + oneUser + `]}`), "requestApprovalSettings/stages/0/primaryApprovers", "at least one primary"},
		"denial at once":                      {stages(stage(`,"durationBeforeAutomaticDenial":"PT0S"`)), "requestApprovalSettings/stages/0/durationBeforeAutomaticDenial", "longer than nothing"},
		"escalation":                          {stages(stage(`,"isEscalationEnabled":true,"durationBeforeEscalation":"PT4H","durationBeforeAutomaticDenial":"P1D","escalationApprovers":[` + oneUser + `]`)), "", ""},
		"escalation to nobody":                {stages(stage(`,"isEscalationEnabled":true,"durationBeforeEscalation":"P2D"`)), "requestApprovalSettings/stages/0/escalationApprovers", "must be given"},
		"escalation at no time":               {stages(stage(`,"isEscalationEnabled":true,"escalationApprovers":[` + oneUser + `]`)), "requestApprovalSettings/stages/0/escalationApprovers", "must be given"},
		"escalation at once":                  {stages(stage(`,"isEscalationEnabled":true,"durationBeforeEscalation":"PT0S","escalationApprovers":[` + oneUser + `]`)), "requestApprovalSettings/stages/0/escalationApprovers", "must be given"},
		"escalation at denial":                {stages(stage(`,"isEscalationEnabled":true,"durationBeforeEscalation":"P7D","durationBeforeAutomaticDenial":"P1W","escalationApprovers":[` + oneUser + `]`)), "requestApprovalSettings/stages/0/durationBeforeEscalation", "shorter than durationBeforeAutomaticDenial (P7D)"},
		"escalation after the default denial": {stages(stage(`,"isEscalationEnabled":true,"durationBeforeEscalation":"P15D","escalationApprovers":[` + oneUser + `]`)), "requestApprovalSettings/stages/0/durationBeforeEscalation", "(P14D)"},
		"escalation that is off":              {stages(stage(`,"isEscalationEnabled":false,"durationBeforeEscalation":"P15D"`)), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := `{"displayName":"p",` + test.policy + `}`
			if test.policy == "" {
				text = `{"displayName":"p"}`
			}
			policy := decode[governance.AssignmentPolicy](t, text)
			err := policy.Validate(now, time.Time{}, counter())
			refuses(t, err, test.target, test.refused)
			if err != nil {
				return
			}
			if policy.Expiration == nil || policy.Expiration.Type == "" || policy.AllowedTargetScope == "" || policy.RequestorSettings == nil || policy.RequestApprovalSettings == nil || policy.NotificationSettings == nil {
				t.Errorf("what was left out is not filled in: %+v", policy)
			}
			filled := encode(t, policy)
			if err := policy.Validate(now, time.Time{}, counter()); err != nil || encode(t, policy) != filled {
				t.Errorf("a valid policy, validated again: %v, %s", err, encode(t, policy))
			}
		})
	}
}

// reviewed is a policy's review settings with a recurrence.
func reviewed(recurrence string) string {
	return `"reviewSettings":{"isEnabled":false,"schedule":{"recurrence":` + recurrence + `}}`
}

// A policy whose end has passed can be changed, but nothing can be given an end that has.
//
// rules: LIF-01 LIF-10
func TestAPolicyMayKeepAnEndThatIsPast(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	before, other := now.AddDate(0, 0, -1), now.AddDate(0, 0, -2)
	for text, end := range map[string]time.Time{"2026-11-19T10:00:00Z": before, "2026-11-19T12:00:00+02:00": before, "2026-11-18T10:00:00Z": other} {
		policy := decode[governance.AssignmentPolicy](t, `{"displayName":"p","expiration":{"type":"afterDateTime","endDateTime":"`+text+`"}}`)
		for _, was := range []time.Time{before, other, {}} {
			words := "is past"
			if was.Equal(end) {
				words = ""
			}
			refuses(t, policy.Validate(now, was, counter()), "expiration/endDateTime", words)
		}
	}
}

func TestRecurrencesKeepToTheirSetsAndRanges(t *testing.T) {
	t.Parallel()
	monthly := `"pattern":{"type":"absoluteMonthly","interval":1}`
	starting := func(date string) string {
		return `{` + monthly + `,"range":{"type":"noEnd","startDate":"` + date + `"}}`
	}
	ending := func(date string) string {
		return `{` + monthly + `,"range":{"type":"endDate","startDate":"2030-01-31","endDate":"` + date + `"}}`
	}
	pattern := func(members string) string { return `{"pattern":{"type":"weekly","interval":2,` + members + `}}` }
	numbered := func(members string) string {
		return `{` + monthly + `,"range":{"type":"numbered","startDate":"2030-01-31",` + members + `}}`
	}
	for recurrence, test := range map[string]struct{ target, refused string }{
		`null`: {}, `{}`: {}, `{` + monthly + `}`: {}, `{"range":{"type":"noEnd"}}`: {}, `{"pattern":null,"range":null}`: {},
		starting("2030-01-31"): {}, starting("2020-05-04T00:00:00.000Z"): {}, starting("2020-05-04T00:00:00"): {}, starting(""): {}, starting("1970-01-01"): {}, starting("2999-12-31"): {},
		starting("2030-02-30"): {"range/startDate", "a date such as"}, starting("2030-1-31"): {"range/startDate", "a date such as"}, starting("31.01.2030"): {"range/startDate", "a date such as"},
		starting("2030-01-31T8:00:00Z"): {"range/startDate", "a date such as"}, starting("2030-01-31x"): {"range/startDate", "a date such as"},
		starting("0001-01-01"): {"range/startDate", "years 1970 to 2999"}, starting("3000-01-01"): {"range/startDate", "years 1970 to 2999"}, starting("12030-01-31"): {"range/startDate", "a date such as"},
		ending("2030-01-31"): {}, ending("9999-12-31"): {}, ending(""): {"range/endDate", "needs endDate"}, ending("2030-01-30"): {"range/endDate", "before startDate"},
		ending("0001-01-01"): {"range/endDate", "years 1970 to 9999"}, ending("2030-13-01"): {"range/endDate", "a date such as"},
		numbered(`"numberOfOccurrences":3`): {}, numbered(`"numberOfOccurrences":"3"`): {}, numbered(`"numberOfOccurrences":0,"endDate":"2031-01-31"`): {},
		numbered(`"numberOfOccurrences":0`): {"range/numberOfOccurrences", "1 or more"}, numbered(`"numberOfOccurrences":-1`): {"range/numberOfOccurrences", "never negative"},
		numbered(`"numberOfOccurrences":1e9`): {"", "no whole number"}, numbered(`"numberOfOccurrences":2147483648`): {"", "no whole number"},
		`{` + monthly + `,"range":{"type":"noEnd","numberOfOccurrences":-1}}`: {"range/numberOfOccurrences", "never negative"},
		`{` + monthly + `,"range":{"type":"forever"}}`:                        {"range/type", "noEnd, endDate, numbered"},
		`{` + monthly + `,"range":{}}`:                                        {"range/type", "noEnd, endDate, numbered"},
		`{"pattern":{"interval":1}}`:                                          {"pattern/type", "absoluteMonthly"},
		`{"pattern":{"type":"hourly","interval":1}}`:                          {"pattern/type", "absoluteMonthly"},
		`{"pattern":{"type":"daily"}}`:                                        {"pattern/interval", "1 or more"},
		`{"pattern":{"type":"Daily","interval":2147483647}}`:                  {},
		pattern(`"daysOfWeek":["Monday","friday"],"firstDayOfWeek":"MONDAY","index":"last","dayOfMonth":31,"month":12`): {},
		pattern(`"daysOfWeek":["mon"]`):                       {"pattern/daysOfWeek", "sunday, monday"},
		pattern(`"firstDayOfWeek":"today"`):                   {"pattern/firstDayOfWeek", "sunday, monday"},
		pattern(`"index":"fifth"`):                            {"pattern/index", "fourth, last"},
		pattern(`"dayOfMonth":32`):                            {"pattern/dayOfMonth", "1 to 31"},
		pattern(`"dayOfMonth":-1`):                            {"pattern/dayOfMonth", "1 to 31"},
		pattern(`"month":13`):                                 {"pattern/month", "1 to 12"},
		pattern(`"month":-1`):                                 {"pattern/month", "1 to 12"},
		`"monthly"`:                                           {"", "must be an object such as"},
		`{"pattern":[]}`:                                      {"", "must be an object such as"},
		`{"pattern":{"type":"relativeMonthly","interval":1}}`: {"pattern/daysOfWeek", "needs daysOfWeek"},
		`{"pattern":{"type":"RelativeYearly","interval":1,"daysOfWeek":[],"month":2}}`:                         {"pattern/daysOfWeek", "needs daysOfWeek"},
		`{"pattern":{"type":"absoluteYearly","interval":1,"dayOfMonth":3}}`:                                    {"pattern/month", "needs month"},
		`{"pattern":{"type":"relativeYearly","interval":1,"daysOfWeek":["monday"],"month":0}}`:                 {"pattern/month", "needs month"},
		`{"pattern":{"type":"relativeYearly","interval":1,"daysOfWeek":["Monday"],"month":12,"index":"last"}}`: {"", ""},
		`{` + monthly + `,"range":{"type":"noEnd","recurrenceTimeZone":"W. Europe Standard Time"}}`:            {"range/recurrenceTimeZone", "IANA name"},
		`{` + monthly + `,"range":{"type":"noEnd","recurrenceTimeZone":"America/Argentina/Buenos_Aires"}}`:     {"", ""},
		`{` + monthly + `,"range":{"type":"noEnd","recurrenceTimeZone":"` + strings.Repeat("x", 65) + `"}}`:    {"range/recurrenceTimeZone", "at most 64 bytes"},
		`{"more":"` + strings.Repeat("<", 350) + `"}`:                                                          {"", "at most 2048 bytes"},
	} {
		policy := decode[governance.AssignmentPolicy](t, `{"displayName":"p",`+reviewed(recurrence)+`}`)
		target := "reviewSettings/schedule/recurrence/" + test.target
		if test.target == "" {
			target = ""
		}
		refuses(t, policy.Validate(time.Now(), time.Time{}, counter()), target, test.refused)
	}
}

func TestPolicyWithoutSettingsGivesNothing(t *testing.T) {
	t.Parallel()
	var policy governance.AssignmentPolicy
	if settings := policy.Requestor(); settings.EnableTargetsToSelfAddAccess || settings.EnableTargetsToSelfRemoveAccess || settings.AllowCustomAssignmentSchedule {
		t.Errorf("without settings a requestor may %+v", settings)
	}
	if approval := policy.Approval(); approval.IsApprovalRequiredForAdd || len(approval.Stages) > 0 {
		t.Errorf("without settings approval is %+v", approval)
	}
}

// rules: LIF-01 LIF-02
func TestExpirationEnds(t *testing.T) {
	t.Parallel()
	start := instant(t, "2026-11-20T10:00:00Z")
	for text, want := range map[string]string{
		`null`:                                        "",
		`{"type":"noExpiration"}`:                     "",
		`{"type":"notSpecified"}`:                     "",
		`{"type":"afterDuration"}`:                    "",
		`{"type":"afterDateTime"}`:                    "",
		`{"type":"afterDuration","duration":"P180D"}`: "2027-05-19T10:00:00Z",
		`{"type":"AfterDateTime","endDateTime":"2026-12-24T18:00:00+01:00"}`: "2026-12-24T17:00:00Z",
	} {
		expiration := decode[*governance.Expiration](t, text)
		end := expiration.End(start)
		if want == "" && !end.IsZero() || want != "" && !end.Equal(instant(t, want)) {
			t.Errorf("%s ends at %v, want %q", text, end, want)
		}
	}
	var none *governance.Expiration
	if err := none.Validate("expiration"); err != nil {
		t.Errorf("no expiration is refused: %v", err)
	}
}

func TestCatalogsAndPackagesNeedAName(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]string{"Licences": "", "": "is missing", " \n": "is missing", strings.Repeat("x", 257): "longer than"} {
		refuses(t, (&governance.Catalog{DisplayName: name, Description: "d"}).Validate(nil), "displayName", refused)
		refuses(t, (&governance.AccessPackage{DisplayName: name, Description: "d"}).Validate(nil), "displayName", refused)
	}
}

// One that was stored when no description was needed keeps what it has, and is given none that says as little; a policy needs none.
//
// rules: OBJ-07 CAT-01
func TestCatalogsAndPackagesNeedADescription(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ before, now, refused string }{
		{"d", "d", ""},
		{"d", "?", ""},
		{"d", "", "is missing"},
		{"d", " \u200b\u3164\n", "is missing"},
		{"d", strings.Repeat("x", 1025), "longer than"},
		{"", "", ""},
		{"\u2800", "\u2800", ""},
		{"", " ", "is missing"},
		{"\u2800", "", "is missing"},
		{"", "d", ""},
	} {
		catalog, pack := governance.Catalog{DisplayName: "x", Description: test.now}, governance.AccessPackage{DisplayName: "x", Description: test.now}
		refuses(t, catalog.Validate(&governance.Catalog{Description: test.before}), "description", test.refused)
		refuses(t, pack.Validate(&governance.AccessPackage{Description: test.before}), "description", test.refused)
		made := test.refused
		if !governance.Says(test.now) {
			made = "is missing"
		}
		refuses(t, catalog.Validate(nil), "description", made)
		refuses(t, pack.Validate(nil), "description", made)
	}
	policy := governance.AssignmentPolicy{DisplayName: "x", AllowedTargetScope: governance.ScopeAllMemberUsers}
	refuses(t, policy.Validate(time.Now(), time.Time{}, func() string { return "" }), "", "")
}

func TestRoleScopeIsFoundByID(t *testing.T) {
	t.Parallel()
	pack := governance.AccessPackage{ResourceRoleScopes: []governance.ResourceRoleScope{{ID: "a_r"}, {ID: "b_r"}}}
	if found, ok := pack.RoleScope("b_r"); !ok || found.ID != "b_r" {
		t.Errorf("b_r is %v, %t", found, ok)
	}
	if found, ok := pack.RoleScope("c_r"); ok {
		t.Errorf("c_r is %v", found)
	}
}

// rules: POL-03 APR-08
func TestSubjectSetsAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		oneUser: oneUser,
		`{"@odata.type":"microsoft.graph.SingleUser","userId":"` + strings.ToUpper(userID) + `"}`:       oneUser,
		`{"@odata.type":"#microsoft.graph.groupMembers","groupId":"` + groupID + `","description":"g"}`: `{"@odata.type":"#microsoft.graph.groupMembers","groupId":"` + groupID + `"}`,
		manager: manager,
		`{"@odata.type":"#microsoft.graph.requestorManager"}`:                     manager,
		`{"@odata.type":"#microsoft.graph.requestorManager","managerLevel":null}`: manager,
		`{"@odata.type":"#microsoft.graph.requestorManager","managerLevel":2}`:    `{"@odata.type":"#microsoft.graph.requestorManager","managerLevel":2}`,
	} {
		if got := encode(t, decode[governance.SubjectSets](t, "["+text+"]")); got != "["+want+"]" {
			t.Errorf("%s is answered as %s, want [%s]", text, got, want)
		}
	}
}

// rules: POL-03
func TestSubjectSetsRefuseWhatTheyDoNotKnow(t *testing.T) {
	t.Parallel()
	for text, refused := range map[string]string{
		`[{"userId":"` + userID + `"}]`:                                                     "needs @odata.type",
		`[{"@odata.type":"#microsoft.graph.internalSponsors"}]`:                             `"#microsoft.graph.internalSponsors" are not supported`,
		`[{"@odata.type":"#microsoft.graph.attributeRuleMembers","membershipRule":"true"}]`: "are not supported",
		`[{"@odata.type":"#other.singleUser","userId":"` + userID + `"}]`:                   "are not supported",
		`[{"@odata.type":"#microsoft.graph.singleUser"}]`:                                   "userId must be a GUID",
		`[{"@odata.type":"#microsoft.graph.singleUser","userId":"mo@contoso.example"}]`:     "userId must be a GUID",
		`[{"@odata.type":"#microsoft.graph.groupMembers","userId":"` + userID + `"}]`:       "groupId must be a GUID",
		`[{"@odata.type":"#microsoft.graph.requestorManager","managerLevel":5}]`:            "managerLevel is 1",
		`[{"@odata.type":"#microsoft.graph.requestorManager","managerLevel":-1}]`:           "managerLevel is 1",
		`{"@odata.type":"#microsoft.graph.singleUser"}`:                                     "a list of subject sets",
		`["` + userID + `"]`:  "a list of subject sets",
		`[{"@odata.type":7}]`: "a list of subject sets",
		"[" + strings.TrimSuffix(strings.Repeat(oneUser+",", 101), ",") + "]": "at most 100",
	} {
		var sets governance.SubjectSets
		refuses(t, json.Unmarshal([]byte(text), &sets), "", refused)
	}
}

func encode(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
