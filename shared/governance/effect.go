package governance

import "time"

// EffectKind says what an effect does.
type EffectKind string

// The effects.
const (
	EffectProvision EffectKind = "provision" // carry out what an assignment wants in the directory
	EffectDue       EffectKind = "due"       // look at a request or assignment whose time has come
	EffectNotify    EffectKind = "notify"    // tell people
	EffectCallout   EffectKind = "callout"   // take the work for a callout further
)

// NotificationKind says which mail an effect sends (RULES NOT-01 to NOT-06).
type NotificationKind string

// The notifications of this release.
const (
	NotifyApprovers        NotificationKind = "approvalNeeded"
	NotifyAlternates       NotificationKind = "approvalEscalated"
	NotifyDenied           NotificationKind = "denied"
	NotifyApprovalTimedOut NotificationKind = "approvalTimedOut"
	NotifyDelivered        NotificationKind = "delivered"
	NotifyEnded            NotificationKind = "ended"
	NotifyDeliveryFailed   NotificationKind = "deliveryFailed"
)

// Effect is one thing that a committed decision still has to do outside the store. It carries ids, never content: whoever handles it reads the present state.
type Effect struct {
	ID           string           `json:"id"` // stable: made from its place in the audit chain
	Kind         EffectKind       `json:"kind"`
	SubjectID    string           `json:"subjectId"`
	RequestID    string           `json:"requestId,omitempty"`
	AssignmentID string           `json:"assignmentId,omitempty"`
	CalloutID    string           `json:"calloutId,omitempty"`
	Notification NotificationKind `json:"notification,omitempty"`
	Attempt      int              `json:"attempt,omitempty"` // how often handling it was put off
	Stage        int              `json:"stage,omitempty"`   // index of the approval stage that a notification is about
	NotBefore    time.Time        `json:"notBefore,omitzero"`
	TraceParent  string           `json:"traceParent,omitempty"` // the trace that it belongs to (W3C Trace Context); empty without telemetry
}
