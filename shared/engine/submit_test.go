package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// rules: REQ-01 REQ-06 REQ-12 REQ-21 CAT-02 CAT-03 POL-01 POL-05 POL-06 POL-07 POL-08 POL-14 QUE-01 QUE-09 QUE-11 APR-19 APR-20 REQ-10
func TestSubmitAdd(t *testing.T) {
	t.Parallel()
	specific := policy(t, "specific", scope(governance.ScopeSpecificDirectoryUsers, user(mo)), noApproval)
	members := policy(t, "members")
	members2 := policy(t, "members2")
	everybody := policy(t, "open", scope(governance.ScopeAllDirectoryUsers))
	directOnly := policy(t, "direct", scope(governance.ScopeNotSpecified), noApproval, switchedOff)
	asking := policy(t, "asking", func(p *governance.AssignmentPolicy) {
		p.Questions = governance.Questions{&governance.TextInputQuestion{QuestionBase: governance.QuestionBase{ID: "why", Text: "Why?", IsRequired: true}}}
	})
	answered := func(cmd *engine.Submission) {
		cmd.Answers = []governance.Answer{{Value: "because", AnsweredQuestion: &governance.AnsweredRefers{ID: "why"}}}
	}
	silent := func(cmd *engine.Submission) { cmd.Justification = " \n" }
	saying := func(words string) submissionEdit {
		return func(cmd *engine.Submission) { cmd.Justification = words }
	}
	in := func(edit func(*governance.Catalog)) submissionEdit {
		return func(cmd *engine.Submission) { edit(&cmd.Catalog) }
	}
	unpublished := in(func(c *governance.Catalog) { c.State = governance.CatalogUnpublished })
	inside := in(func(c *governance.Catalog) { no := false; c.IsExternallyVisible = &no })
	hidden := func(cmd *engine.Submission) { cmd.Package.IsHidden = true }
	kind := func(kind governance.RequestType) submissionEdit {
		return func(cmd *engine.Submission) { cmd.Type = kind }
	}
	for name, test := range map[string]struct {
		edits  []submissionEdit
		state  governance.RequestState // of an accepted request
		policy string                  // that was chosen
		code   governance.Code
		words  string
	}{
		"a member asks":                     {nil, governance.StatePendingApproval, "everybody", "", ""},
		"no approval needed":                {[]submissionEdit{under(specific)}, governance.StateDelivering, "specific", "", ""},
		"the most specific policy":          {[]submissionEdit{under(members, specific, everybody)}, governance.StateDelivering, "specific", "", ""},
		"the most specific, named":          {[]submissionEdit{under(members, specific), named("SPECIFIC")}, governance.StateDelivering, "specific", "", ""},
		"a less specific one, named":        {[]submissionEdit{under(members, specific), named("members")}, "", "", governance.CodeInvalid, "no policy members that lets you"},
		"two of a class":                    {[]submissionEdit{under(members, members2)}, "", "", governance.CodeInvalid, "choose one of members, members2"},
		"two of a class, named":             {[]submissionEdit{under(members, members2), named("members2")}, governance.StatePendingApproval, "members2", "", ""},
		"a policy of no package":            {[]submissionEdit{named("other")}, "", "", governance.CodeInvalid, "no policy other"},
		"no policy at all":                  {[]submissionEdit{under()}, "", "", governance.CodeForbidden, "No policy"},
		"a policy that is off":              {[]submissionEdit{under(policy(t, "off", switchedOff))}, "", "", governance.CodeForbidden, "No policy"},
		"a policy for direct assignment":    {[]submissionEdit{under(directOnly)}, "", "", governance.CodeForbidden, "No policy"},
		"direct assignment's policy, named": {[]submissionEdit{under(directOnly, members), named("direct")}, "", "", governance.CodeInvalid, "no policy direct that lets you"},
		"a policy for others":               {[]submissionEdit{by(nina), under(specific)}, "", "", governance.CodeForbidden, "No policy"},
		"a guest under all members":         {[]submissionEdit{by(vera)}, "", "", governance.CodeForbidden, "No policy"},
		"a guest under everybody":           {[]submissionEdit{by(vera), under(everybody)}, governance.StatePendingApproval, "open", "", ""},
		"a guest in a catalog for members":  {[]submissionEdit{by(vera), under(everybody), inside}, "", "", governance.CodeForbidden, "not enabled for external users"},
		"a member in a catalog for members": {[]submissionEdit{inside}, governance.StatePendingApproval, "everybody", "", ""},
		"a disabled account":                {[]submissionEdit{by(dora)}, "", "", governance.CodeForbidden, "blocked from signing in"},
		"a disabled account, by Ann":        {[]submissionEdit{by(dora), direct("everybody")}, "", "", governance.CodeForbidden, "blocked from signing in"},
		"an unpublished catalog":            {[]submissionEdit{unpublished}, "", "", governance.CodeForbidden, "not published"},
		"an unpublished catalog, by Ann":    {[]submissionEdit{unpublished, direct("everybody")}, governance.StateDelivering, "everybody", "", ""},
		"a hidden package, by its link":     {[]submissionEdit{hidden}, governance.StatePendingApproval, "everybody", "", ""},
		"no justification":                  {[]submissionEdit{silent}, "", "", governance.CodeInvalid, "needs a justification"},
		"a justification nobody sees":       {[]submissionEdit{saying("\u2003\n")}, "", "", governance.CodeInvalid, "needs a justification"},
		"a justification turned around":     {[]submissionEdit{saying("because \u202egnp")}, "", "", governance.CodeInvalid, "U+202E"},
		"no justification, none wanted":     {[]submissionEdit{under(specific), silent}, governance.StateDelivering, "specific", "", ""},
		"no justification, by Ann":          {[]submissionEdit{direct("everybody"), silent}, governance.StateDelivering, "everybody", "", ""},
		"the longest justification":         {[]submissionEdit{saying(strings.Repeat("ü", governance.MaxJustification))}, governance.StatePendingApproval, "everybody", "", ""},
		"a justification too long":          {[]submissionEdit{saying(strings.Repeat("x", governance.MaxJustification+1))}, "", "", governance.CodeInvalid, "longer than 2048"},
		"questions answered":                {[]submissionEdit{under(asking), answered}, governance.StatePendingApproval, "asking", "", ""},
		"questions not answered":            {[]submissionEdit{under(asking)}, "", "", governance.CodeInvalid, "must be answered"},
		"answers to no question":            {[]submissionEdit{answered}, "", "", governance.CodeInvalid, "no question with the id"},
		"questions not answered, by Ann":    {[]submissionEdit{under(asking), direct("asking")}, governance.StateDelivering, "asking", "", ""},
		"no question answered, by Ann":      {[]submissionEdit{under(specific), direct("specific"), answered}, "", "", governance.CodeInvalid, "no question with the id"},
		"Ann assigns, past approval":        {[]submissionEdit{direct("everybody")}, governance.StateDelivering, "everybody", "", ""},
		"Ann assigns for direct assignment": {[]submissionEdit{under(directOnly), direct("direct")}, governance.StateDelivering, "direct", "", ""},
		"Ann assigns a guest directly":      {[]submissionEdit{by(vera), under(directOnly), direct("direct")}, governance.StateDelivering, "direct", "", ""},
		"Ann names no policy":               {[]submissionEdit{direct("")}, "", "", governance.CodeInvalid, "names its policy"},
		"Ann names a policy of no package":  {[]submissionEdit{direct("other")}, "", "", governance.CodeInvalid, "no policy other"},
		"Ann assigns out of scope":          {[]submissionEdit{by(nina), under(specific), direct("specific")}, "", "", governance.CodeInvalid, "not for this person"},
		"a type that Latchkey makes itself": {[]submissionEdit{kind(governance.RequestSystemRemove)}, "", "", governance.CodeInvalid, `"systemRemove" cannot be submitted`},
		"no type":                           {[]submissionEdit{kind("")}, "", "", governance.CodeInvalid, "cannot be submitted"},
		"a removal of what is not there":    {[]submissionEdit{kind(governance.RequestUserRemove)}, "", "", governance.CodeNotFound, "no assignment assignment-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, mo)
			cmd := submission(t, test.edits...)
			change, err := l.submit(cmd)
			if test.code != "" {
				refused(t, err, test.code, test.words)
				return
			}
			if err != nil {
				t.Fatalf("refused: %v", err)
			}
			request := one[governance.AssignmentRequest](l.State, "request-1")
			if request.State != test.state || request.Policy.ID != test.policy || request.Assignment.AssignmentPolicy.ID != test.policy {
				t.Errorf("the request is %s under %s, want %s under %s", request.State, request.Policy.ID, test.state, test.policy)
			}
			if request.Assignment.Target.ObjectID != cmd.Target.User.ID || request.Requestor.ObjectID != cmd.Caller.ObjectID {
				t.Errorf("it is for %s by %s", request.Assignment.Target.ObjectID, request.Requestor.ObjectID)
			}
			if _, begun := engine.Find[governance.Assignment](l.State, "assignment-1"); begun != (test.state == governance.StateDelivering) {
				t.Errorf("the request is %s, and an assignment exists: %t", request.State, begun)
			}
			if change.Audit[0].InitiatedBy != cmd.Caller.Initiator() || change.Audit[0].Justification != cmd.Justification || string(change.Audit[0].After) != `{"state":"`+string(test.state)+`"}` {
				t.Errorf("the audit entry is %s", text(t, change.Audit[0]))
			}
		})
	}
}

