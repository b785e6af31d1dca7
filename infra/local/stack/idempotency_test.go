package stack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/infra/local/fault"
	"latchkey/shared/governance"
)

// command is a POST that makes something, or does something that cannot be done twice.
type command struct {
	name  string
	who   *actor
	path  string
	body  any
	other any // another body
}

// commands are new ones for every POST route of the API. Each call sets the stage for them anew.
func commands(t *testing.T) []command {
	t.Helper()
	s, ida, automation := start(t), administrator(t), application(t, "Automation")
	o := newOffer(t, nil)
	boss := hire(t, "")
	slow := newOffer(t, approvedBy(manager()))
	member := func() *actor { return person(t, hire(t, boss.ID).UserPrincipalName) }
	held := func() (string, *actor) {
		someone := hire(t, "")
		request := text(t, ida.post("/assignmentRequests", assign(o, someone.ID)), "id")
		drain(t)
		return text(t, ida.get("/assignmentRequests/"+request+"?$expand=assignment"), "assignment/id"), person(t, someone.UserPrincipalName)
	}
	given, owner := held()
	taken, _ := held()
	canceler := member()
	open := text(t, canceler.post("/assignmentRequests", add("userAdd", slow.pack, nil)), "id")

	broken := newOffer(t, nil)
	s.Graph.Directory().PutGroup(governance.Group{ID: broken.group, DisplayName: "By rule", SecurityEnabled: true, GroupTypes: []string{"DynamicMembership"}}) // nobody is put into one
	failed := text(t, ida.post("/assignmentRequests", assign(broken, hire(t, "").ID)), "id")
	drain(t)
	s.Graph.Directory().PutGroup(governance.Group{ID: broken.group, DisplayName: "Back", SecurityEnabled: true})

	group, bare := newGroup(t), newPackage(t, o.catalog)
	named := func(body object) object {
		other := object{"displayName": unique("Other"), "description": "d"}
		for name, value := range body {
			if name != "displayName" {
				other[name] = value
			}
		}
		return other
	}
	catalog := object{"displayName": unique("Once"), "description": "d"}
	pack := object{"displayName": unique("Once"), "description": "d", "catalog": object{"id": o.catalog}}
	policy := policyFor(bare, nil)
	policy["questions"] = list{object{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "text": "why?"}}
	adding := object{"requestType": "adminAdd", "catalog": object{"id": o.catalog}, "resource": object{"originId": group, "originSystem": "AadGroup"}}
	justified := func(body object) object {
		other := object{"justification": "otherwise"}
		for name, value := range body {
			other[name] = value
		}
		return other
	}
	direct := assign(o, hire(t, "").ID)
	giveBack := object{"requestType": "userRemove", "assignment": object{"id": given}}
	take := object{"requestType": "adminRemove", "assignment": object{"id": taken}}
	return []command{
		{"catalog", ida, "/catalogs", catalog, named(catalog)},
		{"package", ida, "/accessPackages", pack, named(pack)},
		{"policy", automation, "/assignmentPolicies", policy, named(policy)},
		{"resource", ida, "/resourceRequests", adding, object{"requestType": "adminRemove", "catalog": adding["catalog"], "resource": adding["resource"]}},
		{"role scope", ida, "/accessPackages/" + bare + "/resourceRoleScopes", roleScope(o.group), roleScope(group)},
		{"user add", member(), "/assignmentRequests", add("userAdd", slow.pack, nil), add("userAdd", o.pack, nil)},
		{"user add that is delivered at once", member(), "/assignmentRequests", add("userAdd", o.pack, nil), add("userAdd", slow.pack, nil)},
		{"admin add", automation, "/assignmentRequests", direct, justified(direct)},
		{"user remove", owner, "/assignmentRequests", giveBack, justified(giveBack)},
		{"admin remove", ida, "/assignmentRequests", take, justified(take)},
		{"cancel", canceler, "/assignmentRequests/" + open + "/cancel", nil, object{"x": 1}},
		{"reprocess", ida, "/assignmentRequests/" + failed + "/reprocess", nil, object{"x": 1}},
	}
}

