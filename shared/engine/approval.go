package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// Approvers are who is asked to decide a stage.
type Approvers struct {
	Users, Groups                   []string
	AlternateUsers, AlternateGroups []string
}

// IsNobody says whether no one is asked.
func (a Approvers) IsNobody() bool { return len(a.Users)+len(a.Groups) == 0 }

// Able is what those who might be asked can.
type Able struct {
	Decide bool // one of them can decide
	Hear   bool // one of those who can decide can be told, too
}

// Ask picks who is asked in a stage about a person: its approvers if one of them can decide, else those who stand in for them, if one of those can (APR-02, APR-08, APR-10). If nobody can be told who is asked, those who stand in and
// can be told are asked too. Nobody decides about themselves (APR-07). can looks at some users and groups. Errors: those of can.
func Ask(stage governance.ApprovalStageSettings, about governance.Person, can func(users, groups []string) (Able, error)) (Approvers, error) {
	first := func(either ...governance.SubjectSets) (users, groups []string, err error) {
		for _, sets := range either {
			more, moreGroups := sets.Resolve(about)
			able, err := can(more, moreGroups)
			if err != nil {
				return nil, nil, err
			}
			if able.Hear || able.Decide && len(users)+len(groups) == 0 {
				users, groups = slices.Concat(users, more), slices.Concat(groups, moreGroups)
			}
			if able.Hear {
				break
			}
		}
		return users, groups, nil
	}
	var asked Approvers
	var err error
	asked.Users, asked.Groups, err = first(stage.PrimaryApprovers, stage.FallbackPrimaryApprovers)
	if err == nil && stage.IsEscalationEnabled {
		asked.AlternateUsers, asked.AlternateGroups, err = first(stage.EscalationApprovers, stage.FallbackEscalationApprovers)
	}
	return asked, err
}

// newApproval has a stage for each of a policy, and who is asked in it as far as that can be told now. Errors: CodeInvalid when a stage has nobody who could decide it.
func newApproval(requestID string, settings governance.ApprovalSettings, asked []Approvers) (*governance.Approval, error) {
	approval := &governance.Approval{ID: requestID}
	for i := range settings.Stages {
		if i >= len(asked) || asked[i].IsNobody() {
			return nil, governance.Invalid("assignment/assignmentPolicyId",
				"Stage %d of the approval has no approver who can decide this request: its approvers cannot be found, are blocked, or are the requestor. Ask the owner of the access package to add a fallback approver.", i+1)
		}
		stage := governance.ApprovalStage{
			ID:           governance.NameID(fmt.Sprintf("stage:%s:%d", requestID, i)),
			DisplayName:  fmt.Sprintf("Stage %d", i+1),
			Status:       governance.StageInitializing,
			ReviewResult: governance.ResultNotReviewed,
			ReviewedBy:   &governance.Identity{ID: governance.NobodyID},
		}
		ask(&stage, asked[i])
		approval.Stages = append(approval.Stages, stage)
	}
	return approval, nil
}

// ask has a stage ask these.
func ask(stage *governance.ApprovalStage, asked Approvers) {
	stage.ApproverUserIDs, stage.ApproverGroupIDs = asked.Users, asked.Groups
	stage.AlternateUserIDs, stage.AlternateGroupIDs = asked.AlternateUsers, asked.AlternateGroups
}

// approvalGate is the approval, stage after stage (APR-05).
var approvalGate = gate{
	passed: func(request governance.AssignmentRequest, _ time.Time) bool { return nextStage(request) < 0 },
	wait: func(change *Change, request *governance.AssignmentRequest, facts Facts, now time.Time) error {
		event := EventApprovalNeeded
		if request.State == governance.StatePendingApproval {
			event = EventStageApproved
		}
		if err := move(request, event, governance.StatusPendingApproval, now); err != nil {
			return err
		}
		index := nextStage(*request)
		if facts.Asked != nil {
			ask(&request.Approval.Stages[index], *facts.Asked)
		}
		openStage(request, index, now)
		stage := &request.Approval.Stages[index]
		at := facts.State.Head.AskAgain(request.AccessPackage.ID, index, stage.Whom(), now)
		if !at.Before(stage.EndsDateTime.Instant()) { // nobody would be told in time
			at = now
		}
		stage.AskedDateTime = governance.At(at)
		if !at.After(now) {
			at = time.Time{}
		}
		change.notifyAt(request, governance.NotifyApprovers, index, at)
		return nil
	},
	deadlines: func(request governance.AssignmentRequest) []deadline {
		stage := request.WaitingStage()
		if request.State != governance.StatePendingApproval || stage == nil {
			return nil
		}
		all := []deadline{
			{at: stage.EndsDateTime.Instant(), do: (*Change).timeOut}, {at: stage.RemindsDateTime.Instant(), do: (*Change).remind},
			{at: stage.LookDateTime.Instant(), do: (*Change).lookAgain, asks: true},
		}
		if !stage.Escalated {
			all = slices.Insert(all, 1, deadline{at: stage.EscalatesDateTime.Instant(), do: (*Change).escalate})
		}
		return all
	},
}