// rules: AUD-01 APR-20 NOT-07 REQ-03
func TestSubmitTellsAndRecords(t *testing.T) {
	t.Parallel()
	open := policy(t, "open", noApproval)
	for name, test := range map[string]struct {
		cmd        engine.Submission
		activities []governance.Activity
		effects    string
		status     string
	}{
		"for approval":        {submission(t), []governance.Activity{governance.ActivityUserRequests}, "approvalNeeded:0", governance.StatusPendingApproval},
		"for approval, muted": {submission(t, under(policy(t, "p", muted))), []governance.Activity{governance.ActivityUserRequests}, "approvalNeeded:0", governance.StatusPendingApproval},
		"approved by itself":  {submission(t, under(open)), []governance.Activity{governance.ActivityUserRequests, governance.ActivityAutoApprove, governance.ActivityReady}, "provision", governance.StatusDelivering},
		"direct":              {submission(t, direct("everybody")), []governance.Activity{governance.ActivityAdminAssigns, governance.ActivityReady}, "provision", governance.StatusDelivering},
		"approved, for later": {submission(t, under(open), scheduled(start.AddDate(0, 0, 3), nil)), []governance.Activity{governance.ActivityUserRequests, governance.ActivityAutoApprove, governance.ActivitySchedule}, "", governance.StatusPendingNotBefore},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, mo)
			change, err := l.submit(test.cmd)
			if err != nil {
				t.Fatal(err)
			}
			if got := activities(change); !slices.Equal(got, test.activities) {
				t.Errorf("the audit says %q, want %q", got, test.activities)
			}
			if got := effects(change); got != test.effects {
				t.Errorf("the effects are %q, want %q", got, test.effects)
			}
			if got := one[governance.AssignmentRequest](l.State, "request-1").Status; got != test.status {
				t.Errorf("the status is %s, want %s", got, test.status)
			}
		})
	}
}

