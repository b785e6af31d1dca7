package stack_test

import (
	"net/http"
	"strings"
	"testing"
)

// Rules are tried over HTTP, on Graph's users.
//
// rules: AUT-02
func TestRules(t *testing.T) {
	ida := administrator(t)
	before := documents(t)
	const path = "/operations/rules/evaluate"
	ask := func(body object) object { return ida.call("POST", path, body).want(http.StatusOK).object() }
	people := list{object{"department": "Sales", "memberOf": list{object{"id": "A"}}, "manager": object{"id": "m"}, "skills": list{}, "extension_c272a57b722d4eb29bfe327874ae79cb_n": 4.5}, object{}}

	answer := ask(object{"rule": `user.department -eq "sales" -and user.memberOf -any (group.objectId -in ['a'])`, "now": "2026-12-01T00:00:00Z", "people": people})
	same(t, answer, "valid", true)
	if is, given := answer["error"]; !given || is != nil {
		t.Errorf("the error of a rule that is one: %v", answer)
	}
	same(t, answer, "verdicts/0", true)
	same(t, answer, "verdicts/1", false)
	same(t, ask(object{"rule": `Direct Reports for "M"`, "people": people}), "verdicts/0", true)
	same(t, ask(object{"rule": `user.extension_c272a57b722d4eb29bfe327874ae79cb_n -eq "4.5"`, "people": people}), "verdicts/0", true)

	answer = ask(object{"rule": "user.department -eq \"x\" -and\nuser.officeLocation -eq \"x\"", "people": people})
	same(t, answer, "valid", false)
	same(t, answer, "error/line", 2)
	same(t, answer, "error/column", 1)
	if says := text(t, answer, "error/message"); !strings.Contains(says, "user.physicalDeliveryOfficeName") {
		t.Errorf("it does not say what was meant: %s", says)
	}
	if verdicts := at[list](t, answer, "verdicts"); len(verdicts) != 0 {
		t.Errorf("verdicts of a rule that is none: %v", verdicts)
	}

	const rule = `user.city -eq "x"`
	for target, body := range map[string]any{
		"rule": object{"people": people}, "now": object{"rule": rule, "now": "soon"}, "people": object{"rule": rule, "people": "x"}, "people/0": object{"rule": rule, "people": list{1}},
		"people/1/accountEnabled": object{"rule": rule, "people": list{object{}, object{"accountEnabled": "yes"}}}, "rules": object{"rules": rule},
	} {
		ida.call("POST", path, body).refused(http.StatusBadRequest, target)
	}
	ida.call("POST", path, object{"rule": rule, "people": make([]object, 5001)}).refused(http.StatusRequestEntityTooLarge, "people")
	ida.call("POST", path, object{"rule": strings.Repeat("x", 1<<20)}).refused(http.StatusRequestEntityTooLarge)
	ida.call("GET", path, nil).refused(http.StatusMethodNotAllowed, "POST")
	unchanged(t, before)
}
