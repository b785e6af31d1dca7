package engine_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/scenario"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// TestScenarios plays testdata/scenarios at the depth of the engine: decisions, a directory that is a map, and mail that is a list. Each file names its rules.
func TestScenarios(t *testing.T) {
	t.Parallel()
	scenarios, err := scenario.Load(os.DirFS("../../testdata/scenarios"))
	if err != nil {
		t.Fatal(err)
	}
	if len(scenarios) < 10 {
		t.Errorf("only %d scenarios are there", len(scenarios))
	}
	for _, s := range scenarios {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			if err := scenario.Play(t.Context(), s, newStage(t, s)); err != nil {
				t.Error(err)
			}
		})
	}
}

// stage plays a scenario: a ledger for each person.
type stage struct {
	t       *testing.T
	s       scenario.Scenario
	now     time.Time
	ledgers map[string]*ledger
	members map[string][]string // by group
	mail    []scenario.Mail
	made    map[string]string // whose subject a request is in, by its name
}

func newStage(t *testing.T, s scenario.Scenario) *stage {
	t.Helper()
	st := &stage{t: t, s: s, now: s.Start, ledgers: map[string]*ledger{}, members: map[string][]string{}, made: map[string]string{}}
	for _, group := range s.Groups {
		st.members[group.Name] = slices.Clone(group.Members)
	}
	for _, p := range s.People {
		l := newLedger(t, mo)
		l.Head.ID, l.now = governance.SubjectOf(st.person(p.Name).User).ID, s.Start
		st.ledgers[p.Name] = l
	}
	return st
}

func (st *stage) person(name string) governance.Person {
	p, _ := st.s.Person(name)
	made := person(scenario.PersonID(name), name, "", "")
	made.User.AccountEnabled = !p.Disabled
	if p.Guest {
		made = guest(made)
	}
	if p.Manager != "" {
		made.User.ManagerID = scenario.PersonID(p.Manager)
		made.ManagerIDs = []string{made.User.ManagerID}
		if boss, _ := st.s.Person(p.Manager); boss.Manager != "" {
			made.ManagerIDs = append(made.ManagerIDs, scenario.PersonID(boss.Manager))
		}
	}
	for group, members := range st.members {
		if slices.Contains(members, name) {
			made.GroupIDs = append(made.GroupIDs, scenario.GroupID(group))
		}
	}
	return made
}

func (st *stage) caller(name string) governance.Caller {
	return governance.Caller{Kind: governance.CallerUser, ObjectID: scenario.PersonID(name), DisplayName: name}
}

func (st *stage) pack(name string) (governance.AccessPackage, []governance.AssignmentPolicy) {
	p, _ := st.s.Package(name)
	var groups []string
	for _, group := range p.Grants {
		groups = append(groups, scenario.GroupID(group))
	}
	return pack(p.Name, groups...), p.Policies
}

// Advance goes from one instant at which something is due to the next.
func (st *stage) Advance(_ context.Context, until time.Time) error {
	for range 10_000 {
		next := until
		for _, l := range st.ledgers {
			for _, due := range dues(l) {
				if due.Before(next) {
					next = due
				}
			}
		}
		st.now = next
		for _, name := range slices.Sorted(maps.Keys(st.ledgers)) {
			l := st.ledgers[name]
			l.now = next
			for _, id := range idsOf[governance.AssignmentRequest](l.State) {
				var present *governance.AccessPackage
				if p, _ := st.pack(one[governance.AssignmentRequest](l.State, id).AccessPackage.ID); p.ID != "" {
					present = &p
				}
				st.settle(name, l.must(nil, func(s engine.State) (engine.Change, error) {
					return engine.RequestIsDue(s, id, engine.Facts{Package: present}, next)
				}))
			}
			for _, id := range idsOf[governance.Assignment](l.State) {
				st.settle(name, l.assignmentDue(id))
			}
		}
		if !next.Before(until) {
			return nil
		}
	}
	return fmt.Errorf("at %s something is still due before %s", st.now, until)
}

func dues(l *ledger) []time.Time {
	var list []time.Time
	for _, r := range all[governance.AssignmentRequest](l.State) {
		list = append(list, engine.RequestDue(r))
	}
	for _, a := range all[governance.Assignment](l.State) {
		list = append(list, a.Due())
	}
	return slices.DeleteFunc(list, time.Time.IsZero)
}