// rules: REQ-20 REQ-22
func TestOnePackageOnce(t *testing.T) {
	t.Parallel()
	again := submission(t, numbered("2", cloudPC()))
	other := submission(t, numbered("2", pack("printers", printers)))
	try := func(t *testing.T, l *ledger, code governance.Code, words string) {
		t.Helper()
		_, err := l.submit(again)
		if code == "" {
			if err != nil {
				t.Errorf("refused: %v", err)
			}
			return
		}
		refused(t, err, code, words)
		if _, err := l.submit(other); err != nil {
			t.Errorf("another package is refused too: %v", err)
		}
	}
	t.Run("while one waits", func(t *testing.T) {
		t.Parallel()
		l := newLedger(t, mo)
		_, _ = l.submit(submission(t))
		try(t, l, governance.CodeConflict, "in flight: request-1 (userAdd, pendingApproval)")
	})
	t.Run("while one is scheduled", func(t *testing.T) {
		t.Parallel()
		l := newLedger(t, mo)
		_, _ = l.submit(submission(t, direct("everybody"), scheduled(start.AddDate(0, 1, 0), nil)))
		try(t, l, governance.CodeConflict, "in flight: request-1 (adminAdd, scheduled)")
	})
	t.Run("while one is delivered", func(t *testing.T) {
		t.Parallel()
		try(t, delivered(t), governance.CodeConflict, "assignment assignment-1 is delivered")
	})
	t.Run("after one that failed", func(t *testing.T) {
		t.Parallel()
		l := newLedger(t, mo)
		_, _ = l.submit(submission(t, direct("everybody")))
		l.record("assignment-1", func(engine.Step) (string, bool) { return "no such group", false })
		try(t, l, "", "")
	})
	t.Run("after a denial", func(t *testing.T) {
		t.Parallel()
		l := newLedger(t, mo)
		_, _ = l.submit(submission(t))
		_, _ = l.decideStage(0, meg, governance.ResultDeny)
		try(t, l, "", "")
	})
	t.Run("while it is taken away, and after", func(t *testing.T) {
		t.Parallel()
		l := delivered(t)
		if _, err := l.submit(removal(t, mo, governance.RequestUserRemove)); err != nil {
			t.Fatal(err)
		}
		_, err := l.submit(again)
		refused(t, err, governance.CodeConflict, "in flight: removal-1 (userRemove, delivering)")
		l.record("assignment-1", nil)
		try(t, l, "", "")
	})
}

