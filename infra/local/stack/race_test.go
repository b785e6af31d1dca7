package stack_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"latchkey/shared/governance"
)

// atOnce makes the calls at the same instant and answers in their order.
func atOnce(calls ...func() answer) []answer {
	answers := make([]answer, len(calls))
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	for i, call := range calls {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-begin
			answers[i] = call()
		})
	}
	ready.Wait()
	close(begin)
	done.Wait()
	return answers
}

func statuses(answers []answer) []int {
	var all []int
	for _, one := range answers {
		all = append(all, one.status)
	}
	slices.Sort(all)
	return all
}

// tell prints a figure for a person, also when the tests pass.
func tell(t *testing.T, format string, args ...any) {
	t.Helper()
	t.Logf(format, args...)
	fmt.Printf(format+"\n", args...)
}

// Two approvers decide one request at once, 100 times: one decision each, and one clear conflict.
//
// rules: APR-03
func TestRaceOfTwoApprovers(t *testing.T) {
	const times = 100
	ada, bob := hire(t, ""), hire(t, "")
	first, second := person(t, ada.UserPrincipalName), person(t, bob.UserPrincipalName)
	o := newOffer(t, approvedBy(user(ada.ID), user(bob.ID)))
	decided, clear := 0, 0
	for i := range times {
		requestor := person(t, hire(t, "").UserPrincipalName)
		id := text(t, requestor.post("/assignmentRequests", add("userAdd", o.pack, nil)), "id")
		stage := stageOf(t, first, id, 0)
		results := []string{"Approve", "Deny"}
		if i%2 == 1 {
			results = []string{"Approve", "Approve"}
		}
		answers := atOnce(
			func() answer {
				return first.try("PATCH", stage, object{"reviewResult": results[0], "justification": "Ada's"})
			},
			func() answer {
				return second.try("PATCH", stage, object{"reviewResult": results[1], "justification": "Bob's"})
			},
		)
		outcome := requestor.get("/accessPackageAssignmentApprovals/" + id + "?$expand=stages")
		for j, one := range answers {
			who := []governance.User{ada, bob}[j]
			switch one.status {
			case http.StatusNoContent:
				decided++
				same(t, outcome, "stages/0/reviewedBy/id", who.ID)
				same(t, outcome, "stages/0/reviewResult", results[j])
				same(t, outcome, "stages/0/justification", []string{"Ada's", "Bob's"}[j])
			case http.StatusConflict:
				one.refused(http.StatusConflict, "already decided")
				clear++
			default:
				t.Errorf("%s: %d %s %v", one.what, one.status, one.body, one.err)
			}
		}
	}
	drain(t)
	if decided != times || clear != times {
		t.Errorf("%d decisions and %d conflicts of %d races", decided, clear, times)
	}
	tell(t, "two approvers at once, %d times over HTTP: %d single decisions, %d clear 409s", times, decided, clear)
}

// rules: REQ-22
func TestRaceOfTwoRequests(t *testing.T) {
	const times = 40
	ida := administrator(t)
	o, other := newOffer(t, approvedBy(user(hire(t, "").ID))), newOffer(t, nil)
	for i := range times {
		one := hire(t, "")
		self := person(t, one.UserPrincipalName)
		request := func() answer { return self.try("POST", "/assignmentRequests", add("userAdd", o.pack, nil)) }
		assignment := func() answer { return ida.try("POST", "/assignmentRequests", assign(o, one.ID)) }
		pair := []func() answer{request, request}
		if i%2 == 1 {
			pair[1] = assignment
		}
		answers := atOnce(append(pair, func() answer { return self.try("POST", "/assignmentRequests", add("userAdd", other.pack, nil)) })...)
		if got := statuses(answers[:2]); !slices.Equal(got, []int{http.StatusCreated, http.StatusConflict}) {
			t.Errorf("two for one package: %v: %s %s", got, answers[0].body, answers[1].body)
		}
		if answers[2].status != http.StatusCreated { // another package is another matter
			t.Errorf("another package: %d %s", answers[2].status, answers[2].body)
		}
		for _, one := range answers[:2] {
			if one.status == http.StatusConflict && !strings.Contains(string(one.body), "in flight") && !strings.Contains(string(one.body), "already has this access package") {
				t.Errorf("the conflict is not clear: %s", one.body)
			}
		}
	}
	drain(t)
	if have := members(t, other.group); len(have) != times {
		t.Errorf("%d of %d have the other package", len(have), times)
	}
}

