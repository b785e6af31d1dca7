package stack_test

import (
	"net/http"
	"testing"

	"latchkey/infra/local/fault"
)

// lost sends what the handler never gets to hear of: its first attempt.
func (a *actor) lost(method, path string, body any) {
	a.t.Helper()
	s := start(a.t)
	s.Faults.Add(fault.Fault{Target: fault.Handler, Kind: fault.Error, Count: 1})
	if failed := a.try(method, path, body); failed.err != nil || failed.status != http.StatusServiceUnavailable {
		a.t.Fatalf("%s: answered %d (%v), and was to be lost", failed.what, failed.status, failed.err)
	}
}

// What comes again with Retry-Attempt is answered with what an earlier attempt did only while that stands: a change that was undone since, by whomever, is done again. No rule of Microsoft's: issue 11.
func TestRetryAttemptDoesWhatDoesNotStand(t *testing.T) {
	fresh(t)
	ida, automation := administrator(t), application(t, "Automation")
	again := func(method, path string, body any) answer { return ida.call(method, path, body, "Retry-Attempt", "1") }
	o := newOffer(t, nil)
	pack, policy := "/accessPackages/"+o.pack, "/assignmentPolicies/"+o.policy
	for _, c := range []struct {
		name, path, member string
		value, other       any
	}{
		{"state of a catalog", "/catalogs/" + o.catalog, "state", "unpublished", "published"},
		{"isHidden", pack, "isHidden", true, false},
		{"a policy's name", policy, "displayName", "One", "Other"},
	} {
		for by, other := range map[string]*actor{"the caller": ida, "another": automation} {
			t.Run(c.name+" changed back by "+by, func(t *testing.T) {
				body := object{c.member: c.value}
				ida.call("PATCH", c.path, body).want(http.StatusNoContent)
				other.call("PATCH", c.path, object{c.member: c.other}).want(http.StatusNoContent)
				ida.lost("PATCH", c.path, body)
				again("PATCH", c.path, body).want(http.StatusNoContent)
				same(t, ida.get(c.path), c.member, c.value)
				again("PATCH", c.path, body).want(http.StatusNoContent)
				ida.call("PATCH", c.path, object{c.member: c.other}).want(http.StatusNoContent)
			})
		}
	}

	t.Run("a role scope that is back", func(t *testing.T) {
		scopes := pack + "/resourceRoleScopes"
		id := text(t, ida.values(scopes)[0], "id")
		there := func() int { return len(ida.values(scopes)) }
		ida.call("DELETE", scopes+"/"+id, nil).want(http.StatusNoContent)
		again("DELETE", scopes+"/"+id, nil).want(http.StatusNoContent)
		ida.call("DELETE", scopes+"/"+id, nil).refused(http.StatusNotFound)
		scope := roleScope(o.group)
		ida.call("POST", scopes, scope).want(http.StatusCreated)
		id = text(t, ida.values(scopes)[0], "id")
		ida.call("DELETE", scopes+"/"+id, nil).want(http.StatusNoContent)
		ida.lost("POST", scopes, scope)
		again("POST", scopes, scope).want(http.StatusCreated)
		if there() != 1 {
			t.Fatalf("%d role scopes after POST, DELETE, and POST again", there())
		}
		id = text(t, ida.values(scopes)[0], "id")
		ida.lost("DELETE", scopes+"/"+id, nil)
		again("DELETE", scopes+"/"+id, nil).want(http.StatusNoContent)
		if there() != 0 {
			t.Errorf("%d role scopes after DELETE again", there())
		}
		again("DELETE", scopes+"/"+id, nil).want(http.StatusNoContent)
		automation.call("DELETE", scopes+"/"+id, nil, "Retry-Attempt", "1").refused(http.StatusNotFound)
	})

	t.Run("what was deleted", func(t *testing.T) {
		of := object{"id": o.catalog}
		for path, body := range map[string]any{
			"/catalogs":           object{"displayName": unique("Gone"), "description": "d"},
			"/accessPackages":     object{"displayName": unique("Gone"), "description": "d", "catalog": of},
			"/assignmentPolicies": policyFor(o.pack, nil),
		} {
			first := text(t, ida.post(path, body), "id")
			ida.call("DELETE", path+"/"+first, nil).want(http.StatusNoContent)
			ida.lost("POST", path, body)
			second := text(t, again("POST", path, body).want(http.StatusCreated).object(), "id")
			ida.call("GET", path+"/"+second, nil).want(http.StatusOK)
			if third := text(t, again("POST", path, body).want(http.StatusCreated).object(), "id"); third != second {
				t.Errorf("%s: made %s and then %s", path, second, third)
			}
		}
	})

	t.Run("a resource that left", func(t *testing.T) {
		catalog, group := newCatalog(t), newGroup(t)
		ask := func(kind string) object {
			return object{"requestType": kind, "catalog": object{"id": catalog}, "resource": object{"originId": group, "originSystem": "AadGroup"}}
		}
		there := func() int { return len(ida.values("/catalogs/" + catalog + "/resources")) }
		for round, kind := range []string{"adminAdd", "adminRemove", "adminAdd", "adminRemove"} {
			if round > 1 {
				ida.lost("POST", "/resourceRequests", ask(kind))
				again("POST", "/resourceRequests", ask(kind)).want(http.StatusCreated)
			} else {
				ida.post("/resourceRequests", ask(kind))
			}
			if there() != (round+1)%2 {
				t.Errorf("round %d, %s: %d resources", round, kind, there())
			}
			again("POST", "/resourceRequests", ask(kind)).want(http.StatusCreated)
		}
	})

	t.Run("a request that is over", func(t *testing.T) {
		boss := hire(t, "")
		slow, quick := newOffer(t, approvedBy(manager())), newOffer(t, nil)
		self := person(t, hire(t, boss.ID).UserPrincipalName)
		body := add("userAdd", slow.pack, nil)
		first := text(t, self.post("/assignmentRequests", body), "id")
		self.call("POST", "/assignmentRequests/"+first+"/cancel", nil).want(http.StatusOK)
		self.call("POST", "/assignmentRequests/"+first+"/cancel", nil, "Retry-Attempt", "1").want(http.StatusOK)
		self.lost("POST", "/assignmentRequests", body)
		second := self.call("POST", "/assignmentRequests", body, "Retry-Attempt", "1").want(http.StatusCreated).object()
		same(t, second, "state", "pendingApproval")
		if third := self.call("POST", "/assignmentRequests", body, "Retry-Attempt", "2").want(http.StatusCreated).object(); third["id"] != second["id"] || first == second["id"] {
			t.Errorf("asked for %s, %v and %v", first, second["id"], third["id"])
		}
		approver := person(t, boss.UserPrincipalName)
		stage := stageOf(t, approver, text(t, second, "id"), 0)
		decision := object{"reviewResult": "Approve"}
		approver.call("PATCH", stage, decision).want(http.StatusNoContent)
		approver.call("PATCH", stage, decision).refused(http.StatusConflict)
		approver.call("PATCH", stage, decision, "Retry-Attempt", "1").want(http.StatusNoContent)

		body = add("userAdd", quick.pack, nil)
		var had string
		for round := range 3 {
			if round > 0 {
				self.lost("POST", "/assignmentRequests", body)
			}
			given := text(t, self.call("POST", "/assignmentRequests", body, "Retry-Attempt", "1").want(http.StatusCreated).object(), "id")
			drain(t)
			if given == had {
				t.Errorf("round %d: answered with %s, which was taken away", round, had)
			}
			if later := text(t, self.call("POST", "/assignmentRequests", body, "Retry-Attempt", "2").want(http.StatusCreated).object(), "id"); later != given {
				t.Errorf("round %d: made %s and then %s", round, given, later)
			}
			had = given
			assignment := text(t, ida.get("/assignmentRequests/"+given+"?$expand=assignment"), "assignment/id")
			remove := object{"requestType": "adminRemove", "assignment": object{"id": assignment}}
			taken := text(t, ida.post("/assignmentRequests", remove), "id")
			drain(t)
			if later := text(t, again("POST", "/assignmentRequests", remove).want(http.StatusCreated).object(), "id"); later != taken {
				t.Errorf("round %d: took away by %s and then %s", round, taken, later)
			}
		}
	})

	t.Run("an action", func(t *testing.T) {
		const path = "/operations/calloutActions/retried"
		one, other := object{"kind": "revokeSessions"}, object{"kind": "temporaryAccessPass", "settings": object{"isUsableOnce": false}}
		ida.call("PUT", path, one).want(http.StatusCreated)
		ida.call("PUT", path, other, "If-Match", "*").want(http.StatusOK)
		ida.call("PUT", path, one, "Retry-Attempt", "1").refused(http.StatusConflict, "If-Match")
		ida.call("PUT", path, one, "If-Match", "*").want(http.StatusOK)
		ida.call("PUT", path, other, "If-Match", "*").want(http.StatusOK)
		ida.call("PUT", path, one, "If-Match", "*", "Retry-Attempt", "1").want(http.StatusOK)
		same(t, ida.get(path), "kind", "revokeSessions")
		ida.call("DELETE", path, nil).want(http.StatusNoContent)
		ida.call("PUT", path, other).want(http.StatusCreated)
		ida.lost("DELETE", path, nil)
		again("DELETE", path, nil).want(http.StatusNoContent)
		ida.call("GET", path, nil).refused(http.StatusNotFound)
		again("DELETE", path, nil).want(http.StatusNoContent)
	})
}