// Do decides what a step asks for, and carries out what follows.
func (st *stage) Do(_ context.Context, step scenario.Step) error {
	owner := step.Target()
	if whose, known := st.made[step.Request]; known {
		owner = whose
	}
	l := st.ledgers[owner]
	who, _ := st.s.Person(step.Who)
	if (step.Do == scenario.Assign || step.Do == scenario.Remove && step.Who != owner) && !who.Administrator {
		return governance.Forbidden("%s administers nothing.", step.Who) // app's table of authorization, in a line
	}
	if step.Do == scenario.Cancel && step.Who != owner && !who.Administrator {
		return governance.Forbidden("It is the request of %s.", owner)
	}
	change, err := l.decide(step, func(s engine.State) (engine.Change, error) {
		switch step.Do {
		case scenario.Approve, scenario.Deny:
			result := governance.ResultApprove
			if step.Do == scenario.Deny {
				result = governance.ResultDeny
			}
			request := one[governance.AssignmentRequest](s, step.Request)
			concerned := step.Who == owner || slices.ContainsFunc(request.Approval.Stages, func(stage governance.ApprovalStage) bool {
				return engine.IsApprover(stage, st.caller(step.Who).ObjectID, st.person(step.Who).GroupIDs)
			})
			if !concerned { // who is not does not learn that there is something to decide
				return engine.Change{}, governance.Missing("approval", step.Request)
			}
			p, _ := st.pack(request.AccessPackage.ID)
			return engine.Decide(s, engine.Decision{
				RequestID: step.Request, StageID: governance.NameID(fmt.Sprintf("stage:%s:%d", step.Request, max(step.Stage, 1)-1)), Result: result, Justification: step.Justification,
				Approver: st.caller(step.Who), GroupIDs: st.person(step.Who).GroupIDs, Package: &p,
			}, st.now)
		case scenario.Cancel:
			return engine.Cancel(s, step.Request, st.caller(step.Who), st.now)
		case scenario.Request, scenario.Assign, scenario.Remove, scenario.Wait:
		}
		return engine.Submit(s, asking(st.submission(step, s)), st.now)
	})
	if err != nil {
		return err
	}
	if _, known := st.made[step.Request]; !known {
		st.made[step.Request] = owner
	}
	st.settle(owner, change)
	return nil
}

func (st *stage) submission(step scenario.Step, s engine.State) engine.Submission {
	p, policies := st.pack(step.Package)
	cmd := engine.Submission{
		RequestID: step.Request, AssignmentID: "assignment-" + step.Request, Type: governance.RequestUserAdd, Justification: step.Justification, Caller: st.caller(step.Who),
		Requestor: governance.SubjectOf(st.person(step.Who).User), Target: st.person(step.Target()), Catalog: catalog(), Package: p, Policies: policies,
	}
	for _, policy := range policies {
		if policy.DisplayName == step.Policy {
			cmd.PolicyID = policy.ID
		}
	}
	if step.Starts != nil || step.Lasts != nil {
		cmd.Schedule = &governance.Schedule{}
		if step.Starts != nil {
			cmd.Schedule.StartDateTime = governance.At(step.Starts.AddTo(st.s.Start))
		}
		if step.Lasts != nil {
			cmd.Schedule.Expiration = &governance.Expiration{Type: governance.ExpirationAfterDuration, Duration: step.Lasts}
		}
	}
	switch {
	case step.Do == scenario.Assign:
		cmd.Type = governance.RequestAdminAdd
	case step.Do == scenario.Remove:
		cmd.Type = governance.RequestUserRemove
		if step.Who != step.Target() {
			cmd.Type = governance.RequestAdminRemove
		}
		for _, holding := range s.Head.Holdings {
			if holding.PackageID == step.Package {
				cmd.AssignmentID = holding.AssignmentID
			}
		}
	}
	return cmd
}

// settle carries out the effects of a change, and those of what follows from them.
func (st *stage) settle(owner string, change engine.Change) {
	st.t.Helper()
	l := st.ledgers[owner]
	for _, effect := range change.Effects {
		switch effect.What {
		case governance.WorkNotify:
			st.deliver(one[governance.AssignmentRequest](l.State, effect.RequestID), effect)
		case governance.WorkProvision:
			target := one[governance.Assignment](l.State, effect.About).Target
			for _, step := range engine.Plan(l.State, effect.About) {
				for group, members := range st.members {
					if scenario.GroupID(group) != step.Grant.ResourceID {
						continue
					}
					members = slices.DeleteFunc(slices.Clone(members), func(name string) bool { return name == target.DisplayName && step.Action != engine.ActionKeep })
					if step.Action == engine.ActionAdd {
						members = append(members, target.DisplayName)
					}
					st.members[group] = members
				}
			}
			st.settle(owner, l.record(effect.About, nil))
		case governance.WorkDue, governance.WorkTask:
			st.t.Errorf("an effect that no scenario has: %v", effect)
		}
	}
}

// deliver sends a mail to those it is for.
func (st *stage) deliver(request governance.AssignmentRequest, effect governance.Effect) {
	var about governance.ApprovalStage
	if request.Approval != nil {
		about = request.Approval.Stages[effect.Stage]
	}
	notice, _ := engine.NoticeOf(effect.Notification)
	to := notice.To(request, about)
	for _, p := range st.s.People {
		who := st.person(p.Name)
		if !slices.Contains(to.Without, who.User.ID) && (slices.Contains(to.UserIDs, who.User.ID) || slices.ContainsFunc(to.GroupIDs, func(id string) bool { return slices.Contains(who.GroupIDs, id) })) {
			st.mail = append(st.mail, scenario.Mail{To: p.Name, Kind: effect.Notification})
		}
	}
}

// State is what the ledgers say.
func (st *stage) State(context.Context) (scenario.State, error) {
	state := scenario.State{Requests: map[string]string{}, Assignments: map[string]string{}, Members: st.members, Mail: st.mail}
	st.mail = nil
	for request, owner := range st.made {
		r := one[governance.AssignmentRequest](st.ledgers[owner].State, request)
		state.Requests[request] = strings.TrimSuffix(string(r.State)+"/"+r.Status, "/")
	}
	for name, l := range st.ledgers {
		for _, a := range all[governance.Assignment](l.State) {
			key := name + "/" + a.AccessPackage.ID
			if state.Assignments[key] == "" || state.Assignments[key] == string(governance.AssignmentExpired) {
				state.Assignments[key] = string(a.State)
			}
		}
	}
	return state, nil
}
