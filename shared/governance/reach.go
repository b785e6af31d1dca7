package governance

import "time"

// Reach is in a catalog as long as a change of a package's resource roles has not reached all who have it (RES-12).
type Reach struct {
	ID string `json:"id"` // the package's
	// LookDateTime is when a timer sees to it: a net below the messages that drive it, and when those are looked at again who could not be reached.
	LookDateTime *DateTime `json:"lookDateTime"`
}

// DocumentKind implements Document.
func (Reach) DocumentKind() string { return "reach" }

// DocumentID implements Document.
func (r Reach) DocumentID() string { return r.ID }

// Due is when a timer sees to it.
func (r Reach) Due() time.Time { return r.LookDateTime.Instant() }

// Check implements Whole.
func (r Reach) Check() error {
	return lacks(part{"id", r.ID != ""}, part{"lookDateTime", r.LookDateTime != nil})
}