// Many change one catalog at once, and others request meanwhile: each is served. The store's waits are jittered, so nothing is timed here.
//
// rules: CAT-04 OBJ-07
func TestABusyCatalog(t *testing.T) {
	ida := administrator(t)
	o := newOffer(t, nil)
	plain := newPackage(t, o.catalog, newGroup(t)) // with one policy, so that a request need not name it
	ida.post("/assignmentPolicies", policyFor(plain, nil))
	var calls []func() answer
	for range 12 {
		policy, pack := text(t, ida.post("/assignmentPolicies", policyFor(o.pack, nil)), "id"), newPackage(t, o.catalog)
		me := person(t, hire(t, "").UserPrincipalName)
		calls = append(calls,
			func() answer { return ida.try("PATCH", "/assignmentPolicies/"+policy, object{"description": "busy"}) },
			func() answer { return ida.try("PATCH", "/accessPackages/"+pack, object{"description": "busy"}) },
			func() answer { return me.try("POST", "/assignmentRequests", add("userAdd", plain, nil)) })
	}
	for _, one := range atOnce(calls...) {
		if one.status != http.StatusNoContent && one.status != http.StatusCreated {
			t.Errorf("%s: %d %s", one.what, one.status, one.body)
		}
	}
	drain(t)
}

// Two change the same version: one is through, the other hears of it, and nothing of the two is mixed.
//
// rules: OBJ-05 OBJ-07
func TestRaceOfTwoEditors(t *testing.T) {
	ida, automation := administrator(t), application(t, "Automation")
	o := newOffer(t, nil)
	for _, path := range []string{"/catalogs/" + o.catalog, "/accessPackages/" + o.pack, "/assignmentPolicies/" + o.policy} {
		for i := range 20 {
			etag := text(t, ida.get(path), "@odata.etag")
			edit := func(who *actor, word string) func() answer {
				return func() answer {
					return who.try("PATCH", path, object{"displayName": fmt.Sprintf("%s %s %d", path, word, i), "description": word}, "If-Match", etag)
				}
			}
			answers := atOnce(edit(ida, "hers"), edit(automation, "its"))
			if got := statuses(answers); !slices.Equal(got, []int{http.StatusNoContent, http.StatusPreconditionFailed}) {
				t.Fatalf("%s: %v: %s %s", path, got, answers[0].body, answers[1].body)
			}
			word := "hers"
			if answers[1].status == http.StatusNoContent {
				word = "its"
			}
			now := ida.get(path)
			same(t, now, "description", word)
			same(t, now, "displayName", fmt.Sprintf("%s %s %d", path, word, i))
		}
	}
	same(t, ida.get("/operations/audit/catalogs/"+o.catalog+"/verify"), "verified", true)
}

// A decision against a cancellation, a removal against a removal, a package against its twin: always one.
//
// rules: REQ-04 REQ-22 CAT-01
func TestOtherRaces(t *testing.T) {
	ida := administrator(t)
	boss := hire(t, "")
	chief := person(t, boss.UserPrincipalName)
	o, plain := newOffer(t, approvedBy(user(boss.ID))), newOffer(t, nil)
	for range 20 {
		one := hire(t, "")
		self := person(t, one.UserPrincipalName)
		id := text(t, self.post("/assignmentRequests", add("userAdd", o.pack, nil)), "id")
		stage := stageOf(t, chief, id, 0)
		answers := atOnce(
			func() answer { return chief.try("PATCH", stage, object{"reviewResult": "Approve"}) },
			func() answer { return self.try("POST", "/assignmentRequests/"+id+"/cancel", nil) },
		)
		approved, canceled := answers[0].status == http.StatusNoContent, answers[1].status == http.StatusOK
		if approved == canceled || answers[0].status+answers[1].status != http.StatusConflict+map[bool]int{true: http.StatusNoContent, false: http.StatusOK}[approved] {
			t.Errorf("approved %d, canceled %d", answers[0].status, answers[1].status)
		}
		drain(t)
		if is := slices.Contains(members(t, o.group), one.ID); is != approved {
			t.Errorf("approved: %v, member: %v", approved, is)
		}

		request := text(t, ida.post("/assignmentRequests", assign(plain, one.ID)), "id")
		drain(t)
		assignment := text(t, ida.get("/assignmentRequests/"+request+"?$expand=assignment"), "assignment/id")
		answers = atOnce(
			func() answer {
				return self.try("POST", "/assignmentRequests", object{"requestType": "userRemove", "assignment": object{"id": assignment}})
			},
			func() answer {
				return ida.try("POST", "/assignmentRequests", object{"requestType": "adminRemove", "assignment": object{"id": assignment}})
			},
		)
		if got := statuses(answers); !slices.Equal(got, []int{http.StatusCreated, http.StatusConflict}) {
			t.Errorf("two removals: %v", got)
		}

		name := unique("Twin")
		twin := func(who *actor) func() answer {
			return func() answer {
				return who.try("POST", "/accessPackages", object{"displayName": name, "description": "d", "catalog": object{"id": plain.catalog}})
			}
		}
		if got := statuses(atOnce(twin(ida), twin(application(t, "Automation")))); !slices.Equal(got, []int{http.StatusCreated, http.StatusConflict}) {
			t.Errorf("two packages of one name: %v", got)
		}
	}
	drain(t)
	if have := members(t, plain.group); len(have) != 0 {
		t.Errorf("members after all removals: %v", have)
	}
}