// timeOut denies a request for want of a decision (APR-06).
func (c *Change) timeOut(request *governance.AssignmentRequest, _ Facts, now time.Time) error {
	index := nextStage(*request)
	request.Approval.Stages[index].Status = governance.StageExpired
	c.Audit = append(c.Audit, entry(governance.ActivityTimedOut, governance.System(), now, request, request.ID))
	c.notify(request, governance.NotifyStageTimedOut, index)
	c.notify(request, governance.NotifyApprovalTimedOut, index)
	return move(request, EventTimeOut, governance.StatusExpired, now)
}

// remind asks the approvers once more, half way to what happens without them (NOT-02).
func (c *Change) remind(request *governance.AssignmentRequest, _ Facts, now time.Time) error {
	index := nextStage(*request)
	stage := &request.Approval.Stages[index]
	stage.RemindsDateTime = nil
	c.updated(request, stage.DisplayName+": the approvers are reminded", now)
	c.notify(request, governance.NotifyReminded, index)
	return nil
}

// escalate has the alternates come in (APR-11).
func (c *Change) escalate(request *governance.AssignmentRequest, _ Facts, now time.Time) error {
	index := nextStage(*request)
	stage := &request.Approval.Stages[index]
	stage.Escalated, request.Status = true, governance.StatusPendingApprovalEscalated
	c.updated(request, stage.DisplayName+": forwarded to the alternate approvers", now)
	c.notify(request, governance.NotifyAlternates, index)
	return nil
}

// lookAgain takes note of who can decide a stage by now.
func (c *Change) lookAgain(request *governance.AssignmentRequest, facts Facts, now time.Time) error {
	index := nextStage(*request)
	stage := &request.Approval.Stages[index]
	stage.LookDateTime = governance.At(now.Add(lookEvery))
	switch {
	case facts.Asked == nil:
		c.updated(request, stage.DisplayName+": somebody can decide it, as before", now)
	case facts.Asked.IsNobody() && len(facts.Asked.AlternateUsers)+len(facts.Asked.AlternateGroups) == 0:
		c.updated(request, stage.DisplayName+": nobody can decide it any more; an administrator is told", now)
	default:
		before := *stage
		stage.ApproverUserIDs, stage.ApproverGroupIDs = facts.Asked.Users, facts.Asked.Groups
		if stage.Escalated {
			stage.AlternateUserIDs, stage.AlternateGroupIDs = facts.Asked.AlternateUsers, facts.Asked.AlternateGroups
		}
		c.updated(request, stage.DisplayName+": forwarded to others, because none of those who were asked can decide any more, or be told", now)
		if !slices.Equal(before.ApproverUserIDs, stage.ApproverUserIDs) || !slices.Equal(before.ApproverGroupIDs, stage.ApproverGroupIDs) {
			c.notify(request, governance.NotifyApprovers, index)
		}
		if !slices.Equal(before.AlternateUserIDs, stage.AlternateUserIDs) || !slices.Equal(before.AlternateGroupIDs, stage.AlternateGroupIDs) {
			c.notify(request, governance.NotifyAlternates, index)
		}
	}
	return nil
}

// MaxUnreached is how many who cannot be told a stage names.
const MaxUnreached = 500

// Unreached notes who cannot be told that a stage waits for them, beside those of whom that is known. If nobody could be, it is looked for others at once. An empty change means that it does not wait any more,
// or that this is known.
func Unreached(s State, requestID string, index int, ids []string, nobody bool, now time.Time) (Change, error) {
	request, ok := Find[governance.AssignmentRequest](s, requestID)
	if !ok || request.State != governance.StatePendingApproval || index != nextStage(request) {
		return Change{}, nil
	}
	request = clone(request)
	stage, change := &request.Approval.Stages[index], Change{}
	more := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(stage.Unreached, id) })
	if looks := nobody && len(ids) == 0 && stage.LookDateTime.Instant().After(now); len(more) == 0 && !looks {
		return change, nil
	}
	known := slices.Concat(stage.Unreached, more)
	stage.Unreached = known[:min(len(known), MaxUnreached)]
	if nobody {
		stage.LookDateTime = governance.At(now)
	}
	change.updated(&request, stage.DisplayName+": some of those who may decide cannot be told", now)
	change.write(request)
	return change, nil
}

