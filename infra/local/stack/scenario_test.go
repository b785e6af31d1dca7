package stack_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/scenario"
	"latchkey/shared/governance"
)

// TestScenarios plays testdata/scenarios over HTTP: the third depth of one table. Each file names its rules.
func TestScenarios(t *testing.T) {
	scenarios, err := scenario.Load(os.DirFS("../../../testdata/scenarios"))
	if err != nil {
		t.Fatal(err)
	}
	if len(scenarios) < 10 {
		t.Errorf("only %d scenarios are there", len(scenarios))
	}
	for _, s := range scenarios {
		t.Run(s.Name, func(t *testing.T) {
			if err := scenario.Play(t.Context(), s, newStage(t, s)); err != nil {
				t.Error(err)
			}
		})
	}
}

// scenarioDomain is where the people of scenarios are, and scenarioAdministrator who administers in them: a role is the token service's to give, and it knows those of the tenant only.
const (
	scenarioDomain        = "scenario.example"
	scenarioAdministrator = "ann"
)

// stage plays one scenario on a stack that has been reset. Its time begins when it is made; all times of the scenario are moved by as much.
type stage struct {
	t        *testing.T
	s        scenario.Scenario
	shift    time.Duration // from the time of the scenario to that of the stack
	moves    int
	packages map[string]string // ids, by name
	policies map[string]string // ids, by package/policy
	requests map[string]string // ids, by name
	letters  int               // that have been looked at
}

func newStage(t *testing.T, s scenario.Scenario) *stage {
	t.Helper()
	k := start(t)
	if err := k.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	st := &stage{t: t, s: s, packages: map[string]string{}, policies: map[string]string{}, requests: map[string]string{}}
	directory := k.Graph.Directory()
	for _, one := range s.People {
		user := governance.User{
			ID: scenario.PersonID(one.Name), UserPrincipalName: one.Name + "@" + scenarioDomain, DisplayName: one.Name, Mail: one.Name + "@" + scenarioDomain,
			UserType: governance.UserTypeMember, AccountEnabled: !one.Disabled,
		}
		if one.Guest {
			user.UserType = governance.UserTypeGuest
		}
		if one.Administrator != (one.Name == scenarioAdministrator) {
			t.Fatalf("the administrator of scenarios is %s, not %s", scenarioAdministrator, one.Name)
		}
		directory.PutUser(user)
	}
	for _, one := range s.People {
		if one.Manager == "" {
			continue
		}
		if err := directory.SetManager(scenario.PersonID(one.Name), scenario.PersonID(one.Manager)); err != nil {
			t.Fatal(err)
		}
	}
	for _, group := range s.Groups {
		directory.PutGroup(governance.Group{ID: scenario.GroupID(group.Name), DisplayName: group.Name, SecurityEnabled: true})
		for _, member := range group.Members {
			if err := directory.PutMember(scenario.GroupID(group.Name), scenario.PersonID(member)); err != nil {
				t.Fatal(err)
			}
		}
	}
	ida := administrator(t)
	for _, one := range s.Packages {
		var groups []string
		for _, group := range one.Grants {
			groups = append(groups, scenario.GroupID(group))
		}
		pack := newPackage(t, newCatalog(t), groups...)
		ida.call("PATCH", "/accessPackages/"+pack, object{"displayName": one.Name}).want(http.StatusNoContent)
		st.packages[one.Name] = pack
		for _, policy := range one.Policies {
			policy.AccessPackage = &governance.AccessPackage{ID: pack}
			st.policies[one.Name+"/"+policy.DisplayName] = text(t, ida.post("/assignmentPolicies", policy), "id")
		}
	}
	st.letters = len(k.Graph.Mail(""))
	st.shift = k.Clock.Now().Sub(s.Start)
	return st
}

// Advance lets time pass to an instant of the scenario, and a minute more each time: what was done meanwhile took a moment, and is due that moment later.
func (st *stage) Advance(ctx context.Context, until time.Time) error {
	k := start(st.t)
	st.moves++
	by := until.Add(st.shift + time.Duration(st.moves)*time.Minute).Sub(k.Clock.Now())
	if by < 0 {
		return fmt.Errorf("%s is over", until)
	}
	_, err := k.Advance(ctx, governance.Duration{Time: by})
	return err
}

func (st *stage) as(name string) *actor { return person(st.t, name+"@"+scenarioDomain) }