// rules: CAT-01
func TestRaceOfTwoCatalogs(t *testing.T) {
	ida, automation := administrator(t), application(t, "Automation")
	both := 0
	for range 20 {
		name := unique("Twin")
		post := func(who *actor) func() answer {
			return func() answer { return who.try("POST", "/catalogs", object{"displayName": name, "description": "d"}) }
		}
		if got := statuses(atOnce(post(ida), post(automation))); !slices.Equal(got, []int{http.StatusCreated, http.StatusConflict}) {
			both++
			t.Logf("two catalogs of one name: %v", got)
		}
		name = unique("Twin")
		first, second := newCatalog(t), newCatalog(t)
		rename := func(id string) func() answer {
			return func() answer { return ida.try("PATCH", "/catalogs/"+id, object{"displayName": name}) }
		}
		if got := statuses(atOnce(rename(first), rename(second))); !slices.Equal(got, []int{http.StatusNoContent, http.StatusConflict}) {
			both++
			t.Logf("two catalogs renamed alike: %v", got)
		}
	}
	if both > 0 {
		t.Errorf("%d of 40 names were given twice", both)
	}
}

// Somebody asks for a package, or is assigned it, at the instant at which it or its policy is deleted, 150 times: never do both succeed, and what was refused is not half there.
//
// rules: OBJ-17
func TestRaceOfRequestAndDeletion(t *testing.T) {
	const times = 150
	ida, boss := administrator(t), hire(t, "")
	catalog, group := newCatalog(t), newGroup(t)
	both, requested, deleted, neither := 0, 0, 0, 0
	for i := range times {
		pack := newPackage(t, catalog, group)
		with := approvedBy(user(boss.ID))
		if i%3 == 0 {
			with = nil // delivered at once
		}
		policy := text(t, ida.post("/assignmentPolicies", policyFor(pack, with)), "id")
		one := hire(t, "")
		self, what := person(t, one.UserPrincipalName), "/accessPackages/"+pack
		if i%2 == 1 {
			what = "/assignmentPolicies/" + policy
		}
		ask := func() answer { return self.try("POST", "/assignmentRequests", add("userAdd", pack, nil)) }
		if i%5 == 4 {
			ask = func() answer {
				return ida.try("POST", "/assignmentRequests", assign(offer{pack: pack, policy: policy}, one.ID))
			}
		}
		answers := atOnce(ask, func() answer { return ida.try("DELETE", what, nil) })
		made, gone := answers[0].status == http.StatusCreated, answers[1].status == http.StatusNoContent
		if made && gone {
			both++
		}
		switch {
		case made:
			requested++
		case gone:
			deleted++
		default:
			neither++
		}
		if !made && (answers[0].status < 400 || answers[0].status >= 500) || !gone && answers[1].status != http.StatusConflict {
			t.Errorf("%d %s and %d %s", answers[0].status, answers[0].body, answers[1].status, answers[1].body)
		}
		drain(t)
		if open := self.values("/assignmentRequests/filterByCurrentUser(on='target')?$filter=" + url.QueryEscape("state eq 'pendingApproval' or state eq 'delivering'")); !made && len(open) > 0 {
			t.Errorf("what was refused is open: %v", open)
		}
		if !made && slices.Contains(members(t, group), one.ID) {
			t.Error("what was refused was delivered")
		}
		if !gone && i%2 == 0 { // it is open again
			other := person(t, hire(t, "").UserPrincipalName)
			other.post("/assignmentRequests", add("userAdd", pack, nil))
		}
	}
	if both > 0 {
		t.Errorf("of %d pairs, %d succeeded both", times, both)
	}
	tell(t, "a request and the deletion of what it asks for at once, %d times over HTTP: %d requests, %d deletions, %d neither, %d both", times, requested, deleted, neither, both)
}