// A POST that comes again with Retry-Attempt and without a key, as Graph's clients send it after 504, gets the first answer; one that does not say so is a new one. No rule of Microsoft's: issue 11.
func TestRetryAttempt(t *testing.T) {
	fresh(t)
	for _, c := range commands(t) {
		t.Run(c.name, func(t *testing.T) {
			send := func(headers ...string) answer { return c.who.try("POST", c.path, c.body, headers...) }
			first := send()
			if first.err != nil || first.status >= http.StatusBadRequest {
				t.Fatalf("%d %s %v", first.status, first.body, first.err)
			}
			before := documents(t)
			again := send("Retry-Attempt", "1")
			if again.err != nil || again.status != first.status {
				t.Fatalf("answered %d %s (%v), and first %d", again.status, again.body, again.err, first.status)
			}
			if len(first.body) > 0 && first.object()["id"] != again.object()["id"] {
				t.Errorf("made %v, and then %v", first.object()["id"], again.object()["id"])
			}
			if c.name != "user add that is delivered at once" && !strings.Contains("admin add user remove admin remove reprocess role scope", c.name) { // those are on their way
				unchanged(t, before)
			}
			drain(t)
			send("Retry-Attempt", "2")
			before = documents(t)
			send("Retry-Attempt", "3")
			unchanged(t, before)
			if other := c.who.try("POST", c.path, c.other, "Retry-Attempt", "1"); other.err == nil && len(first.body) > 0 && other.status < 300 && other.object()["id"] == first.object()["id"] {
				t.Errorf("another content is answered with the same: %s", other.body)
			}
			c.who.call("POST", c.path, c.body, "Retry-Attempt", "often").refused(http.StatusBadRequest, "Retry-Attempt")
		})
	}
	ida := administrator(t)
	body := object{"displayName": unique("Late"), "description": "d"}
	ida.call("POST", "/catalogs", body).want(http.StatusCreated)
	ida.call("POST", "/catalogs", body, "Retry-Attempt", "0").refused(http.StatusConflict, "displayName")
	application(t, "Automation").call("POST", "/catalogs", body, "Retry-Attempt", "1").refused(http.StatusConflict, "displayName")
	advance(t, governance.Duration{Time: 11 * time.Minute})
	ida.call("POST", "/catalogs", body, "Retry-Attempt", "1").refused(http.StatusConflict, "displayName")
	o := newOffer(t, nil)
	twin := policyFor(o.pack, nil)
	if first, second := text(t, ida.post("/assignmentPolicies", twin), "id"), text(t, ida.post("/assignmentPolicies", twin), "id"); first == second {
		t.Error("who does not say that it is sent again is answered with what was made before")
	}
}

// A repetition is answered only to whom the first would still be, with a token that permits the same; and what only reads keeps no record. No rule of Microsoft's: issue 11.
func TestIdempotencyKeyIsNoPermission(t *testing.T) {
	fresh(t)
	ida := administrator(t)
	key, body := unique("key"), object{"displayName": unique("Mine"), "description": "d"}
	ida.call("POST", "/catalogs", body, "Idempotency-Key", key).want(http.StatusCreated)
	person(t, "ida", governance.PermissionReadAll).call("POST", "/catalogs", body, "Idempotency-Key", key).refused(http.StatusForbidden)
	person(t, "ida", governance.PermissionReadWriteAll).call("POST", "/catalogs", body, "Idempotency-Key", key).refused(http.StatusConflict, "Idempotency-Key")
	ida.call("POST", "/catalogs", body, "Idempotency-Key", key).want(http.StatusCreated)

	o := newOffer(t, nil)
	self := person(t, hire(t, "").UserPrincipalName)
	drain(t)
	before := start(t).Cosmos.Stats()
	self.call("POST", "/accessPackages/"+o.pack+"/getApplicablePolicyRequirements", object{}, "Idempotency-Key", unique("key")).want(http.StatusOK)
	self.call("GET", "/accessPackages/filterByCurrentUser(on='allowedRequestor')", nil, "Idempotency-Key", unique("key")).want(http.StatusOK)
	for operation, stat := range start(t).Cosmos.Stats() {
		if wrote := operation == "create" || operation == "replace"; wrote && stat != before[operation] {
			t.Errorf("a read has written: %s %+v", operation, stat)
		}
	}
}

func (c command) send(key string) answer {
	return c.who.try("POST", c.path, c.body, "Idempotency-Key", key)
}