// updated tells of a request that goes on in another way.
func (c *Change) updated(request *governance.AssignmentRequest, detail string, now time.Time) {
	audit := entry(governance.ActivityEscalate, governance.System(), now, request, request.ID)
	audit.Detail = detail
	c.Audit = append(c.Audit, audit)
}

// lookEvery is how often it is looked whether anybody can decide a stage that waits.
const lookEvery = 24 * time.Hour

// nextStage is the first stage that is not decided, -1 if there is none.
func nextStage(request governance.AssignmentRequest) int {
	if request.Approval == nil {
		return -1
	}
	return slices.IndexFunc(request.Approval.Stages, func(stage governance.ApprovalStage) bool { return stage.Status != governance.StageCompleted })
}

// openStage starts the clock of a stage.
func openStage(request *governance.AssignmentRequest, index int, now time.Time) {
	settings := request.Policy.Approval().Stages[index]
	stage := &request.Approval.Stages[index]
	stage.Status = governance.StageInProgress
	denial := governance.DefaultAutomaticDenial
	if settings.DurationBeforeAutomaticDenial != nil {
		denial = *settings.DurationBeforeAutomaticDenial
	}
	stage.EndsDateTime, stage.LookDateTime = governance.At(denial.AddTo(now)), governance.At(now.Add(lookEvery))
	if len(stage.ApproverUserIDs)+len(stage.ApproverGroupIDs) == 0 {
		stage.LookDateTime = governance.At(now) // whoever looks tells an administrator
	}
	if settings.IsEscalationEnabled && settings.DurationBeforeEscalation != nil && len(stage.AlternateUserIDs)+len(stage.AlternateGroupIDs) > 0 {
		stage.EscalatesDateTime = governance.At(settings.DurationBeforeEscalation.AddTo(now))
	}
	until := stage.EndsDateTime.Instant()
	if stage.EscalatesDateTime != nil {
		until = stage.EscalatesDateTime.Instant()
	}
	stage.RemindsDateTime = governance.At(now.Add(until.Sub(now) / 2).Truncate(time.Millisecond))
}

// IsApprover says whether a person with these groups may decide a stage: as an approver of it, or an alternate once it has escalated (APR-03, APR-11).
func IsApprover(stage governance.ApprovalStage, userID string, groupIDs []string) bool {
	users, groups := stage.ApproverUserIDs, stage.ApproverGroupIDs
	if stage.Escalated {
		users, groups = slices.Concat(users, stage.AlternateUserIDs), slices.Concat(groups, stage.AlternateGroupIDs)
	}
	return containsFold(users, userID) || slices.ContainsFunc(groups, func(id string) bool { return containsFold(groupIDs, id) })
}

// NeedsGroups says whether membership of groups must be known to tell if userID may decide the stage.
func NeedsGroups(stage governance.ApprovalStage, userID string) bool {
	return !IsApprover(stage, userID, nil) && len(stage.ApproverGroupIDs)+len(stage.AlternateGroupIDs) > 0
}

// Decision is an approver's decision of a stage.
type Decision struct {
	RequestID     string
	StageID       string
	Result        governance.ReviewResult
	Justification string
	Approver      governance.Caller
	GroupIDs      []string                  // of the approver, if NeedsGroups
	Package       *governance.AccessPackage // as it is now; nil if it is gone
	Next          *Approvers                // who is asked in the next stage; nil if there is none
	Seen          governance.ApprovalStage  // the stage as the approver read it; what is empty was not said
}