func TestASubjectHasLimits(t *testing.T) {
	t.Parallel()
	l := newLedger(t, mo)
	for i := range governance.MaxHoldings {
		l.Head.Holdings = append(l.Head.Holdings, governance.Holding{PackageID: fmt.Sprint("p", i)})
	}
	_, err := l.submit(submission(t))
	refused(t, err, governance.CodeConflict, "limit of 500 assignments")
	l = newLedger(t, mo)
	for i := range governance.MaxInFlight {
		l.Head.InFlight = append(l.Head.InFlight, governance.InFlight{PackageID: fmt.Sprint("p", i)})
	}
	_, err = l.submit(submission(t))
	refused(t, err, governance.CodeConflict, "100 open requests")
	for i := range l.Head.InFlight { // a hundred that take something away do not keep anybody from asking
		l.Head.InFlight[i].Type = governance.RequestSystemRemove
	}
	if _, err := engine.Submit(l.State, asking(submission(t)), l.now); err != nil {
		t.Errorf("refused for the sake of removals: %v", err)
	}
}

// holdingAll is a head with as many grants as there may be.
func holdingAll(head governance.Head) governance.Head {
	head.Holdings = []governance.Holding{{PackageID: "other", Grants: make([]string, governance.MaxGrants)}}
	return head
}

