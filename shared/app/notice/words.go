package notice

import (
	"html"
	"os"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// language is the words of one language. In them ${request}, ${package}, ${requestor}, ${organization}, ${justification}, ${created}, ${start}, ${end}, ${until}, ${stage}, ${decider} and ${reason} stand for what is so of the request; a
// line one of whose values is empty is left out.
type language struct {
	date  string // how an instant is written, in UTC
	none  string // what stands for a text that nobody wrote
	open  string // on the link
	texts map[governance.NotificationKind]text
}

// text is one notice in words.
type text struct {
	subject string
	lines   []string
	link    string // below the portal's address; empty: none
}

const decideLink = "#/approvals/${request}"

// asks are the lines of a notice to who has to decide (NOT-08).
func asks(more ...string) []string {
	return append([]string{
		"${requestor} asks for access to ${package}.",
		"Organization: ${organization}",
		"Justification: ${justification}",
		"Requested on ${created}.",
		"The access is to begin on ${start}.",
		"The access is to end on ${end}.",
		"Without a decision the request is denied on ${until}.",
	}, more...)
}

// english is the language of every mail so far.
var english = language{
	date: "2 January 2006 15:04 UTC", none: "none given", open: "Open the request",
	texts: map[governance.NotificationKind]text{
		governance.NotifyApprovers: {
			subject: "Action required: approve or deny the request of ${requestor} by ${until}", lines: asks(), link: decideLink,
		},
		governance.NotifyAlternates: {
			subject: "Action required: approve or deny the forwarded request of ${requestor} by ${until}", link: decideLink,
			lines: asks("It comes to you because nobody has decided it so far."),
		},
		governance.NotifyReminded: {
			subject: "Reminder: approve or deny the request of ${requestor} by ${until}", link: decideLink,
			lines: asks("Nobody has decided it so far."),
		},
		governance.NotifyStageApproved: {
			subject: "${stage} of the request of ${requestor} for ${package} was approved",
			lines:   []string{"${decider} approved ${stage} of the request of ${requestor} for access to ${package}. It goes on to the next.", "Reason: ${reason}"},
		},
		governance.NotifyApproved: {
			subject: "The request of ${requestor} for ${package} was approved",
			lines:   []string{"${decider} approved the request of ${requestor} for access to ${package}. Nothing is left to approve.", "Reason: ${reason}"},
		},
		governance.NotifyStageTimedOut: {
			subject: "The request of ${requestor} for ${package} has expired",
			lines:   []string{"Nobody decided the request of ${requestor} for access to ${package} in time. There is nothing left to do."},
		},
		governance.NotifyDenied: {
			subject: "Your request for ${package} was denied",
			lines:   []string{"Your request for access to ${package} was denied.", "Reason: ${reason}"},
		},
		governance.NotifyApprovalTimedOut: {
			subject: "Your request for ${package} has expired",
			lines:   []string{"Nobody decided your request for access to ${package} in time. You may ask again."},
		},
		governance.NotifyRequestEnded: {
			subject: "Your request for ${package} has expired",
			lines:   []string{"The time for which you asked for access to ${package} is over, so your request was closed. You may ask again."},
		},
		governance.NotifyCanceled: {
			subject: "Your request for ${package} was canceled",
			lines:   []string{"Somebody who looks after ${package} canceled your request for access to it. You may ask again."},
		},
		governance.NotifyDelivered: {
			subject: "You now have access to ${package}",
			lines:   []string{"You now have access to ${package}."},
		},
		governance.NotifyDeliveryFailed: {
			subject: "Your access to ${package} could not be set up",
			lines:   []string{"Your access to ${package} could not be set up completely. Those who look after it have been told."},
		},
		governance.NotifyEnded: {
			subject: "Your access to ${package} has ended",
			lines:   []string{"Your access to ${package} has ended."},
		},
	},
}

// compose writes a mail. It is put together by hand, because template packages keep every exported method of the linked SDKs alive. portalURL is where its link leads; empty: it has none.
func (l language) compose(kind governance.NotificationKind, request governance.AssignmentRequest, stage governance.ApprovalStage, portalURL string) governance.Mail {
	words, values := l.texts[kind], l.values(request, stage)
	var lines []string
	var body strings.Builder
	for _, line := range words.lines {
		if line, whole := fill(line, values); whole {
			lines = append(lines, line)
			body.WriteString("<p>" + html.EscapeString(line) + "</p>")
		}
	}
	if portalURL != "" && words.link != "" {
		link, _ := fill(words.link, values)
		url := strings.TrimRight(portalURL, "/") + "/" + link
		lines = append(lines, url)
		body.WriteString(`<p><a href="` + html.EscapeString(url) + `">` + html.EscapeString(l.open) + `</a></p>`)
	}
	subject, _ := fill(words.subject, values)
	// What a person typed adds no lines to a mail's header.
	return governance.Mail{Subject: strings.Join(strings.Fields(subject), " "), Text: strings.Join(lines, "\n"), HTML: body.String()}
}

// fill puts values into a template, and says whether it has a value for each name in it.
func fill(template string, values map[string]string) (string, bool) {
	whole := true
	filled := os.Expand(template, func(name string) string {
		whole = whole && values[name] != ""
		return values[name]
	})
	return filled, whole
}

// values are what is so of a request. stage is a zero one where the notice is about none.
func (l language) values(request governance.AssignmentRequest, stage governance.ApprovalStage) map[string]string {
	values := map[string]string{
		"request": request.ID, "package": request.AccessPackage.DisplayName, "requestor": nameOf(request.Requestor), "justification": l.orNone(request.Justification),
		"created": l.spell(request.CreatedDateTime.Instant()), "stage": stage.DisplayName,
		"until": l.spell(governance.Earliest([]governance.Deadline{{At: stage.EndsDateTime.Instant()}, {At: request.LastInstant()}})),
	}
	if request.Schedule != nil {
		values["start"] = l.spell(request.Schedule.StartDateTime.Instant())
		if ends := request.Schedule.Expiration; ends != nil {
			values["end"] = l.spell(ends.EndDateTime.Instant())
		}
	}
	if stage.Status == governance.StageCompleted {
		values["reason"] = l.orNone(stage.Justification)
	}
	if by := stage.ReviewedBy; by != nil {
		values["decider"] = by.DisplayName
	}
	return values
}

func nameOf(subject *governance.Subject) string {
	if subject.DisplayName != "" {
		return subject.DisplayName
	}
	return subject.PrincipalName
}

func (l language) spell(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format(l.date)
}

func (l language) orNone(text string) string {
	if !governance.Says(text) {
		return l.none
	}
	return text
}
