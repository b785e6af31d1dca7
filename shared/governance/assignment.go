package governance

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// AssignmentState is Graph's accessPackageAssignmentState.
type AssignmentState string

// The assignment states (REQ-17).
const (
	AssignmentDelivering         AssignmentState = "delivering"
	AssignmentPartiallyDelivered AssignmentState = "partiallyDelivered"
	AssignmentDelivered          AssignmentState = "delivered"
	AssignmentExpired            AssignmentState = "expired"
	AssignmentDeliveryFailed     AssignmentState = "deliveryFailed"
)

// AssignmentStates lists all of them.
func AssignmentStates() []AssignmentState {
	return []AssignmentState{AssignmentDelivering, AssignmentPartiallyDelivered, AssignmentDelivered, AssignmentExpired, AssignmentDeliveryFailed}
}

// assignmentStatuses are the words of an assignment's status, each with the state that it is said of (REQ-17); there is a state for each that comes to pass here.
var assignmentStatuses = map[string]AssignmentState{
	"Delivering":                          AssignmentDelivering,
	"PartiallyDelivered":                  AssignmentPartiallyDelivered,
	"Delivered":                           AssignmentDelivered,
	"ExpiredNotificationTriggered":        AssignmentExpired,
	"DeliveryFailed":                      AssignmentDeliveryFailed,
	"AutoAssignmentInGracePeriod":         "none: automatic assignment is not in this release",
	"NearExpiry1DayNotificationTriggered": "none: nobody is reminded in this release",
}

// AssignmentStatuses are the words of an assignment's status, each with the state that is stored of it. Those that none has so far have states that there are not.
func AssignmentStatuses() map[string]AssignmentState { return maps.Clone(assignmentStatuses) }

// UnmarshalJSON reads it in any letter case.
func (s *AssignmentState) UnmarshalJSON(data []byte) error {
	return decodeEnum(data, s, "state", AssignmentStates()...)
}

// Assignment is Graph's accessPackageAssignment, with the delivery of each resource role.
type Assignment struct {
	ID               string               `json:"id,omitempty"`
	State            AssignmentState      `json:"state,omitempty"`
	Status           string               `json:"status,omitempty"` // the word for State: it is written, and never looked at
	ExpiredDateTime  *DateTime            `json:"expiredDateTime,omitempty"`
	Schedule         *Schedule            `json:"schedule,omitempty"`
	CalloutInstances collection[struct{}] `json:"customExtensionCalloutInstances"`

	AccessPackage    *AccessPackage    `json:"accessPackage,omitempty"`    // id and displayName
	AssignmentPolicy *AssignmentPolicy `json:"assignmentPolicy,omitempty"` // id and displayName
	Target           *Subject          `json:"target,omitempty"`

	RequestID  string     `json:"requestId,omitempty"` // the request that is being carried out on it
	Removing   bool       `json:"removing,omitempty"`  // access is being taken away
	Deliveries []Delivery `json:"@latchkey.deliveries,omitempty"`
	Attempt    int        `json:"attempt,omitempty"` // failed tries of the delivery in hand
	// NextAttempt is when a timer looks after a delivery that is not done: a net below the messages that drive it.
	NextAttempt *DateTime `json:"nextAttemptDateTime,omitempty"`

	// What a client may write instead of the objects above (REQ-10); never stored.
	TargetID           string `json:"targetId,omitempty"`
	AccessPackageID    string `json:"accessPackageId,omitempty"`
	AssignmentPolicyID string `json:"assignmentPolicyId,omitempty"`
}

// MarshalJSON writes it with the status that its state has, whatever it was read with.
func (a Assignment) MarshalJSON() ([]byte, error) {
	type plain Assignment
	a.Status = ""
	for word, state := range assignmentStatuses {
		if state == a.State {
			a.Status = word
		}
	}
	return json.Marshal(plain(a))
}

// Contradicts names the member of what a client says of this assignment that is not so; empty if all of it is. State and status may have changed since it was read.
func (a *Assignment) Contradicts(given *Assignment) string {
	switch {
	case given.AccessPackage != nil && given.AccessPackage.ID != "" && !strings.EqualFold(given.AccessPackage.ID, a.AccessPackage.ID):
		return "accessPackage/id"
	case given.AssignmentPolicy != nil && given.AssignmentPolicy.ID != "" && !strings.EqualFold(given.AssignmentPolicy.ID, a.AssignmentPolicy.ID):
		return "assignmentPolicy/id"
	case given.Schedule != nil && !given.Schedule.repeats(a.Schedule):
		return "schedule"
	}
	return ""
}