// rules: RES-10
func TestASubjectHasSoManyGrantsAndNoMore(t *testing.T) {
	t.Parallel()
	l := newLedger(t, mo)
	present := l.Head
	l.Head = holdingAll(present)
	_, err := l.submit(submission(t))
	refused(t, err, governance.CodeConflict, "with the 1 of this access package would have more than 2000")
	l.Head.Holdings[0].Grants = l.Head.Holdings[0].Grants[1:]
	if _, err := engine.Submit(l.State, asking(submission(t)), l.now); err != nil {
		t.Errorf("the last grant is refused: %v", err)
	}

	l.Head = present // what it holds may grow between a request and its approval
	if _, err := l.submit(submission(t)); err != nil {
		t.Fatal(err)
	}
	l.Head = holdingAll(l.Head)
	_, err = l.decideStage(0, meg, governance.ResultApprove)
	refused(t, err, governance.CodeConflict, "more than 2000")

	l = newLedger(t, mo) // and between its approval and its start
	if _, err := l.submit(submission(t, direct("everybody"), scheduled(start.AddDate(0, 1, 0), nil))); err != nil {
		t.Fatal(err)
	}
	pack := cloudPC()
	l.Head = holdingAll(l.Head)
	change, err := engine.RequestIsDue(l.State, "request-1", engine.Facts{Package: &pack}, start.AddDate(0, 1, 0))
	if err != nil || len(engine.Written[governance.AssignmentRequest](change)) != 1 || engine.Written[governance.AssignmentRequest](change)[0].State != governance.StateDeliveryFailed || !strings.Contains(change.Audit[0].Detail, "more than 2000") {
		t.Errorf("the start of one too many is %s, %v", text(t, change), err)
	}
}

// removal is somebody's request to end assignment-1.
func removal(t tester, who string, kind governance.RequestType) engine.Submission {
	t.Helper()
	return engine.Submission{
		RequestID: "removal-1", AssignmentID: "assignment-1", Type: kind, Justification: "no longer needed", Caller: caller(who), Requestor: governance.SubjectOf(people[who].User),
		Policies: []governance.AssignmentPolicy{policy(t, "everybody")},
	}
}

// rules: REQ-11 LIF-13 POL-04 RES-11
func TestSubmitRemoval(t *testing.T) {
	t.Parallel()
	keep := policy(t, "everybody", func(p *governance.AssignmentPolicy) { p.RequestorSettings.EnableTargetsToSelfRemoveAccess = false })
	for name, test := range map[string]struct {
		cmd      engine.Submission
		activity governance.Activity
		code     governance.Code
		words    string
	}{
		"by oneself":                    {removal(t, mo, governance.RequestUserRemove), governance.ActivityUserRemoves, "", ""},
		"by an administrator":           {removal(t, ann, governance.RequestAdminRemove), governance.ActivityAdminRemoves, "", ""},
		"by somebody else":              {removal(t, meg, governance.RequestUserRemove), "", governance.CodeForbidden, "Only the one who has the access"},
		"not allowed":                   {edited(removal(t, mo, governance.RequestUserRemove), under(keep)), "", governance.CodeForbidden, "does not let people give the access back"},
		"not allowed, by Ann":           {edited(removal(t, ann, governance.RequestAdminRemove), under(keep)), governance.ActivityAdminRemoves, "", ""},
		"policy gone":                   {edited(removal(t, mo, governance.RequestUserRemove), under()), "", governance.CodeForbidden, "ask an administrator"},
		"policy gone, by Ann":           {edited(removal(t, ann, governance.RequestAdminRemove), under()), governance.ActivityAdminRemoves, "", ""},
		"of an assignment that is none": {edited(removal(t, mo, governance.RequestUserRemove), func(c *engine.Submission) { c.AssignmentID = "other" }), "", governance.CodeNotFound, "no assignment other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := delivered(t)
			change, err := l.submit(test.cmd)
			if test.code != "" {
				refused(t, err, test.code, test.words)
				l.expect("removal-1", "", "assignment-1", governance.AssignmentDelivered)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			l.expect("removal-1", governance.StateDelivering, "assignment-1", governance.AssignmentDelivered)
			if got := activities(change); !slices.Equal(got, []governance.Activity{test.activity}) || effects(change) != "provision" {
				t.Errorf("the audit says %q, the effects are %q", got, effects(change))
			}
			_, err = l.submit(edited(removal(t, ann, governance.RequestAdminRemove), func(c *engine.Submission) { c.RequestID = "removal-2" }))
			refused(t, err, governance.CodeConflict, "in flight: removal-1")
			ended := l.record("assignment-1", nil)
			l.expect("removal-1", governance.StateDelivered, "assignment-1", governance.AssignmentExpired)
			if effects(ended) != "ended:0" {
				t.Errorf("at the end the effects are %q", effects(ended))
			}
			if a := one[governance.Assignment](l.State, "assignment-1"); !a.ExpiredDateTime.Equal(l.now) || a.RequestID != "" {
				t.Errorf("the assignment is over: %s", text(t, a))
			}
			_, err = l.submit(edited(removal(t, ann, governance.RequestAdminRemove), func(c *engine.Submission) { c.RequestID = "removal-2" }))
			refused(t, err, governance.CodeConflict, "already ended")
		})
	}
}