func (r answer) saysAs(first answer) {
	r.t.Helper()
	if r.err != nil || first.err != nil || r.status != first.status || !bytes.Equal(r.body, first.body) || r.header.Get("ETag") != first.header.Get("ETag") {
		r.t.Errorf("%s: answered %d %s (%v), and first %d %s (%v)", r.what, r.status, r.body, r.err, first.status, first.body, first.err)
	}
}

// rules: none of Microsoft's: issue 2, item 8
func TestIdempotencyKey(t *testing.T) {
	fresh(t)
	for i, c := range commands(t) {
		t.Run(c.name, func(t *testing.T) {
			key := fmt.Sprintf("%s %d", unique("key"), i)
			first := c.send(key)
			if first.err != nil || first.status >= http.StatusBadRequest {
				t.Fatalf("%d %s %v", first.status, first.body, first.err)
			}
			drain(t)
			before := documents(t)
			c.send(key).saysAs(first)
			advance(t, governance.Duration{Time: 1 * time.Hour}) // and later, when the request has long been delivered
			c.send(key).saysAs(first)
			c.who.call("POST", c.path, c.other, "Idempotency-Key", key).refused(http.StatusConflict, "Idempotency-Key")
			c.who.call("POST", c.path+"?x=1", c.body, "Idempotency-Key", key).refused(http.StatusBadRequest, "x")
			c.who.try("POST", strings.ToUpper(c.path)+"?code=the-hosts-own", c.body, "Idempotency-Key", key).saysAs(first)
			unchanged(t, before)
		})
	}
	// A key is the caller's own: another's says nothing about it.
	key, body := unique("key"), object{"displayName": unique("Mine"), "description": "d"}
	administrator(t).call("POST", "/catalogs", body, "Idempotency-Key", key).want(http.StatusCreated)
	application(t, "Automation").call("POST", "/catalogs", body, "Idempotency-Key", key).refused(http.StatusConflict, "displayName")
	// A command that failed frees its key.
	requestor := person(t, hire(t, "").UserPrincipalName)
	o := newOffer(t, func(policy object) {
		policy["requestApprovalSettings"] = object{"isRequestorJustificationRequired": true}
	})
	key = unique("key")
	requestor.call("POST", "/assignmentRequests", add("userAdd", o.pack, nil), "Idempotency-Key", key).refused(http.StatusBadRequest, "justification")
	requestor.call("POST", "/assignmentRequests", add("userAdd", o.pack, object{"justification": "now"}), "Idempotency-Key", key).want(http.StatusCreated)
	// The key is forgotten after a day, and then the request is a new one.
	key = unique("key")
	body = object{"displayName": unique("Daily"), "description": "d"}
	administrator(t).call("POST", "/catalogs", body, "Idempotency-Key", key).want(http.StatusCreated)
	advance(t, governance.Duration{Time: 25 * time.Hour})
	administrator(t).call("POST", "/catalogs", object{"displayName": unique("Daily"), "description": "d"}, "Idempotency-Key", key).want(http.StatusCreated)

	for _, bad := range []string{"", strings.Repeat("k", 256)} {
		administrator(t).call("POST", "/catalogs", body, "Idempotency-Key", bad).refused(http.StatusBadRequest, "Idempotency-Key")
	}
	request, err := administrator(t).request("POST", "/catalogs", body, "Idempotency-Key", "one")
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Add("Idempotency-Key", "two")
	answer{t: t, what: "two keys"}.send(request).refused(http.StatusBadRequest, "Idempotency-Key")
}

// Not only POST: whatever writes is done once under its key.
func TestIdempotencyKeyOfChanges(t *testing.T) {
	fresh(t)
	ida, o := administrator(t), newOffer(t, nil)
	policy := policyFor(o.pack, func(policy object) { policy["displayName"] = unique("Put") })
	for _, c := range []struct {
		method, path string
		body, other  any
	}{
		{"PATCH", "/catalogs/" + o.catalog, object{"description": "once"}, object{"description": "otherwise"}},
		{"PUT", "/assignmentPolicies/" + o.policy, policy, policyFor(o.pack, nil)},
		{"DELETE", "/assignmentPolicies/" + o.policy, nil, nil},
		{"DELETE", "/accessPackages/" + o.pack, nil, nil},
	} {
		key := unique("key")
		first := ida.try(c.method, c.path, c.body, "Idempotency-Key", key)
		if first.err != nil || first.status >= http.StatusBadRequest {
			t.Fatalf("%s: %d %s %v", first.what, first.status, first.body, first.err)
		}
		before := documents(t)
		ida.try(c.method, c.path, c.body, "Idempotency-Key", key).saysAs(first)
		if c.other != nil {
			ida.call(c.method, c.path, c.other, "Idempotency-Key", key).refused(http.StatusConflict, "Idempotency-Key")
		} else {
			ida.call(c.method, c.path, nil).refused(http.StatusNotFound)
		}
		unchanged(t, before)
	}
}

