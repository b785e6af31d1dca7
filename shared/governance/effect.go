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
	NotifyReminded         NotificationKind = "approvalReminder"
	NotifyStageApproved    NotificationKind = "stageApproved"
	NotifyApproved         NotificationKind = "approved"
	NotifyStageTimedOut    NotificationKind = "stageTimedOut"
	NotifyDenied           NotificationKind = "denied"
	NotifyCanceled         NotificationKind = "canceled"
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

	// Of a kept effect, how far it has come. Only what is stored says so; what a message says of it is nothing.
	Turn  int    `json:"turn,omitempty"`  // how often that was noted: each time its messages have another id
	Begun int    `json:"begun,omitempty"` // how often the telling of those who are next was begun, and has no outcome
	Told  string `json:"told,omitempty"`  // of those who are to be told, in the order of their ids, the last who has been

	Heard  bool     `json:"heard,omitempty"`  // a mail to some of them was taken
	Untold []string `json:"untold,omitempty"` // the ids of those whose address was refused, or to whom nobody knows whether a mail went

	NotBefore   time.Time `json:"notBefore,omitzero"`
	TraceParent string    `json:"traceParent,omitempty"` // the trace that it belongs to (W3C Trace Context); empty without telemetry
}

// IsKept says whether it stays in the outbox until it is carried out, and not only until a queue has it: what must not be done twice notes there that it is begun.
func (e Effect) IsKept() bool { return e.What == WorkNotify }

// DocumentKind implements Document.
func (Effect) DocumentKind() string { return "outbox" }

// DocumentID implements Document.
func (e Effect) DocumentID() string { return e.ID }

// EffectOf is the effect of doing something for a document; its place is where the document is committed.
func EffectOf(document Document, what Work) Effect {
	return Effect{Kind: document.DocumentKind(), About: document.DocumentID(), What: what}
}
