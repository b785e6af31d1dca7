package engine

import (
	"slices"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// Notice is one thing that people are told of a request: a new one is a row. Its words lie apart, under the name of its kind.
type Notice struct {
	To func(governance.AssignmentRequest, governance.ApprovalStage) Audience
	// Holds says whether it is so: at the time of telling too, since nobody is told what is not so any more.
	Holds func(governance.AssignmentRequest, governance.ApprovalStage) bool
	// Unless are what keeps it from being told at all.
	Unless []Suppression
	Asks   bool // those who are told have to do something, so that somebody must be told
	Lives  bool // it is so only while the assignment lives
}

// Audience is whom a notice goes to.
type Audience struct {
	UserIDs, GroupIDs []string // users, and the members of groups, at the addresses that they have now
	Without           []string // who are among them all the same
}

func (a Audience) isNobody() bool {
	return len(a.GroupIDs) == 0 && !slices.ContainsFunc(a.UserIDs, func(id string) bool { return !slices.Contains(a.Without, strings.ToLower(id)) })
}

// Suppression keeps a notice of a request from being told.
type Suppression func(governance.AssignmentRequest) bool

// direct: what an administrator or the service does is told to nobody who did not ask for it (NOT-07).
func direct(request governance.AssignmentRequest) bool { return !request.RequestType.IsSelf() }

// muted: the policy of the request says so (POL-12); that of a removal is kept with its assignment.
func muted(request governance.AssignmentRequest) bool {
	policy := request.Policy
	if policy == nil {
		policy = request.Assignment.AssignmentPolicy
	}
	return policy != nil && policy.NotificationSettings != nil && policy.NotificationSettings.IsAssignmentNotificationDisabled
}

var (
	toWhoAsks = []Suppression{direct, muted}

	notices = map[governance.NotificationKind]Notice{
		governance.NotifyApprovers:        {To: afresh(approvers), Holds: isOpen, Asks: true},
		governance.NotifyAlternates:       {To: afresh(alternates), Holds: isEscalated, Asks: true},
		governance.NotifyReminded:         {To: approvers, Holds: isOpen},
		governance.NotifyStageApproved:    {To: asked, Holds: isStage(governance.StageCompleted, governance.ResultApprove)},
		governance.NotifyApproved:         {To: asked, Holds: isStage(governance.StageCompleted, governance.ResultApprove)},
		governance.NotifyStageTimedOut:    {To: asked, Holds: isStage(governance.StageExpired, governance.ResultNotReviewed)},
		governance.NotifyDenied:           {To: target, Holds: isStage(governance.StageCompleted, governance.ResultDeny), Unless: toWhoAsks},
		governance.NotifyApprovalTimedOut: {To: target, Holds: isStage(governance.StageExpired, governance.ResultNotReviewed), Unless: toWhoAsks},
		governance.NotifyRequestEnded:     {To: target, Holds: is(governance.StateDenied, governance.StateDeliveryFailed), Unless: toWhoAsks},
		governance.NotifyCanceled:         {To: requestor, Holds: is(governance.StateCanceled), Unless: toWhoAsks},
		governance.NotifyDelivered:        {To: target, Holds: is(governance.StateDelivered), Unless: toWhoAsks, Lives: true},
		governance.NotifyDeliveryFailed:   {To: target, Holds: is(governance.StateDeliveryFailed, governance.StatePartiallyDelivered), Unless: toWhoAsks},
		governance.NotifyEnded:            {To: target, Holds: isOver, Unless: []Suppression{muted}},
	}
)

// NoticeOf is the notice of a kind; false: there is none.
func NoticeOf(kind governance.NotificationKind) (Notice, bool) {
	notice, ok := notices[kind]
	return notice, ok
}

// NoticeKinds lists the kinds of all notices, in no order.
func NoticeKinds() []governance.NotificationKind {
	var kinds []governance.NotificationKind
	for kind := range notices {
		kinds = append(kinds, kind)
	}
	return kinds
}

// notify adds the effect of telling people of a request, unless something says that nobody is told.
func (c *Change) notify(request *governance.AssignmentRequest, kind governance.NotificationKind, stage int) {
	c.notifyAt(request, kind, stage, time.Time{})
}

// notifyAt is notify at a time to come.
func (c *Change) notifyAt(request *governance.AssignmentRequest, kind governance.NotificationKind, stage int, at time.Time) {
	for _, unless := range notices[kind].Unless {
		if unless(*request) {
			return
		}
	}
	var about governance.ApprovalStage
	if request.Approval != nil && stage < len(request.Approval.Stages) {
		about = request.Approval.Stages[stage]
	}
	if notice := notices[kind]; !notice.Asks && notice.To(*request, about).isNobody() {
		return
	}
	effect := governance.EffectOf(*request, governance.WorkNotify)
	effect.RequestID, effect.Notification, effect.Stage, effect.NotBefore = request.ID, kind, stage, at
	c.effect(effect)
}

func isOpen(request governance.AssignmentRequest, stage governance.ApprovalStage) bool {
	return request.State == governance.StatePendingApproval && stage.Status == governance.StageInProgress
}

func isEscalated(request governance.AssignmentRequest, stage governance.ApprovalStage) bool {
	return isOpen(request, stage) && stage.Escalated
}

func isStage(status governance.StageStatus, result governance.ReviewResult) func(governance.AssignmentRequest, governance.ApprovalStage) bool {
	return func(_ governance.AssignmentRequest, stage governance.ApprovalStage) bool {
		return stage.Status == status && stage.ReviewResult == result
	}
}

func is(states ...governance.RequestState) func(governance.AssignmentRequest, governance.ApprovalStage) bool {
	return func(request governance.AssignmentRequest, _ governance.ApprovalStage) bool {
		return !request.RequestType.IsRemoval() && slices.Contains(states, request.State)
	}
}

func isOver(request governance.AssignmentRequest, _ governance.ApprovalStage) bool {
	return request.RequestType.IsRemoval() && request.State == governance.StateDelivered
}

func approvers(request governance.AssignmentRequest, stage governance.ApprovalStage) Audience {
	return Audience{UserIDs: stage.ApproverUserIDs, GroupIDs: stage.ApproverGroupIDs, Without: parties(request)}
}

func alternates(request governance.AssignmentRequest, stage governance.ApprovalStage) Audience {
	return Audience{UserIDs: stage.AlternateUserIDs, GroupIDs: stage.AlternateGroupIDs, Without: parties(request)}
}

// afresh are those of an audience of whom it is not known that they cannot be told: who was mailed in vain is not mailed again for the sake of those who come in for them.
func afresh(to func(governance.AssignmentRequest, governance.ApprovalStage) Audience) func(governance.AssignmentRequest, governance.ApprovalStage) Audience {
	return func(request governance.AssignmentRequest, stage governance.ApprovalStage) Audience {
		all := to(request, stage)
		all.Without = append(all.Without, stage.Unreached...)
		return all
	}
}

// asked are all who were asked in a stage, but for who has decided it.
func asked(request governance.AssignmentRequest, stage governance.ApprovalStage) Audience {
	to := approvers(request, stage)
	if stage.ReviewedBy != nil {
		to.Without = append(to.Without, strings.ToLower(stage.ReviewedBy.ID))
	}
	if stage.Escalated {
		more := alternates(request, stage)
		to.UserIDs, to.GroupIDs = slices.Concat(to.UserIDs, more.UserIDs), slices.Concat(to.GroupIDs, more.GroupIDs)
	}
	return to
}

// parties are those about whom a request is, who decide nothing of it (APR-07).
func parties(request governance.AssignmentRequest) []string {
	return []string{strings.ToLower(request.Requestor.ObjectID), strings.ToLower(request.Assignment.Target.ObjectID)}
}

func target(request governance.AssignmentRequest, _ governance.ApprovalStage) Audience {
	return Audience{UserIDs: []string{request.Assignment.Target.ObjectID}}
}

func requestor(request governance.AssignmentRequest, _ governance.ApprovalStage) Audience {
	return Audience{UserIDs: []string{request.Requestor.ObjectID}}
}
