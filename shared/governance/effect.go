package governance

import "time"

// Work says what an effect does.
type Work string

// The works.
const (
	WorkProvision Work = "provision" // carry out what an assignment wants in the directory
	WorkDue       Work = "due"       // look at a document whose time has come
	WorkNotify    Work = "notify"    // tell people
	WorkTask      Work = "task"      // take a companion task further
	WorkReach     Work = "reach"     // bring what people have of a package in line with its resource roles
)

// NotificationKind says which mail an effect sends (NOT-01 to NOT-06).
type NotificationKind string

// The notifications of this release.
const (
	NotifyApprovers        NotificationKind = "approvalNeeded"
	NotifyAlternates       NotificationKind = "approvalEscalated"
	NotifyDenied           NotificationKind = "denied"
	NotifyApprovalTimedOut NotificationKind = "approvalTimedOut"
	NotifyRequestEnded     NotificationKind = "requestEnded"
	NotifyDelivered        NotificationKind = "delivered"
	NotifyEnded            NotificationKind = "ended"
	NotifyDeliveryFailed   NotificationKind = "deliveryFailed"
)

// Effect is one thing that a committed decision still has to do outside the store. It names the document that it is about and never carries content: whoever handles it reads the present state.
type Effect struct {
	ID string `json:"id"` // stable: made from the command
	Place
	Kind  string `json:"kind"`       // of the document
	About string `json:"documentId"` // the resource's id
	What  Work   `json:"what"`

	RequestID    string           `json:"requestId,omitempty"` // that it belongs to
	Notification NotificationKind `json:"notification,omitempty"`
	Stage        int              `json:"stage,omitempty"`   // index of the approval stage that a notification is about
	Attempt      int              `json:"attempt,omitempty"` // how often handling it was put off
	NotBefore    time.Time        `json:"notBefore,omitzero"`
	TraceParent  string           `json:"traceParent,omitempty"` // the trace that it belongs to (W3C Trace Context); empty without telemetry
}

// DocumentKind implements Document.
func (Effect) DocumentKind() string { return "outbox" }

// DocumentID implements Document.
func (e Effect) DocumentID() string { return e.ID }

// EffectOf is the effect of doing something for a document; its place is where the document is committed.
func EffectOf(document Document, what Work) Effect {
	return Effect{Kind: document.DocumentKind(), About: document.DocumentID(), What: what}
}
