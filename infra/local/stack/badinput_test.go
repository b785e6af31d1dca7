package stack_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"latchkey/shared/governance"
)

// chunked hides its length, so that it is sent in chunks.
type chunked struct{ io.Reader }

// Whatever is wrong with a request is refused by its name, and changes nothing.
//
// rules: OBJ-20 REQ-22 APR-03 APR-07 POL-05
func TestBadInput(t *testing.T) {
	ida := administrator(t)
	boss := hire(t, "")
	requestor := hire(t, boss.ID)
	self, chief, stranger := person(t, requestor.UserPrincipalName), person(t, boss.UserPrincipalName), person(t, hire(t, "").UserPrincipalName)
	o := newOffer(t, approvedBy(manager()))
	direct := newOffer(t, func(policy object) { policy["allowedTargetScope"] = "notSpecified" })
	asking := newOffer(t, func(policy object) {
		policy["requestApprovalSettings"] = object{"isRequestorJustificationRequired": true}
		policy["questions"] = list{object{"@odata.type": "#microsoft.graph.accessPackageMultipleChoiceQuestion", "text": "which?", "isRequired": true, "choices": list{object{"actualValue": "A", "text": "A"}}}}
	})
	twice := newOffer(t, nil)
	second := text(t, ida.post("/assignmentPolicies", policyFor(twice.pack, nil)), "id")
	open := text(t, self.post("/assignmentRequests", add("userAdd", o.pack, nil)), "id")
	stage := stageOf(t, chief, open, 0)
	over := text(t, person(t, hire(t, boss.ID).UserPrincipalName).post("/assignmentRequests", add("userAdd", o.pack, nil)), "id")
	overStage := stageOf(t, chief, over, 0)
	chief.call("PATCH", overStage, object{"reviewResult": "Deny"}).want(http.StatusNoContent)
	drain(t)

	const absent = "55555555-5555-4555-8555-555555555555"
	long := strings.Repeat("x", 257)
	big := `{"displayName":"big","description":"` + strings.Repeat("x", 1<<20) + `"}`
	bomb := zipped(t, `{"displayName":"bomb","description":"`+strings.Repeat(" ", 64<<20)+`"}`)
	nested := func(depth int) string {
		return `{"displayName":"deep","description":"d","@odata.context":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
	}
	catalog := func(name string) object { return object{"displayName": name, "description": "d"} }
	policy := func(change object) object {
		body := policyFor(o.pack, nil)
		for name, value := range change {
			body[name] = value
		}
		return body
	}
	stages := func(stage object) object {
		return policy(object{"requestApprovalSettings": object{"isApprovalRequiredForAdd": true, "stages": list{stage}}})
	}
	request := func(more object) object { return add("userAdd", twice.pack, more) }
	gzipped := []string{"Content-Encoding", "gzip"}

	before := documents(t)
	for name, one := range map[string]struct {
		who          *actor
		method, path string
		body         any
		status       int
		names        []string
		headers      []string
	}{
		// the body itself
		"no body":               {ida, "POST", "/catalogs", nil, 400, []string{"no body"}, nil},
		"empty body":            {ida, "POST", "/catalogs", "  ", 400, []string{"no body"}, nil},
		"no JSON":               {ida, "POST", "/catalogs", "displayName=x", 400, []string{"JSON"}, nil},
		"cut off":               {ida, "POST", "/catalogs", `{"displayName":"x"`, 400, []string{"JSON", "byte 18"}, nil},
		"something behind":      {ida, "POST", "/catalogs", `{"displayName":"x"} {}`, 400, []string{"JSON"}, nil},
		"a list":                {ida, "POST", "/catalogs", `[{"displayName":"x"}]`, 400, []string{"JSON object"}, nil},
		"a string":              {ida, "PATCH", "/catalogs/" + o.catalog, `"x"`, 400, []string{"JSON object"}, nil},
		"null":                  {ida, "PUT", "/assignmentPolicies/" + o.policy, `null`, 400, []string{"JSON object"}, nil},
		"form":                  {ida, "POST", "/catalogs", `{"displayName":"x"}`, 415, []string{"Content-Type"}, []string{"Content-Type", "application/x-www-form-urlencoded"}},
		"UTF-16":                {ida, "POST", "/catalogs", `{"displayName":"x"}`, 415, []string{"Content-Type", "utf-8"}, []string{"Content-Type", "application/json; charset=utf-16"}},
		"Latin 1":               {ida, "PATCH", "/catalogs/" + o.catalog, `{"displayName":"x"}`, 415, []string{"utf-8"}, []string{"Content-Type", `application/json;odata.metadata=minimal;charset="ISO-8859-1"`}},
		"no charset's name":     {ida, "POST", "/catalogs", `{"displayName":"x"}`, 415, []string{"utf-8"}, []string{"Content-Type", `application/json; charset=""`}},
		"a blank that is none":  {ida, "POST", "/catalogs", "\u00a0{\"displayName\":\"x\"}", 400, []string{"JSON"}, nil},
		"a form feed":           {ida, "POST", "/catalogs", "\f{\"displayName\":\"x\"}", 400, []string{"JSON"}, nil},
		"a vertical tab":        {ida, "POST", "/catalogs", "{\"displayName\":\"x\"}\v", 400, []string{"JSON"}, nil},
		"a line separator":      {ida, "PATCH", "/catalogs/" + o.catalog, "{\"displayName\":\"x\"}\u2028", 400, []string{"JSON"}, nil},
		"blanks that are none":  {ida, "POST", "/assignmentRequests/" + open + "/cancel", "\u3000\u0085", 400, []string{"JSON"}, nil},
		"no content type":       {ida, "POST", "/catalogs", `{"displayName":"x"}`, 415, []string{"Content-Type"}, []string{"Content-Type", ""}},
		"text":                  {ida, "PATCH", stage, `{"reviewResult":"Approve"}`, 415, []string{"Content-Type"}, []string{"Content-Type", "text/plain"}},
		"another encoding":      {ida, "POST", "/catalogs", `{"displayName":"x"}`, 415, []string{"Content-Encoding"}, []string{"Content-Encoding", "br"}},
		"no gzip":               {ida, "POST", "/catalogs", `{"displayName":"x"}`, 400, []string{"gzip"}, gzipped},
		"broken gzip":           {ida, "POST", "/catalogs", zipped(t, `{"displayName":"x"}`)[:20], 400, []string{"body"}, gzipped},
		"too large":             {ida, "POST", "/catalogs", big, 413, []string{"1 MB"}, nil},
		"too large, in chunks":  {ida, "POST", "/catalogs", chunked{strings.NewReader(big)}, 413, []string{"1 MB"}, nil},
		"a bomb":                {ida, "POST", "/catalogs", bomb, 413, []string{"1 MB"}, gzipped},
		"a bomb, in chunks":     {ida, "PATCH", "/catalogs/" + o.catalog, chunked{bytes.NewReader(bomb)}, 413, []string{"1 MB"}, gzipped},
		"nested":                {ida, "POST", "/catalogs", nested(33), 400, []string{"32"}, nil},
		"nested beyond reason":  {ida, "POST", "/catalogs", strings.Repeat("[", 500000), 400, []string{"32"}, nil},
		"NUL":                   {ida, "POST", "/catalogs", `{"displayName":"a\u0000b"}`, 400, []string{"NUL"}, nil},
		"NUL in a reason":       {self, "POST", "/assignmentRequests", `{"requestType":"userAdd","assignment":{"accessPackageId":"` + twice.pack + `"},"justification":"\u0000"}`, 400, []string{"NUL"}, nil},
		"a bare NUL":            {ida, "POST", "/catalogs", "{\"displayName\":\"a\x00b\"}", 400, []string{"JSON"}, nil},
		"broken UTF-8":          {ida, "POST", "/catalogs", "{\"displayName\":\"a\xff\xfeb\"}", 400, []string{"UTF-8"}, nil},
		"overlong UTF-8":        {ida, "PATCH", "/catalogs/" + o.catalog, "{\"description\":\"\xc0\xaf\"}", 400, []string{"UTF-8"}, nil},
		"two byte order marks":  {ida, "POST", "/catalogs", "\xef\xbb\xbf\xef\xbb\xbf{\"displayName\":\"x\"}", 400, []string{"JSON"}, nil},
		"half a surrogate":      {ida, "POST", "/catalogs", `{"displayName":"a\udc80"}`, 400, []string{"surrogate"}, nil},
		"the other half":        {ida, "PATCH", "/catalogs/" + o.catalog, `{"description":"\ud83d \ude00"}`, 400, []string{"surrogate"}, nil},
		"two If-Match":          {ida, "PATCH", "/catalogs/" + o.catalog, catalog("x"), 400, []string{"If-Match"}, []string{"If-Match", `"a", "b"`}},
		"an empty If-Match":     {ida, "DELETE", "/catalogs/" + o.catalog, nil, 400, []string{"If-Match"}, []string{"If-Match", ""}},
		"another version":       {ida, "PATCH", "/accessPackages/" + o.pack, object{"isHidden": true}, 412, []string{"If-Match"}, []string{"If-Match", `W/"x"`}},
		"oversize token":        {nobody(t), "GET", "/catalogs", nil, 401, []string{"token"}, []string{"Authorization", "Bearer " + strings.Repeat("a", 20000)}},
		"oversize path":         {ida, "GET", "/catalogs/" + strings.Repeat("a", 1100), nil, 404, nil, nil},
		"oversize If-Match":     {ida, "PATCH", "/catalogs/" + o.catalog, catalog("x"), 412, nil, []string{"If-Match", `"` + strings.Repeat("a", 5000) + `"`}},
		"a boolean in capitals": {ida, "GET", "/catalogs?$count=TRUE", nil, 400, []string{"$count"}, nil},
		"a boolean as a digit":  {ida, "GET", "/accessPackages?$count=1", nil, 400, []string{"$count"}, nil},
		"a boolean in a filter": {ida, "GET", "/accessPackages?$filter=isHidden%20eq%20True", nil, 400, []string{"$filter", "true or false"}, nil},
		"an ETag of nothing":    {ida, "PATCH", "/catalogs/" + o.catalog, catalog("x"), 412, []string{"If-Match"}, []string{"If-Match", `""`}},
		"a weak one":            {ida, "DELETE", "/assignmentPolicies/" + second, nil, 412, []string{"If-Match"}, []string{"If-Match", `W/""`}},
		"a star in quotes":      {ida, "DELETE", "/assignmentPolicies/" + second, nil, 412, []string{"If-Match"}, []string{"If-Match", `"*"`}},
		"stale, a role scope":   {ida, "POST", "/accessPackages/" + o.pack + "/resourceRoleScopes", roleScope(o.group), 412, []string{"If-Match"}, []string{"If-Match", `W/"x"`}},
		"stale, its removal":    {ida, "DELETE", "/accessPackages/" + o.pack + "/resourceRoleScopes/" + text(t, ida.values("/accessPackages/" + o.pack + "/resourceRoleScopes")[0], "id"), nil, 412, []string{"If-Match"}, []string{"If-Match", `""`}},
		"stale, a stage":        {chief, "PATCH", stage, object{"reviewResult": "Approve"}, 412, []string{"If-Match"}, []string{"If-Match", `W/"x"`}},
		"stale, a stage over":   {chief, "PATCH", overStage, object{"reviewResult": "Approve"}, 412, []string{"If-Match"}, []string{"If-Match", `W/"x"`}},
		"stale, by a stranger":  {stranger, "PATCH", stage, object{"reviewResult": "Approve"}, 404, []string{"no approval"}, []string{"If-Match", `W/"x"`}},
		"stale, a cancel":       {self, "POST", "/assignmentRequests/" + open + "/cancel", nil, 412, []string{"If-Match"}, []string{"If-Match", `"*"`}},
		"stale, a reprocess":    {ida, "POST", "/assignmentRequests/" + over + "/reprocess", nil, 412, []string{"If-Match"}, []string{"If-Match", `W/"x"`}},

		// catalogs, packages, resources
		"no name":                  {ida, "POST", "/catalogs", object{"description": "x"}, 400, []string{"displayName"}, nil},
		"a name of spaces":         {ida, "POST", "/catalogs", catalog("   "), 400, []string{"displayName"}, nil},
		"a long name":              {ida, "POST", "/catalogs", catalog(long), 400, []string{"displayName", "256"}, nil},
		"a long description":       {ida, "POST", "/catalogs", object{"displayName": "x", "description": strings.Repeat("x", 1025)}, 400, []string{"description"}, nil},
		"a number for a name":      {ida, "POST", "/catalogs", object{"displayName": 5}, 400, []string{"displayName", "string"}, nil},
		"a text for a boolean":     {ida, "POST", "/catalogs", object{"displayName": "x", "isExternallyVisible": "yes"}, 400, []string{"isExternallyVisible", "boolean"}, nil},
		"a list for a boolean":     {ida, "PATCH", "/accessPackages/" + o.pack, object{"isHidden": list{}}, 400, []string{"isHidden"}, nil},
		"a state that is none":     {ida, "POST", "/catalogs", object{"displayName": "x", "state": "open"}, 400, []string{"state", "published"}, nil},
		"a number for a state":     {ida, "PATCH", "/catalogs/" + o.catalog, object{"state": 1}, 400, []string{"state"}, nil},
		"a null name":              {ida, "PATCH", "/catalogs/" + o.catalog, object{"displayName": nil}, 400, []string{"displayName"}, nil},
		"no such catalog":          {ida, "PATCH", "/catalogs/" + absent, catalog("x"), 404, []string{absent}, nil},
		"no id":                    {ida, "GET", "/catalogs/1", nil, 404, nil, nil},
		"package without catalog":  {ida, "POST", "/accessPackages", object{"displayName": "x", "description": "d"}, 400, []string{"catalog/id"}, nil},
		"package of no catalog":    {ida, "POST", "/accessPackages", object{"displayName": "x", "description": "d", "catalog": object{"id": absent}}, 400, []string{"catalog/id", absent}, nil},
		"catalog as text":          {ida, "POST", "/accessPackages", object{"displayName": "x", "catalog": absent}, 400, []string{"catalog", "object"}, nil},
		"package with a long name": {ida, "PATCH", "/accessPackages/" + o.pack, object{"displayName": long}, 400, []string{"displayName"}, nil},
		"resource of no catalog":   {ida, "POST", "/resourceRequests", object{"requestType": "adminAdd", "catalog": object{"id": absent}, "resource": object{"originId": o.group, "originSystem": "AadGroup"}}, 400, []string{"catalog/id"}, nil},
		"no resource":              {ida, "POST", "/resourceRequests", object{"requestType": "adminAdd", "catalog": object{"id": o.catalog}}, 400, []string{"resource/originId"}, nil},
		"no such group":            {ida, "POST", "/resourceRequests", object{"requestType": "adminAdd", "catalog": object{"id": o.catalog}, "resource": object{"originId": absent, "originSystem": "AadGroup"}}, 400, []string{"resource/originId", absent}, nil},
		"no group's id":            {ida, "POST", "/resourceRequests", object{"requestType": "adminAdd", "catalog": object{"id": o.catalog}, "resource": object{"originId": "../users", "originSystem": "AadGroup"}}, 400, []string{"resource/originId"}, nil},
		"dynamic group":            {ida, "POST", "/resourceRequests", object{"requestType": "adminAdd", "catalog": object{"id": o.catalog}, "resource": object{"originId": "20000000-0000-4000-8000-000000000006", "originSystem": "AadGroup"}}, 400, []string{"dynamic"}, nil},
		"another origin":           {ida, "POST", "/resourceRequests", object{"requestType": "adminAdd", "catalog": object{"id": o.catalog}, "resource": object{"originId": o.group, "originSystem": "SharePointOnline"}}, 400, []string{"resource/originSystem"}, nil},
		"no kind of request":       {ida, "POST", "/resourceRequests", object{"catalog": object{"id": o.catalog}, "resource": object{"originId": o.group, "originSystem": "AadGroup"}}, 400, []string{"requestType"}, nil},
		"remove what is not there": {ida, "POST", "/resourceRequests", object{"requestType": "adminRemove", "catalog": object{"id": o.catalog}, "resource": object{"originId": absent}}, 400, []string{"no such resource"}, nil},
		"role of no resource":      {ida, "POST", "/accessPackages/" + o.pack + "/resourceRoleScopes", roleScope(absent), 400, []string{"role/originId"}, nil},
		"role that is none":        {ida, "POST", "/accessPackages/" + o.pack + "/resourceRoleScopes", object{"role": object{"originId": "King_" + o.group, "originSystem": "AadGroup"}}, 400, []string{"role/originId"}, nil},
		"no role":                  {ida, "POST", "/accessPackages/" + o.pack + "/resourceRoleScopes", object{}, 400, []string{"role/originId"}, nil},
		"role scope of no package": {ida, "POST", "/accessPackages/" + absent + "/resourceRoleScopes", roleScope(o.group), 404, []string{absent}, nil},

		// policies
		"policy of no package":       {ida, "POST", "/assignmentPolicies", policyFor(absent, nil), 400, []string{"accessPackage/id", absent}, nil},
		"policy without package":     {ida, "POST", "/assignmentPolicies", object{"displayName": "x"}, 400, []string{"accessPackage/id"}, nil},
		"policy without name":        {ida, "POST", "/assignmentPolicies", policy(object{"displayName": ""}), 400, []string{"displayName"}, nil},
		"scope that is none":         {ida, "POST", "/assignmentPolicies", policy(object{"allowedTargetScope": "everybody"}), 400, []string{"allowedTargetScope"}, nil},
		"specific without targets":   {ida, "POST", "/assignmentPolicies", policy(object{"allowedTargetScope": "specificDirectoryUsers"}), 400, []string{"specificAllowedTargets"}, nil},
		"target of no type":          {ida, "POST", "/assignmentPolicies", policy(object{"allowedTargetScope": "specificDirectoryUsers", "specificAllowedTargets": list{object{"id": absent}}}), 400, []string{"@odata.type"}, nil},
		"target of another type":     {ida, "POST", "/assignmentPolicies", policy(object{"allowedTargetScope": "specificDirectoryUsers", "specificAllowedTargets": list{object{"@odata.type": "#microsoft.graph.horse"}}}), 400, []string{"horse"}, nil},
		"target who is not there":    {ida, "POST", "/assignmentPolicies", policy(object{"allowedTargetScope": "specificDirectoryUsers", "specificAllowedTargets": list{user(absent)}}), 400, []string{"specificAllowedTargets", absent}, nil},
		"approval without stages":    {ida, "POST", "/assignmentPolicies", policy(object{"requestApprovalSettings": object{"isApprovalRequiredForAdd": true}}), 400, []string{"stages"}, nil},
		"stage without approvers":    {ida, "POST", "/assignmentPolicies", stages(object{}), 400, []string{"primaryApprovers"}, nil},
		"approver who is not there":  {ida, "POST", "/assignmentPolicies", stages(object{"primaryApprovers": list{manager(), groupOf(absent)}}), 400, []string{"requestApprovalSettings/stages/0/primaryApprovers/1/groupId", absent}, nil},
		"stage that never ends":      {ida, "POST", "/assignmentPolicies", stages(object{"primaryApprovers": list{manager()}, "durationBeforeAutomaticDenial": "P0D"}), 400, []string{"requestApprovalSettings/stages/0/durationBeforeAutomaticDenial: "}, nil},
		"access for a manager":       {ida, "POST", "/assignmentPolicies", policy(object{"allowedTargetScope": "specificDirectoryUsers", "specificAllowedTargets": list{user(boss.ID), manager()}}), 400, []string{"specificAllowedTargets/1"}, nil},
		"reviews of no length":       {ida, "POST", "/assignmentPolicies", policy(object{"reviewSettings": object{"isEnabled": false, "schedule": object{"expiration": object{"type": "afterDuration"}}}}), 400, []string{"reviewSettings/schedule/expiration/duration"}, nil},
		"an end at once":             {ida, "POST", "/assignmentPolicies", policy(object{"expiration": object{"duration": "PT0.0000001S"}}), 400, []string{"expiration/duration", "millisecond"}, nil},
		"duration that is none":      {ida, "POST", "/assignmentPolicies", policy(object{"expiration": object{"type": "afterDuration", "duration": "a month"}}), 400, []string{"duration", "a month"}, nil},
		"duration of nothing":        {ida, "POST", "/assignmentPolicies", policy(object{"expiration": object{"type": "afterDuration", "duration": "P0D"}}), 400, []string{"expiration/duration"}, nil},
		"duration that overflows":    {ida, "POST", "/assignmentPolicies", policy(object{"expiration": object{"type": "afterDuration", "duration": "P99999999999999D"}}), 400, []string{"duration"}, nil},
		"date that is none":          {ida, "PATCH", "/assignmentPolicies/" + o.policy, object{"expiration": object{"type": "afterDateTime", "endDateTime": "2031-02-30T00:00:00Z"}}, 400, []string{"expiration/endDateTime", "2031-02-30"}, nil},
		"date without offset":        {ida, "PATCH", "/assignmentPolicies/" + o.policy, object{"expiration": object{"type": "afterDateTime", "endDateTime": "2031-02-20T00:00:00"}}, 400, []string{"offset"}, nil},
		"two ends":                   {ida, "PUT", "/assignmentPolicies/" + o.policy, policy(object{"expiration": object{"endDateTime": "2031-02-20T00:00:00Z", "duration": "P3D"}}), 400, []string{"expiration"}, nil},
		"automatic assignment":       {ida, "PATCH", "/assignmentPolicies/" + o.policy, object{"automaticRequestSettings": object{"requestAccessForAllowedTargets": true}}, 400, []string{"automaticRequestSettings"}, nil},
		"question of another type":   {ida, "POST", "/assignmentPolicies", policy(object{"questions": list{object{"@odata.type": "#microsoft.graph.riddle", "text": "?"}}}), 400, []string{"riddle"}, nil},
		"question without text":      {ida, "POST", "/assignmentPolicies", policy(object{"questions": list{object{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion"}}}), 400, []string{"question"}, nil},
		"questions that are no list": {ida, "PATCH", "/assignmentPolicies/" + o.policy, object{"questions": object{}}, 400, []string{"questions"}, nil},
		"no such policy":             {ida, "PUT", "/assignmentPolicies/" + absent, policy(nil), 404, []string{absent}, nil},

		// requests
		"no type":                        {self, "POST", "/assignmentRequests", object{"assignment": object{"accessPackageId": twice.pack}}, 400, []string{"requestType"}, nil},
		"type that is none":              {self, "POST", "/assignmentRequests", add("userBorrow", twice.pack, nil), 400, []string{"requestType", "userAdd"}, nil},
		"type of the service":            {self, "POST", "/assignmentRequests", add("systemRemove", twice.pack, nil), 400, []string{"requestType"}, nil},
		"no assignment":                  {self, "POST", "/assignmentRequests", object{"requestType": "userAdd"}, 400, []string{"assignment"}, nil},
		"assignment as a list":           {self, "POST", "/assignmentRequests", object{"requestType": "userAdd", "assignment": list{}}, 400, []string{"assignment", "object"}, nil},
		"no package":                     {self, "POST", "/assignmentRequests", object{"requestType": "userAdd", "assignment": object{}}, 400, []string{"assignment/accessPackageId"}, nil},
		"package that is not there":      {self, "POST", "/assignmentRequests", add("userAdd", absent, nil), 400, []string{"assignment/accessPackageId", absent}, nil},
		"package id of another shape":    {self, "POST", "/assignmentRequests", add("userAdd", "x' or '1'='1", nil), 400, []string{"assignment/accessPackageId"}, nil},
		"for somebody else":              {self, "POST", "/assignmentRequests", object{"requestType": "userAdd", "assignment": object{"accessPackageId": twice.pack, "targetId": boss.ID}}, 400, []string{"assignment/targetId"}, nil},
		"policy that does not apply":     {self, "POST", "/assignmentRequests", add("userAdd", direct.pack, nil), 400, []string{"There is no access package"}, nil},
		"policy named, not applying":     {self, "POST", "/assignmentRequests", object{"requestType": "userAdd", "assignment": object{"accessPackageId": direct.pack, "assignmentPolicyId": direct.policy}}, 400, []string{"There is no access package"}, nil},
		"policy of another package":      {self, "POST", "/assignmentRequests", object{"requestType": "userAdd", "assignment": object{"accessPackageId": twice.pack, "assignmentPolicyId": o.policy}}, 400, []string{"assignment/assignmentPolicyId", o.policy}, nil},
		"policy to be chosen":            {self, "POST", "/assignmentRequests", request(nil), 400, []string{"assignment/assignmentPolicyId", second}, nil},
		"guest":                          {guest(t), "POST", "/assignmentRequests", add("userAdd", o.pack, nil), 400, []string{"There is no access package"}, nil},
		"in flight":                      {self, "POST", "/assignmentRequests", add("userAdd", o.pack, nil), 409, []string{"in flight", open}, nil},
		"in flight, by an admin":         {ida, "POST", "/assignmentRequests", assign(o, requestor.ID), 409, []string{"in flight"}, nil},
		"no justification":               {self, "POST", "/assignmentRequests", add("userAdd", asking.pack, nil), 400, []string{"justification"}, nil},
		"no answers":                     {self, "POST", "/assignmentRequests", add("userAdd", asking.pack, object{"justification": "x"}), 400, []string{"answers"}, nil},
		"answers to nothing":             {self, "POST", "/assignmentRequests", add("userAdd", asking.pack, object{"justification": "x", "answers": list{object{"value": "A", "answeredQuestion": object{"id": absent}}}}), 400, []string{"answers"}, nil},
		"a long justification":           {self, "POST", "/assignmentRequests", add("userAdd", asking.pack, object{"justification": strings.Repeat("x", 2049)}), 400, []string{"justification"}, nil},
		"a number as justification":      {self, "POST", "/assignmentRequests", add("userAdd", asking.pack, object{"justification": 7}), 400, []string{"justification", "string"}, nil},
		"an end before the start":        {ida, "POST", "/assignmentRequests", object{"requestType": "adminAdd", "assignment": object{"targetId": boss.ID, "accessPackageId": o.pack, "assignmentPolicyId": o.policy}, "schedule": object{"expiration": object{"type": "afterDateTime", "endDateTime": "2020-01-01T00:00:00Z"}}}, 400, []string{"schedule/expiration"}, nil},
		"adminAdd for nobody":            {ida, "POST", "/assignmentRequests", object{"requestType": "adminAdd", "assignment": object{"accessPackageId": o.pack, "assignmentPolicyId": o.policy}}, 400, []string{"assignment/targetId"}, nil},
		"adminAdd for no person":         {ida, "POST", "/assignmentRequests", assign(o, absent), 400, []string{"assignment/targetId"}, nil},
		"adminAdd without policy":        {ida, "POST", "/assignmentRequests", object{"requestType": "adminAdd", "assignment": object{"targetId": boss.ID, "accessPackageId": o.pack}}, 400, []string{"assignment/assignmentPolicyId"}, nil},
		"adminAdd outside the policy":    {ida, "POST", "/assignmentRequests", assign(o, "10000000-0000-4000-8000-000000000009"), 400, []string{"assignment/assignmentPolicyId"}, nil},
		"adminAdd of one who is blocked": {ida, "POST", "/assignmentRequests", assign(o, "10000000-0000-4000-8000-000000000011"), 403, []string{"blocked"}, nil},
		"removal of nothing":             {self, "POST", "/assignmentRequests", object{"requestType": "userRemove", "assignment": object{}}, 400, []string{"assignment/id"}, nil},
		"removal of what is not there":   {ida, "POST", "/assignmentRequests", object{"requestType": "adminRemove", "assignment": object{"id": absent}}, 400, []string{"assignment/id", absent}, nil},
		"cancel what is not there":       {self, "POST", "/assignmentRequests/" + absent + "/cancel", nil, 404, []string{absent}, nil},
		"cancel what is over":            {ida, "POST", "/assignmentRequests/" + over + "/cancel", nil, 409, []string{"denied"}, nil},
		"reprocess what is open":         {ida, "POST", "/assignmentRequests/" + open + "/reprocess", nil, 409, []string{"nothing to reprocess"}, nil},

		"cancel with half a body": {self, "POST", "/assignmentRequests/" + open + "/cancel", "{", 400, []string{"JSON"}, nil},
		"cancel with parameters":  {self, "POST", "/assignmentRequests/" + open + "/cancel", object{"reason": "x"}, 400, []string{"reason"}, nil},
		"requirements of another": {self, "POST", "/accessPackages/" + o.pack + "/getApplicablePolicyRequirements", object{"subject": object{"objectId": absent}}, 400, []string{"subject", "not in this release"}, nil},
		"requirements by address": {self, "POST", "/accessPackages/" + o.pack + "/getApplicablePolicyRequirements", object{"subject": object{"objectId": requestor.ID, "email": "x@y.example"}}, 400, []string{"subject/email is not read"}, nil},
		"requirements of nobody":  {self, "POST", "/accessPackages/" + o.pack + "/getApplicablePolicyRequirements", object{"subject": object{}}, 400, []string{"subject", "not in this release"}, nil},

		// approvals
		"by the requestor":         {self, "PATCH", stage, object{"reviewResult": "Approve"}, 403, []string{"of their own"}, nil},
		"by no approver":           {stranger, "PATCH", stage, object{"reviewResult": "Approve"}, 404, []string{"no approval"}, nil},
		"by an administrator":      {ida, "PATCH", stage, object{"reviewResult": "Approve"}, 403, []string{"no approver"}, nil},
		"by an application":        {application(t, "Automation"), "PATCH", stage, object{"reviewResult": "Approve"}, 403, []string{"signed-in user"}, nil},
		"a stage that is over":     {chief, "PATCH", overStage, object{"reviewResult": "Approve"}, 409, []string{"already decided"}, nil},
		"a stage that is not":      {chief, "PATCH", strings.Replace(stage, stage[len(stage)-36:], absent, 1), object{"reviewResult": "Approve"}, 404, []string{absent}, nil},
		"an approval that is not":  {chief, "PATCH", strings.Replace(stage, open, absent, 1), object{"reviewResult": "Approve"}, 404, []string{absent}, nil},
		"no decision":              {chief, "PATCH", stage, object{}, 400, []string{"reviewResult"}, nil},
		"a decision that is none":  {chief, "PATCH", stage, object{"reviewResult": "Maybe"}, 400, []string{"reviewResult", "Approve"}, nil},
		"a boolean for a decision": {chief, "PATCH", stage, object{"reviewResult": true}, 400, []string{"reviewResult"}, nil},
		"a long reason":            {chief, "PATCH", stage, object{"reviewResult": "Deny", "justification": strings.Repeat("x", 2049)}, 400, []string{"justification"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			who := *one.who
			who.t = t
			answer := who.call(one.method, one.path, one.body, one.headers...)
			answer.refused(one.status, one.names...)
			if message := text(t, answer.object(), "error/message"); strings.Contains(message, "governance.") || strings.Contains(message, "Go ") || strings.Contains(message, "panic") {
				t.Errorf("the message speaks of our insides: %s", message)
			}
		})
	}
	// With a key it is the same, and the key is free again.
	ida.call("POST", "/catalogs", big, "Idempotency-Key", unique("key")).refused(http.StatusRequestEntityTooLarge)
	ida.call("POST", "/catalogs", `{"displayName":`, "Idempotency-Key", unique("key")).refused(http.StatusBadRequest, "JSON")
	drain(t)
	unchanged(t, before)
	// What asks for nothing is taken.
	for _, body := range []any{nil, " ", "null", object{}, object{"subject": nil}, object{"Subject": object{"objectId": strings.ToUpper(requestor.ID)}}} {
		self.call("POST", "/accessPackages/"+o.pack+"/getApplicablePolicyRequirements", body).want(http.StatusOK)
	}
	// At the limits it is taken.
	ida.call("POST", "/catalogs", "\xef\xbb\xbf"+`{"displayName":"`+unique("marked")+`\ud83d\ude00","description":"d"}`).want(http.StatusCreated)
	ida.call("POST", "/catalogs", nested(32), "Prefer", "x").want(http.StatusCreated)
	ida.call("POST", "/catalogs", object{"displayName": strings.Repeat("ü", 252) + unique("")[:4], "description": "d"}).want(http.StatusCreated)
	ida.call("PATCH", "/catalogs/"+o.catalog, object{"description": "a\nb\tc \"\\u0000\" 🙂"}).want(http.StatusNoContent)
	same(t, ida.get("/catalogs/"+o.catalog), "description", "a\nb\tc \"\\u0000\" 🙂")
	chief.call("PATCH", stage, object{"reviewResult": "Approve", "justification": strings.Repeat("ü", governance.MaxJustification)}).want(http.StatusNoContent)
}