// Decide lets an approver decide a stage (APR-03 to APR-07, APR-13). Errors: CodeNotFound for a request or stage that is not there, CodeForbidden for somebody
// who may not decide it, CodeConflict for a stage that is over, CodeInvalid for a decision that is incomplete.
func Decide(s State, d Decision, now time.Time) (Change, error) {
	request, ok := Find[governance.AssignmentRequest](s, d.RequestID)
	if !ok || request.Approval == nil {
		return Change{}, governance.NotFound("There is no approval %s.", d.RequestID)
	}
	request = clone(request)
	index := slices.IndexFunc(request.Approval.Stages, func(stage governance.ApprovalStage) bool { return strings.EqualFold(stage.ID, d.StageID) })
	if index < 0 {
		return Change{}, governance.NotFound("The approval %s has no stage %s.", d.RequestID, d.StageID)
	}
	stage := &request.Approval.Stages[index]
	if strings.EqualFold(d.Approver.ObjectID, request.Requestor.ObjectID) || strings.EqualFold(d.Approver.ObjectID, request.Assignment.Target.ObjectID) {
		return Change{}, governance.Forbidden("Nobody may decide a request of their own or for themselves.")
	}
	if d.Approver.ObjectID == "" || !IsApprover(*stage, d.Approver.ObjectID, d.GroupIDs) {
		return Change{}, governance.Forbidden("You are no approver of this stage.")
	}
	if request.State != governance.StatePendingApproval || stage.Status != governance.StageInProgress {
		return Change{}, stageIsOver(request, *stage)
	}
	if d.Seen.Status != "" && !strings.EqualFold(string(d.Seen.Status), string(stage.Status)) || d.Seen.ReviewedBy != nil && !containsFold([]string{"", governance.NobodyID, d.Approver.ObjectID}, d.Seen.ReviewedBy.ID) {
		return Change{}, governance.Conflict("This stage is %s and decided by nobody yet, which is not what the body says; read it again.", stage.Status)
	}
	if !now.Before(stage.EndsDateTime.Instant()) {
		return Change{}, governance.Conflict("The time to decide this stage ended at %s.", stage.EndsDateTime)
	}
	if d.Result != governance.ResultApprove && d.Result != governance.ResultDeny {
		return Change{}, governance.Invalid("reviewResult", "reviewResult must be Approve or Deny.")
	}
	if err := governance.ValidateText("justification", d.Justification, governance.MaxJustification); err != nil {
		return Change{}, err
	}
	if request.Policy.Approval().Stages[index].IsApproverJustificationRequired && !governance.Says(d.Justification) {
		return Change{}, governance.Invalid("justification", "This stage needs a justification of the decision.")
	}
	before := state(&request)
	stage.Status, stage.ReviewResult, stage.Justification = governance.StageCompleted, d.Result, d.Justification
	stage.ReviewedBy = &governance.Identity{ID: strings.ToLower(d.Approver.ObjectID), DisplayName: governance.Shorten(governance.OneLine(d.Approver.DisplayName), governance.MaxName)}
	stage.ReviewedDateTime = governance.At(now)

	activity := governance.ActivityStageCompleted
	switch {
	case d.Result == governance.ResultDeny:
		activity = governance.ActivityDeny
	case index == len(request.Approval.Stages)-1:
		activity = governance.ActivityApprove
	}
	decided := entry(activity, d.Approver, now, &request, request.ID)
	decided.Justification = d.Justification
	decided.Detail = stage.DisplayName + ": " + string(d.Result)
	change := Change{Audit: []governance.AuditEntry{decided}}
	if d.Result == governance.ResultApprove {
		if err := change.proceed(&request, Facts{State: s, Package: d.Package, Caller: d.Approver, Asked: d.Next}, now); err != nil {
			return Change{}, err
		}
		outcome := governance.NotifyApproved
		if activity == governance.ActivityStageCompleted {
			outcome = governance.NotifyStageApproved
		}
		change.notify(&request, outcome, index)
	} else {
		if err := move(&request, EventDeny, governance.StatusDenied, now); err != nil {
			return Change{}, err
		}
		change.notify(&request, governance.NotifyDenied, index)
	}
	change.Audit[0].Before, change.Audit[0].After = before, state(&request)
	change.write(request)
	return change, nil
}

// stageIsOver tells the loser of a race, or somebody who is late, what happened (APR-03).
func stageIsOver(request governance.AssignmentRequest, stage governance.ApprovalStage) error {
	switch {
	case stage.Status == governance.StageCompleted && stage.ReviewedBy != nil:
		by := stage.ReviewedBy.DisplayName
		if by == "" {
			by = stage.ReviewedBy.ID
		}
		return governance.Conflict("This stage was already decided: %s by %s at %s.", stage.ReviewResult, by, stage.ReviewedDateTime)
	case stage.Status == governance.StageInitializing && request.State == governance.StatePendingApproval:
		return governance.Conflict("This stage has not begun; the stage before it is still open.")
	default:
		return governance.Conflict("This stage is over: the request is %s.", request.State)
	}
}

// clone copies what a command changes in a request, so that a command that is run again finds its input as it was.
func clone(request governance.AssignmentRequest) governance.AssignmentRequest {
	if request.Approval != nil {
		approval := *request.Approval
		approval.Stages = slices.Clone(approval.Stages)
		request.Approval = &approval
	}
	if request.Assignment != nil {
		assignment := *request.Assignment
		request.Assignment = &assignment
	}
	return request
}