// Do does what a step says.
func (st *stage) Do(ctx context.Context, step scenario.Step) error {
	who := st.as(step.Who)
	body, answer := object{"justification": step.Justification}, answer{}
	switch step.Do {
	case scenario.Request, scenario.Assign, scenario.Remove:
		st.order(step, body)
		if answer = who.try("POST", "/assignmentRequests", body); answer.status == http.StatusCreated {
			st.requests[step.Request] = text(st.t, answer.object(), "id")
		}
	case scenario.Approve, scenario.Deny:
		body["reviewResult"] = "Approve"
		if step.Do == scenario.Deny {
			body["reviewResult"] = "Deny"
		}
		answer = who.try("PATCH", stageOf(st.t, administrator(st.t), st.requests[step.Request], max(step.Stage, 1)-1), body)
	case scenario.Cancel:
		answer = who.try("POST", "/assignmentRequests/"+st.requests[step.Request]+"/cancel", nil)
	case scenario.Wait:
	}
	if answer.err != nil {
		return answer.err
	}
	if answer.status >= http.StatusBadRequest {
		var refusal struct{ Error governance.Error }
		if err := json.Unmarshal(answer.body, &refusal); err != nil {
			return fmt.Errorf("%d %s: %w", answer.status, answer.body, err)
		}
		return &refusal.Error
	}
	return start(st.t).Drain(ctx)
}

// order fills in what a request says.
func (st *stage) order(step scenario.Step, body object) {
	assignment := object{"accessPackageId": st.packages[step.Package]}
	if step.Policy != "" {
		assignment["assignmentPolicyId"] = st.policies[step.Package+"/"+step.Policy]
	}
	body["assignment"], body["requestType"] = assignment, "userAdd"
	if step.Starts != nil || step.Lasts != nil {
		schedule := object{}
		if step.Starts != nil {
			schedule["startDateTime"] = step.Starts.AddTo(st.s.Start).Add(st.shift)
		}
		if step.Lasts != nil {
			schedule["expiration"] = object{"type": "afterDuration", "duration": step.Lasts}
		}
		body["schedule"] = schedule
	}
	switch step.Do {
	case scenario.Assign:
		body["requestType"], assignment["targetId"] = "adminAdd", scenario.PersonID(step.Target())
	case scenario.Remove:
		body["requestType"] = "userRemove"
		if step.Who != step.Target() {
			body["requestType"] = "adminRemove"
		}
		body["assignment"] = object{"id": st.assignment(step.Target(), step.Package)["id"]}
	case scenario.Request, scenario.Approve, scenario.Deny, scenario.Cancel, scenario.Wait:
	}
}

// assignment is the live assignment of a package to a person, or else the last.
func (st *stage) assignment(name, pack string) object {
	st.t.Helper()
	found := administrator(st.t).values(query("/assignments", "filter", "accessPackage/id eq '"+st.packages[pack]+"' and target/objectId eq '"+scenario.PersonID(name)+"'"))
	for _, one := range found {
		if one["state"] != "expired" {
			return one
		}
	}
	if len(found) > 0 {
		return found[len(found)-1]
	}
	return object{}
}

// State is what the API, the directory and the mailboxes say.
func (st *stage) State(context.Context) (scenario.State, error) {
	k, ida := start(st.t), administrator(st.t)
	state := scenario.State{Requests: map[string]string{}, Assignments: map[string]string{}, Members: map[string][]string{}}
	for name, id := range st.requests {
		request := ida.get("/assignmentRequests/" + id)
		state.Requests[name] = text(st.t, request, "state") + "/" + text(st.t, request, "status")
	}
	names := map[string]string{}
	for _, one := range st.s.People {
		names[scenario.PersonID(one.Name)] = one.Name
		for _, pack := range st.s.Packages {
			if held, ok := st.assignment(one.Name, pack.Name)["state"].(string); ok {
				state.Assignments[one.Name+"/"+pack.Name] = held
			}
		}
	}
	for _, group := range st.s.Groups {
		for _, id := range members(st.t, scenario.GroupID(group.Name)) {
			state.Members[group.Name] = append(state.Members[group.Name], names[id])
		}
	}
	letters := k.Graph.Mail("")
	for _, letter := range letters[st.letters:] {
		for _, to := range letter.To {
			state.Mail = append(state.Mail, scenario.Mail{To: strings.TrimSuffix(to, "@"+scenarioDomain), Kind: kindOf(letter.Subject, letter.Text)})
		}
	}
	st.letters = len(letters)
	return state, nil
}

// kindOf recognises a mail by what its reader sees.
func kindOf(subject, body string) governance.NotificationKind {
	kinds := []struct {
		part string
		kind governance.NotificationKind
	}{
		{"nobody has decided it so far", governance.NotifyAlternates}, {"Reminder: approve or deny", governance.NotifyReminded}, {"Nothing is left to approve", governance.NotifyApproved},
		{"It goes on to the next", governance.NotifyStageApproved}, {"There is nothing left to do", governance.NotifyStageTimedOut}, {"was canceled", governance.NotifyCanceled}, {"Action required: approve or deny", governance.NotifyApprovers}, {"was denied", governance.NotifyDenied},
		{"has expired", governance.NotifyApprovalTimedOut}, {"You now have access", governance.NotifyDelivered}, {"has ended", governance.NotifyEnded}, {"could not be set up", governance.NotifyDeliveryFailed},
	}
	at := slices.IndexFunc(kinds, func(one struct {
		part string
		kind governance.NotificationKind
	}) bool {
		return strings.Contains(subject+"\n"+body, one.part)
	})
	if at < 0 {
		return governance.NotificationKind("unknown: " + subject)
	}
	return kinds[at].kind
}
