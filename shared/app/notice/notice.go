package notice

import (
	"cmp"

	"latchkey/shared/governance"
)

// notice is one thing that people are told: a new one is a row. In its texts ${request}, ${package}, ${requestor}, ${justification},
// ${created}, ${until} and ${reason} stand for what is so of the request; a line that is empty then is left out.
type notice struct {
	moot    func(governance.AssignmentRequest, governance.ApprovalStage) bool // nobody needs it any more; nil: never
	to      func(governance.AssignmentRequest, governance.ApprovalStage) audience
	subject string
	lines   []string
	link    string // below the portal's address; empty: none
}

// audience is whom a notice goes to.
type audience struct {
	userIDs, groupIDs []string // users, and the members of groups, at the addresses that they have now
	without           string   // one who is among them all the same
}

var notices = map[governance.NotificationKind]notice{
	governance.NotifyApprovers: {
		moot: decided, to: approvers, subject: decideSubject, lines: decideLines, link: decideLink,
	},
	governance.NotifyAlternates: {
		moot: decided, to: alternates, subject: decideSubject, link: decideLink,
		lines: append(decideLines[:len(decideLines):len(decideLines)], "It comes to you because nobody has decided it so far."),
	},
	governance.NotifyDenied: {
		to: target, subject: "Your request for ${package} was denied",
		lines: []string{"Your request for access to ${package} was denied.", "${reason}"},
	},
	governance.NotifyApprovalTimedOut: {
		to: target, subject: "Your request for ${package} has expired",
		lines: []string{"Nobody decided your request for access to ${package} in time. You may ask again."},
	},
	governance.NotifyRequestEnded: {
		to: target, subject: "Your request for ${package} has expired",
		lines: []string{"The time for which you asked for access to ${package} is over, so your request was closed. You may ask again."},
	},
	governance.NotifyDelivered: {
		to: target, subject: "You now have access to ${package}",
		lines: []string{"You now have access to ${package}."},
	},
	governance.NotifyEnded: {
		to: target, subject: "Your access to ${package} has ended",
		lines: []string{"Your access to ${package} has ended."},
	},
	governance.NotifyDeliveryFailed: {
		to: target, subject: "Your access to ${package} could not be set up",
		lines: []string{"Your access to ${package} could not be set up completely. Those who look after it have been told."},
	},
}

const (
	decideSubject = "Action required: approve or deny the request of ${requestor} by ${until}"
	decideLink    = "#/approvals/${request}"
)

var decideLines = []string{
	"${requestor} asks for access to ${package}.",
	"Justification: ${justification}",
	"Requested on ${created}.",
	"Without a decision the request is denied on ${until}.",
}

func decided(request governance.AssignmentRequest, stage governance.ApprovalStage) bool {
	return request.State != governance.StatePendingApproval || stage.Status != governance.StageInProgress
}

func approvers(request governance.AssignmentRequest, stage governance.ApprovalStage) audience {
	return audience{userIDs: stage.ApproverUserIDs, groupIDs: stage.ApproverGroupIDs, without: request.Requestor.ObjectID}
}

func alternates(request governance.AssignmentRequest, stage governance.ApprovalStage) audience {
	return audience{userIDs: stage.AlternateUserIDs, groupIDs: stage.AlternateGroupIDs, without: request.Requestor.ObjectID}
}

func target(request governance.AssignmentRequest, _ governance.ApprovalStage) audience {
	return audience{userIDs: []string{request.Assignment.Target.ObjectID}}
}

// facts fill a notice in. stage is a zero one where the notice is about none.
func facts(request governance.AssignmentRequest, stage governance.ApprovalStage) func(name string) string {
	reason := ""
	if stage.ID != "" {
		reason = "Reason: " + orNone(stage.Justification)
	}
	values := map[string]string{
		"request": request.ID, "package": request.AccessPackage.DisplayName, "requestor": cmp.Or(request.Requestor.DisplayName, request.Requestor.PrincipalName), "justification": orNone(request.Justification),
		"created": spell(request.CreatedDateTime), "until": spell(governance.At(governance.Earliest([]governance.Deadline{{At: stage.EndsDateTime.Instant()}, {At: request.LastInstant()}}))), "reason": reason,
	}
	return func(name string) string { return values[name] }
}

func spell(at *governance.DateTime) string { return at.Instant().Format("2 January 2006 15:04 UTC") }

func orNone(text string) string {
	if !governance.Says(text) {
		return "none given"
	}
	return text
}