// The same command eight times at once is one command, with one answer.
func TestIdempotencyKeyAtOnce(t *testing.T) {
	for range 3 {
		for _, c := range commands(t) {
			key := unique("key")
			answers := make([]answer, 8)
			var all sync.WaitGroup
			for i := range answers {
				all.Go(func() { answers[i] = c.send(key) })
			}
			all.Wait()
			if first := answers[0]; first.err != nil || first.status >= http.StatusBadRequest {
				t.Errorf("%s: %d %s %v", c.name, first.status, first.body, first.err)
			}
			for _, one := range answers {
				one.saysAs(answers[0])
			}
			drain(t)
			c.send(key).saysAs(answers[0])
		}
	}
}

// A client that did not hear the answer asks again, and hears what it would have heard.
func TestIdempotencyKeyAfterLostResponse(t *testing.T) {
	s := fresh(t)
	all := commands(t)
	drain(t)
	for _, c := range all {
		key := unique("key")
		s.Faults.Add(fault.Fault{Target: fault.Handler, Kind: fault.LostResponse, Count: 1})
		request, err := c.who.request("POST", c.path, c.body, "Idempotency-Key", key)
		if err != nil {
			t.Fatal(err)
		}
		// On a connection that was used before, Go's client would send a POST with an Idempotency-Key again by itself.
		lonely := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		if response, err := lonely.Do(request); err == nil {
			_ = response.Body.Close()
			t.Fatalf("%s: the response was to be lost, and is %s", c.name, response.Status)
		}
		after := documents(t)
		first := c.send(key)
		if first.err != nil || first.status >= http.StatusBadRequest {
			t.Errorf("%s: %d %s %v", c.name, first.status, first.body, first.err)
		}
		if c.name != "user add that is delivered at once" && !strings.Contains("admin add user remove admin remove reprocess role scope", c.name) { // those are on their way
			unchanged(t, after)
		}
		drain(t)
		c.send(key).saysAs(first)
	}
}

// A process that dies between what it did and the note of its answer: the repetition finds what was made.
func TestIdempotencyKeyAfterCrash(t *testing.T) {
	fresh(t)
	for _, c := range commands(t) {
		key := unique("key")
		first := c.send(key)
		if first.err != nil || first.status >= http.StatusBadRequest {
			t.Fatalf("%s: %d %s %v", c.name, first.status, first.body, first.err)
		}
		drain(t)
		forgetAnswers(t)
		before := documents(t)
		again := c.send(key)
		if again.err != nil || again.status != first.status {
			t.Errorf("%s: answered %d %s, and first %d %s", c.name, again.status, again.body, first.status, first.body)
		} else if len(first.body) > 0 {
			if was, is := first.object()["id"], again.object()["id"]; was != is {
				t.Errorf("%s: made %v, and then %v", c.name, was, is)
			}
		}
		drain(t)
		unchanged(t, before)
	}
}

// forgetAnswers takes the answers out of all notes of idempotency keys, as if the process had died before it wrote them.
func forgetAnswers(t *testing.T) {
	t.Helper()
	s := start(t)
	var snapshot bytes.Buffer
	if err := s.Cosmos.Snapshot(&snapshot); err != nil {
		t.Fatal(err)
	}
	var containers []object
	decoder := json.NewDecoder(&snapshot)
	decoder.UseNumber()
	if err := decoder.Decode(&containers); err != nil {
		t.Fatal(err)
	}
	forgotten := 0
	for _, container := range containers {
		for _, item := range container["items"].([]any) {
			document := item.(object)["item"].(object)
			if document["kind"] == "idempotency" {
				delete(document["body"].(object), "answer")
				forgotten++
			}
		}
	}
	if forgotten == 0 {
		t.Fatal("there are no notes of idempotency keys")
	}
	changed, err := json.Marshal(containers)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Cosmos.Restore(bytes.NewReader(changed)); err != nil {
		t.Fatal(err)
	}
}