func edited(cmd engine.Submission, edit submissionEdit) engine.Submission {
	edit(&cmd)
	return cmd
}

// rules: REQ-04
func TestCancelInEveryState(t *testing.T) {
	t.Parallel()
	cancelable := map[governance.RequestState]bool{governance.StateSubmitted: true, governance.StatePendingApproval: true, governance.StateScheduled: true}
	for _, state := range governance.RequestStates() {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, mo)
			_, _ = l.submit(submission(t, under(policy(t, "p", stages(asks(manager(1)), asks(user(ann)))))))
			request := one[governance.AssignmentRequest](l.State, "request-1")
			request.State = state
			s := stateOf(l.Head, request)
			change, err := engine.Cancel(s, "request-1", caller(mo), l.now)
			if !cancelable[state] {
				refused(t, err, governance.CodeConflict, "can no longer be canceled")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			canceled := engine.Written[governance.AssignmentRequest](change)[0]
			if canceled.State != governance.StateCanceled || canceled.Status != governance.StatusCanceled || !canceled.CompletedDateTime.Equal(l.now) {
				t.Errorf("it is %s, %s, completed at %s", canceled.State, canceled.Status, canceled.CompletedDateTime)
			}
			for _, stage := range canceled.Approval.Stages {
				if stage.Status != governance.StageExpired {
					t.Errorf("%s is still %s", stage.DisplayName, stage.Status)
				}
			}
			if string(change.Audit[0].Before) != `{"state":"`+string(state)+`"}` || string(change.Audit[0].After) != `{"state":"canceled"}` || change.Audit[0].InitiatedBy.ObjectID != mo || len(change.Effects) > 0 {
				t.Errorf("the change is %s", text(t, change))
			}
		})
	}
	_, err := engine.Cancel(engine.State{}, "request-1", caller(mo), start)
	refused(t, err, governance.CodeNotFound, "no request request-1")
}

// rules: REQ-04 APR-03
func TestACanceledRequestIsOver(t *testing.T) {
	t.Parallel()
	l := newLedger(t, mo)
	_, _ = l.submit(submission(t))
	l.must(nil, func(s engine.State) (engine.Change, error) { return engine.Cancel(s, "request-1", caller(mo), l.now) })
	_, err := l.decideStage(0, meg, governance.ResultApprove)
	refused(t, err, governance.CodeConflict, "the request is canceled")
	l.now = l.now.AddDate(0, 0, 30)
	if change := l.requestDue(nil); !change.IsEmpty() {
		t.Errorf("time still does something to it: %s", text(t, change))
	}
	_, err = l.decide(nil, func(s engine.State) (engine.Change, error) { return engine.Cancel(s, "request-1", caller(mo), l.now) })
	refused(t, err, governance.CodeConflict, "canceled can no longer")
}