// DeliveryState is how far one resource role is.
type DeliveryState string

// The delivery states of a resource role.
const (
	DeliveryPending   DeliveryState = "pending"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryFailed    DeliveryState = "failed"
	DeliveryRemoved   DeliveryState = "removed"
)

// Delivery is one resource role of an assignment: what is granted, and how far that is.
type Delivery struct {
	Grant       Grant         `json:"grant"`
	State       DeliveryState `json:"state"`
	Reason      string        `json:"reason,omitempty"`      // why it failed, or has so far, for an operator
	Handle      string        `json:"handle,omitempty"`      // what the origin needs besides to take it back
	Leaving     bool          `json:"leaving,omitempty"`     // the package does not have it any more, and it is to be taken away; then it is no delivery any more (RES-12)
	EndDateTime *DateTime     `json:"endDateTime,omitempty"` // when the origin takes it back by itself
}

// MaxHandle bounds a handle, in bytes.
const MaxHandle = 64

// Step is one thing to do for an assignment at an origin, which reaches its Provisioner as it is: what a kind of resource needs besides a grant is a member more here.
type Step struct {
	Grant  Grant
	Action StepAction
	Handle string // of a removal: what the origin needs besides
}

// StepAction is what a Step does; the actions are those of shared/engine.
type StepAction string

// Grant names one resource role as the directory knows it. Two packages that grant the same role have equal Grants: that is what is counted (RES-10).
type Grant struct {
	OriginSystem string `json:"originSystem"`
	ResourceID   string `json:"resourceOriginId"` // the group
	Role         string `json:"role"`             // GrantMember or GrantOwner
}

// Key is a short name of the grant, the same for equal grants and for no others: 22 characters, however long what the origin calls its resources is.
func (g Grant) Key() string {
	sum := sha256.Sum256([]byte(g.OriginSystem + "\x00" + g.ResourceID + "\x00" + g.Role))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// The roles of a group that a Grant may name.
const (
	GrantMember = "Member"
	GrantOwner  = "Owner"
)

// DocumentKind implements Document.
func (Assignment) DocumentKind() string { return "assignment" }

// DocumentID implements Document.
func (a Assignment) DocumentID() string { return a.ID }

// Due is when something must happen to it next; zero: never.
func (a Assignment) Due() time.Time { return Earliest(a.Deadlines()) }

// What happens to an assignment by itself.
const (
	DeadlineAttempt = "attempt" // its delivery is taken up again
	DeadlineEnd     = "end"     // its time is over
)

// Deadlines are what happens to an assignment by itself, and when.
func (a Assignment) Deadlines() []Deadline {
	if a.State == AssignmentExpired {
		return nil
	}
	deadlines := []Deadline{{DeadlineAttempt, a.NextAttempt.Instant()}}
	if !a.Removing {
		deadlines = append(deadlines, Deadline{DeadlineEnd, a.End().Instant()})
	}
	return deadlines
}

// End is when the access ends, nil if never.
func (a Assignment) End() *DateTime {
	if a.Schedule == nil || a.Schedule.Expiration == nil {
		return nil
	}
	return a.Schedule.Expiration.EndDateTime
}

// Enter implements Heading: a live assignment is a holding.
func (a Assignment) Enter(head *Head) {
	head.Holdings = slices.DeleteFunc(slices.Clone(head.Holdings), func(h Holding) bool { return h.AssignmentID == a.ID })
	if a.State == AssignmentExpired { // nothing is in flight about it any more, whatever has become of who was
		head.InFlight = slices.DeleteFunc(slices.Clone(head.InFlight), func(f InFlight) bool { return f.AssignmentID == a.ID })
		return
	}
	holding := Holding{AssignmentID: a.ID, PackageID: a.AccessPackage.ID, PolicyID: a.AssignmentPolicy.ID, State: a.State, Removing: a.Removing, EndDateTime: a.End()}
	for _, delivery := range a.Deliveries {
		key := delivery.Grant.Key()
		holding.Grants = append(holding.Grants, key)
		switch {
		case delivery.State == DeliveryFailed, delivery.Leaving && !a.Removing:
			holding.Failed = append(holding.Failed, key)
		case delivery.State == DeliveryPending:
			holding.Pending = append(holding.Pending, key)
		}
	}
	head.Holdings = append(head.Holdings, holding)
}
